"""Synthetic rows to measure: a generator fitted on a part of the rows, and what it draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed
from vaega.data.splits import holdout_split
from vaega.generative.quality.rows import ComparedRows, check_labelled, check_rows

OWNER = "measure_quality"
# Rows that are drawn at least, where nobody says how many: shares and variances get steady there.
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
) -> DrawnRows:
    """Fit a generator on the fit rows alone, and draw rows from it in the classes' shares."""
    if isinstance(generator, type) or (not _is_sampler(generator) and not _is_model(generator)):
        raise InputError(
            f"{OWNER}: needs a generative model (fit and sample) or a sampler (fit_resample), "
            f"got {generator!r}."
        )
    X, y = check_labelled(X, y, "y", owner=OWNER)
    X_fit, y_fit, X_test, y_test, split = _parts(X, y, X_test, y_test, test_size, seed)
    wanted = share_rows(y_fit, _total(n_synthetic, len(X_fit), y_fit))
    if _is_sampler(generator):
        drawn, model = _from_sampler(generator, X_fit, y_fit, wanted, seed)
    else:
        model = generator
        if split or not _is_fitted(generator):
            model = _fitted(generator, X_fit, y_fit, cache, derive_seed(seed, "model"))
        drawn = model.sample(wanted, random_state=derive_seed(seed, "sample"))
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


def _fitted(model: Any, X: np.ndarray, y: np.ndarray, cache: Any, seed: int) -> Any:
    model = _seeded(clone(model), seed)
    if cache is None:
        return model.fit(X, y)
    from vaega.generative.cache import ModelCache

    return ModelCache(None if cache == "auto" else cache).fit(model, X, y)


def _from_sampler(
    sampler: Any, X: np.ndarray, y: np.ndarray, wanted: Mapping[Any, int], seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], Any]:
    sampler = _seeded(clone(sampler), derive_seed(seed, "sampler"))
    known = sampler.get_params(deep=False)
    labels, counts = np.unique(y, return_counts=True)
    if "n_per_class" in known:
        sampler.set_params(n_per_class=dict(wanted))
    elif "sampling_strategy" in known:
        there = dict(zip(labels.tolist(), counts.tolist(), strict=True))
        sampler.set_params(sampling_strategy={key: there[key] + n for key, n in wanted.items()})
    X_all, y_all = sampler.fit_resample(X, y)
    if len(X_all) <= len(X) or not np.array_equal(X_all[: len(X)], X):
        raise InputError(
            f"{OWNER}: a sampler must keep the rows given and add others behind them, "
            f"got {type(sampler).__name__}."
        )
    return (X_all[len(X) :], y_all[len(X) :]), getattr(sampler, "model_", None)


def _seeded(estimator: Any, seed: int) -> Any:
    if estimator.get_params(deep=False).get("random_state", 0) is None:
        estimator.set_params(random_state=seed)
    return estimator
