"""The rows that a linear discriminant analysis asks of a fold, whatever the mask."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from scipy.linalg import helmert
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.multiclass import type_of_target

from vaega.fitness.folds import Fold
from vaega.fitness.population.column_blocks import column_blocks
from vaega.fitness.population.column_gram import ColumnGram
from vaega.fitness.population.kernels import forms
from vaega.fitness.population.kernels.products import padded


@dataclass(frozen=True, eq=False)
class ScatterTerms:
    """Rows of a fold, each column in the unit that its solver takes.

    They are contrasts within classes of the fit rows, the means of the classes less their mean,
    and the validate rows less that mean.
    """

    by_feature: np.ndarray  # The rows, transposed
    n_rows: int
    gram: ColumnGram  # Of the contrasts
    originals: np.ndarray  # Of each column the first one that is equal in all rows
    sizes: np.ndarray  # As `vaega.fitness.population.kernels.forms` sums them up
    moving: np.ndarray  # Which columns vary within classes
    priors: np.ndarray
    n_fit: int

    @property
    def n_contrasts(self) -> int:
        """How many of the rows are contrasts."""
        return self.n_fit - len(self.priors)

    @property
    def may_be_full(self) -> bool:
        """Whether there is no column that adds nothing to others, for any mask."""
        alone = self.originals == np.arange(len(self.originals))
        return bool(self.moving.all() and alone.all())


def make_scatter_terms(
    estimator: LinearDiscriminantAnalysis, fold: Fold, *, is_svd: bool
) -> ScatterTerms | None:
    """Return the terms of a fold."""
    classes, codes, counts = np.unique(fold.y_fit, return_inverse=True, return_counts=True)
    priors = _priors_of(estimator, counts)
    if priors is None or not _is_plain(fold, counts, is_svd=is_svd):
        return None
    n_fit, n_columns = fold.X_fit.shape
    n_contrasts = n_fit - len(classes)
    weights = 1.0 / np.full(len(counts), n_fit) if is_svd else priors / counts
    parts = [helmert(count) * np.sqrt(own) for count, own in zip(counts, weights, strict=True)]
    n_rows = n_fit + len(fold.X_validate)
    by_feature, sizes = np.zeros((n_columns, padded(n_rows, float))), np.empty((n_columns, 4))
    moving = np.empty(n_columns, dtype=bool)
    for own in column_blocks(n_columns):
        block = _measure(fold, codes, counts, own, is_svd=is_svd)
        rows, moving[own] = by_feature[own, :n_rows].T, block.moving  # a view, to be written
        end = 0
        for code, part in enumerate(parts):
            start, end = end, end + len(part)
            rows[start:end] = part @ block.within[codes == code]
        centre = priors @ block.means
        rows[n_contrasts : n_contrasts + len(classes)] = block.means - centre
        rows[n_contrasts + len(classes) :] = block.validate - centre
        rows /= block.unit
        others = np.square(rows[n_contrasts:])
        sizes[own, forms.ENERGY] = np.square(rows[:n_contrasts]).sum(axis=0)
        sizes[own, forms.ASK] = others.max(axis=0)
        sizes[own, forms.TARGET] = others[: len(classes)].max(axis=0)
        sizes[own, forms.RAW] = np.square(block.raw / block.unit)
    gram, originals = ColumnGram(by_feature, [n_contrasts]), _find_originals(by_feature)
    return ScatterTerms(by_feature, n_rows, gram, originals, sizes, moving, priors, n_fit)


def _find_originals(by_feature: np.ndarray) -> np.ndarray:
    seen: dict[bytes, int] = {}
    digests = [blake2b(row, digest_size=16).digest() for row in by_feature]
    return np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)])


@dataclass(frozen=True, eq=False)
class _Block:
    """What some columns are, before they are scaled; `raw` is infinite where they are not sound."""

    means: np.ndarray
    within: np.ndarray
    validate: np.ndarray
    unit: np.ndarray
    moving: np.ndarray
    raw: np.ndarray


def _measure(
    fold: Fold, codes: np.ndarray, counts: np.ndarray, own: slice, *, is_svd: bool
) -> _Block:
    fit, validate = fold.X_fit[:, own], fold.X_validate[:, own]
    sound = np.isfinite(fit).all(axis=0) & np.isfinite(validate).all(axis=0)
    fit, validate = (np.ascontiguousarray(np.where(sound, X, 0.0)) for X in (fit, validate))
    raw = np.maximum(np.abs(fit).max(axis=0), np.abs(validate).max(axis=0))
    means = np.zeros((len(counts), fit.shape[1]))
    np.add.at(means, codes, fit)  # scikit-learn's order of summation, whatever the mask
    means /= counts[:, None]
    within = fit - means[codes]
    moving, unit = (within != 0.0).any(axis=0), np.ones(fit.shape[1])
    if is_svd:
        unit = within.std(axis=0)
        # All rows off by the same rounding: such a column has no weight either.
        moving &= (unit > 0.0) | (np.abs(within).max(axis=0) > 1e-12 * raw)
        sound &= ~moving | (unit > 0.0)
        unit[unit == 0.0] = 1.0
        moving |= ~sound
    return _Block(means, within, validate, unit, moving, np.where(sound, raw, np.inf))


def _priors_of(estimator: LinearDiscriminantAnalysis, counts: np.ndarray) -> np.ndarray | None:
    try:
        estimator._validate_params()
        if estimator.priors is None:
            return counts / counts.sum()
        priors = np.asarray(estimator.priors, dtype=float)
    except (TypeError, ValueError):
        return None
    fits = priors.shape == counts.shape and (priors > 0.0).all()
    # Where they do not sum to 1, scikit-learn warns, or a direction between means is noise.
    return priors if fits and abs(priors.sum() - 1.0) < 1e-12 else None


def _is_plain(fold: Fold, counts: np.ndarray, *, is_svd: bool) -> bool:
    if fold.X_fit.dtype != np.float64 or fold.X_validate.dtype != np.float64:
        return False  # scikit-learn would compute in the precision of the rows
    if type_of_target(fold.y_fit) not in ("binary", "multiclass"):
        return False
    if len(counts) < 2 or counts.sum() <= len(counts):
        return False
    return bool(is_svd or counts.min() > 1)  # the covariance of one row is warned of
