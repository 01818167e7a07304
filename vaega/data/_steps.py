"""The steps of a preprocessor, and how a configuration names them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from numbers import Real
from typing import Any

import numpy as np

from vaega.core.checks import check_sizes
from vaega.core.errors import DataError, InputError, one_line
from vaega.core.trust import UntrustedError, as_ufunc, import_trusted, refuse_places
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
    if isinstance(step, str) and _plain_name(step) in _PLAIN:
        return _PLAIN[_plain_name(step)]()
    if isinstance(step, dict) and len(step) == 1:
        key, value = next(iter(step.items()))
        if key in _VALUED:
            return _VALUED[key](value, owner)
    raise InputError(f"{owner}: must be one of {_CHOICES}, got {step!r}.")


def _plain_name(step: str) -> str:
    return _FORMULAS.get("".join(step.split()), step)


def step_name(step: Any) -> str:
    """Return how messages call a step; one name for all spellings of a formula."""
    if isinstance(step, dict):
        return str(step["class"]).rpartition(".")[2] if "class" in step else next(iter(step))
    return _plain_name(str(step))


class _Columnwise(ABC):
    """A step that keeps every column where it is and lets missing values pass."""

    takes_missing = True

    def fit(self, X: np.ndarray, y: Any = None) -> "_Columnwise":
        return self

    @abstractmethod
    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the rows changed, shape (n_rows, n_features)."""

    def narrowed(self, columns: np.ndarray) -> "_Columnwise | None":
        """Return the fitted step for some columns; None where it needs the whole of a row."""
        return self


class Log2(_Columnwise):
    """Logarithm to base 2 of values above zero."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the logarithms, shape (n_rows, n_features)."""
        n_bad = int((X <= 0).sum())
        if n_bad:
            raise DataError(
                f"values must be above 0, got {n_bad} that are not; clip them first, or take "
                "log2p1, which is log2(x + 1), where they are counts."
            )
        return np.log2(X)


class LogOnePlus(_Columnwise):
    """Logarithm of one more than each value, so that a count of zero stays zero."""

    def __init__(self, base_2: bool = False) -> None:
        self.base_2 = base_2

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the logarithms, shape (n_rows, n_features)."""
        n_bad = int((X <= -1.0).sum())
        if n_bad:
            raise DataError(f"values must be above -1, got {n_bad} that are not; clip them first.")
        return np.log1p(X) / np.log(2.0) if self.base_2 else np.log1p(X)


class CentredLogRatio(_Columnwise):
    """Logarithm of each part of a row less the mean of its logarithms (Aitchison 1982).

    A pseudocount takes the place of zeros; where none is given, it is half of the smallest value
    above zero in training.
    """

    def __init__(self, pseudocount: float | None = None) -> None:
        self.pseudocount = pseudocount

    def fit(self, X: np.ndarray, y: Any = None) -> "CentredLogRatio":
        """Learn the pseudocount."""
        if self.pseudocount is not None:
            self.pseudocount_ = self.pseudocount
            return self
        positive = X[X > 0]
        if not len(positive):
            raise DataError("training rows must hold values above 0, got none.")
        self.pseudocount_ = float(positive.min()) / 2.0
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the log ratios, shape (n_rows, n_features); each row has the mean zero."""
        n_bad = int((X < 0).sum())
        if n_bad:
            raise DataError(f"values must be at least 0, got {n_bad} below; clip them first.")
        logs = np.log(np.where(X == 0, self.pseudocount_, X))
        n_present = np.maximum(1, (~np.isnan(logs)).sum(axis=1, keepdims=True))
        return logs - np.nansum(logs, axis=1, keepdims=True) / n_present

    def narrowed(self, columns: np.ndarray) -> None:
        """Return None: all of a row is needed."""


class QuantileNormalize(_Columnwise):
    """Gives every row the distribution of the mean training row (Bolstad et al. 2003).

    The smallest value of a row becomes the mean of the smallest values of the training rows, and so
    on; equal values share the mean of what their ranks stand for. A row with missing values has
    fewer ranks, between which the distribution is interpolated.
    """

    def fit(self, X: np.ndarray, y: Any = None) -> "QuantileNormalize":
        """Learn the mean of the sorted training rows."""
        present = [np.sort(row[~np.isnan(row)]) for row in X]
        stretched = [_stretched(values, X.shape[1]) for values in present if len(values)]
        if not stretched:
            raise DataError("training rows must hold values, got missing ones alone.")
        self.quantiles_ = np.mean(stretched, axis=0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the rows with the learned distribution, shape (n_rows, n_features)."""
        normalized = np.full_like(X, np.nan)
        for row, out in zip(X, normalized, strict=True):
            present = ~np.isnan(row)
            if present.any():
                out[present] = self._normalized(row[present])
        return normalized

    def narrowed(self, columns: np.ndarray) -> None:
        """Return None: all of a row is needed."""

    def _normalized(self, values: np.ndarray) -> np.ndarray:
        quantiles = _stretched(self.quantiles_, len(values))
        _, rank, counts = np.unique(values, return_inverse=True, return_counts=True)
        sums = np.add.reduceat(quantiles, np.cumsum(counts) - counts)
        shared: np.ndarray = (sums / counts)[rank]
        return shared


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

    def narrowed(self, columns: np.ndarray) -> "Scale":
        """Return the scale of some columns."""
        few = Scale(self.robust)
        few.center_, few.scale_ = self.center_[columns], self.scale_[columns]
        return few


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
        return X.compress(self.support_, axis=1)

    def narrowed(self, columns: np.ndarray) -> "DropConstant":
        """Return a step that takes in no other columns than some of those that stay."""
        few = copy(self)  # and not no step: messages number the steps
        few.support_ = np.ones(len(columns), dtype=bool)
        return few


class VarianceFilter(DropConstant):
    """Keeps the columns whose variance in training is high, and above zero.

    Either those above a threshold, or so many with the highest; missing values don't count.
    """

    def __init__(self, threshold: float | None = None, keep: int | None = None) -> None:
        self.threshold = threshold
        self.keep = keep

    def fit(self, X: np.ndarray, y: Any = None) -> "VarianceFilter":
        """Learn which columns vary most."""
        varied = ~constant_columns(X)
        variances = np.zeros(X.shape[1])
        variances[varied] = np.nanvar(X[:, varied], axis=0)
        self.support_ = variances > (self.threshold or 0.0)
        if self.keep is not None:
            self.support_[np.argsort(-variances, kind="stable")[self.keep :]] = False
        return self


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

    def narrowed(self, columns: np.ndarray) -> "Impute":
        """Return the filling of some columns."""
        few = Impute(self.strategy)
        few.values_ = self.values_[columns]
        return few


def _stretched(quantiles: np.ndarray, size: int) -> np.ndarray:
    """Return a distribution, given by its sorted values, in so many values."""
    if len(quantiles) == size:
        return quantiles
    shares = np.linspace(0.0, 1.0, size) if size > 1 else np.array([0.5])
    return np.interp(shares, np.linspace(0.0, 1.0, len(quantiles)), quantiles)


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


def _make_log_ratio(value: Any, owner: str) -> CentredLogRatio:
    if not _is_number(value) or value <= 0:
        raise InputError(
            f"{owner}: clr takes a pseudocount, a number above 0 in place of zeros, got {value!r}."
        )
    return CentredLogRatio(float(value))


def _make_variance_filter(value: Any, owner: str) -> VarianceFilter:
    key, limit = (
        next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else ("", 0)
    )
    if key == "keep" and isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1:
        return VarianceFilter(keep=limit)
    if key == "threshold" and _is_number(limit) and limit >= 0:
        return VarianceFilter(threshold=float(limit))
    raise InputError(
        f"{owner}: variance_filter takes either keep, how many columns stay, or threshold, a "
        f"variance of at least 0, got {value!r}."
    )


def _make_class(step: dict[str, Any], *, owner: str) -> Any:
    path = step["class"]
    cls = _import_class(path, owner=owner)
    beside = {key: value for key, value in step.items() if key not in ("class", "params")}
    parameters = {**beside, **_params(step, owner=owner)}
    check_sizes(parameters, owner=owner)
    refuse_places(parameters, owner=owner)
    for key in _FUNCTIONS & parameters.keys():
        parameters[key] = _as_function(parameters[key], key, owner=owner)
    try:
        return cls(**parameters)
    except Exception as error:  # anybody's constructor
        raise InputError(f"{owner}: {path} cannot be made: {one_line(error)}.") from error


# Parameters of FunctionTransformer: what YAML can name are functions that work cell by cell.
_FUNCTIONS = frozenset({"func", "inverse_func"})


def _params(step: dict[str, Any], *, owner: str) -> dict[str, Any]:
    params = step.get("params", {})
    if not isinstance(params, dict) or not all(isinstance(key, str) for key in params):
        raise InputError(f"{owner}: params must hold the parameters of the class, got {params!r}.")
    return params


def _as_function(value: Any, key: str, *, owner: str) -> Any:
    return as_ufunc(value, owner=owner, key=key) if isinstance(value, str) else value


def _import_class(path: Any, *, owner: str) -> type:
    module, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    if not module or not name.isidentifier():
        raise InputError(f"{owner}: class must be a dotted path package.Class, got {path!r}.")
    try:
        cls = import_trusted(path, owner=owner, key="class")
    except UntrustedError:
        raise
    except InputError as error:
        reason = one_line(error.__cause__ or "there is nothing of that name")
        raise InputError(f"{owner}: class {path} cannot be imported: {reason}.") from error
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
    "log1p": LogOnePlus,
    "log2p1": lambda: LogOnePlus(base_2=True),
    "clr": CentredLogRatio,
    "quantile_normalize": QuantileNormalize,
}
_FORMULAS = {"log2(x+1)": "log2p1"}
_CHOICES = (
    "log2, standardize, robust, drop_constant, clip: [low, high], impute: strategy, log2p1, log1p, "
    "clr, quantile_normalize, variance_filter: {keep: number}, or class: package.Class"
)
_VALUED: dict[str, Callable[[Any, str], Any]] = {
    "clip": _make_clip,
    "impute": _make_impute,
    "clr": _make_log_ratio,
    "variance_filter": _make_variance_filter,
}
