"""What the names of a configuration stand for: classifiers, metrics, generators of rows.

A new one is a line in its registry; in YAML ``{class: package.Name, params: {...}}`` names one of
anybody's. What a generator or classifier takes is read from its constructor, and what it allows is
asked of its own checks, so that neither is written down a second time here.
"""

import difflib
import inspect
import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.checks import check_choice, check_sizes, did_you_mean
from vaega.core.errors import InputError, first_line, one_line
from vaega.core.registry import Registry
from vaega.core.trust import UntrustedError, import_trusted, refuse_places
from vaega.generative._registry import MODELS, SAMPLERS

if TYPE_CHECKING:
    from vaega.experiments.config import ArmConfig, FitnessConfig, GeneratorConfig


def _is_classifier(given: Any) -> bool:
    return isinstance(given, type) and hasattr(given, "predict") and hasattr(given, "get_params")


CLASSIFIERS = Registry(
    "a scikit-learn classifier",
    _is_classifier,
    {
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
    },
)
METRICS = (
    "accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "matthews_corrcoef", "neg_log_loss",
    "roc_auc", "roc_auc_ovo", "roc_auc_ovr",
)  # fmt: skip
_FROM_PROBABILITIES = ("neg_log_loss", "roc_auc_ovo", "roc_auc_ovr")
OF_ALL_CLASSES = ("roc_auc", *_FROM_PROBABILITIES)  # no score where rows of a class are missing


def check_metric(name: str) -> None:
    """Refuse a metric that is no classification score of ours."""
    if name not in METRICS:
        hint = did_you_mean(name, METRICS)
        raise InputError(f"must be one of {', '.join(METRICS)}, got {name!r}{hint}")


def check_classifier(
    name: str | None, path: str | None, parameters: dict[str, Any], *, metric: str
) -> None:
    """Refuse a classifier that cannot be made with these parameters, or scored by the metric."""
    classifier = make_classifier(name, path, parameters)
    if metric in _FROM_PROBABILITIES and not hasattr(classifier, "predict_proba"):
        kind = type(classifier).__name__
        raise InputError(f"metric {metric} needs probabilities, and {kind} gives none")


def classifier_of(fitness: "FitnessConfig") -> Any:
    """Return the classifier that the section ``fitness`` names."""
    return make_classifier(fitness.classifier, fitness.class_, fitness.classifier_parameters())


def make_classifier(name: str | None, path: str | None, parameters: dict[str, Any]) -> Any:
    """Return an unfitted classifier."""
    if name is not None and name not in CLASSIFIERS:
        known, hint = ", ".join(sorted(CLASSIFIERS)), did_you_mean(name, CLASSIFIERS)
        raise InputError(f"classifier must be one of {known}, got {name!r}{hint}")
    kind = CLASSIFIERS[name] if name is not None else _import_classifier(path)
    refuse_places(parameters, owner="fitness")
    classifier = _made(kind, str(path))
    known_parameters = classifier.get_params(deep=True)
    for key in parameters:
        if key not in known_parameters:
            hint = did_you_mean(key, known_parameters)
            raise InputError(f"{kind.__name__} has no parameter {key!r}{hint}")
    check_sizes(parameters, owner="fitness")
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in parameters.items()}
    classifier.set_params(**given)
    _check_values(classifier)
    return classifier


def _import_classifier(path: Any) -> Any:
    from sklearn.base import ClusterMixin, OutlierMixin, RegressorMixin

    try:
        kind = import_trusted(path, owner="fitness", key="class")
    except UntrustedError:
        raise
    except InputError as error:
        raise InputError(f"class {path!r} cannot be imported") from error
    if not _is_classifier(kind):
        raise InputError(f"class {path!r} is no scikit-learn classifier")
    if issubclass(kind, RegressorMixin | ClusterMixin | OutlierMixin):
        raise InputError(f"class {path!r} is no classifier; regression is out of scope")
    return kind


def _made(kind: Any, path: str) -> Any:
    from sklearn.base import is_regressor

    try:
        classifier = kind()
    except TypeError as error:
        raise InputError(f"class {path!r} cannot be made without arguments") from error
    except Exception as error:  # anybody's constructor
        raise InputError(f"class {path!r} cannot be made: {one_line(error)}") from error
    if is_regressor(classifier):
        raise InputError(f"class {path!r} is no classifier; regression is out of scope")
    return classifier


def _check_values(classifier: Any) -> None:
    # scikit-learn checks values in fit; asked here, a bad value is met before anything is computed.
    try:
        classifier._validate_params()
    except AttributeError:
        return
    except ValueError as error:
        raise InputError(" ".join(str(error).split())) from error


# "auto" is one of several, chosen trial by trial.
KINDS = (*MODELS, *SAMPLERS, "auto")
# What the runner sets; everything else in a constructor is a key of the configuration.
_RUNNERS = {"device", "random_state", "sampling_strategy", "n_per_class"}
# How a model's rows are drawn: parameters of `vaega.GenerativeSampler`.
_DRAWING = ("noise", "source")


def check_generator(kind: str, params: Mapping[str, Any]) -> None:
    """Refuse a generator of ours that cannot be made; the error's `key` is that of the section."""
    if kind == "auto":  # the candidates are made with their defaults
        for key in params:
            rule = "has no effect with kind: auto; name the kind, or remove it"
            raise InputError(rule, owner=kind, key=key)
        return
    known = known_keys(kind)
    for key in params:
        if key not in known:
            raise InputError(f"is no known key{key_hint(key, known)}", owner=kind, key=key)
    try:
        if kind in MODELS:
            _check_drawing(kind, params)
            _check_settings(make_model(kind, params))
        else:
            _check_settings(make_plain_sampler(kind, params))
    except InputError as error:
        raise _of_section(error, params) from error


_AMOUNTS = {"n_per_class", "sampling_strategy"}  # parameters of a sampler


def check_generator_class(path: str, params: Mapping[str, Any]) -> None:
    """Refuse a class that makes no rows, or cannot be made with these parameters."""
    try:
        generator = import_trusted(path, owner="generator", key="class")
        if not (MODELS.accepts(generator) or SAMPLERS.accepts(generator)):
            rule = f"must be {MODELS.expected} or {SAMPLERS.expected}"
            raise InputError.of("generator", "class", rule, path)
        refuse_places(params, owner="generator")
    except InputError as error:
        raise _of_section(error, {"class": path, **params}) from error
    try:
        known = generator(**_with_exponents(params)).get_params()
    except Exception as error:  # anybody's constructor
        rule = f"do not fit {path}: {first_line(error).rstrip('.')}"
        raise InputError(rule, owner="generator", key="params") from error
    if not MODELS.accepts(generator) and not known.keys() & _AMOUNTS:
        rule = (
            f"must take how many rows to add, as n_per_class or sampling_strategy; {path} has none"
        )
        raise InputError(rule, owner="generator", key="class")


def known_keys(kind: str) -> list[str]:
    """Return the keys that may stand beside a kind of generator."""
    names = inspect.signature(_generator_class(kind)).parameters
    keys = [name for name in names if name not in _RUNNERS]
    presets = ["preset"] if getattr(_generator_class(kind), "has_presets", False) else []
    return [*keys, *presets, *(_DRAWING if kind in MODELS else ())]


def _generator_class(kind: str) -> Any:
    return MODELS[kind] if kind in MODELS else SAMPLERS[kind]


def _check_drawing(kind: str, params: Mapping[str, Any]) -> None:
    if not isinstance(params.get("noise", True), bool):
        raise InputError.of(kind, "noise", "must be true or false", params["noise"])
    if params.get("source") is not None:
        check_choice(
            params["source"], "source", getattr(MODELS[kind], "class_sources", ()), owner=kind
        )


def _check_settings(generator: Any) -> None:
    if hasattr(generator, "_check_settings"):  # those of the toolkit; others check in fit
        generator._check_settings()


def _of_section(error: InputError, params: Mapping[str, Any]) -> InputError:
    """Return the error of a constructor as one of the section's key, without its owner."""
    rule = str(error).removeprefix(f"{error.owner}: ").rstrip(".")
    # The key of an error may be a part of one: "each width in hidden", "class_weight[0]".
    named = [key for key in re.findall(r"\w+", error.key) if key in params]
    if error.key in named:
        rule = rule.removeprefix(f"{error.key} ")
    return InputError(rule, owner=error.owner, key=named[0] if named else "", value=error.value)


def key_hint(key: Any, known: Collection[str]) -> str:
    """Return the key that was meant, or all that are known."""
    close = difflib.get_close_matches(str(key), list(known), n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(known)}" if known else ""


def make_model(kind: str, params: Mapping[str, Any], *, device: str = "cpu") -> Any:
    """Return the generative model of a kind, not fitted."""
    settings = {key: _as_python(value) for key, value in params.items() if key not in _DRAWING}
    model = MODELS[kind]
    if not getattr(model, "has_presets", False):
        return model(**settings)
    preset = settings.pop("preset", None)
    if preset is None:
        return model(device=device, **settings)
    return model.from_preset(preset, device=device, **settings)


def make_plain_sampler(kind: str, params: Mapping[str, Any], **settings: Any) -> Any:
    """Return the sampler of a kind that fits no model."""
    return SAMPLERS[kind](**_as_python(params), **settings)


def _as_python(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_python(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_as_python(item) for item in value)
    if isinstance(value, str):  # YAML reads 1e-3 as text
        try:
            return float(value)
        except ValueError:
            return value
    return value


_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


def _with_exponents(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of anybody's class as they are, but for 1e-3, which YAML reads as text."""
    return {
        key: float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value
        for key, value in params.items()
    }


def make_arm_model(arm: "ArmConfig", *, device: str) -> Any:
    """Return the generative model of an arm, not fitted; None where it has none."""
    generator = arm.generator
    if generator is None:
        return None
    if generator.class_ is not None:
        named = _import_generator(generator)
        if not MODELS.accepts(named):
            return None
        return named(**_with_exponents(generator.parameters()))
    if generator.kind not in MODELS:
        return None
    return make_model(generator.name, generator.parameters(), device=device)


def make_sampler(arm: "ArmConfig", n_classes: int, *, device: str, cache: Any) -> Any:
    """Return the sampler of an arm, or None where the arm adds nothing."""
    generator = arm.generator
    if generator is None or arm.n_synthetic is None:
        return None
    added = share_amount(arm.n_synthetic, n_classes)
    if generator.kind in SAMPLERS:
        if generator.kind == "smote":
            from vaega.generative._samplers import find_smote

            find_smote()
        return make_plain_sampler(generator.name, generator.parameters(), n_per_class=added)
    if generator.class_ is not None and not MODELS.accepts(_import_generator(generator)):
        return _with_amounts(
            _import_generator(generator)(**_with_exponents(generator.parameters())), added
        )
    from vaega.core.devices import pick_device
    from vaega.generative._samplers import GenerativeSampler

    pick_device(device, owner="--device")
    model = make_arm_model(arm, device=device)
    drawing = {key: value for key, value in generator.parameters().items() if key in _DRAWING}
    return GenerativeSampler(model, n_per_class=added, cache=cache, **drawing)


def _import_generator(generator: "GeneratorConfig") -> Any:
    return import_trusted(generator.class_, owner="generator", key="class")


def _with_amounts(sampler: Any, added: Mapping[int, int]) -> Any:
    """Set how many rows of each class a sampler adds, as vaega's or imbalanced-learn's take it."""
    if "n_per_class" in sampler.get_params(deep=False):
        return sampler.set_params(n_per_class=dict(added))
    return sampler.set_params(sampling_strategy=partial(_class_totals, added=dict(added)))


def _class_totals(y: np.ndarray, *, added: Mapping[int, int]) -> dict[int, int]:
    return {code: int(np.sum(y == code)) + n for code, n in added.items()}


def share_amount(amount: int, n_classes: int) -> dict[int, int]:
    """Divide synthetic rows evenly over the classes; the first ones take what is left over."""
    even, left = divmod(amount, n_classes)
    return {code: even + (code < left) for code in range(n_classes)}
