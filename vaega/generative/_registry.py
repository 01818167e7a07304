"""The generative models and the samplers by name: a new one is a file of its own and a line here.

Configurations, stored models, the cache and `GenerativeSampler` read these tables. What else they
have to know of a model, its class says: see `vaega.generative._base.GenerativeModel`.
"""

from typing import Any

from vaega.core.errors import InputError
from vaega.core.registry import Registry, names_argument

MODELS = Registry(
    "a generative model (an estimator with fit and sample)",
    lambda model: hasattr(model, "fit") and hasattr(model, "sample"),
    {
        "vae": "vaega.generative._models.VAE",
        "conditional_vae": "vaega.generative._models.ConditionalVAE",
        "hierarchical_vae": "vaega.generative._models.HierarchicalVAE",
        "autoencoder": "vaega.generative._models.Autoencoder",
        "ppca": "vaega.generative._closed_form.ProbabilisticPCA",
        "class_gaussian": "vaega.generative._closed_form.ClassGaussian",
    },
)
SAMPLERS = Registry(
    "a sampler (an estimator with fit_resample)",
    lambda sampler: hasattr(sampler, "fit_resample"),
    {
        "jitter": "vaega.generative._samplers.GaussianJitter",
        "bootstrap": "vaega.generative._samplers.Bootstrap",
        "smote": "vaega.generative._samplers.SMOTE",
    },
)


def default_model() -> Any:
    """Return the model that stands for None: ``VAE()``."""
    return MODELS["vae"]()


def find_storable_class(name: str) -> Any:
    """Return the registered class of that name whose fitted models can be stored, or None."""
    return next((c for c in MODELS.values() if c.__name__ == name and _is_storable(c)), None)


def is_storable(model: Any) -> bool:
    """Return whether a fitted model of this class can be stored, and found again by its name."""
    return find_storable_class(type(model).__name__) is type(model)


def _is_storable(model_class: Any) -> bool:
    return bool(getattr(model_class, "is_storable", False))


def fit_model(model: Any, X: Any, y: Any, *, cache: Any, groups: Any = None) -> Any:
    """Return `model` fitted, or read from a folder of fitted models; "auto" is the default one.

    `groups` (n,) say which rows belong together, to a model whose ``fit`` takes them.
    """
    if groups is not None and not names_argument(model.fit, "groups"):
        groups = None
    if cache is None:
        return model.fit(X, y) if groups is None else model.fit(X, y, groups=groups)
    from vaega.generative._cache import ModelCache

    return ModelCache(None if cache == "auto" else cache).fit(model, X, y, groups)


def check_model(model: Any, *methods: str, owner: str) -> None:
    """Refuse what is no generative model, or none with the methods that are needed."""
    missing = [name for name in ("fit", "get_params", *methods) if not hasattr(model, name)]
    if missing or isinstance(model, type):
        raise InputError(
            f"{owner}: model must be a generative model with {' and '.join(methods)}, "
            f"got {model!r}."
        )
