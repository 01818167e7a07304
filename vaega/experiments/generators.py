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

from vaega.core.checks import check_choice
from vaega.core.errors import InputError

MODELS = {
    "vae": "vaega.generative.autoencoders.VAE",
    "conditional_vae": "vaega.generative.autoencoders.ConditionalVAE",
    "hierarchical_vae": "vaega.generative.autoencoders.HierarchicalVAE",
    "autoencoder": "vaega.generative.autoencoders.Autoencoder",
    "ppca": "vaega.generative.closed_form.ProbabilisticPCA",
    "class_gaussian": "vaega.generative.closed_form.ClassGaussian",
}
SAMPLERS = {
    "jitter": "vaega.generative.jitter.GaussianJitter",
    "bootstrap": "vaega.generative.bootstrap.Bootstrap",
    "smote": "vaega.generative.smote.SMOTE",
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
            raise GeneratorError(key, f"is no known key{_hint(key, known)}")
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
    from vaega.generative.settings import check_settings

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


def _hint(key: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"
