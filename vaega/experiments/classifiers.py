"""Classifiers and metrics by the names that a configuration uses."""

import difflib
from collections.abc import Collection
from importlib import import_module
from typing import Any

from sklearn.base import is_regressor

from vaega.core.errors import InputError

CLASSIFIERS = {
    "decision_tree": "sklearn.tree.DecisionTreeClassifier",
    "extra_trees": "sklearn.ensemble.ExtraTreesClassifier",
    "gaussian_nb": "sklearn.naive_bayes.GaussianNB",
    "gradient_boosting": "sklearn.ensemble.GradientBoostingClassifier",
    "knn": "sklearn.neighbors.KNeighborsClassifier",
    "lda": "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "linear_svc": "sklearn.svm.LinearSVC",
    "logistic": "sklearn.linear_model.LogisticRegression",
    "mlp": "sklearn.neural_network.MLPClassifier",
    "nearest_centroid": "sklearn.neighbors.NearestCentroid",
    "qda": "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
    "random_forest": "sklearn.ensemble.RandomForestClassifier",
    "ridge": "sklearn.linear_model.RidgeClassifier",
    "svc": "sklearn.svm.SVC",
}
METRICS = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "matthews_corrcoef",
    "neg_log_loss",
    "roc_auc",
    "roc_auc_ovo",
    "roc_auc_ovr",
)
_FROM_PROBABILITIES = ("neg_log_loss", "roc_auc_ovo", "roc_auc_ovr")


def check_metric(name: str) -> None:
    """Refuse a metric that is no classification score of ours."""
    if name not in METRICS:
        raise InputError(f"metric must be one of {', '.join(METRICS)}{_hint(name, METRICS)}")


def check_classifier(
    name: str | None, path: str | None, parameters: dict[str, Any], *, metric: str
) -> None:
    """Refuse a classifier that cannot be made with these parameters, or scored by the metric."""
    classifier = make_classifier(name, path, parameters)
    if metric in _FROM_PROBABILITIES and not hasattr(classifier, "predict_proba"):
        kind = type(classifier).__name__
        raise InputError(f"metric {metric} needs probabilities, and {kind} gives none")


def make_classifier(name: str | None, path: str | None, parameters: dict[str, Any]) -> Any:
    """Return an unfitted classifier."""
    if name is not None and name not in CLASSIFIERS:
        known = ", ".join(sorted(CLASSIFIERS))
        raise InputError(f"classifier must be one of {known}{_hint(name, CLASSIFIERS)}")
    kind = _import_class(CLASSIFIERS[name] if name is not None else str(path))
    classifier = kind()
    known_parameters = classifier.get_params(deep=True)
    for key in parameters:
        if key not in known_parameters:
            hint = _hint(key, known_parameters)
            raise InputError(f"{kind.__name__} has no parameter {key!r}{hint}")
    classifier.set_params(**{key: _as_tuple(value) for key, value in parameters.items()})
    _check_values(classifier)
    return classifier


def _check_values(classifier: Any) -> None:
    # scikit-learn checks values in fit; asked here, a bad value is met before anything is computed.
    try:
        classifier._validate_params()
    except AttributeError:
        return
    except ValueError as error:
        raise InputError(" ".join(str(error).split())) from error


def _import_class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"class {path!r} cannot be imported") from error
    if not (isinstance(kind, type) and hasattr(kind, "predict") and hasattr(kind, "get_params")):
        raise InputError(f"class {path!r} is no scikit-learn classifier")
    try:
        instance = kind()
    except TypeError as error:
        raise InputError(f"class {path!r} cannot be made without arguments") from error
    if is_regressor(instance):
        raise InputError(f"class {path!r} is no classifier; regression is out of scope")
    return kind


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _hint(name: Any, known: Collection[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
