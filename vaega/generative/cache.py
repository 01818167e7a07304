"""Fitted models on disk, so that no model is trained twice on the same data."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from sklearn.utils.validation import _get_feature_names

import vaega
from vaega.core.checks import check_count
from vaega.core.errors import InputError, ResultsError
from vaega.core.files import fingerprint
from vaega.core.quantities import parse_bytes, say_bytes
from vaega.generative.base import GenerativeModel
from vaega.generative.base_autoencoder import say_remarks
from vaega.generative.cache_entries import (
    check_about,
    default_cache_folder,
    drop_entry,
    mark_used,
    remove_files,
    shrink,
    staging_folder,
    write_about,
)
from vaega.generative.compute import pick_device
from vaega.generative.precision import multiplies_bfloat16
from vaega.generative.storage import KINDS, restore_model, save_model, storable_params

__all__ = ["MAX_BYTES", "ModelCache", "default_cache_folder"]

MAX_BYTES = 2 * 2**30


class ModelCache:
    """A folder of fitted generative models, one for each data, settings and seed."""

    def __init__(self, folder: str | Path | None = None, *, max_bytes: Any = "auto"):
        self.folder = default_cache_folder() if folder is None else Path(folder)
        self.max_bytes = _check_bound(max_bytes)

    def fit(self, model: GenerativeModel, X: Any, y: Any = None) -> GenerativeModel:
        """Return `model` fitted, from the folder when an equal one is there.

        Only an int `random_state` says which model is wanted; any other is fitted anew. A model
        without that parameter is the same whenever it is fitted.
        """
        key = self.key(model, X, y)
        if key is None:
            return model.fit(X, y)
        try:
            return _restored(model, self.folder, key)
        except ResultsError:
            return self._fit_once(key, model, X, y)

    def key(self, model: GenerativeModel, X: Any, y: Any = None) -> str | None:
        """Return the key of the model's entry; None when it cannot have one."""
        if KINDS.get(type(model).__name__) is not type(model) or not _is_determined(model):
            return None
        try:
            return _key(model, X, y)
        except (TypeError, ValueError):
            return None  # data or settings that fit will refuse in its own words

    def _fit_once(self, key: str, model: GenerativeModel, X: Any, y: Any) -> GenerativeModel:
        lock = FileLock(self.folder / f"{key}.lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            _warn(f"{self.folder}: cannot be used as model cache: {error.strerror or error}.")
            return model.fit(X, y)
        try:
            self._fit_locked(key, model, X, y)
        finally:
            lock.release()
        self._shrink(key)
        return model

    def _fit_locked(self, key: str, model: GenerativeModel, X: Any, y: Any) -> None:
        entry = self.folder / key
        if os.path.lexists(entry):
            try:
                _restored(model, self.folder, key)
                return  # the process that held the lock before has trained it
            except ResultsError as error:
                _warn(_what_happens(error, dropped=drop_entry(entry)))
        model.fit(X, y)
        try:
            self._write(key, model, X)
        except (InputError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            _warn(f"ModelCache: the model is fitted but not kept: {why}")

    def _write(self, key: str, model: GenerativeModel, X: Any) -> None:
        staging = staging_folder(self.folder, key)
        try:
            save_model(model, staging)
            seed = getattr(model, "random_state", None)
            seed = None if seed is None else int(seed)
            shape = (len(X), int(model.n_features_in_))
            write_about(staging, key, kind=type(model).__name__, shape=shape, seed=seed)
            size = sum(path.stat().st_size for path in staging.iterdir())
            if self.max_bytes is not None and size > self.max_bytes:
                raise InputError(
                    f"it takes {say_bytes(size)}, and the bound is {say_bytes(self.max_bytes)}."
                )
            staging.rename(self.folder / key)
        finally:
            remove_files(staging)

    def _shrink(self, key: str) -> None:
        if self.max_bytes is not None:
            shrink(self.folder, self.max_bytes, keep=key)


def _restored(model: GenerativeModel, folder: Path, key: str) -> GenerativeModel:
    entry = folder / key
    check_about(entry, key)
    restore_model(model, entry, lazy=True)
    mark_used(entry)
    say_remarks(model, stacklevel=4)
    return model


def _what_happens(error: ResultsError, *, dropped: bool) -> str:
    if dropped:
        return f"ModelCache: a damaged entry is dropped and trained again: {error}"
    return f"ModelCache: in the place of an entry is something else, which is left there: {error}"


def _check_bound(max_bytes: Any) -> int | None:
    if max_bytes is None:
        return None
    if not isinstance(max_bytes, str):
        return check_count(max_bytes, "max_bytes", owner="ModelCache", minimum=0)
    if max_bytes != "auto":
        raise InputError(
            f"ModelCache: max_bytes must be a whole number, 'auto' or None, got {max_bytes!r}."
        )
    named = os.environ.get("VAEGA_CACHE_SIZE")
    return parse_bytes(named, "$VAEGA_CACHE_SIZE", owner="ModelCache") if named else MAX_BYTES


def _is_determined(model: GenerativeModel) -> bool:
    params = model.get_params(deep=False)
    seed = params.get("random_state", 0)
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool)


def _key(model: GenerativeModel, X: Any, y: Any) -> str:
    rows = np.asarray(X, dtype=np.float64)
    labels = None if y is None else np.asarray(y)
    described = None if labels is None else labels.dtype.str
    if labels is not None and labels.dtype.hasobject:
        labels = labels.tolist()
    names = _get_feature_names(X)
    place = pick_device(getattr(model, "device", "cpu"), owner=type(model).__name__)
    settings = {
        "class": type(model).__name__,
        "params": storable_params(model),
        "labels": described,
        "columns": None if names is None else names.tolist(),
        "dtype": "float32",
        "products": multiplies_bfloat16(place) and getattr(model, "precision", "") != "float32",
        "device": place.type,
        "versions": [vaega.__version__, torch.__version__],
    }
    return fingerprint(rows, labels, settings)[:32]


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=6)
