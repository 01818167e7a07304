"""Fitted generative models in a folder: weights as safetensors, the rest as JSON, no pickles."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as tensors_to_bytes
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from vaega.core.errors import InputError, ResultsError
from vaega.core.files import read_json, write_bytes, write_json
from vaega.generative._base import GenerativeModel
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._fitted import (
    ClassGaussians,
    Codec,
    Engine,
    LinearCodec,
    Scaling,
    StandardGaussians,
    find_likelihood,
)
from vaega.generative._models import (
    VAE,
    Autoencoder,
    BaseAutoencoder,
    ConditionalVAE,
    HierarchicalVAE,
)
from vaega.generative._networks import empty_network
from vaega.generative._report import FitReport
from vaega.generative._settings import FitSettings, check_settings
from vaega.generative._training import History

PAGE = 4096


def write_weights(path: Path, tensors: dict[str, Tensor]) -> str:
    """Write tensors, whole or not at all."""
    content = tensors_to_bytes(tensors)
    write_bytes(path, content)
    return checksum(np.frombuffer(content, dtype=np.uint8))


def read_weights(path: Path, expected: str) -> dict[str, Tensor]:
    """Return the tensors of a file; those that nobody touches are never copied."""
    try:
        found = checksum(np.memmap(path, dtype=np.uint8, mode="r"))
        if found != expected:
            raise ResultsError(f"{path}: is not the file that its description was written for.")
        return load_file(path)
    except ResultsError:
        raise
    except (OSError, ValueError, SafetensorError) as error:  # ValueError: a file of no bytes
        why = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read: {why}.") from error


def checksum(content: np.ndarray) -> str:
    """Return a digest of bytes that is computed as fast as they can be read."""
    whole = len(content) // PAGE * PAGE
    words = np.asarray(content[:whole]).view(np.uint64).reshape(-1, PAGE // 8)
    digest = hashlib.sha256(str(len(content)).encode())
    for part in (words.sum(axis=0), words.sum(axis=1), content[whole:]):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


class StoredEngine:
    """Stands for an `Engine` until its first use.

    To make float64 networks of stored weights takes several times as long as to find and check
    them; whoever fits a model that is stored, and never uses it, does not wait for that.
    """

    def __init__(self, build: Callable[[], Engine]):
        self._build: Callable[[], Engine] | None = build

    @cached_property
    def _engine(self) -> Engine:
        assert self._build is not None, "an engine is built once"
        engine, self._build = self._build(), None
        return engine

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every object, by copy and pickle for instance
            raise AttributeError(name)
        return getattr(self._engine, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _itself, (self._engine,)


def _itself(engine: Engine) -> Engine:
    return engine


FORMAT = 2
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
KINDS: dict[str, type[GenerativeModel]] = {
    kind.__name__: kind
    for kind in (
        Autoencoder,
        VAE,
        ConditionalVAE,
        HierarchicalVAE,
        ProbabilisticPCA,
        ClassGaussian,
    )
}


def save_model(model: GenerativeModel, folder: str | Path) -> None:
    """Write a fitted model to ``folder/weights.safetensors`` and ``folder/model.json``.

    The description names the checksum of the weights and is written last, so that a reader finds a
    whole model or none.
    """
    check_is_fitted(model)
    description = _description(model)
    checksum = write_weights(Path(folder) / WEIGHTS, _tensors(model.engine_))
    write_json(Path(folder) / DESCRIPTION, {**description, "weights_checksum": checksum})


def load_model(folder: str | Path, *, device: str = "auto") -> GenerativeModel:
    """Read a model that `save_model` wrote."""
    description = _read_description(Path(folder))
    kind = KINDS[description["class"]]
    with _readable(Path(folder)):
        params = {name: _unpacked(value) for name, value in dict(description["params"]).items()}
        if issubclass(kind, BaseAutoencoder):
            params["device"] = device
        model = kind(**params)
    return restore_model(model, folder)


def restore_model(
    model: GenerativeModel, folder: str | Path, *, lazy: bool = False
) -> GenerativeModel:
    """Give `model` everything that the model stored in `folder` had learned."""
    folder = Path(folder)
    description = _read_description(folder)
    tensors = read_weights(folder / WEIGHTS, description["weights_checksum"])
    with _readable(folder):
        learned = _learned(description)
        settings = check_settings(model) if isinstance(model, BaseAutoencoder) else None
        build = partial(_engine, folder, tensors, settings, description["likelihood"])
    learned["engine_"] = StoredEngine(build) if lazy else build()
    model.__dict__.pop("feature_names_in_", None)  # of another fit, where this one had no names
    for name, value in learned.items():
        setattr(model, name, value)
    return model


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ResultsError(f"{folder}: holds a model that cannot be read: {error!r}.") from error


def _tensors(engine: Engine) -> dict[str, Tensor]:
    arrays = {
        "class_share": engine.codec.class_share,
        "shift": engine.scaling.shift,
        "scale": engine.scaling.scale,
        "varies": engine.scaling.varies,
        "sigma": engine.sigma,
        "noise": engine.noise,
        "offsets": engine.offsets,
    }
    tensors = {
        **_codec_tensors(engine.codec),
        **{key: torch.from_numpy(value) for key, value in arrays.items()},
        **engine.gaussians.tensors(),
    }
    # Clones: tensors that share memory cannot be written.
    return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}


def _codec_tensors(codec: Codec | LinearCodec) -> dict[str, Tensor]:
    if isinstance(codec, LinearCodec):
        return {f"linear.{name}": getattr(codec, name) for name in ("weights", "means", "sigma")}
    weights = codec.network.state_dict()
    # Trained in float32: nothing is lost on the way back from float64.
    return {f"network.{k}": v.float() if v.is_floating_point() else v for k, v in weights.items()}


def _engine(
    folder: Path, tensors: dict[str, Tensor], settings: FitSettings | None, likelihood: str
) -> Engine:
    with _readable(folder):
        weights = _under("network", tensors)
        # Copies: tensors in the file's buffer are not aligned as those of a fit are; weights are
        # copied when they become float64.
        others = {k: v.clone() for k, v in tensors.items() if not k.startswith("network.")}
        return _put_together(weights, others, settings, likelihood)


def _put_together(
    weights: dict[str, Tensor],
    tensors: dict[str, Tensor],
    settings: FitSettings | None,
    likelihood: str,
) -> Engine:
    arrays = {key: value.numpy() for key, value in tensors.items() if "." not in key}
    share, varies = arrays["class_share"], arrays["varies"]
    codec: Codec | LinearCodec
    if settings is not None:
        codec = _network_codec(weights, settings, share, int(varies.sum()))
    else:
        parts = _under("linear", tensors)
        codec = LinearCodec(parts["weights"], parts["means"], parts["sigma"], share)
    codec = dataclasses.replace(codec, likelihood=find_likelihood(likelihood, owner="load_model"))
    means = tensors["means"].to(codec.device)
    gaussians: ClassGaussians | StandardGaussians = StandardGaussians(means)
    if "factors" in tensors:
        gaussians = ClassGaussians(means, tensors["factors"].to(codec.device))
    return Engine(
        codec,
        Scaling(arrays["shift"], arrays["scale"], varies),
        gaussians,
        arrays["sigma"],
        arrays["noise"],
        arrays["offsets"],
    )


def _network_codec(
    weights: dict[str, Tensor], settings: FitSettings, share: np.ndarray, n_varying: int
) -> Codec:
    sizes = settings.network_sizes(n_varying, len(share))
    network = empty_network(kind=settings.architecture, **sizes)
    network.load_state_dict(weights, assign=True)
    network.eval()
    return Codec(network.double().to(settings.device), share, settings.conditional)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removeprefix(f"{prefix}."): value
        for key, value in tensors.items()
        if key.startswith(f"{prefix}.")
    }


def _description(model: GenerativeModel) -> dict[str, Any]:
    kind, names = type(model).__name__, getattr(model, "feature_names_in_", None)
    if KINDS.get(kind) is not type(model):
        raise InputError(f"save_model: can store {', '.join(KINDS)}, got {kind}.")
    return {
        "format": FORMAT,
        "class": kind,
        "params": storable_params(model),
        "seed": model.seed_,
        "n_features_in": model.n_features_in_,
        "feature_names_in": None if names is None else names.tolist(),
        "likelihood": model.engine_.codec.likelihood.name,
        "classes": pack_labels(model.classes_),
        "report": dataclasses.asdict(model.report_),
        "history": dataclasses.asdict(model.history_),
    }


def _learned(description: dict[str, Any]) -> dict[str, Any]:
    names = description["feature_names_in"]
    learned = {
        "seed_": description["seed"],
        "n_features_in_": description["n_features_in"],
        "classes_": unpack_labels(description["classes"]),
        "report_": FitReport(**description["report"]),
        "history_": History(**description["history"]),
    }
    return learned if names is None else learned | {"feature_names_in_": np.array(names, object)}


def storable_params(model: GenerativeModel) -> dict[str, Any]:
    """Return the settings as JSON can hold them; device and generators are not part of a model."""
    params = model.get_params(deep=False)
    params.pop("device", None)
    if not isinstance(params.get("random_state"), int | np.integer):
        params["random_state"] = None
    return {key: _packed(value) for key, value in params.items()}


def _packed(value: Any) -> Any:
    """Return a setting as JSON can hold it: mappings as pairs, sequences as lists."""
    if isinstance(value, Mapping):
        return {"pairs": [[_packed(key), _packed(item)] for key, item in value.items()]}
    if isinstance(value, list | tuple | np.ndarray):
        return [_packed(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_unpacked(key): _unpacked(item) for key, item in value["pairs"]}
    return tuple(_unpacked(item) for item in value) if isinstance(value, list) else value


def pack_labels(labels: np.ndarray | None) -> dict[str, Any] | None:
    """Return labels as JSON can hold them, with the dtype that brings them back exactly."""
    if labels is None:
        return None
    values = labels.tolist()
    plain = all(isinstance(value, str | int | float) for value in values)
    if labels.dtype.kind not in "biufUO" or not plain:
        raise InputError(f"labels to be stored must be numbers, booleans or strings: {values!r}.")
    return {"dtype": labels.dtype.str, "values": values}


def unpack_labels(packed: dict[str, Any] | None) -> np.ndarray | None:
    """Return the labels that `pack_labels` packed."""
    return None if packed is None else np.array(packed["values"], dtype=np.dtype(packed["dtype"]))


def _read_description(folder: Path) -> dict[str, Any]:
    description = read_json(folder / DESCRIPTION)
    known = isinstance(description, dict) and description.get("format") == FORMAT
    kind = description.get("class") if known else None
    if not isinstance(kind, str) or kind not in KINDS or "weights_checksum" not in description:
        raise ResultsError(f"{folder / DESCRIPTION}: does not describe a model of this version.")
    return description
