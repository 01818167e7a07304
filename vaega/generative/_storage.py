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
from vaega.generative._entries import DESCRIPTION, WEIGHTS, digest_of
from vaega.generative._kinds import ColumnKinds
from vaega.generative._networks import empty_network
from vaega.generative._registry import MODELS, find_storable_class, is_storable
from vaega.generative._settings import FitSettings
from vaega.generative._state import (
    ClassGaussians,
    Codec,
    FitReport,
    FittedState,
    LinearCodec,
    NetworkCodec,
    Scaling,
    StandardGaussians,
)
from vaega.generative._training import History

# Raised when what is stored changes; a model of another format counts as not there.
FORMAT = 5


def save_model(model: Any, folder: str | Path) -> None:
    """Write a fitted model to ``folder/weights.safetensors`` and ``folder/model.json``.

    The description names the digest of the weights and is written last, so that a reader finds a
    whole model or none.

    Parameters
    ----------
    model : generative model
        Fitted; of a class in `MODELS`.
    folder : str or path
        Made when missing; a model that is there is replaced.

    Raises
    ------
    InputError
        When models of that class cannot be stored, or labels are not numbers, booleans or strings.
    ResultsError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from vaega import ClassGaussian
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ClassGaussian().fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder)
    ...     bool((load_model(folder).transform(X) == model.transform(X)).all())
    True
    """
    check_is_fitted(model)
    description = _description(model)
    digest = write_weights(Path(folder) / WEIGHTS, _tensors(model.state_))
    write_json(Path(folder) / DESCRIPTION, {**description, "weights_sha256": digest})


def load_model(folder: str | Path, *, device: str = "auto") -> Any:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    folder : str or path
        Where it is.
    device : str, default="auto"
        Where it will compute; closed forms always do on the CPU.

    Returns
    -------
    generative model
        Fitted; on the same device type its results have the same bits as the stored model's.

    Raises
    ------
    ResultsError
        When the folder holds no model of this version, or a damaged one.

    Examples
    --------
    >>> load_model("nowhere")
    Traceback (most recent call last):
    vaega.core.errors.ResultsError: nowhere/model.json: cannot be read as JSON: ...
    """
    description = _read_description(Path(folder))
    model_class = find_storable_class(description["class"])
    with _readable(Path(folder)):
        params = {name: _unpacked(value) for name, value in dict(description["params"]).items()}
        if hasattr(model_class, "network_class"):
            params["device"] = device
        model = model_class(**params)
    return restore_model(model, folder)


def restore_model(model: Any, folder: str | Path, *, lazy: bool = False) -> Any:
    """Give `model` everything that the model stored in `folder` had learned."""
    folder = Path(folder)
    description = _read_description(folder)
    tensors = read_weights(folder / WEIGHTS, description["weights_sha256"])
    with _readable(folder):
        learned = _learned(description)
        settings = model._check_settings()
        build = partial(_read_state, folder, tensors, settings)
    learned["state_"] = LazyState(build) if lazy else build()
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


def _tensors(state: FittedState) -> dict[str, Tensor]:
    arrays = {
        "class_share": state.codec.class_priors,
        "shift": state.scaling.shift,
        "scale": state.scaling.scale,
        "varies": state.scaling.varies,
        "sigma": state.sigma,
        "noise": state.noise,
        "offsets": state.offsets,
    }
    if state.kinds is not None:
        arrays |= {f"kind_{name}": values for name, values in vars(state.kinds).items()}
    if state.kind_offsets is not None:
        arrays["kind_offsets"] = state.kind_offsets
    tensors = {
        **_codec_tensors(state.codec),
        **{key: torch.from_numpy(value) for key, value in arrays.items()},
        **state.gaussians.tensors(),
    }
    # Clones: tensors that share memory cannot be written.
    return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}


def _codec_tensors(codec: Codec) -> dict[str, Tensor]:
    if isinstance(codec, NetworkCodec):
        weights = codec.network.state_dict()
        # Values of float32, whatever the precision they are used in: nothing is lost.
        return {
            f"network.{name}": value.float() if value.is_floating_point() else value
            for name, value in weights.items()
        }
    return {f"linear.{name}": getattr(codec, name) for name in ("weights", "means", "sigma")}


def _read_state(
    folder: Path, tensors: dict[str, Tensor], settings: FitSettings | None
) -> FittedState:
    with _readable(folder):
        return _assemble(tensors, settings)


def _assemble(tensors: dict[str, Tensor], settings: FitSettings | None) -> FittedState:
    weights = _with_prefix("network", tensors)
    # Copies: tensors in the file's buffer are not aligned as those of a fit are; weights are copied
    # when they become float64.
    tensors = {k: v.clone() for k, v in tensors.items() if not k.startswith("network.")}
    arrays = {key: value.numpy() for key, value in tensors.items() if "." not in key}
    share, varies = arrays["class_share"], arrays["varies"]
    codec: Codec
    if settings is not None:
        codec = _network_codec(weights, settings, share, int(varies.sum()))
    else:
        parts = _with_prefix("linear", tensors)
        codec = LinearCodec(parts["weights"], parts["means"], parts["sigma"], share)
    means = tensors["means"].to(codec.device)
    gaussians: ClassGaussians | StandardGaussians = StandardGaussians(means)
    if "factors" in tensors:
        gaussians = ClassGaussians(means, tensors["factors"].to(codec.device))
    return FittedState(
        codec,
        Scaling(arrays["shift"], arrays["scale"], varies),
        gaussians,
        arrays["sigma"],
        arrays["noise"],
        arrays["offsets"],
        _kinds_of(arrays),
        arrays.get("kind_offsets"),
    )


def _kinds_of(arrays: dict[str, np.ndarray]) -> ColumnKinds | None:
    names = [f"kind_{field.name}" for field in dataclasses.fields(ColumnKinds)]
    return ColumnKinds(*map(arrays.__getitem__, names)) if names[0] in arrays else None


def _network_codec(
    weights: dict[str, Tensor], settings: FitSettings, share: np.ndarray, n_varying: int
) -> NetworkCodec:
    sizes = settings.network_sizes(n_varying, len(share))
    network = empty_network(network=settings.network, **sizes)
    network.load_state_dict(weights, assign=True)
    network.eval()
    likelihood = settings.training.objective.likelihood
    return NetworkCodec(
        network.double().to(settings.device), share, settings.sees_labels, likelihood
    )


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removeprefix(f"{prefix}."): value
        for key, value in tensors.items()
        if key.startswith(f"{prefix}.")
    }


class LazyState:
    """Stands for a `FittedState` until its first use.

    To make float64 networks of stored weights takes several times as long as to find and check
    them; whoever fits a model that is stored, and never uses it, does not wait for that.
    """

    def __init__(self, build: Callable[[], FittedState]):
        self._build: Callable[[], FittedState] | None = build

    @cached_property
    def _state(self) -> FittedState:
        assert self._build is not None, "a state is built once"
        state, self._build = self._build(), None
        return state

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every object, by copy and pickle for instance
            raise AttributeError(name)
        return getattr(self._state, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _itself, (self._state,)


def _itself(state: FittedState) -> FittedState:
    return state


def write_weights(path: Path, tensors: dict[str, Tensor]) -> str:
    """Write tensors, whole or not at all; return the SHA-256 of the file."""
    content = tensors_to_bytes(tensors)
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def read_weights(path: Path, expected: str) -> dict[str, Tensor]:
    """Return the tensors of a file with this SHA-256; memory-mapped, copied when touched."""
    if digest_of(path) != expected:
        raise ResultsError(f"{path}: is not the file that its description was written for.")
    try:
        return load_file(path)
    # RuntimeError: safetensors 0.8, of a file that another process has evicted since.
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read: {why}.") from error


def _description(model: Any) -> dict[str, Any]:
    name, columns = type(model).__name__, getattr(model, "feature_names_in_", None)
    if not is_storable(model):
        known = ", ".join(model_class.__name__ for model_class in MODELS.values())
        raise InputError(f"save_model: can store {known}, got {name}.")
    return {
        "format": FORMAT,
        "class": name,
        "params": storable_params(model),
        "seed": model.seed_,
        "n_features_in": model.n_features_in_,
        "feature_names_in": None if columns is None else columns.tolist(),
        "classes": pack_labels(model.classes_),
        "report": dataclasses.asdict(model.report_),
        "history": dataclasses.asdict(model.history_),
    }


def _read_description(folder: Path) -> dict[str, Any]:
    description = read_json(folder / DESCRIPTION)
    known = isinstance(description, dict) and description.get("format") == FORMAT
    name = description.get("class") if known else None
    if (
        not isinstance(name, str)
        or find_storable_class(name) is None
        or "weights_sha256" not in description
    ):
        raise ResultsError(f"{folder / DESCRIPTION}: does not describe a model of this version.")
    return description


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


def storable_params(model: Any) -> dict[str, Any]:
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
