"""Linear discriminant analysis: the scatter within classes is linear in the mask."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy.linalg import helmert
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.multiclass import type_of_target

from vaega.core.kernels import kernel, padded
from vaega.data._splits import Fold
from vaega.engines import _linear_forms as forms
from vaega.engines._base import (
    DECISION,
    PREDICT,
    PROBA,
    Predictions,
    cached_on,
    classify,
    column_blocks,
    finite_columns,
    given_priors,
    has_valid_params,
    is_double,
    relative_error,
    softmax_of_scores,
)
from vaega.engines._linear_forms import ColumnGram

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = False
EXACT = True
RANDOM = False

_SMALL = 1e-3  # perturbations above this share of the least eigenvalue are not of first order
_CLEAR = 4.0  # an eigenvalue this often above the threshold of the rank counts for certain


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a linear discriminant analysis is not computed here, if any."""
    if estimator.solver != "svd":
        return f"solver={estimator.solver!r}"
    for name in ("shrinkage", "covariance_estimator", "n_components"):
        if getattr(estimator, name) is not None:
            return f"{name}={getattr(estimator, name)!r}"
    return (
        f"store_covariance={estimator.store_covariance!r}" if estimator.store_covariance else None
    )


def predict(
    estimator: LinearDiscriminantAnalysis,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of a linear discriminant analysis for each mask."""
    priors = _priors_of(estimator, fold)
    if priors is None or (response_method == DECISION and len(priors) > 2):
        return Predictions.uncertain(len(masks), len(fold.y_validate))
    key = ("discriminant", repr(priors.tolist()))
    rows = cached_on(fold, key, lambda: _make_rows(priors, fold))
    if not rows.varies.all():
        masks = masks & rows.varies  # the others have no weight
    scores, error_bounds = _score(rows, masks, float(estimator.tol))
    codes, certain = classify(scores, error_bounds)
    if response_method == PREDICT:
        return Predictions(codes, certain)
    if response_method == DECISION:
        values = np.ascontiguousarray(scores[:, :, 0])
    else:
        values = softmax_of_scores(scores)
    return Predictions(codes, certain, values, error_bounds)


def _priors_of(estimator: LinearDiscriminantAnalysis, fold: Fold) -> np.ndarray | None:
    """Return the priors, None where scikit-learn would refuse, warn, or compute otherwise."""
    if not is_double(fold) or type_of_target(fold.y_fit) not in ("binary", "multiclass"):
        return None
    counts = np.unique(fold.y_fit, return_counts=True)[1]
    if len(counts) < 2 or counts.sum() <= len(counts) or not has_valid_params(estimator):
        return None
    if estimator.priors is None:
        return counts / counts.sum()
    priors = given_priors(estimator, len(counts))
    # Where they do not sum to 1, scikit-learn warns, or a direction between means is noise.
    return None if priors is None or abs(priors.sum() - 1.0) >= 1e-12 else priors


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a fold, each column in units of its standard deviation within classes.

    First contrasts within classes of the fit rows, whose products are the scatter within classes,
    then the means of the classes and the validation rows, less the mean of the means.
    """

    by_column: np.ndarray  # (n_columns, padded rows)
    n_contrasts: int  # n_fit - n_classes
    n_rows: int
    gram: ColumnGram
    originals: np.ndarray  # Of each column the first that is equal in all rows; (n_columns,)
    sizes: np.ndarray  # See `_linear_forms`; (n_columns, 4)
    varies: np.ndarray  # Which columns vary within classes; (n_columns,)
    priors: np.ndarray

    @property
    def may_lack_rank(self) -> bool:
        """Whether some column may add nothing to others, in a mask of few columns."""
        is_original = self.originals == np.arange(len(self.originals))
        return not (self.varies.all() and is_original.all())


def _make_rows(priors: np.ndarray, fold: Fold) -> _Rows:
    _, codes, counts = np.unique(fold.y_fit, return_inverse=True, return_counts=True)
    (n_fit, n_columns), n_classes = fold.X_fit.shape, len(counts)
    n_contrasts = n_fit - n_classes
    # Orthonormal rows that sum to 0 (Helmert): centring that leaves one row less of each class.
    contrasts = [helmert(count) / np.sqrt(n_fit) for count in counts]
    n_rows = n_fit + len(fold.X_validate)
    by_column, sizes = np.zeros((n_columns, padded(n_rows, float))), np.empty((n_columns, 4))
    varies = np.empty(n_columns, dtype=bool)
    for block in column_blocks(n_columns):
        columns = _measure_columns(fold, codes, counts, block)
        rows, varies[block] = by_column[block, :n_rows].T, columns.varies  # a view, to be written
        end = 0
        for code, contrast in enumerate(contrasts):
            start, end = end, end + len(contrast)
            rows[start:end] = contrast @ columns.within[codes == code]
        centre = priors @ columns.means
        rows[n_contrasts : n_contrasts + n_classes] = columns.means - centre
        rows[n_contrasts + n_classes :] = columns.validate - centre
        rows /= columns.unit
        queries = np.square(rows[n_contrasts:])
        sizes[block, forms.ENERGY] = np.square(rows[:n_contrasts]).sum(axis=0)
        sizes[block, forms.QUERY] = queries.max(axis=0)
        sizes[block, forms.TARGET] = queries[:n_classes].max(axis=0)
        sizes[block, forms.RAW] = np.square(columns.raw / columns.unit)
    return _Rows(
        by_column,
        n_contrasts,
        n_rows,
        ColumnGram(by_column, n_contrasts),
        _find_originals(by_column),
        sizes,
        varies,
        priors,
    )


def _find_originals(by_column: np.ndarray) -> np.ndarray:
    seen: dict[bytes, int] = {}
    digests = [blake2b(row, digest_size=16).digest() for row in by_column]
    return np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)])


@dataclass(frozen=True, eq=False)
class _Columns:
    """Some columns before they are scaled; `raw` is infinite where they cannot be computed."""

    means: np.ndarray  # Of the classes
    within: np.ndarray  # Fit rows less the means of their classes
    validate: np.ndarray
    unit: np.ndarray
    varies: np.ndarray
    raw: np.ndarray  # Largest values


def _measure_columns(fold: Fold, codes: np.ndarray, counts: np.ndarray, block: slice) -> _Columns:
    fit, validate, usable, raw = finite_columns(fold, block)
    fit, validate = np.ascontiguousarray(fit), np.ascontiguousarray(validate)
    means = np.zeros((len(counts), fit.shape[1]))
    np.add.at(means, codes, fit)  # scikit-learn's order of summation, whatever the mask
    means /= counts[:, None]
    within = fit - means[codes]
    unit = within.std(axis=0)
    # All rows off by the same rounding: such a column has no weight either.
    varies = (within != 0.0).any(axis=0)
    varies &= (unit > 0.0) | (np.abs(within).max(axis=0) > 1e-12 * raw)
    usable &= ~varies | (unit > 0.0)
    unit[unit == 0.0] = 1.0
    raw = np.where(usable, raw, np.inf)
    return _Columns(means, within, validate, unit, varies | ~usable, raw)


def _score(rows: _Rows, masks: np.ndarray, tol: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores as `classify` takes them, and their error bounds; (n_masks,)."""
    n_contrasts, n_classes = rows.n_contrasts, len(rows.priors)
    answers = np.empty((len(masks), rows.n_rows - n_contrasts, n_classes))
    facts = np.empty((len(masks), forms.N_FACTS))
    forms.compute_forms(
        np.ascontiguousarray(masks),
        rows.by_column,
        rows.gram.for_masks(masks),
        rows.originals,
        rows.sizes,
        np.empty((n_contrasts, n_classes)),
        0.0,
        answers,
        facts,
    )
    between, n_validate = answers[:, :n_classes], answers.shape[1] - n_classes
    scores = np.empty((len(masks), n_validate, n_classes if n_classes > 2 else 1))
    write_scores(answers, np.log(rows.priors), scores)
    with np.errstate(all="ignore"):  # what is not finite is uncertain
        error_bounds = _error_bounds(rows, between, facts, tol)
        if n_classes == 2:
            return scores, 2.0 * error_bounds
        has_all = _has_all_directions(rows, between, facts, error_bounds, tol)
        return scores, np.where(has_all, error_bounds, np.inf)


@kernel
def write_scores(answers, log_priors, scores):  # type: ignore[no-untyped-def]
    """Write x A^+ m - m A^+ m / 2 + log prior for rows x and means m, or of two classes the lead.

    `answers` (n_masks, n_classes + n_rows, n_classes) are forms of the means and the rows;
    `scores` (n_masks, n_rows, n_classes or 1).
    """
    n_classes, is_single = answers.shape[2], scores.shape[2] == 1
    offsets = np.empty(n_classes)
    for mask in range(len(answers)):
        for code in range(n_classes):
            offsets[code] = log_priors[code] - 0.5 * answers[mask, code, code]
        rows, to = answers[mask, n_classes:], scores[mask]
        for row in range(len(to)):
            if is_single:
                to[row, 0] = (rows[row, 1] + offsets[1]) - (rows[row, 0] + offsets[0])
            else:
                for code in range(n_classes):
                    to[row, code] = rows[row, code] + offsets[code]


def _error_bounds(rows: _Rows, between: np.ndarray, facts: np.ndarray, tol: float) -> np.ndarray:
    """Return by how much rounding, here and in scikit-learn, may move a score; (n_masks,).

    A score is x A^+ t, A = R' R the scatter of the contrasts R, x a centred row, t a centred mean.
    To first order it moves by dx w + u dt - u (dR' R + R' dR + dA) w with w = A^+ t, u = A^+ x,
    where dx, dt and dR come of the means that are subtracted, and dA of products and elimination
    (Higham 2002, theorem 10.3). All norms are bounded by those of x, t and w, by |R w|^2 = t A^+ t
    and by the least eigenvalue. With more columns than contrasts w = R' v with K K v = R t,
    K = R R', and dK, d(R t) and d(R x) take the place of dA.

    Infinite where a singular value within classes may count for none (`tol`), or one that is none
    may count.
    """
    n_contrasts, count = rows.n_contrasts, facts[:, forms.COUNT]
    query, target, raw = (
        np.sqrt(facts[:, column]) for column in (forms.QUERY, forms.TARGET, forms.RAW)
    )
    gamma, is_dual = relative_error(n_contrasts + count), count > n_contrasts
    matrix, moved = forms.matrix_error(gamma, facts, n_contrasts), gamma * raw
    trace, norm, floor = facts[:, forms.TRACE], facts[:, forms.NORM], facts[:, forms.FLOOR] - matrix
    scale = np.sqrt(floor)
    fitted = np.sqrt(np.einsum("mkk->mk", between).max(axis=1))  # |R w|
    weight = np.where(is_dual, np.sqrt(fitted * norm), norm)  # |w|
    twice = query / (floor * scale)  # |x R' K^-2|
    errors = gamma * (1.0 + np.abs(np.log(rows.priors)).max() + query * weight)
    errors += moved * (weight * (1.0 + query / scale) + query / floor * (1.0 + fitted))
    in_rows = matrix / np.sqrt(trace) * (query * norm + target * twice)  # d(R x), d(R t)
    in_rows += matrix * (query / scale * norm + fitted * twice)  # dK
    in_rows += 2.0 * moved * (query * norm + target * twice)
    errors += np.where(is_dual, in_rows, query / floor * matrix * weight)
    noise = moved + matrix / scale  # of a singular value
    is_small = (matrix < _SMALL * floor) & (noise < _SMALL * scale) & (floor > _CLEAR * tol**2)
    is_full = (count <= n_contrasts) & (not rows.may_lack_rank)  # else some may be 0
    return np.where(is_small & (is_full | (tol > 10.0 * noise)), errors, np.inf)


def _has_all_directions(
    rows: _Rows, between: np.ndarray, facts: np.ndarray, error_bounds: np.ndarray, tol: float
) -> np.ndarray:
    """Return whether scikit-learn drops no direction between the means as too short; (n_masks,)."""
    n_classes, n_fit = len(rows.priors), rows.n_contrasts + len(rows.priors)
    roots = np.sqrt(n_fit * rows.priors / (n_classes - 1))
    products = np.nan_to_num(between * roots[:, None] * roots, posinf=0.0, neginf=0.0)
    lengths = np.linalg.eigvalsh(products)  # ascending, squared
    rank = np.minimum(n_classes - 1, np.minimum(facts[:, forms.COUNT], rows.n_contrasts))
    least = lengths[np.arange(len(lengths)), n_classes - np.maximum(rank, 1).astype(int)]
    noise = n_classes * np.square(roots).max() * error_bounds
    return least > _CLEAR * tol**2 * lengths[:, -1] + noise
