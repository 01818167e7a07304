"""Logistic regression: the optimum of each mask, on as few columns as possible."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from vaega.core.kernels import (
    invert,
    kernel,
    largest_count,
    mirror,
    multiply,
    multiply_upper,
    padded,
    select,
    solve,
)
from vaega.data._splits import Fold
from vaega.engines._base import (
    DECISION,
    PREDICT,
    PROBA,
    Predictions,
    cached_on,
    classify,
    has_valid_params,
    softmax_of_scores,
)
from vaega.engines._linear_forms import ColumnGram

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = True
EXACT = False
RANDOM = False

_SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky")
# How far from the optimum decisions may end, relative to the largest: by L-BFGS, and by Newton's
# method, whose last step squares the error.
_LBFGS_ERROR, NEWTON_ERROR = 5e-7, 1e-9


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a logistic regression is not computed here, if any."""
    if estimator.solver not in _SOLVERS:
        return f"solver={estimator.solver!r}"
    C = estimator.C
    if not (isinstance(C, Real) and 0.0 < float(C) < np.inf):
        return f"C={C!r}"
    if estimator.dual and estimator.solver != "liblinear":
        return f"dual={estimator.dual!r}"
    # What scikit-learn warns of, and what has another optimum. The defaults, which its versions
    # write in different ways, are an L2 penalty in all of them.
    usual = LogisticRegression()
    for name in ("penalty", "l1_ratio", "n_jobs"):
        value = getattr(estimator, name)
        if value != getattr(usual, name):
            return f"{name}={value!r}"
    return None


def predict(
    estimator: LogisticRegression,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of a logistic regression for each mask."""
    liblinear = estimator.solver == "liblinear"
    rows = linear_rows(fold, centred=estimator.fit_intercept and not liblinear)
    costs = costs_of(estimator, rows, fold)
    n_classes = len(rows.classes)
    is_possible = rows.well_scaled and rows.X_dtype != np.float32 and n_classes > 1
    if n_classes > 2 and (liblinear or response_method == DECISION):
        is_possible = False
    if not is_possible or costs is None:
        return Predictions.uncertain(len(masks), len(fold.y_validate))
    scores = _fit(estimator, rows, costs, masks, liblinear=liblinear)
    error = _LBFGS_ERROR if n_classes > 2 else NEWTON_ERROR
    return predictions_at_optimum(scores, costs, error, response_method)


def _fit(
    estimator: LogisticRegression,
    rows: "LinearRows",
    costs: np.ndarray,
    masks: np.ndarray,
    *,
    liblinear: bool,
) -> np.ndarray:
    """Return decisions, (n_masks, n_validate, n_classes); for two classes one, of the second."""
    n_classes, intercept = len(rows.classes), estimator.fit_intercept and not liblinear
    if n_classes > 2:
        scores = np.empty((len(masks), n_classes, rows.n_validate))
        targets = (rows.codes == np.arange(n_classes)[:, None]).astype(float)
        fit_multinomial(masks, rows.values, targets, costs, intercept, scores)
        return np.ascontiguousarray(scores.transpose(0, 2, 1))
    scores = np.empty((len(masks), rows.n_validate))
    scaling = float(estimator.intercept_scaling) if liblinear and estimator.fit_intercept else 0.0
    is_even = scaling == 0.0 and float(np.ptp(costs)) == 0.0
    gram = rows.gram.for_masks(masks) if is_even else np.empty((0, 0, 0))
    targets = rows.codes.astype(float)
    fit_binary(masks, rows.values, targets, costs, intercept, scaling, gram, scores)
    return scores[:, :, None]


_NOISE = 1e-12  # what rounding leaves of decisions that are 0, at a cost of 1


def predictions_at_optimum(
    scores: np.ndarray, costs: np.ndarray, error: float, response_method: str
) -> Predictions:
    """Return the predictions of decisions that are the optimum's up to a relative error."""
    with np.errstate(invalid="ignore"):
        largest = np.abs(scores).max(axis=(1, 2))
        error_bounds = error * (1.0 + largest) + _NOISE * float(costs.max())
        codes, certain = classify(scores, error_bounds)
    if response_method == PREDICT:
        return Predictions(codes, certain)
    scores[~certain] = 0.0
    if response_method == DECISION:
        return Predictions(codes, certain, np.ascontiguousarray(scores[:, :, 0]))
    return Predictions(codes, certain, softmax_of_scores(scores))


# Rows of linear classifiers ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LinearRows:
    """The rows of a fold as the kernels of linear classifiers take them."""

    values: np.ndarray  # Fit rows, validation rows, zeros; (n_columns, padded rows)
    classes: np.ndarray  # Of the fit rows
    codes: np.ndarray  # The class of each fit row
    n_validate: int
    well_scaled: bool  # Whether columns are finite and of sizes that no digits are lost
    X_dtype: np.dtype[Any]  # Of the fit rows before
    gram: ColumnGram  # Of the fit rows


_NO_SPREAD = 1e-24  # of a constant column: rounding
_LARGEST_RATIO = 1e9  # of the mean square of a column to the variance of another


def linear_rows(fold: Fold, *, centred: bool) -> LinearRows:
    """Return the rows of a fold, less the means of the columns if `centred`."""
    return cached_on(fold, ("linear rows", centred), lambda: _make_rows(fold, centred))


def _make_rows(fold: Fold, centred: bool) -> LinearRows:
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    n_fit, n_validate = len(fold.X_fit), len(fold.X_validate)
    values = np.zeros((fold.X_fit.shape[1], padded(n_fit + n_validate, np.float64)))
    values[:, :n_fit] = fold.X_fit.T
    values[:, n_fit : n_fit + n_validate] = fold.X_validate.T
    well_scaled = bool(np.isfinite(values).all())
    if well_scaled:
        means = values[:, :n_fit].mean(axis=1, keepdims=True)
        if centred:
            values[:, : n_fit + n_validate] -= means
        well_scaled = _is_well_scaled(values[:, :n_fit], values[:, : n_fit + n_validate])
    gram = ColumnGram(values, n_fit)
    return LinearRows(values, classes, codes, n_validate, well_scaled, fold.X_fit.dtype, gram)


def _is_well_scaled(fit: np.ndarray, all_rows: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        spreads, sizes = fit.var(axis=1), np.square(all_rows).mean(axis=1)
        varied = spreads > _NO_SPREAD * sizes
        least = spreads[varied].min(initial=np.inf)
        return bool(np.isfinite(sizes).all() and sizes.max() <= _LARGEST_RATIO * least)


def costs_of(estimator: Any, rows: LinearRows, fold: Fold) -> np.ndarray | None:
    """Return the weight of each fit row's loss, (n_fit,); None for settings that are refused."""
    if not has_valid_params(estimator):
        return None
    weights = np.ones(len(rows.codes)) if fold.weight_fit is None else fold.weight_fit
    try:
        class_weights = compute_class_weight(
            estimator.class_weight,
            classes=rows.classes,
            y=fold.y_fit,
            sample_weight=fold.weight_fit,
        )
    except ValueError:  # weights of classes that are not there
        return None
    costs: np.ndarray = float(estimator.C) * (weights * class_weights[rows.codes])
    sums = np.bincount(rows.codes, weights=costs)
    if not (np.isfinite(costs).all() and (costs >= 0.0).all() and (sums > 0.0).all()):
        return None
    return costs


# A pivot below this share of the largest row is rounding: its column would be noise.
_NO_PIVOT = 1e-14


@kernel
def reduce_rows(reduced, gram, rest, rows, columns, n_fit, constant):  # type: ignore[no-untyped-def]
    """Write rows of fewer columns with the same inner products; return how many columns.

    `reduced` and `rows` are (n_columns, padded rows). A linear classifier with an L2 penalty
    depends on inner products alone; with more columns than fit rows, those are factorised.
    `constant` is a further column of all rows, 0 for none.
    """
    if len(columns) + (constant != 0.0) <= n_fit:
        return _copy_rows(reduced, rows, columns, constant)
    multiply_upper(gram, rows.T[:n_fit], columns, rows, columns)
    mirror(gram, n_fit)
    gram += constant * constant
    return _factorise(reduced, gram, rest)


@kernel
def _copy_rows(reduced, rows, columns, constant):  # type: ignore[no-untyped-def]
    n_columns = len(columns)
    for k in range(n_columns):
        reduced[k] = rows[columns[k]]
    if constant == 0.0:
        return n_columns
    reduced[n_columns] = constant
    return n_columns + 1


@kernel
def _factorise(reduced, gram, rest):  # type: ignore[no-untyped-def]
    # Pivoted Cholesky: each column takes the row with the most left to explain.
    n_fit, width = gram.shape
    for i in range(n_fit):
        rest[i] = gram[i, i]
    lowest = _NO_PIVOT * n_fit * rest.max()
    order = np.arange(n_fit)
    for k in range(n_fit):
        pivot = rest.argmax()
        if not rest[pivot] > lowest:
            return k
        multiply(reduced[k : k + 1], reduced[:, pivot : pivot + 1].T, order[:k], reduced, order[:k])
        scale = 1.0 / np.sqrt(rest[pivot])
        for i in range(width):
            reduced[k, i] = (gram[pivot, i] - reduced[k, i]) * scale
        for i in range(n_fit):
            rest[i] -= reduced[k, i] * reduced[k, i]
        rest[pivot] = 0.0
    return n_fit


@kernel
def transpose_rows(rows, reduced, n_rows, n_columns, intercept):  # type: ignore[no-untyped-def]
    """Write the first rows of `reduced` as rows, and a last column of ones for an intercept."""
    if intercept:
        reduced[n_columns] = 1.0
        n_columns += 1
    for start in range(0, n_rows, 8):
        for j in range(n_columns):
            for i in range(start, min(start + 8, n_rows)):
                rows[i, j] = reduced[j, i]
    for i in range(n_rows):
        for j in range(n_columns, rows.shape[1]):
            rows[i, j] = 0.0
    return n_columns


# Two classes: Newton's method --------------------------------------------------------------------

# A step that moves no margin by more leaves an error of about its square: the curvature of the
# logistic loss changes by a factor of at most exp(step) along it.
_BINARY_LAST_STEP = 1e-6
_BINARY_MAX_STEPS, _BINARY_MAX_CUTS = 100, 40
_FLATTER = 0.5  # how steep the loss may rise at the end of a step, against its fall at the start
_LANES = 8


# With so many rows, and so many for each column, the Hessian is what a step costs: it is kept while
# steps with it shrink fast.
_MANY_ROWS, _ROWS_PER_COLUMN = 256, 8
_SHRINKING, _CHORD_ERROR = 0.3, 1e-10  # of a step to the one before; what is left behind the last


@kernel
def fit_binary(masks, rows, targets, costs, intercept, constant, gram_of_all, values):  # type: ignore[no-untyped-def]
    """Fit one logistic regression a mask, and write its decisions for the validation rows.

    Each minimises ``sum_i costs_i (log(1 + exp(f_i)) - targets_i f_i) + |w|^2 / 2``, where `f` is
    linear in the columns of the mask. `gram_of_all` are the inner products of all columns, (1,
    n_columns, n_columns), where all costs are equal and no column is constant; else (0, 0, 0).
    """
    n_fit, n_validate, width = len(targets), values.shape[1], rows.shape[1]
    most = min(largest_count(masks) + 1, n_fit) + 1
    wide = -(-(most + 1) // _LANES) * _LANES
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    scratch = np.empty((2, n_fit, wide)), np.empty((2, most, wide)), np.empty((5, width))
    weights, final = np.empty((3, wide)), np.empty((1, width))
    whole = -(-most // _BLOCK) * _BLOCK if n_fit >= _MANY_ROWS else 0
    squares = np.empty((whole, whole)), np.empty((whole + 32, whole))
    order, columns = np.arange(most), np.empty(masks.shape[1], dtype=np.int64)
    for m in range(len(masks)):
        chosen = columns[: select(masks[m], columns)]
        q = reduce_rows(reduced, gram, rest, rows, chosen, n_fit, constant)
        q = transpose_rows(scratch[0][0], reduced, n_fit, q, intercept)
        if n_fit >= max(_MANY_ROWS, _ROWS_PER_COLUMN * q):
            _fill_first_hessian(squares[0], gram_of_all, chosen, costs[0], n_fit, intercept)
            start = len(gram_of_all) > 0
            done = _minimise_by_chords(
                reduced, q, targets, costs, intercept, start, scratch, squares, weights
            )
        else:
            done = _minimise_binary(reduced, q, targets, costs, intercept, scratch, weights)
        multiply(final, weights[:1], order[:q], reduced, order[:q])
        for i in range(n_validate):
            values[m, i] = final[0, n_fit + i] if done else np.nan


@kernel
def _minimise_binary(reduced, q, targets, costs, intercept, scratch, weights):  # type: ignore[no-untyped-def]
    (table, scaled), (system, triangle), margins = scratch
    n, wide = len(targets), -(-q // _LANES) * _LANES
    order, indices = np.arange(n), np.arange(q)
    used = -(-n // _LANES) * _LANES
    scores, shares, scale, residuals = margins[0], margins[1], margins[2], margins[3:4]
    moves = margins[4:5, :used]
    weight, step, force = weights[0], weights[1], weights[2:3, :wide]
    free = q - 1 if intercept else q
    weight[:q] = 0.0
    scores[:n] = 0.0
    shares[:n] = 0.5
    for _ in range(_BINARY_MAX_STEPS):
        for i in range(n):
            residuals[0, i] = costs[i] * (targets[i] - shares[i])
            curvature = costs[i] * shares[i] * (1.0 - shares[i])
            for j in range(wide):
                scaled[i, j] = curvature * table[i, j]
        multiply_upper(system[:q, :wide], table[:, :q].T, order, scaled, order)
        multiply(force, residuals, order, table, order)
        for j in range(free):
            system[j, j] += 1.0
            force[0, j] -= weight[j]
        for j in range(q):
            system[j, q] = force[0, j]
        if not solve(system, q, step, triangle):
            return False
        multiply(moves, weights[1:2], indices, reduced, indices)
        slope = 0.0
        for j in range(q):
            slope -= step[j] * force[0, j]
        largest = 0.0
        for i in range(n):
            largest = max(largest, abs(moves[0, i]))
        if not largest < np.inf:
            return False
        if largest <= _BINARY_LAST_STEP:
            weight[:q] += step[:q]
            return True
        _search_step(
            scores,
            shares,
            scale,
            residuals[0],
            moves[0],
            targets,
            costs,
            weight,
            step,
            free,
            q,
            slope,
        )
    return False


@kernel
def _minimise_by_chords(  # type: ignore[no-untyped-def]
    reduced, q, targets, costs, intercept, has_hessian, scratch, squares, weights
):
    """Take Newton's steps with a Hessian that is kept while they shrink fast.

    Each step leaves an error of about itself times its share in the one before. With `has_hessian`
    the first matrix of `squares` is the Hessian at the start, less the penalty.
    """
    (table, scaled), _, margins = scratch
    n, wide = len(targets), -(-q // _LANES) * _LANES
    order, indices = np.arange(n), np.arange(q)
    used = -(-n // _LANES) * _LANES
    scores, shares, scale, residuals = margins[0], margins[1], margins[2], margins[3:4]
    moves, inverse = margins[4:5, :used], squares[0]
    weight, step, force = weights[0], weights[1], weights[2:3, :wide]
    free = q - 1 if intercept else q
    weight[:q] = 0.0
    scores[:n] = 0.0
    shares[:n] = 0.5
    before, is_new = np.inf, True
    for _ in range(_MAX_STEPS):
        if is_new:
            if not has_hessian:
                _fill_hessian(inverse, q, table, scaled, shares, costs, order)
            has_hessian = False
            for j in range(free):
                inverse[j, j] += 1.0
            if not invert(inverse, q, squares[1]):
                return False
        for i in range(n):
            residuals[0, i] = costs[i] * (targets[i] - shares[i])
        multiply(force, residuals, order, table, order)
        for j in range(free):
            force[0, j] -= weight[j]
        multiply(weights[1:2, :wide], force, indices, inverse[:, :wide], indices)
        multiply(moves, weights[1:2], indices, reduced, indices)
        largest = _find_largest(moves, margins[2], n)
        if not largest < np.inf:
            return False
        left = largest if is_new else largest / before  # what another step would leave, over this
        if largest * left <= (_BINARY_LAST_STEP**2 if is_new else _CHORD_ERROR):
            weight[:q] += step[:q]
            return True
        if not is_new and left > _SHRINKING:
            is_new = True
            continue
        slope = 0.0
        for j in range(q):
            slope -= step[j] * force[0, j]
        _search_step(
            scores, shares, scale, residuals[0], moves[0], targets, costs, weight, step,
            free, q, slope,
        )  # fmt: skip
        before, is_new = largest, False
    return False


@kernel
def _fill_first_hessian(out, gram_of_all, chosen, cost, n, intercept):  # type: ignore[no-untyped-def]
    # Of shares of one half. Products are written from the diagonal on; centred columns have none
    # with the intercept.
    if not len(gram_of_all):
        return
    size, factor = len(chosen), 0.25 * cost
    for i in range(size):
        above = gram_of_all[0, chosen[i]]
        for j in range(i, size):
            out[i, j] = out[j, i] = factor * above[chosen[j]]
    if intercept:
        out[size, : size + 1] = 0.0
        out[: size + 1, size] = 0.0
        out[size, size] = factor * n


@kernel
def _fill_hessian(out, q, table, scaled, shares, costs, order):  # type: ignore[no-untyped-def]
    wide = -(-q // _LANES) * _LANES
    for i in range(len(order)):
        curvature = costs[i] * shares[i] * (1.0 - shares[i])
        for j in range(wide):
            scaled[i, j] = curvature * table[i, j]
    multiply_upper(out[:q, :wide], table[:, :q].T, order, scaled, order)
    mirror(out, q)


@kernel
def _search_step(  # type: ignore[no-untyped-def]
    scores, shares, scale, below, moves, targets, costs, weight, step, free, q, slope
):
    # The loss is convex: while it still falls at the end of a step, no such step is too long.
    n, before, length = len(targets), 0.0, 1.0
    for _ in range(_BINARY_MAX_CUTS):
        ahead = 0.0
        for i in range(n):
            scores[i] += (length - before) * moves[i]
        for j in range(free):
            ahead += (weight[j] + length * step[j]) * step[j]
        _expit_of(shares, scale, below, scores, n)
        for i in range(n):
            ahead += costs[i] * (shares[i] - targets[i]) * moves[i]
        if ahead <= _FLATTER * abs(slope):
            break
        before = length
        length *= max(0.1, slope / (slope - ahead))
    else:
        length = before  # where the scores are
    for j in range(q):
        weight[j] += length * step[j]


@kernel
def _expit_of(shares, scale, below, scores, n):  # type: ignore[no-untyped-def]
    # 1 / (1 + exp(-f)); exp of what is negative, so that nothing overflows.
    for i in range(n):
        below[i] = -abs(scores[i])
    exponentiate(shares, scale, below, n)
    for i in range(n):
        small = shares[i] / (1.0 + shares[i])
        shares[i] = small if scores[i] < 0.0 else 1.0 - small


# Of many numbers in vectors: the exponential function by its Taylor series on |r| <= ln(2) / 2.
_PER_LOG2 = 1.4426950408889634
# ln 2 in two parts: the first has so few bits that its product with a whole number is exact.
_LOG2_HIGH, _LOG2_LOW = 0.693145751953125, 1.4286068203094172e-06
_LOWEST, _HIGHEST = -708.0, 709.0
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number
_EXPONENT_BIAS, _MANTISSA_BITS = 1023, 52


@kernel
def exponentiate(out, scale, x, n):  # type: ignore[no-untyped-def]
    """Compute ``out[:n] = exp(x[:n])``, from within a kernel or from Python."""
    bits = scale.view(np.int64)
    for i in range(n):
        clipped = min(max(x[i], _LOWEST), _HIGHEST)
        k = (clipped * _PER_LOG2 + _ROUNDER) - _ROUNDER
        r = (clipped - k * _LOG2_HIGH) - k * _LOG2_LOW
        total = 1.0 / 6227020800.0
        total = total * r + 1.0 / 479001600.0
        total = total * r + 1.0 / 39916800.0
        total = total * r + 1.0 / 3628800.0
        total = total * r + 1.0 / 362880.0
        total = total * r + 1.0 / 40320.0
        total = total * r + 1.0 / 5040.0
        total = total * r + 1.0 / 720.0
        total = total * r + 1.0 / 120.0
        total = total * r + 1.0 / 24.0
        total = total * r + 1.0 / 6.0
        total = total * r + 0.5
        total = total * r + 1.0
        total = total * r + 1.0
        bits[i] = (np.int64(k) + _EXPONENT_BIAS) << _MANTISSA_BITS
        out[i] = total
    for i in range(n):
        out[i] *= scale[i]


# Several classes: L-BFGS with a preconditioner ---------------------------------------------------

_LAST_STEP = 1e-7  # the most that the last step may move a decision
_MAX_STEPS, _MAX_CUTS = 2000, 40
_MEMORY = 6
_EARLY, _EVERY = 6, 100  # steps at which the preconditioner is computed anew
_LEAST_CURVATURE = 1e-3
_BLOCK = 16  # rows and columns that `invert` takes at once


@kernel
def fit_multinomial(masks, rows, targets, costs, intercept, values):  # type: ignore[no-untyped-def]
    """Fit one logistic regression a mask, and write its decisions for the validation rows.

    Each minimises ``-sum_i costs_i log(share_i) + |w|^2 / 2``, where `share` is the softmax of
    decisions that are linear in the columns of the mask, at the class of the row.
    """
    (n_classes, n_fit), width, n_validate = targets.shape, rows.shape[1], values.shape[2]
    most = min(largest_count(masks), n_fit) + 1
    wide, used = -(-most // _BLOCK) * _BLOCK, -(-n_fit // _LANES) * _LANES
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    tables = np.empty((2, n_fit, wide))
    squares = np.empty((wide, wide)), np.empty((wide + 32, wide))
    margins, lines = np.empty((4, n_classes, used)), np.empty((4, used))
    vectors = np.empty((2 * _MEMORY + 5, n_classes * wide))
    final, columns = np.empty((n_classes, width)), np.empty(masks.shape[1], dtype=np.int64)
    for m in range(len(masks)):
        chosen = columns[: select(masks[m], columns)]
        q = reduce_rows(reduced, gram, rest, rows, chosen, n_fit, 0.0)
        q = transpose_rows(tables[0], reduced, n_fit, q, intercept)
        weights = _minimise_multinomial(
            reduced, q, targets, costs, intercept, tables, squares, margins, lines, vectors
        )
        multiply(final, weights, np.arange(q), reduced, np.arange(q))
        values[m] = final[:, n_fit : n_fit + n_validate]


@kernel
def _minimise_multinomial(  # type: ignore[no-untyped-def]
    reduced, q, targets, costs, intercept, tables, squares, margins, lines, vectors
):
    n_classes, n = targets.shape
    wide, used = -(-q // _LANES) * _LANES, margins.shape[2]
    size, order, indices = n_classes * wide, np.arange(n), np.arange(q)
    weight, gradient, before, step = vectors[0], vectors[1], vectors[2], vectors[3]
    direction = vectors[4]
    steps, changes = vectors[5 : 5 + _MEMORY], vectors[5 + _MEMORY :]
    scores, shares, residuals, moves = margins[0], margins[1], margins[2], margins[3]
    free, table = q - 1 if intercept else q, tables[0][:, :wide]
    inner, n_stored, last = np.empty(_MEMORY), 0, 0
    weight[:size] = 0.0
    scores[:] = 0.0
    softmax_of(shares, lines, scores, n)
    for iteration in range(_MAX_STEPS):
        _residuals(residuals, shares, targets, costs)
        multiply(_shape(gradient, n_classes, wide), residuals, order, table, order)
        _add_penalised(gradient, weight, n_classes, wide, free)
        if iteration == _EARLY or iteration % _EVERY == 0:
            if not _precondition(shares, costs, tables, squares, q, free):
                break
            n_stored = 0
        else:
            last = (last + 1) % _MEMORY
            inner[last] = _store_step(changes[last], steps[last], gradient, before, step, size)
            n_stored = min(n_stored + 1, _MEMORY)
        before[:size] = gradient[:size]
        direction[:size] = gradient[:size]
        _lbfgs_direction(
            step, direction, steps, changes, inner, n_stored, last, squares[0], n_classes, q
        )
        slope = _dot(step, gradient, size)
        multiply(moves, _shape(step, n_classes, wide), indices, reduced[:, :used], indices)
        square = _dot_penalised(step, step, size, wide, free)
        length = -slope / (square + _curvature(shares, moves, costs, lines))
        largest = _find_largest(moves, lines[0], n)
        if largest <= _LAST_STEP or largest * length <= _LAST_STEP:
            return _shape(weight, n_classes, wide)
        if not (slope < 0.0 and largest < np.inf):
            break
        pull = _dot_penalised(weight, step, size, wide, free)
        length = _search_length(
            scores, shares, moves, targets, costs, lines, slope, length, pull, square
        )
        for j in range(size):
            step[j] *= length
            weight[j] += step[j]
    weight[:] = np.nan
    return _shape(weight, n_classes, wide)


@kernel
def _residuals(residuals, shares, targets, costs):  # type: ignore[no-untyped-def]
    for k in range(len(targets)):
        for i in range(len(costs)):
            residuals[k, i] = costs[i] * (shares[k, i] - targets[k, i])


@kernel
def _add_penalised(gradient, weight, n_classes, wide, free):  # type: ignore[no-untyped-def]
    for k in range(n_classes):
        for j in range(k * wide, k * wide + free):
            gradient[j] += weight[j]


@kernel
def _store_step(change, stored_step, gradient, before, step, size):  # type: ignore[no-untyped-def]
    for j in range(size):
        change[j] = gradient[j] - before[j]
        stored_step[j] = step[j]
    return _dot(change, stored_step, size)


@kernel
def _shape(vector, n_classes, wide):  # type: ignore[no-untyped-def]
    return vector[: n_classes * wide].reshape(n_classes, wide)


@kernel
def _dot(one, other, size):  # type: ignore[no-untyped-def]
    # Eight sums side by side, which a compiler can keep in one vector; `size` is a multiple.
    a = b = c = d = e = f = g = h = 0.0
    for j in range(0, size, 8):
        a += one[j] * other[j]
        b += one[j + 1] * other[j + 1]
        c += one[j + 2] * other[j + 2]
        d += one[j + 3] * other[j + 3]
        e += one[j + 4] * other[j + 4]
        f += one[j + 5] * other[j + 5]
        g += one[j + 6] * other[j + 6]
        h += one[j + 7] * other[j + 7]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@kernel
def _lbfgs_direction(step, direction, steps, changes, inner, n_stored, last, inverse, n_classes, q):  # type: ignore[no-untyped-def]
    # L-BFGS: from the gradient in `direction` to the direction in `step`.
    wide, factors = -(-q // _LANES) * _LANES, np.empty(_MEMORY)
    size, indices = n_classes * wide, np.arange(q)
    for back in range(n_stored):
        index = (last - back) % _MEMORY
        factors[index] = _dot(steps[index], direction, size) / inner[index]
        for j in range(size):
            direction[j] -= factors[index] * changes[index, j]
    target = _shape(direction, n_classes, wide)
    multiply(_shape(step, n_classes, wide), target, indices, inverse[:, :wide], indices)
    for forth in range(n_stored):
        index = (last - n_stored + 1 + forth) % _MEMORY
        factor = factors[index] - _dot(changes[index], step, size) / inner[index]
        for j in range(size):
            step[j] += factor * steps[index, j]
    for j in range(size):
        step[j] = -step[j]


@kernel
def _precondition(shares, costs, tables, squares, q, free):  # type: ignore[no-untyped-def]
    table, scaled = tables
    n, n_classes, wide = len(costs), len(shares), -(-q // _LANES) * _LANES
    inverse, scratch = squares
    for i in range(n):
        spread = 0.0
        for k in range(n_classes):
            spread += shares[k, i] * (1.0 - shares[k, i])
        spread = costs[i] * (spread / (n_classes - 1) + _LEAST_CURVATURE)
        for j in range(wide):
            scaled[i, j] = spread * table[i, j]
    multiply_upper(inverse[:q, :wide], table[:, :q].T, np.arange(n), scaled, np.arange(n))
    mirror(inverse, q)
    for j in range(free):
        inverse[j, j] += 1.0
    return invert(inverse, q, scratch)


@kernel
def _dot_penalised(one, other, size, wide, free):  # type: ignore[no-untyped-def]
    # Without the intercepts, which stand where `free` says if there are any.
    total = _dot(one, other, size)
    if free < wide:
        for j in range(free, size, wide):
            total -= one[j] * other[j]
    return total


@kernel
def _find_largest(moves, line, n):  # type: ignore[no-untyped-def]
    line[:n] = 0.0
    for k in range(len(moves)):
        for i in range(n):
            size = abs(moves[k, i])
            line[i] = line[i] if line[i] >= size else size
    return line[:n].max()


@kernel
def _curvature(shares, moves, costs, lines):  # type: ignore[no-untyped-def]
    # Of the losses along the step.
    n, means, squares = len(costs), lines[0], lines[1]
    means[:n] = 0.0
    squares[:n] = 0.0
    for k in range(len(shares)):
        for i in range(n):
            part = shares[k, i] * moves[k, i]
            means[i] += part
            squares[i] += part * moves[k, i]
    total = 0.0
    for i in range(n):
        total += costs[i] * (squares[i] - means[i] * means[i])
    return total


@kernel
def _search_length(scores, shares, moves, targets, costs, lines, slope, length, pull, square):  # type: ignore[no-untyped-def]
    # The loss is convex: while it still falls at the end of a step, no such step is too long.
    (n_classes, n), before, slopes = targets.shape, 0.0, lines[3]
    for _ in range(_MAX_CUTS):
        for k in range(n_classes):
            for i in range(n):
                scores[k, i] += (length - before) * moves[k, i]
        softmax_of(shares, lines, scores, n)
        slopes[:n] = 0.0
        for k in range(n_classes):
            for i in range(n):
                slopes[i] += (shares[k, i] - targets[k, i]) * moves[k, i]
        ahead = pull + length * square
        for i in range(n):
            ahead += costs[i] * slopes[i]
        if ahead <= _FLATTER * abs(slope):
            break
        before = length
        length *= max(0.1, slope / (slope - ahead))
    else:
        length = before  # where the scores are
    return length


@kernel
def softmax_of(shares, lines, scores, n):  # type: ignore[no-untyped-def]
    """Write the softmax of the scores over the classes, from within a kernel or from Python."""
    highest, scale, shifted = lines[0], lines[1], lines[2]
    highest[:n] = scores[0, :n]
    for k in range(1, len(scores)):
        for i in range(n):
            highest[i] = max(highest[i], scores[k, i])
    for k in range(len(scores)):
        for i in range(n):
            shifted[i] = scores[k, i] - highest[i]
        exponentiate(shares[k], scale, shifted, n)
    highest[:n] = 0.0
    for k in range(len(scores)):
        for i in range(n):
            highest[i] += shares[k, i]
    for k in range(len(scores)):
        for i in range(n):
            shares[k, i] /= highest[i]
