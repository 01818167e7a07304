"""What may score masks: only classifiers, and what they say of missing values and weights."""

from typing import Any

from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from vaega.core.errors import InputError
from vaega.core.registry import names_argument, takes_argument


def check_classifier(estimator: Any, owner: str) -> None:
    """Refuse what is no classifier: anything with ``score`` could be maximised, to no purpose."""
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        raise InputError(
            f"{owner}: estimator must be a scikit-learn classifier, an instance with fit and "
            f"predict, got {estimator!r}."
        )
    if getattr(estimator, "_estimator_type", None) == "classifier" or is_classifier(estimator):
        return
    if is_regressor(estimator):
        raise InputError(
            f"{owner}: estimator must be a classifier, regression is out of scope, "
            f"got {estimator!r}."
        )
    raise InputError(
        f"{owner}: estimator must be a classifier (a class of your own inherits from "
        f"ClassifierMixin), got {estimator!r}."
    )


def allows_nan(estimator: Any) -> bool:
    """Return whether an estimator takes missing values, or imputes them in a pipeline.

    scikit-learn's pipelines and searches do not hand on what their parts say.
    """
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        return False  # fit says what is wrong with it
    if isinstance(estimator, Pipeline):
        return _pipeline_allows_nan([step for _, step in estimator.steps])
    inner = getattr(estimator, "estimator", None)
    if get_tags(estimator).input_tags.allow_nan:
        return True
    return inner is not None and allows_nan(inner)


def _pipeline_allows_nan(steps: list[Any]) -> bool:
    for step in steps:
        if step is None or step == "passthrough":
            continue
        if may_impute(step):
            return True
        if not allows_nan(step):
            return False
    return True


def may_impute(step: Any) -> bool:
    """Return whether a step may replace missing values, by its class or by one of its parts.

    Of scikit-learn's transformers imputers do; what a function or a transformer of somebody else's
    does with them only its run can tell.
    """
    if isinstance(step, ColumnTransformer):
        return any(may_impute(part) for _, part, _ in step.transformers)
    if isinstance(step, FeatureUnion):
        return any(may_impute(part) for _, part in step.transformer_list)
    if isinstance(step, Pipeline):
        return any(may_impute(part) for _, part in step.steps)
    if isinstance(step, FunctionTransformer):
        return step.func is not None
    is_foreign = hasattr(step, "transform") and not type(step).__module__.startswith("sklearn.")
    return is_foreign or "Imputer" in type(step).__name__


def check_takes_weights(estimator: Any, owner: str) -> None:
    """Refuse weights for a classifier whose ``fit`` does not take them."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not takes_argument(last.fit, "sample_weight"):
        raise InputError(
            f"{owner}: {type(last).__name__}: cannot be fitted with weights, its fit takes no "
            "sample_weight; leave the weights out, or take a classifier that reads them."
        )


def scorer_takes_weights(scorer: Any, estimator: Any) -> bool:
    """Return whether a scorer can weigh rows."""
    if hasattr(scorer, "_score_func"):
        return takes_argument(scorer._score_func, "sample_weight")
    if hasattr(scorer, "_estimator"):  # the classifier's own score
        return names_argument(estimator.score, "sample_weight")
    return takes_argument(scorer, "sample_weight")
