"""Linear support vector machines: the optimum of each mask, on as few columns as possible."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.svm import LinearSVC

from vaega.core.kernels import kernel, largest_count, multiply, multiply_upper, select, solve
from vaega.data._splits import Fold
from vaega.engines._base import DECISION, PREDICT, Predictions
from vaega.engines._logistic import (
    NEWTON_ERROR,
    costs_of,
    linear_rows,
    predictions_at_optimum,
    reduce_rows,
    transpose_rows,
)

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION)
SAMPLE_WEIGHT = True
EXACT = False
RANDOM = False


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a linear support vector machine is not computed here, if any."""
    only = {"penalty": "l2", "loss": "squared_hinge", "multi_class": "ovr"}
    for name, value in only.items():
        if getattr(estimator, name) != value:
            return f"{name}={getattr(estimator, name)!r}"
    C = estimator.C
    return None if isinstance(C, Real) and 0.0 < float(C) < np.inf else f"C={C!r}"


def predict(
    estimator: LinearSVC,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of a linear support vector machine for each mask."""
    rows = linear_rows(fold, centred=False)
    n_classes, costs = len(rows.classes), costs_of(estimator, rows, fold)
    is_possible = rows.well_scaled and n_classes > 1
    if n_classes > 2 and response_method == DECISION:
        is_possible = False
    if not is_possible or costs is None:
        return Predictions.uncertain(len(masks), len(fold.y_validate))
    # One machine a class against the others; of two classes the second alone.
    positive = np.array([1]) if n_classes == 2 else np.arange(n_classes)
    signs = np.where(rows.codes == positive[:, None], 1.0, -1.0)
    if n_classes > 2:  # liblinear weighs the positive class of a machine, and none of the others
        weights = np.ones(len(costs)) if fold.weight_fit is None else fold.weight_fit
        costs = np.where(signs > 0.0, costs, float(estimator.C) * weights)
    values = np.empty((len(masks), len(signs), rows.n_validate))
    scaling = float(estimator.intercept_scaling) if estimator.fit_intercept else 0.0
    fit_hinges(masks, rows.values, signs, np.atleast_2d(costs), scaling, values)
    scores = np.ascontiguousarray(values.transpose(0, 2, 1))
    return predictions_at_optimum(scores, costs, NEWTON_ERROR, response_method)


_MAX_STEPS, _MAX_CUTS = 100, 40
_FLATTER = 0.1  # how steep the loss may be at the end of a step, against its fall at the start
_LANES = 8


@kernel
def fit_hinges(masks, rows, signs, costs, constant, values):  # type: ignore[no-untyped-def]
    """Fit the machines of each mask, and write their decisions for the validation rows.

    Each minimises ``sum_i costs_i max(0, 1 - signs_i f_i)^2 + |w|^2 / 2``, where `f` is linear in
    the columns of the mask.
    """
    (n_machines, n_fit), n_validate, width = signs.shape, values.shape[2], rows.shape[1]
    most = min(largest_count(masks) + 1, n_fit)
    wide = -(-(most + 1) // _LANES) * _LANES
    reduced, gram, rest = np.empty((most + 1, width)), np.empty((n_fit, width)), np.empty(n_fit)
    scratch = np.empty((2, n_fit, wide)), np.empty((2, most, wide)), np.empty((3, width))
    weights, final = np.empty((3, wide)), np.empty((1, width))
    order, columns = np.arange(most), np.empty(masks.shape[1], dtype=np.int64)
    for m in range(len(masks)):
        chosen = columns[: select(masks[m], columns)]
        q = reduce_rows(reduced, gram, rest, rows, chosen, n_fit, constant)
        transpose_rows(scratch[0][0], reduced, n_fit, q, False)
        for k in range(n_machines):
            done = _minimise(reduced, q, signs[k], costs[k], scratch, weights)
            multiply(final, weights[:1], order[:q], reduced, order[:q])
            for i in range(n_validate):
                values[m, k, i] = final[0, n_fit + i] if done else np.nan


@kernel
def _minimise(reduced, q, signs, costs, scratch, weights):  # type: ignore[no-untyped-def]
    (table, scaled), (system, triangle), margins = scratch
    n, wide = len(signs), -(-q // _LANES) * _LANES
    violating, indices = np.empty(n, dtype=np.int64), np.arange(q)
    used = -(-n // _LANES) * _LANES
    scores, residuals, moves = margins[0], margins[1:2], margins[2:3, :used]
    weight, step, force = weights[0], weights[1], weights[2:3, :wide]
    weight[:q] = 0.0
    scores[:n] = 0.0
    for _ in range(_MAX_STEPS):
        count = 0
        for i in range(n):
            violating[count] = i
            count += signs[i] * scores[i] < 1.0
        for i in violating[:count]:
            residuals[0, i] = 2.0 * costs[i] * (signs[i] - scores[i])
            for j in range(wide):
                scaled[i, j] = 2.0 * costs[i] * table[i, j]
        multiply_upper(
            system[:q, :wide], table[:, :q].T, violating[:count], scaled, violating[:count]
        )
        multiply(force, residuals, violating[:count], table, violating[:count])
        slope = 0.0
        for j in range(q):
            system[j, j] += 1.0
            force[0, j] -= weight[j]
            system[j, q] = force[0, j]
        if not solve(system, q, step, triangle):
            return False
        for j in range(q):
            slope -= step[j] * force[0, j]
        multiply(moves, weights[1:2], indices, reduced, indices)
        if _keeps_sides(scores, moves[0], signs):
            weight[:q] += step[:q]
            return np.isfinite(slope)
        _line_search(scores, moves[0], signs, costs, weight, step, q, slope)
    return False


@kernel
def _keeps_sides(scores, moves, signs):  # type: ignore[no-untyped-def]
    # Whether the whole step leaves each row on its side of the margin.
    for i in range(len(signs)):
        if (signs[i] * scores[i] < 1.0) != (signs[i] * (scores[i] + moves[i]) < 1.0):
            return False
    return True


@kernel
def _line_search(scores, moves, signs, costs, weight, step, q, slope):  # type: ignore[no-untyped-def]
    # The loss is convex along the step, and its slope piecewise linear: between a point where it
    # falls and one where it rises lies a better one, by the secant or else in the middle.
    pull = square = before = low = high = 0.0
    length, falling, rising = 1.0, slope, 0.0
    for j in range(q):
        pull += weight[j] * step[j]
        square += step[j] * step[j]
    for cut in range(_MAX_CUTS):
        ahead = pull + length * square
        for i in range(len(signs)):
            scores[i] += (length - before) * moves[i]
            miss = max(0.0, 1.0 - signs[i] * scores[i])
            ahead -= 2.0 * costs[i] * miss * signs[i] * moves[i]
        if abs(ahead) <= _FLATTER * abs(slope) or (ahead < 0.0 and high == 0.0):
            break
        before = length
        if ahead > 0.0:
            high, rising = length, ahead
        else:
            low, falling = length, ahead
        share = 0.5 if cut % 2 else min(0.9, max(0.1, falling / (falling - rising)))
        length = low + (high - low) * share
    else:
        length = before  # where the scores are
    for j in range(q):
        weight[j] += length * step[j]
