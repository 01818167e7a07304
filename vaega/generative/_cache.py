"""The cache of fitted models: a folder in which no model is trained twice on the same data.

The key of an entry is the digest of data, settings, seed, device type and versions. Each entry has
a lock, so that two processes that want the same model train it once.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import _get_feature_names

import vaega
from vaega.core.checks import check_count
from vaega.core.devices import pick_device
from vaega.core.errors import InputError, ResultsError
from vaega.core.files import cache_folder, fingerprint, parse_bytes, say_bytes
from vaega.core.locks import HeldLock
from vaega.generative._data import dense_rows
from vaega.generative._entries import (
    check_about,
    drop_entry,
    keep_within,
    mark_used,
    remove_files,
    staging_folder,
    write_about,
)
from vaega.generative._registry import is_storable
from vaega.generative._state import warn_remarks
from vaega.generative._storage import FORMAT, restore_model, save_model, storable_params
from vaega.generative._training import supports_bfloat16

# Bytes that a cache's entries take at most, unless $VAEGA_CACHE_SIZE says otherwise.
MAX_BYTES = 2 * 2**30


class ModelCache:
    """A folder of fitted generative models, one for each data, settings and seed.

    The key of an entry is a digest of data, labels, column names, class, settings, seed, device
    type and the versions of vaega and torch. Processes that want the same model train it once. A
    damaged entry is dropped and trained again. When the folder outgrows its bound, the entries go
    that were used longest ago.

    Parameters
    ----------
    folder : str or path, optional
        Where entries are; ``models`` in the user's cache folder or in ``$VAEGA_CACHE`` when absent.
    max_bytes : int, "auto" or None, default="auto"
        Bound of the folder's size: "auto" is ``$VAEGA_CACHE_SIZE`` (``500MB``, ``2GiB``) where it
        is set, else 2 GiB; None is no bound.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from vaega import ProbabilisticPCA
    >>> X, y = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = ModelCache(folder)
    ...     first = cache.fit(ProbabilisticPCA(2, random_state=0), X, y)
    ...     again = cache.fit(ProbabilisticPCA(2, random_state=0), X, y)
    >>> bool((first.transform(X) == again.transform(X)).all())
    True
    """

    def __init__(self, folder: str | Path | None = None, *, max_bytes: Any = "auto"):
        self.folder = cache_folder("models") if folder is None else Path(folder)
        self.max_bytes = _check_bound(max_bytes)

    def fit(self, model: Any, X: Any, y: Any = None, groups: Any = None) -> Any:
        """Return `model` fitted, from the folder when an equal one is there.

        Only an int `random_state` says which model it is; with any other it is fitted anew. A
        model without that parameter is the same whenever it is fitted.

        Parameters
        ----------
        model : generative model
            Not fitted, or to be fitted again.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Labels.
        groups : array-like of shape (n_samples,), optional
            Rows that belong together, for a model whose ``fit`` takes them.

        Returns
        -------
        generative model
            `model` itself.

        Warns
        -----
        UserWarning
            When an entry is damaged, the folder cannot be used, or the model is none that vaega
            stores; it is fitted anyway.
        FitWarning
            When something is wrong with the fit, restored or made.
        """
        if not is_storable(model):
            _warn(
                f"ModelCache: {type(model).__name__} is no model that vaega stores; it is fitted "
                "each time, not cached.",
                stacklevel=4,
            )
            return _fitted(model, X, y, groups)
        key = self.key(model, X, y, groups)
        if key is None:
            return _fitted(model, X, y, groups)
        try:
            return _restore(model, self.folder, key)
        except ResultsError:
            return self._fit_once(key, model, X, y, groups)

    def key(self, model: Any, X: Any, y: Any = None, groups: Any = None) -> str | None:
        """Return the key of the model's entry; None when it cannot have one."""
        if not is_storable(model) or not _is_determined(model):
            return None
        try:
            return _key(model, X, y, groups)
        except (TypeError, ValueError):
            return None  # data or settings that fit will refuse in its own words

    def _fit_once(self, key: str, model: Any, X: Any, y: Any, groups: Any) -> Any:
        lock = HeldLock(self.folder / f"{key}.lock", f"the model {key} of {self.folder}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            _warn(f"{self.folder}: cannot be used as model cache: {error.strerror or error}.")
            return _fitted(model, X, y, groups)
        try:
            self._fit_locked(key, model, X, y, groups)
        finally:
            lock.release()
        if self.max_bytes is not None:
            keep_within(self.folder, self.max_bytes, written=key)
        return model

    def _fit_locked(self, key: str, model: Any, X: Any, y: Any, groups: Any) -> None:
        entry = self.folder / key
        if os.path.lexists(entry):
            try:
                _restore(model, self.folder, key)
                return  # the process that held the lock before has trained it
            except ResultsError as error:
                _warn(_describe_replacement(error, dropped=drop_entry(entry)))
        _fitted(model, X, y, groups)
        try:
            self._write(key, model, X)
        except (InputError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            _warn(f"ModelCache: the model is fitted but not kept: {why}")

    def _write(self, key: str, model: Any, X: Any) -> None:
        staging = staging_folder(self.folder, key)
        try:
            save_model(model, staging)
            seed = getattr(model, "random_state", None)
            seed = None if seed is None else int(seed)
            shape = (np.shape(X)[0], int(model.n_features_in_))
            write_about(staging, key, kind=type(model).__name__, shape=shape, seed=seed)
            size = sum(path.stat().st_size for path in staging.iterdir())
            if self.max_bytes is not None and size > self.max_bytes:
                raise InputError(
                    f"it takes {say_bytes(size)}, and the bound is {say_bytes(self.max_bytes)}."
                )
            staging.rename(self.folder / key)
        finally:
            remove_files(staging)


def _restore(model: Any, folder: Path, key: str) -> Any:
    entry = folder / key
    check_about(entry, key)
    restore_model(model, entry, lazy=True)
    mark_used(entry)
    warn_remarks(model, model.report_.remarks, stacklevel=4)
    return model


def _describe_replacement(error: ResultsError, *, dropped: bool) -> str:
    if dropped:
        return f"ModelCache: a damaged entry is dropped and trained again: {error}"
    return (
        f"ModelCache: something else stands under the name of an entry, and is left there: {error}"
    )


def _check_bound(max_bytes: Any) -> int | None:
    if max_bytes is None:
        return None
    if not isinstance(max_bytes, str):
        return check_count(max_bytes, "max_bytes", owner="ModelCache", minimum=0)
    if max_bytes != "auto":
        raise InputError(
            f"ModelCache: max_bytes must be a whole number, 'auto' or None, got {max_bytes!r}."
        )
    size = os.environ.get("VAEGA_CACHE_SIZE")
    return parse_bytes(size, "$VAEGA_CACHE_SIZE", owner="ModelCache") if size else MAX_BYTES


def _is_determined(model: Any) -> bool:
    params = model.get_params(deep=False)
    seed = params.get("random_state", 0)
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool)


def _fitted(model: Any, X: Any, y: Any, groups: Any) -> Any:
    return model.fit(X, y) if groups is None else model.fit(X, y, groups=groups)


def _key(model: Any, X: Any, y: Any, groups: Any) -> str:
    rows = np.asarray(dense_rows(X), dtype=np.float64)
    labels = None if y is None else np.asarray(y)
    label_dtype = None if labels is None else labels.dtype.str
    if labels is not None and labels.dtype.hasobject:
        labels = labels.tolist()
    names = _get_feature_names(X)
    device = pick_device(getattr(model, "device", "cpu"), owner=type(model).__name__)
    settings = {
        "format": FORMAT,
        "class": type(model).__name__,
        "params": storable_params(model),
        "labels": label_dtype,
        "columns": None if names is None else names.tolist(),
        "dtype": "float32",
        "bfloat16": supports_bfloat16(device) and getattr(model, "precision", "") != "float32",
        "device": device.type,
        "versions": [vaega.__version__, torch.__version__],
    }
    members = () if groups is None else (np.unique(groups, return_inverse=True)[1],)
    return fingerprint(rows, labels, settings, *members)[:32]


def _warn(sentence: str, *, stacklevel: int = 6) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=stacklevel)
