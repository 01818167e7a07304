"""The steps of a preprocessor, and how a configuration names them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from numbers import Real
from typing import Any

import numpy as np

from vaega.core.errors import DataError, InputError
from vaega.data._dataset import constant_columns

IMPUTE_STRATEGIES = ("median", "mean", "most_frequent")


def check_steps(steps: Any, *, owner: str = "preprocess") -> list[Any]:
    """Return the steps when each of them can be made; no data is needed."""
    if isinstance(steps, str | bytes | dict) or not isinstance(steps, Sequence):
        raise InputError(f"{owner}: the steps must be a list, got {steps!r}.")
    for number, step in enumerate(steps, start=1):
        make_step(step, owner=f"{owner}: step {number}")
    return list(steps)


def make_step(step: Any, *, owner: str) -> Any:
    """Make the unfitted transformer that a step names."""
    if isinstance(step, dict) and "class" in step:
        return _make_class(step, owner=owner)
    if isinstance(step, str) and step in _PLAIN:
        return _PLAIN[step]()
    if isinstance(step, dict) and len(step) == 1:
        key, value = next(iter(step.items()))
        if key in _VALUED:
            return _VALUED[key](value, owner)
    raise InputError(
        f"{owner}: must be one of {', '.join(_PLAIN)}, clip: [low, high], impute: strategy, "
        f"or class: package.Class, got {step!r}."
    )


def step_name(step: Any) -> str:
    """Return how messages call a step."""
    if isinstance(step, dict):
        return str(step["class"]).rpartition(".")[2] if "class" in step else next(iter(step))
    return str(step)


class _Columnwise(ABC):
    """A step that keeps every column where it is and lets missing values pass."""

    takes_missing = True

    def fit(self, X: np.ndarray, y: Any = None) -> "_Columnwise":
        return self

    @abstractmethod
    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the rows changed, shape (n_rows, n_features)."""


class Log2(_Columnwise):
    """Logarithm to base 2 of values above zero."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the logarithms, shape (n_rows, n_features)."""
        n_bad = int((X <= 0).sum())
        if n_bad:
            raise DataError(f"values must be above 0, got {n_bad} that are not; clip them first.")
        return np.log2(X)


class Clip(_Columnwise):
    """Values below `low` become `low`, values above `high` become `high`."""

    def __init__(self, low: float | None, high: float | None) -> None:
        self.low = low
        self.high = high

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the clipped values, shape (n_rows, n_features)."""
        return np.clip(X, self.low, self.high)


class Scale(_Columnwise):
    """Each column minus its centre, over its spread; columns constant in training become zeros.

    A column without spread says nothing that was seen in training, so it is zero in new rows too,
    whatever they hold there.
    """

    def __init__(self, robust: bool = False) -> None:
        self.robust = robust

    def fit(self, X: np.ndarray, y: Any = None) -> "Scale":
        """Learn centre and spread of each column; missing values don't count."""
        constant = constant_columns(X)
        varied = X[:, ~constant]
        self.center_ = np.zeros(X.shape[1])
        self.scale_ = np.zeros(X.shape[1])
        center, scale = _robust(varied) if self.robust else _moments(varied)
        self.center_[~constant] = center
        self.scale_[~constant] = scale
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the scaled values, shape (n_rows, n_features)."""
        flat = self.scale_ == 0
        scaled = (X - self.center_) / np.where(flat, 1.0, self.scale_)
        scaled[:, flat] = np.where(np.isnan(X[:, flat]), np.nan, 0.0)
        return scaled


class DropConstant:
    """Keeps the columns that hold at least two different values in training."""

    takes_missing = True

    def fit(self, X: np.ndarray, y: Any = None) -> "DropConstant":
        """Learn which columns vary; missing values don't count."""
        self.support_ = ~constant_columns(X)
        return self

    def get_support(self) -> np.ndarray:
        """Return the columns that stay, bool of shape (n_features,)."""
        return self.support_

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the columns that vary, shape (n_rows, n_kept)."""
        return X[:, self.support_]


class Impute(_Columnwise):
    """Fills missing values with the column's median, mean or commonest value in training."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy

    def fit(self, X: np.ndarray, y: Any = None) -> "Impute":
        """Learn the value of each column."""
        empty = np.isnan(X).all(axis=0)
        if empty.any():
            raise DataError(
                f"every column needs a value to learn from, got {empty.sum()} without any; "
                "put drop_constant before it."
            )
        from sklearn.impute import SimpleImputer

        self.values_ = SimpleImputer(strategy=self.strategy).fit(X).statistics_
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the values without gaps, shape (n_rows, n_features)."""
        return np.where(np.isnan(X), self.values_, X)


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.nanmean(X, axis=0), np.nanstd(X, axis=0)


def _robust(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, center, high = np.nanquantile(X, [0.25, 0.5, 0.75], axis=0)
    return center, np.where(high > low, high - low, np.nanstd(X, axis=0))


def _make_clip(value: Any, owner: str) -> Clip:
    bounds = list(value) if isinstance(value, list | tuple) and len(value) == 2 else [None, None]
    given = [bound for bound in bounds if bound is not None]
    if not given or not all(map(_is_number, given)) or (len(given) == 2 and given[0] >= given[1]):
        raise InputError(
            f"{owner}: clip takes two bounds [low, high] with low below high, one may be null, "
            f"got {value!r}."
        )
    return Clip(*(None if bound is None else float(bound) for bound in bounds))


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))
    )


def _make_impute(value: Any, owner: str) -> Impute:
    if value not in IMPUTE_STRATEGIES:
        raise InputError(f"{owner}: impute must be {', '.join(IMPUTE_STRATEGIES)}, got {value!r}.")
    return Impute(value)


def _make_class(step: dict[str, Any], *, owner: str) -> Any:
    path = step["class"]
    cls = _import_class(path, owner=owner)
    parameters = {key: value for key, value in step.items() if key != "class"}
    try:
        return cls(**parameters)
    except (TypeError, ValueError) as error:
        raise InputError(f"{owner}: {path} cannot be made: {error}.") from error


def _import_class(path: Any, *, owner: str) -> type:
    module, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    if not module or not name.isidentifier():
        raise InputError(f"{owner}: class must be a dotted path package.Class, got {path!r}.")
    try:
        cls = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise InputError(f"{owner}: class {path} cannot be imported: {error}.") from error
    if not (
        isinstance(cls, type) and callable(getattr(cls, "fit", None)) and hasattr(cls, "transform")
    ):
        raise InputError(f"{owner}: class {path} must be a class with fit and transform.")
    return cls


_PLAIN: dict[str, Callable[[], Any]] = {
    "log2": Log2,
    "standardize": Scale,
    "robust": lambda: Scale(robust=True),
    "drop_constant": DropConstant,
}
_VALUED: dict[str, Callable[[Any, str], Any]] = {"clip": _make_clip, "impute": _make_impute}
