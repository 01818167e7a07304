"""What engines share: predictions, error bounds, scaled folds, what is cached for a fold."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from scipy.special import expit
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from vaega.data._splits import Fold

_VALIDATED: WeakKeyDictionary[Any, tuple[dict[str, Any] | None, bool]] = WeakKeyDictionary()


def has_valid_params(estimator: Any) -> bool:
    """Return whether scikit-learn's own validation accepts the parameters of an estimator."""
    # Each mask and fold asks; the answer holds while every parameter is the same object.
    now, (before, valid) = vars(estimator), _VALIDATED.get(estimator, (None, False))
    if before is None or before.keys() != now.keys() or any(before[k] is not now[k] for k in now):
        try:
            estimator._validate_params()
            valid = True
        except (TypeError, ValueError):
            valid = False
        _VALIDATED[estimator] = dict(now), valid
    return valid


def scorer_name(scorer: Any) -> str:
    """Return the name of the metric of a scorer, for messages."""
    function = getattr(scorer, "_score_func", scorer)
    return getattr(function, "__name__", type(function).__name__)


class FittedGaussianNB(GaussianNB):
    """A Gaussian naive Bayes with given moments and priors, for some rows; classes are 0, 1, ..."""

    def __init__(
        self, means: np.ndarray, variances: np.ndarray, priors: np.ndarray, X: np.ndarray
    ) -> None:
        self.theta_, self.var_ = means, variances
        self.class_prior_, self.classes_ = priors, np.arange(len(priors))
        self.joint = super()._joint_log_likelihood(X)  # Log-likelihoods; (n_rows, n_classes)

    def _check_X(self, X: np.ndarray) -> np.ndarray:
        return X

    def _joint_log_likelihood(self, X: np.ndarray) -> np.ndarray:
        return self.joint


# What a metric is made of, named as scikit-learn's response methods. DECISION is one value a row
# to rank by: for classifiers without decisions the probability of the second class.
PREDICT, DECISION, PROBA = "predict", "decision_function", "predict_proba"


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the classifiers of many masks predict for the validation rows of one fold."""

    codes: np.ndarray  # Classes as indices of the sorted classes; (n_masks, n_rows)
    certain: np.ndarray  # (n_masks,); False where rounding could turn one: scikit-learn's fallback
    values: np.ndarray | None = None  # DECISION (n_masks, n_rows), PROBA (..., n_classes)
    error_bounds: np.ndarray | None = None  # Of the values: their shape, or (n_masks,); None: exact
    warnings: dict[str, np.ndarray] = field(default_factory=dict)  # Text to masks; (n_masks,)

    @classmethod
    def uncertain(cls, n_masks: int, n_rows: int) -> "Predictions":
        """Return predictions that leave all masks to the fallback."""
        return cls(np.full((n_masks, n_rows), -1), np.zeros(n_masks, dtype=bool))


# Error bounds ------------------------------------------------------------------------------------
#
# An engine and scikit-learn compute the same score by different sums. In a sum of n products a term
# passes at most n + 4 roundings: of the additions, and four when it is made of differences, squares
# or quotients. So the sum is off by at most (n + 4) u sum |x_i y_i| to first order, u = eps / 2
# (Higham 2002, "Accuracy and Stability of Numerical Algorithms", eq. 3.3 to 3.5). Roundings have
# either sign: where they are independent, it is within lambda sqrt(n + 4) u sum |x_i y_i| with a
# probability of at least 1 - 2 (n + 4) exp(-lambda^2 / 2) (Higham and Mary 2019, "A New Approach to
# Probabilistic Rounding Error Analysis", section 3): with lambda = 8, 1 - 3e-14 (n + 4). The sums
# of both err, hence 2 u = eps. Where two scores are closer than their bounds together,
# scikit-learn itself scores the mask.

_LAMBDA = 8.0


def relative_error(n_terms: Any, dtype: Any = np.float64) -> Any:
    """Return the bound of a sum of `n_terms` products, relative to the sum of their sizes."""
    n_roundings = np.asarray(n_terms) + 4.0
    return float(np.finfo(dtype).eps) * np.minimum(n_roundings, _LAMBDA * np.sqrt(n_roundings))


_BLOCK = 32  # masks that are compared at once, to save memory


def classify(scores: np.ndarray, error_bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of the highest score of each row, and which masks are certain of all rows.

    Scores have shape (n_masks, n_rows, n_classes), or (n_masks, n_rows, 1) for the second class
    if positive; bounds (n_masks,).
    """
    codes, certain = np.empty(scores.shape[:2], dtype=np.intp), np.empty(len(scores), dtype=bool)
    for start in range(0, len(scores), _BLOCK):
        block = slice(start, start + _BLOCK)
        codes[block], margins = _margins(scores[block])
        least = error_bounds[block] * (1.0 if scores.shape[2] == 1 else 2.0)
        with np.errstate(invalid="ignore"):  # False where it is not finite
            certain[block] = (margins > least[:, None]).all(axis=1)
    return codes, certain


def _margins(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_classes = scores.shape[2]
    if n_classes == 1:
        return scores[:, :, 0] > 0.0, np.abs(scores[:, :, 0])
    highest = np.partition(scores, n_classes - 2, axis=2)[:, :, -2:]
    with np.errstate(invalid="ignore"):
        return scores.argmax(axis=2), highest[:, :, 1] - highest[:, :, 0]


def softmax_of_scores(scores: np.ndarray) -> np.ndarray:
    """Return probabilities (n_masks, n_rows, n_classes) of scores as `classify` takes them."""
    if scores.shape[2] == 1:
        second = expit(scores[:, :, 0])
        return np.stack([1.0 - second, second], axis=2)
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
    return powers / powers.sum(axis=2, keepdims=True)


# What is computed once for a fold ----------------------------------------------------------------

Value = TypeVar("Value")

_CACHE: WeakKeyDictionary[Fold, dict[Hashable, Any]] = WeakKeyDictionary()
_LOCK = RLock()  # threads that ask for the same value wait for the first


def cached_on(fold: Fold, key: Hashable, make: Callable[[], Value]) -> Value:
    """Return what `make` returns, computed once for a fold and a key, and dropped with the fold."""
    values = _CACHE.setdefault(fold, {})
    if key not in values:
        with _LOCK:
            if key not in values:
                values[key] = make()
    return values[key]


def is_double(fold: Fold) -> bool:
    """Return whether rows are float64: scikit-learn computes in the precision of the rows."""
    return bool(fold.X_fit.dtype == np.float64 and fold.X_validate.dtype == np.float64)


def given_priors(estimator: Any, n_classes: int) -> np.ndarray | None:
    """Return the priors set by the user, None where they are no positive number a class."""
    try:
        priors = np.asarray(estimator.priors, dtype=float)
    except (TypeError, ValueError):
        return None
    return priors if priors.shape == (n_classes,) and (priors > 0.0).all() else None


def finite_columns(
    fold: Fold, block: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return fit and validation rows of a block of columns, zeros in those that are not finite.

    And which are finite, and the largest size of a value of each.
    """
    fit, validate = fold.X_fit[:, block], fold.X_validate[:, block]
    is_finite = np.isfinite(fit).all(axis=0) & np.isfinite(validate).all(axis=0)
    fit, validate = (np.where(is_finite, X, 0.0) for X in (fit, validate))
    return (
        fit,
        validate,
        is_finite,
        np.maximum(np.abs(fit).max(axis=0), np.abs(validate).max(axis=0)),
    )


_WIDTH = 64  # columns: some rows of these fit in a processor's nearest cache


def column_blocks(n_columns: int) -> list[slice]:
    """Return consecutive blocks of columns, none of one column alone if there are more.

    numpy sums the rows of a single column in another order, with other bits.
    """
    starts = list(range(0, max(n_columns - 1, 1), _WIDTH))
    return [
        slice(start, stop) for start, stop in zip(starts, [*starts[1:], n_columns], strict=True)
    ]


# Pipelines: what a scaler makes of a column, no mask changes -------------------------------------

_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)


def split_pipeline(estimator: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the scalers and the classifier of a pipeline, none and itself for anything else."""
    if type(estimator) is not Pipeline or estimator.memory is not None or not estimator.steps:
        return (), estimator
    *before, classifier = [step for _, step in estimator.steps]
    scalers = tuple(step for step in before if step not in (None, "passthrough"))
    if any(type(scaler) not in _SCALERS for scaler in scalers):
        return (), estimator
    return scalers, classifier


def scale_fold(fold: Fold, scalers: tuple[Any, ...]) -> Fold | None:
    """Return a fold whose columns went through scalers fitted on its fit rows, if any can be."""
    if not scalers:
        return fold
    key = repr([(type(scaler).__name__, scaler.get_params()) for scaler in scalers])
    return cached_on(fold, ("scaled", key), lambda: _scaled(fold, scalers))


def _scaled(fold: Fold, scalers: tuple[Any, ...]) -> Fold | None:
    # C order as scikit-learn is given, so that sums have its bits; copies, as scalers may write.
    X_fit, X_validate = (np.array(X, order="C") for X in (fold.X_fit, fold.X_validate))
    try:
        for scaler in scalers:
            fitted = clone(scaler).set_output(transform="default").fit(X_fit)
            X_fit, X_validate = fitted.transform(X_fit), fitted.transform(X_validate)
    except ValueError:
        return None
    return replace(fold, X_fit=X_fit, X_validate=X_validate)
