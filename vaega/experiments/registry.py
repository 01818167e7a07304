"""The generators that a configuration can name, and what may stand beside the name.

What a generator takes is read from its constructor, and what it allows is asked of its own checks,
so that neither is written down a second time here.
"""

import difflib
import inspect
import re
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from sklearn.base import is_regressor

from vaega.core.checks import check_choice
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


MODELS = {
    "vae": "vaega.generative._models.VAE",
    "conditional_vae": "vaega.generative._models.ConditionalVAE",
    "hierarchical_vae": "vaega.generative._models.HierarchicalVAE",
    "autoencoder": "vaega.generative._models.Autoencoder",
    "ppca": "vaega.generative._closed_form.ProbabilisticPCA",
    "class_gaussian": "vaega.generative._closed_form.ClassGaussian",
}
SAMPLERS = {
    "jitter": "vaega.generative._samplers.GaussianJitter",
    "bootstrap": "vaega.generative._samplers.Bootstrap",
    "smote": "vaega.generative._samplers.SMOTE",
}
KINDS = MODELS | SAMPLERS
AUTOENCODERS = ("vae", "conditional_vae", "hierarchical_vae", "autoencoder")
# What the runner sets; everything else in a constructor is a key of the configuration.
_RUNNERS = {"device", "random_state", "sampling_strategy", "n_per_class"}
# How a model's rows are drawn: parameters of `vaega.GenerativeSampler`.
_DRAWING = ("noise", "source")
# The prior knows no classes unless the model sees them.
_SOURCES: dict[str, tuple[str, ...]] = dict.fromkeys(MODELS, ("posterior", "rows"))
_SOURCES["conditional_vae"] = ("prior", "posterior", "rows")


class GeneratorError(InputError):
    """A key of a generator's section breaks a rule; `key` is empty when it is no single one."""

    def __init__(self, key: str, rule: str):
        super().__init__(rule)
        self.key = key


def check_generator(kind: str, given: Mapping[str, Any]) -> None:
    """Refuse a generator that cannot be made with these parameters."""
    if kind == "auto":  # the candidates are made with their defaults
        for key in given:
            raise GeneratorError(key, "has no effect with kind: auto; name the kind, or remove it")
        return
    known = known_keys(kind)
    for key in given:
        if key not in known:
            raise GeneratorError(key, f"is no known key{_key_hint(key, known)}")
    try:
        if kind in MODELS:
            _check_drawing(kind, given)
            _check_model(kind, make_model(kind, given))
        else:
            make_plain_sampler(kind, given)._check_settings()
    except GeneratorError:
        raise
    except InputError as error:
        raise _of_its_key(str(error), given) from error


def known_keys(kind: str) -> list[str]:
    """Return the keys that may stand beside a kind of generator."""
    names = inspect.signature(_load(kind)).parameters
    keys = [name for name in names if name not in _RUNNERS]
    presets = ["preset"] if kind in AUTOENCODERS else []
    return [*keys, *presets, *(_DRAWING if kind in MODELS else ())]


def make_model(kind: str, given: Mapping[str, Any], *, device: str = "cpu") -> Any:
    """Return the generative model of a section, not fitted."""
    settings = {key: _as_python(value) for key, value in given.items() if key not in _DRAWING}
    cls = _load(kind)
    if kind not in AUTOENCODERS:
        return cls(**settings)
    preset = settings.pop("preset", None)
    if preset is None:
        return cls(device=device, **settings)
    return cls.from_preset(preset, device=device, **settings)


def make_plain_sampler(kind: str, given: Mapping[str, Any], **settings: Any) -> Any:
    """Return the sampler of a section that fits no model."""
    return _load(kind)(**{key: _as_python(value) for key, value in given.items()}, **settings)


def drawing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a section says about how a model's rows are drawn."""
    return {key: given[key] for key in _DRAWING if key in given}


def _check_drawing(kind: str, given: Mapping[str, Any]) -> None:
    if not isinstance(given.get("noise", True), bool):
        raise GeneratorError("noise", f"must be true or false, got {given['noise']!r}")
    if given.get("source") is not None:
        check_choice(given["source"], "source", _SOURCES[kind], owner=kind)


def _check_model(kind: str, model: Any) -> None:
    if kind not in AUTOENCODERS:
        model._check_settings()
        return
    from vaega.generative._settings import check_settings

    check_settings(model)


def _of_its_key(sentence: str, given: Mapping[str, Any]) -> GeneratorError:
    """Return the error of the key that a sentence of ours, "owner: key rule", speaks about."""
    text = sentence.partition(": ")[2].rstrip(".")
    found = re.match(r"(each width in )?(\w+)(?P<rest>.*)", text)
    if found is None or found[2] not in given:
        return GeneratorError("", text)
    plain = found[1] is None and found["rest"].startswith(" ")
    return GeneratorError(found[2], found["rest"].strip() if plain else text)


def _as_python(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_as_python(item) for item in value)
    if isinstance(value, str):  # YAML reads 1e-3 as text
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _load(kind: str) -> Any:
    module, _, name = KINDS[kind].rpartition(".")
    return getattr(import_module(module), name)


def _key_hint(key: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"
