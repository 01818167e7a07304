"""Inner folds: fit rows prepared and augmented once, validate rows real, ready for every mask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from joblib import delayed
from sklearn.base import clone

from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed
from vaega.fitness.cluster import Alone, client_of, make_parallel
from vaega.fitness.seeding import seed_unset


class Preparation(Protocol):
    """A preprocessor as `vaega.data.preprocess.Preprocessor`: it knows which columns it kept."""

    columns_: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Preparation":
        """Learn from fit rows."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Apply what was learned."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One inner split, prepared: what classifiers fit on and what they are scored on."""

    X_fit: np.ndarray  # Real fit rows first, then synthetic ones
    y_fit: np.ndarray  # Their labels
    X_validate: np.ndarray  # Real rows only
    y_validate: np.ndarray  # Their labels
    columns: np.ndarray  # The feature of each column
    n_real: int
    # Weights of the fit rows; a synthetic row weighs what real rows of its class do on average
    weight_fit: np.ndarray | None = None
    weight_validate: np.ndarray | None = None  # Weights of the validate rows in the score


def prepare_fold(
    X: np.ndarray,
    y: np.ndarray,
    fit_rows: np.ndarray,
    validate_rows: np.ndarray,
    *,
    preparation: Preparation | None = None,
    sampler: Any = None,
    seed: int,
    sample_weight: np.ndarray | None = None,
) -> Fold:
    """Fit preparation and sampler on the fit rows, and on nothing else."""
    X_fit, y_fit, X_validate = X[fit_rows], y[fit_rows], X[validate_rows]
    columns = np.arange(X.shape[1])
    if preparation is not None:
        fitted = seed_unset(clone(preparation), derive_seed(seed, "preparation"))
        fitted.fit(X_fit, y_fit)
        X_fit, X_validate = fitted.transform(X_fit), fitted.transform(X_validate)
        columns = fitted.columns_
    X_real = X_fit
    if sampler is not None:
        X_fit, y_fit = augment(X_fit, y_fit, sampler, seed=derive_seed(seed, "sampler"))
    n_real = _count_real(X_real, X_fit)
    fold = Fold(X_fit, y_fit, X_validate, y[validate_rows], columns, n_real)
    if sample_weight is None:
        return fold
    weight_fit = _augmented_weights(sample_weight[fit_rows], y[fit_rows], y_fit)
    return replace(fold, weight_fit=weight_fit, weight_validate=sample_weight[validate_rows])


def _count_real(real: np.ndarray, rows: np.ndarray) -> int:
    # Of a sampler that drops rows only those are known to be real that still stand where they did.
    n_rows = min(len(real), len(rows))
    same = (real[:n_rows] == rows[:n_rows]) | (real[:n_rows] != real[:n_rows])  # NaN is not itself
    moved = np.flatnonzero(~same.all(axis=1))
    return int(moved[0]) if moved.size else n_rows


def _augmented_weights(weights: np.ndarray, real: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if not np.array_equal(labels[: len(real)], real):
        raise InputError(
            "sampler: must keep the real rows in front when rows have weights, got one that drops "
            "or reorders them."
        )
    means = {label: weights[real == label].mean() for label in np.unique(real)}
    added = [means[label] for label in labels[len(real) :]]
    return np.concatenate([weights, np.array(added, dtype=float)])


def augment(
    X: np.ndarray, y: np.ndarray, sampler: Any, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows a sampler makes of `X`, with a clone of it."""
    if not hasattr(sampler, "fit_resample") or isinstance(sampler, type):
        raise InputError(
            f"sampler: must be an instance with the method fit_resample, got {sampler!r}."
        )
    return seed_unset(clone(sampler), seed).fit_resample(X, y)


def prepare_folds(
    X: np.ndarray,
    y: np.ndarray,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    preparation: Preparation | None = None,
    sampler: Any = None,
    seed: int,
    n_jobs: int | None = None,
    sample_weight: np.ndarray | None = None,
) -> list[Fold]:
    """Prepare all inner folds, the costly ones (a generator to train in each) side by side."""
    parallel = make_parallel(n_jobs)
    prepare = prepare_fold if client_of(parallel) is None else Alone(prepare_fold)
    tasks = [
        delayed(prepare)(
            X,
            y,
            fit_rows,
            validate_rows,
            preparation=preparation,
            sampler=sampler,
            seed=derive_seed(seed, "fold", place),
            sample_weight=sample_weight,
        )
        for place, (fit_rows, validate_rows) in enumerate(splits)
    ]
    if sampler is None:
        return [function(*given, **named) for function, given, named in tasks]
    return list(parallel(tasks))
