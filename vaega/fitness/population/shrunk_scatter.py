"""What linear discriminants ask of a fold whose classes are shrunk as Ledoit and Wolf do it."""

from dataclasses import dataclass

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaega.fitness.folds import Fold
from vaega.fitness.population.column_blocks import column_blocks
from vaega.fitness.population.column_gram import ColumnGram
from vaega.fitness.population.kernels import forms, ledoit_wolf
from vaega.fitness.population.kernels.products import padded
from vaega.fitness.population.scatter_terms import ScatterTerms, make_scatter_terms

_EPSILON = float(np.finfo(float).eps)
_UNSURE = 16.0  # within this factor of where scikit-learn takes a column for constant


@dataclass(frozen=True, eq=False)
class ShrunkTerms:
    """Rows of a fold, and of each class how they spread."""

    scatter: ScatterTerms  # In the columns' own units
    grams: ColumnGram  # Of the contrasts of each class
    # Of the centred fit rows, class by class, in units of the spread in the class
    squares: np.ndarray
    # As `vaega.fitness.population.kernels.ledoit_wolf.compute_shrunk_forms` takes them
    classes: tuple[np.ndarray, ...]

    def compute(self, masks: np.ndarray, *, careful: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the forms of each mask and the facts of its matrix."""
        terms = self.scatter
        n_asks = terms.n_rows - terms.n_contrasts
        answers = np.empty((len(masks), n_asks, len(terms.priors)))
        facts = np.empty((len(masks), ledoit_wolf.N_SHRUNK_FACTS))
        ledoit_wolf.compute_shrunk_forms(
            np.ascontiguousarray(masks),
            terms.by_feature,
            self.grams.found_for(masks),
            self.squares,
            terms.sizes,
            self.classes,
            careful,
            answers,
            facts,
        )
        return answers, facts


def make_shrunk_terms(estimator: LinearDiscriminantAnalysis, fold: Fold) -> ShrunkTerms | None:
    """Return the terms of a fold."""
    scatter = make_scatter_terms(estimator, fold, is_svd=False)
    if scatter is None:
        return None
    _, codes, counts = np.unique(fold.y_fit, return_inverse=True, return_counts=True)
    n_columns, ends, order = len(scatter.sizes), np.cumsum(counts), np.argsort(codes, kind="stable")
    squares = np.zeros((n_columns, padded(scatter.n_fit, float)))
    variances, moving, larger = np.empty((3, n_columns, len(counts)))
    for own in column_blocks(n_columns):
        rows = fold.X_fit[:, own][order]
        rows = np.where(np.isfinite(scatter.sizes[own, forms.RAW]), rows, 0.0)
        for code, (start, end) in enumerate(zip(ends - counts, ends, strict=True)):
            each = _measure(rows[start:end])
            squares[own, start:end] = each.squares.T
            variances[own, code], moving[own, code] = each.variances, each.moving
            larger[own, code] = each.larger
            scatter.sizes[own, forms.RAW][each.unsure] = np.inf
    grams = ColumnGram(scatter.by_feature, (ends - np.arange(1, len(ends) + 1)).tolist())
    classes = scatter.priors, ends.astype(np.int64), variances, moving, larger
    return ShrunkTerms(scatter, grams, squares, classes)


@dataclass(frozen=True, eq=False)
class _Spread:
    """How the rows of a class spread in some columns; the variance of a constant one is 1."""

    squares: np.ndarray
    variances: np.ndarray
    moving: np.ndarray
    larger: np.ndarray
    unsure: np.ndarray


def _measure(rows: np.ndarray) -> _Spread:
    n_rows, means = len(rows), rows.mean(axis=0)
    moving, within = (rows != rows[0]).any(axis=0), rows - means
    variances = np.square(within).mean(axis=0)
    # scikit-learn takes for constant what the rounding of a mean could explain.
    border = n_rows * _EPSILON * variances + np.square(n_rows * means * _EPSILON)
    unsure = moving & (variances <= _UNSURE * border)
    moving &= variances > 0.0
    variances[~moving] = 1.0
    squares = np.where(moving, np.square(within) / variances, 0.0)
    larger = np.where(moving, np.abs(rows).max(axis=0) / np.sqrt(variances), 0.0)
    return _Spread(squares, variances, moving, larger, unsure)
