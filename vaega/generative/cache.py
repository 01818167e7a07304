"""Fitted models on disk, so that no model is trained twice on the same data."""

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from filelock import FileLock

import vaega
from vaega.core.errors import InputError, ResultsError
from vaega.core.files import fingerprint
from vaega.generative.autoencoders import BaseAutoencoder
from vaega.generative.compute import pick_device
from vaega.generative.storage import KINDS, restore_model, save_model, storable_params


class ModelCache:
    """A folder of fitted autoencoders, one for each data, settings and seed.

    An entry's key is a digest of data, labels, column names, class, settings, seed, dtype, device
    type and the versions of vaega and torch. Processes that want the same model train it once: the
    first one trains, the others wait for it. A damaged entry is dropped and trained again.

    Parameters
    ----------
    folder : str or path, optional
        Where entries are, `default_cache_folder` when absent; made when the first one is written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.autoencoders import VAE
    >>> X, y = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = ModelCache(folder)
    ...     first = cache.fit(VAE(hidden=(8,), latent=2, max_epochs=5, random_state=0), X, y)
    ...     again = cache.fit(VAE(hidden=(8,), latent=2, max_epochs=5, random_state=0), X, y)
    >>> bool((first.transform(X) == again.transform(X)).all())
    True
    """

    def __init__(self, folder: str | Path | None = None):
        self.folder = default_cache_folder() if folder is None else Path(folder)

    def fit(self, model: BaseAutoencoder, X: Any, y: Any = None) -> BaseAutoencoder:
        """Return `model` fitted, from the folder when an equal one is there.

        Only an int `random_state` says which model is wanted; any other is fitted anew.

        Parameters
        ----------
        model : VAE or ConditionalVAE
            Not fitted, or to be fitted again.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Labels.

        Returns
        -------
        VAE or ConditionalVAE
            `model` itself.

        Warns
        -----
        UserWarning
            When an entry is damaged or the folder cannot be used; the model is fitted anyway.
        """
        key = self.key(model, X, y)
        if key is None:
            return model.fit(X, y)
        try:
            return restore_model(model, self.folder / key)
        except ResultsError:
            return self._fit_once(key, model, X, y)

    def key(self, model: BaseAutoencoder, X: Any, y: Any = None) -> str | None:
        """Return the key of the model's entry; None when it cannot have one.

        Parameters
        ----------
        model : VAE or ConditionalVAE
            The settings.
        X, y : array-like
            The data.

        Returns
        -------
        str or None
            32 hexadecimal digits.
        """
        seed = model.random_state
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or KINDS.get(type(model).__name__) is not type(model):
            return None
        try:
            return _key(model, X, y)
        except (TypeError, ValueError):
            return None  # data or settings that fit will refuse in its own words

    def _fit_once(self, key: str, model: BaseAutoencoder, X: Any, y: Any) -> BaseAutoencoder:
        lock = FileLock(self.folder / f"{key}.lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            _warn(f"{self.folder}: cannot be used as model cache: {error.strerror or error}.")
            return model.fit(X, y)
        try:
            return self._fit_locked(self.folder / key, model, X, y)
        finally:
            lock.release()

    def _fit_locked(self, entry: Path, model: BaseAutoencoder, X: Any, y: Any) -> BaseAutoencoder:
        if entry.exists():
            try:
                return restore_model(model, entry)
            except ResultsError as error:
                _warn(f"ModelCache: a damaged entry is dropped and trained again: {error}")
                shutil.rmtree(entry, ignore_errors=True)
        model.fit(X, y)
        try:
            save_model(model, entry)
        except (InputError, OSError) as error:
            _warn(f"ModelCache: the model is fitted but not kept: {error}")
        return model


def default_cache_folder() -> Path:
    """Return ``$VAEGA_CACHE`` where it is set, else ``models`` in the user's cache folder.

    Examples
    --------
    >>> default_cache_folder().is_absolute() or "VAEGA_CACHE" in os.environ
    True
    """
    named = os.environ.get("VAEGA_CACHE")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("vaega") / "models"


def _key(model: BaseAutoencoder, X: Any, y: Any) -> str:
    rows = np.asarray(X, dtype=np.float64)
    labels = None if y is None else np.asarray(y)
    described = None if labels is None else labels.dtype.str
    if labels is not None and labels.dtype.hasobject:
        labels = labels.tolist()
    names = getattr(X, "columns", None)
    settings = {
        "class": type(model).__name__,
        "params": storable_params(model),
        "labels": described,
        "columns": None if names is None else [str(name) for name in names],
        "dtype": "float32",
        "device": pick_device(model.device, owner=type(model).__name__).type,
        "versions": [vaega.__version__, torch.__version__],
    }
    return fingerprint(rows, labels, settings)[:32]


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=5)
