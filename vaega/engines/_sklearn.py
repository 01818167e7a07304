"""Private names of scikit-learn that the engines need, in one place."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.naive_bayes import GaussianNB


def has_valid_params(estimator: Any) -> bool:
    """Return whether scikit-learn's own validation accepts the parameters of an estimator."""
    try:
        estimator._validate_params()
    except (TypeError, ValueError):
        return False
    return True


class ScorerParts(NamedTuple):
    """What a scikit-learn scorer calls."""

    function: Any
    settings: tuple[tuple[str, Any], ...]  # Of the function, sorted by name
    response_methods: tuple[str, ...]
    sign: int  # 1 where higher is better, else -1


def scorer_parts(scorer: Any, estimator: Any) -> ScorerParts | str | None:
    """Return the parts of a scorer, "score" for the estimator's own one, None if it is unknown."""
    kind = type(scorer)
    if not kind.__module__.startswith("sklearn."):
        return None
    if kind.__name__ == "_PassthroughScorer":
        return "score" if scorer._estimator is estimator else None
    if kind.__name__ != "_Scorer":
        return None
    method = scorer._response_method
    return ScorerParts(
        scorer._score_func,
        tuple(sorted((scorer._kwargs or {}).items())),
        (method,) if isinstance(method, str) else tuple(method),
        scorer._sign,
    )


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
