"""Fitted autoencoders in a folder: weights as safetensors, all else as JSON, nothing pickled."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from vaega.core.errors import InputError, ResultsError
from vaega.core.files import read_json, write_bytes, write_json
from vaega.generative.autoencoders import VAE, BaseAutoencoder, ConditionalVAE
from vaega.generative.engine import Codec, Engine
from vaega.generative.latent import ClassGaussians
from vaega.generative.networks import Network
from vaega.generative.report import FitReport
from vaega.generative.scaling import Scaling
from vaega.generative.settings import FitSettings, check_settings
from vaega.generative.training import History

FORMAT = 1
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
KINDS: dict[str, type[BaseAutoencoder]] = {"VAE": VAE, "ConditionalVAE": ConditionalVAE}


def save_model(model: BaseAutoencoder, folder: str | Path) -> None:
    """Write a fitted autoencoder to ``folder/weights.safetensors`` and ``folder/model.json``.

    The description names the digest of the weights and is written last, so that a reader finds a
    whole model or none.

    Parameters
    ----------
    model : VAE or ConditionalVAE
        Fitted.
    folder : str or path
        Made when missing; a model that is there is replaced.

    Raises
    ------
    InputError
        When the model is of a class that cannot be stored, or its labels are not numbers, booleans
        or strings.
    ResultsError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = VAE(hidden=(8,), latent=2, max_epochs=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder)
    ...     bool((load_model(folder).transform(X) == model.transform(X)).all())
    True
    """
    check_is_fitted(model)
    weights = tensors_to_bytes(_tensors(model.engine_))
    description = _description(model, hashlib.sha256(weights).hexdigest())
    write_bytes(Path(folder) / WEIGHTS, weights)
    write_json(Path(folder) / DESCRIPTION, description)


def load_model(folder: str | Path, *, device: str = "auto") -> BaseAutoencoder:
    """Read an autoencoder that `save_model` wrote.

    Parameters
    ----------
    folder : str or path
        Where it is.
    device : str, default="auto"
        Where it will compute.

    Returns
    -------
    VAE or ConditionalVAE
        Fitted; on the same device type its results have the same bits as the stored model's.

    Raises
    ------
    ResultsError
        When the folder holds no model, or a damaged one.

    Examples
    --------
    >>> load_model("nowhere")
    Traceback (most recent call last):
    vaega.core.errors.ResultsError: nowhere/model.json: cannot be read as JSON: ...
    """
    description = _read_description(Path(folder))
    params = description["params"] | {"device": device}
    model = KINDS[description["class"]](**params | {"hidden": tuple(params["hidden"])})
    return restore_model(model, folder)


def restore_model(model: BaseAutoencoder, folder: str | Path) -> BaseAutoencoder:
    """Give `model` everything that the model stored in `folder` had learned.

    Parameters
    ----------
    model : VAE or ConditionalVAE
        With the settings of the stored one.
    folder : str or path
        Where that is.

    Returns
    -------
    VAE or ConditionalVAE
        `model` itself, fitted.

    Raises
    ------
    ResultsError
        When the folder holds no model, or a damaged one.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> X, _ = load_iris(return_X_y=True)
    >>> settings = {"hidden": (8,), "latent": 2, "max_epochs": 2}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(VAE(**settings).fit(X), folder)
    ...     restore_model(VAE(**settings), folder).transform(X).shape
    (150, 2)
    """
    folder = Path(folder)
    description = _read_description(folder)
    tensors = _read_weights(folder / WEIGHTS, description["weights_sha256"])
    try:
        settings = check_settings(model, conditional=isinstance(model, ConditionalVAE))
        learned = _learned(description)
        learned["engine_"] = _engine(tensors, settings)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ResultsError(f"{folder}: holds a model that cannot be read: {error!r}.") from error
    for name, value in learned.items():
        setattr(model, name, value)
    return model


def _tensors(engine: Engine) -> dict[str, Tensor]:
    weights = engine.codec.network.state_dict()
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
        # Trained in float32: nothing is lost on the way back from float64.
        **{f"network.{k}": v.float() if v.is_floating_point() else v for k, v in weights.items()},
        **{key: torch.from_numpy(value) for key, value in arrays.items()},
        "means": engine.gaussians.means,
        "factors": engine.gaussians.factors,
    }
    return {key: value.cpu().contiguous() for key, value in tensors.items()}


def _engine(tensors: dict[str, Tensor], settings: FitSettings) -> Engine:
    arrays = {key: value.numpy() for key, value in tensors.items() if "." not in key}
    share, varies = arrays["class_share"], arrays["varies"]
    network = Network(**settings.network_sizes(int(varies.sum()), len(share)))
    prefix = "network."
    network.load_state_dict(
        {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
    )
    network.eval()
    gaussians = ClassGaussians(
        tensors["means"].to(settings.device), tensors["factors"].to(settings.device)
    )
    return Engine(
        Codec(network.double().to(settings.device), share, settings.conditional),
        Scaling(arrays["shift"], arrays["scale"], varies),
        gaussians,
        arrays["sigma"],
        arrays["noise"],
        arrays["offsets"],
    )


def _description(model: BaseAutoencoder, digest: str) -> dict[str, Any]:
    kind, names = type(model).__name__, getattr(model, "feature_names_in_", None)
    if KINDS.get(kind) is not type(model):
        raise InputError(f"save_model: can store {' and '.join(KINDS)}, got {kind}.")
    return {
        "format": FORMAT,
        "class": kind,
        "params": storable_params(model),
        "seed": model.seed_,
        "n_features_in": model.n_features_in_,
        "feature_names_in": None if names is None else names.tolist(),
        "classes": pack_labels(model.classes_),
        "report": dataclasses.asdict(model.report_),
        "history": dataclasses.asdict(model.history_),
        "weights_sha256": digest,
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


def storable_params(model: BaseAutoencoder) -> dict[str, Any]:
    """Return the settings as JSON can hold them; device and generators are not part of a model.

    Examples
    --------
    >>> storable_params(VAE(hidden=(8,)))["hidden"]
    [8]
    """
    params = model.get_params(deep=False)
    del params["device"]
    params["hidden"] = [int(width) for width in params["hidden"]]
    if not isinstance(params["random_state"], int | np.integer):
        params["random_state"] = None
    return {key: v.item() if isinstance(v, np.generic) else v for key, v in params.items()}


def pack_labels(labels: np.ndarray | None) -> dict[str, Any] | None:
    """Return labels as JSON can hold them, with the dtype that brings them back exactly.

    Raises
    ------
    InputError
        When they are not numbers, booleans or strings.

    Examples
    --------
    >>> import numpy as np
    >>> pack_labels(np.array([-1, 1], dtype=np.int16))
    {'dtype': '<i2', 'values': [-1, 1]}
    """
    if labels is None:
        return None
    values = labels.tolist()
    plain = all(isinstance(value, str | int | float) for value in values)
    if labels.dtype.kind not in "biufUO" or not plain:
        raise InputError(f"labels to be stored must be numbers, booleans or strings: {values!r}.")
    return {"dtype": labels.dtype.str, "values": values}


def unpack_labels(packed: dict[str, Any] | None) -> np.ndarray | None:
    """Return the labels that `pack_labels` packed.

    Examples
    --------
    >>> unpack_labels({"dtype": "<U1", "values": ["a", "b"]})
    array(['a', 'b'], dtype='<U1')
    """
    return None if packed is None else np.array(packed["values"], dtype=np.dtype(packed["dtype"]))


def _read_description(folder: Path) -> dict[str, Any]:
    description = read_json(folder / DESCRIPTION)
    known = isinstance(description, dict) and description.get("format") == FORMAT
    if not known or description.get("class") not in KINDS or "weights_sha256" not in description:
        raise ResultsError(f"{folder / DESCRIPTION}: does not describe a model of this version.")
    return description


def _read_weights(path: Path, digest: str) -> dict[str, Tensor]:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ResultsError(f"{path}: is not the file that its description was written for.")
        return tensors_from_bytes(content)
    except (OSError, SafetensorError) as error:
        raise ResultsError(f"{path}: cannot be read: {error}.") from error
