"""Rows to measure: fit rows, synthetic rows that a generator fitted on them drew, held-out rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed, global_seed, seed_unset
from vaega.core.registry import names_argument
from vaega.data._splits import holdout_split
from vaega.generative._data import binary_units, check_labels, codes_by_label
from vaega.generative._registry import fit_model

# Smaller numbers are nothing to measures that round, larger ones too much for squares.
LEAST_SIZE, MOST_SIZE = 1e-6, 1e100


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Three sets of rows with the codes of their classes."""

    X_fit: np.ndarray  # Rows that the generator was fitted on (n_fit, n_features)
    y_fit: np.ndarray  # Codes into `classes`, as the other two
    X_synthetic: np.ndarray  # Rows that it made
    y_synthetic: np.ndarray
    X_test: np.ndarray  # Rows that it never saw
    y_test: np.ndarray
    classes: np.ndarray  # Sorted labels of the fit rows

    @property
    def varies(self) -> np.ndarray:
        """Which columns (n_features,) vary among the fit rows."""
        return np.ptp(self.X_fit, axis=0) > 0

    def in_units(self) -> "ComparedRows":
        """Return the rows with columns of extreme size divided by a power of two, near 1.

        Nothing else changes: shapes of distributions and correlations stay what they are, and can
        be computed.
        """
        largest = np.abs(self.X_fit).max(axis=0)
        extreme = ((largest > 0.0) & (largest < LEAST_SIZE)) | (largest > MOST_SIZE)
        if not extreme.any():
            return self
        unit = binary_units(np.where(extreme, largest, 1.0))
        return replace(
            self,
            X_fit=self.X_fit / unit,
            X_synthetic=self.X_synthetic / unit,
            X_test=self.X_test / unit,
        )

    def scaled(self, *, limit: float = np.inf) -> "ComparedRows":
        """Return the rows standardised by the fit rows, without columns constant there."""
        varies = self.varies
        mean, deviation = self.X_fit[:, varies].mean(axis=0), self.X_fit[:, varies].std(axis=0)
        # A deviation may round to 0 where the values differ in their last bits.
        scale = np.where(deviation > 0, deviation, 1.0)
        fit, synthetic, test = (
            np.clip((X[:, varies] - mean) / scale, -limit, limit)
            for X in (self.X_fit, self.X_synthetic, self.X_test)
        )
        return replace(self, X_fit=fit, X_synthetic=synthetic, X_test=test)

    def matched(self, rng: np.random.Generator) -> np.ndarray:
        """Choose synthetic rows as many in each class as are held out, or as many as there are."""
        counts = np.bincount(self.y_test, minlength=len(self.classes))
        chosen = [
            rng.permutation(np.flatnonzero(self.y_synthetic == code))[:count]
            for code, count in enumerate(counts)
        ]
        return np.sort(np.concatenate(chosen))


def check_rows(
    X_fit: Any,
    y_fit: Any,
    X_synthetic: Any,
    y_synthetic: Any,
    X_test: Any,
    y_test: Any,
    *,
    owner: str = "measure_rows",
) -> ComparedRows:
    """Return the rows as arrays of equal width with labels coded by those of the fit rows."""
    X_fit, y_fit = check_labelled(X_fit, y_fit, "y_fit", owner=owner)
    classes, codes = np.unique(y_fit, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"{owner}: y_fit must hold two classes or more, got {len(classes)}.")
    if not np.ptp(X_fit, axis=0).any():
        raise InputError(f"{owner}: needs a column that varies, got {X_fit.shape[1]} constant.")
    width = X_fit.shape[1]
    X_synthetic = _checked(X_synthetic, "X_synthetic", width, owner)
    X_test = _checked(X_test, "X_test", width, owner)
    synthetic = _coded(y_synthetic, "y_synthetic", classes, len(X_synthetic), owner)
    test = _coded(y_test, "y_test", classes, len(X_test), owner)
    fewest = np.bincount(synthetic, minlength=len(classes))
    if fewest.min() < 2:
        raise InputError(
            f"{owner}: every class needs at least two synthetic rows, got {fewest.min()} of "
            f"{classes.tolist()[fewest.argmin()]!r}."
        )
    return ComparedRows(X_fit, codes, X_synthetic, synthetic, X_test, test, classes)


def check_labelled(X: Any, y: Any, name: str, *, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and their labels as arrays."""
    if y is None:
        raise InputError(f"{owner}: {name} must hold a label for every row, got None.")
    labels = check_labels(y, owner=owner)
    X, labels = check_X_y(X, labels, dtype=np.float64, order="C", ensure_min_samples=3)
    return X, labels


def _checked(X: Any, name: str, width: int, owner: str) -> np.ndarray:
    X = check_array(X, dtype=np.float64, order="C", input_name=name)
    if X.shape[1] != width:
        raise InputError(f"{owner}: {name} must have {width} columns, got {X.shape[1]}.")
    return X


def _coded(y: Any, name: str, classes: np.ndarray, n: int, owner: str) -> np.ndarray:
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError(f"{owner}: {name} must hold {n} labels, got shape {labels.shape}.")
    known = codes_by_label(classes)
    unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise InputError(f"{owner}: {name} must hold labels of y_fit, got {unknown[0]!r}.")
    return np.array([known[label] for label in labels.tolist()], dtype=int)


OWNER = "measure_quality"
# Rows that are drawn at least by default: shares and variances get steady there.
FEWEST_ROWS = 200


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """What is to be measured."""

    rows: ComparedRows  # Fit rows, synthetic rows, held-out rows
    model: Any  # What has a likelihood; None where the generator is a sampler without a model
    generator: str  # Its name


def draw_rows(
    generator: Any,
    X: Any,
    y: Any,
    *,
    X_test: Any = None,
    y_test: Any = None,
    test_size: float = 0.3,
    n_synthetic: int | None = None,
    cache: str | Path | None = None,
    seed: int,
    groups: np.ndarray | None = None,
) -> DrawnRows:
    """Fit a generator on the fit rows alone, and draw rows from it in the classes' shares.

    `groups` are rows of `X` that belong together, where the held-out rows are given.
    """
    if isinstance(generator, type) or (not _is_sampler(generator) and not _is_model(generator)):
        raise InputError(
            f"{OWNER}: needs a generative model (fit and sample) or a sampler (fit_resample), "
            f"got {generator!r}."
        )
    X, y = check_labelled(X, y, "y", owner=OWNER)
    X_fit, y_fit, X_test, y_test, split = _parts(X, y, X_test, y_test, test_size, seed)
    counts = share_rows(y_fit, _total(n_synthetic, len(X_fit), y_fit))
    if _is_sampler(generator):
        drawn, model = _from_sampler(generator, X_fit, y_fit, counts, seed, groups)
    else:
        model = generator
        if split or not _is_fitted(generator):
            model = seed_unset(clone(generator), derive_seed(seed, "model"))
            with global_seed(seed, model):
                model = fit_model(model, X_fit, y_fit, cache=cache, groups=groups)
        with global_seed(seed, model):
            drawn = model.sample(counts, random_state=derive_seed(seed, "sample"))
    rows = check_rows(X_fit, y_fit, *drawn, X_test, y_test, owner=OWNER)
    return DrawnRows(rows, model, type(generator if model is None else model).__name__)


def share_rows(y: np.ndarray, total: int) -> dict[Any, int]:
    """Divide a number of rows over classes by their shares, two a class at least."""
    labels, counts = np.unique(y, return_counts=True)
    free = total - 2 * len(labels)
    exact = np.maximum(total * counts / counts.sum() - 2, 0)
    exact *= free / exact.sum() if exact.sum() > 0 else 0
    shares = np.floor(exact).astype(int)
    behind = np.argsort(shares - exact, kind="stable")
    shares[behind[: free - shares.sum()]] += 1
    return dict(zip(labels.tolist(), (2 + shares).tolist(), strict=True))


def _parts(
    X: np.ndarray, y: np.ndarray, X_test: Any, y_test: Any, test_size: float, seed: int
) -> tuple[Any, Any, Any, Any, bool]:
    if (X_test is None) != (y_test is None):
        missing = "X_test" if X_test is None else "y_test"
        raise InputError(f"{OWNER}: X_test and y_test go together, {missing} is missing.")
    if X_test is not None:
        return X, y, X_test, y_test, False
    split = holdout_split(y, test_size=test_size, seed=derive_seed(seed, "held out"), owner=OWNER)
    return X[split.train], y[split.train], X[split.test], y[split.test], True


def _total(n_synthetic: int | None, n_fit: int, y: np.ndarray) -> int:
    fewest = 2 * len(np.unique(y))
    if n_synthetic is None:
        return max(FEWEST_ROWS, n_fit, fewest)
    return check_count(n_synthetic, "n_synthetic", owner=OWNER, minimum=fewest)


def _is_sampler(generator: Any) -> bool:
    return hasattr(generator, "fit_resample")


def _is_model(generator: Any) -> bool:
    return hasattr(generator, "fit") and hasattr(generator, "sample")


def _is_fitted(model: Any) -> bool:
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _from_sampler(
    sampler: Any,
    X: np.ndarray,
    y: np.ndarray,
    counts: Mapping[Any, int],
    seed: int,
    groups: np.ndarray | None,
) -> tuple[tuple[np.ndarray, np.ndarray], Any]:
    sampler = seed_unset(clone(sampler), derive_seed(seed, "sampler"))
    known = sampler.get_params(deep=False)
    labels, sizes = np.unique(y, return_counts=True)
    if "n_per_class" in known:
        sampler.set_params(n_per_class=dict(counts))
    elif "sampling_strategy" in known:
        present = dict(zip(labels.tolist(), sizes.tolist(), strict=True))
        totals = {label: present[label] + n for label, n in counts.items()}
        sampler.set_params(sampling_strategy=totals)
    takes_groups = groups is not None and names_argument(sampler.fit_resample, "groups")
    with global_seed(seed, sampler):
        X_all, y_all = sampler.fit_resample(X, y, **({"groups": groups} if takes_groups else {}))
    if len(X_all) <= len(X) or not np.array_equal(X_all[: len(X)], X):
        raise InputError(
            f"{OWNER}: a sampler must keep the rows given and add others behind them, "
            f"got {type(sampler).__name__}."
        )
    return (X_all[len(X) :], y_all[len(X) :]), getattr(sampler, "model_", None)
