"""Whether a classifier can tell synthetic rows from real ones."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.svm import SVC

from vaega.generative.quality.rows import ComparedRows

# Rows of each kind at most: the cost grows with their square.
MAX_ROWS = 1000
N_FOLDS = 5
# Principal coordinates of the second classifier, at most, and rows for each of them at least.
MAX_COORDINATES = 10
ROWS_PER_COORDINATE = 4

Labelled = tuple[np.ndarray, np.ndarray]


def compare_samples(rows: ComparedRows, *, rng: np.random.Generator) -> pd.DataFrame:
    """Classifier two-sample test: held-out rows against as many others of each class.

    The others are synthetic rows and, as a control, the fit rows: what is told apart there is what
    held-out rows have of their own, another laboratory say, and no fault of the generator.
    """
    others = {
        "synthetic": (rows.X_synthetic, rows.y_synthetic),
        "fit": (rows.X_fit, rows.y_fit),
    }
    heldout = rows.X_test, rows.y_test
    return pd.DataFrame(
        [
            {"others": name, **row}
            for name, other in others.items()
            for row in _compare(heldout, other, rng)
        ]
    )


def _compare(heldout: Labelled, other: Labelled, rng: np.random.Generator) -> list[dict[str, Any]]:
    real, theirs = _balanced(heldout[1], other[1], rng)
    X = np.concatenate([heldout[0][real], other[0][theirs]])
    origin = np.repeat([0, 1], [len(real), len(theirs)])
    classes = np.concatenate([heldout[1][real], other[1][theirs]])
    folds = _folds(2 * classes + origin, rng)
    X = X - X.mean(axis=0)
    gram = X @ X.T
    views = {
        "linear": gram / gram.trace() * len(gram),
        "spread": _radial_kernel(_distances(gram)),
    }
    return [_row(name, view, origin, folds) for name, view in views.items()]


def _balanced(
    y_heldout: np.ndarray, y_other: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    real, other = [], []
    quota = min(1.0, MAX_ROWS / len(y_heldout))
    for code in np.unique(y_heldout):
        mine = rng.permutation(np.flatnonzero(y_heldout == code))
        theirs = rng.permutation(np.flatnonzero(y_other == code))
        n = min(int(np.ceil(quota * len(mine))), len(theirs))
        real.append(mine[:n])
        other.append(theirs[:n])
    return np.concatenate(real), np.concatenate(other)


def _folds(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    folds, start = np.empty(len(groups), dtype=int), 0
    for group in np.unique(groups):
        mine = rng.permutation(np.flatnonzero(groups == group))
        folds[mine] = (start + np.arange(len(mine))) % N_FOLDS
        start += len(mine)  # small groups do not all begin in the first fold
    return folds


def _distances(gram: np.ndarray) -> np.ndarray:
    """Return standardised distances along principal axes and beside them, (n, n_coordinates)."""
    n = len(gram)
    values, vectors = np.linalg.eigh(gram)
    n_kept = max(1, min(MAX_COORDINATES, n // ROWS_PER_COORDINATE))
    values, vectors = values[::-1][:n_kept], vectors[:, ::-1][:, :n_kept]
    kept = values > 1e-9 * gram.trace()
    points = np.abs(vectors[:, kept]) * np.sqrt(values[kept])
    beside = gram.diagonal() - np.square(points).sum(axis=1)
    if beside.max() > 1e-9 * gram.diagonal().max():
        points = np.column_stack([points, np.sqrt(np.maximum(beside, 0.0))])
    points -= points.mean(axis=0)
    deviation = points.std(axis=0)
    return points / np.where(deviation > 0, deviation, 1.0)


def _radial_kernel(points: np.ndarray) -> np.ndarray:
    lengths = np.square(points).sum(axis=1)
    gaps = np.maximum(lengths[:, None] + lengths - 2.0 * points @ points.T, 0.0)
    return np.exp(-gaps / (2.0 * points.shape[1]))


def _row(name: str, kernel: np.ndarray, origin: np.ndarray, folds: np.ndarray) -> dict[str, Any]:
    n_right, n_rows = 0, len(origin)
    for fold in range(N_FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(np.unique(origin[train])) < 2 or not len(test):
            n_right += len(test) // 2
            continue
        machine = SVC(kernel="precomputed", random_state=0).fit(
            kernel[np.ix_(train, train)], origin[train]
        )
        n_right += int((machine.predict(kernel[np.ix_(test, train)]) == origin[test]).sum())
    p_value = float(binom.sf(n_right - 1, n_rows, 0.5))
    return {
        "classifier": name,
        "accuracy": n_right / n_rows,
        "p_value": p_value,
        "n_rows": n_rows,
    }
