"""Fitted models on disk, so that no model is trained twice on the same data."""

import contextlib
import hashlib
import os
import re
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from sklearn.utils.validation import _get_feature_names

import vaega
from vaega.core.checks import check_count
from vaega.core.devices import pick_device
from vaega.core.errors import InputError, ResultsError
from vaega.core.files import (
    cache_folder,
    fingerprint,
    parse_bytes,
    read_json,
    say_bytes,
    write_json,
)
from vaega.generative._base import GenerativeModel
from vaega.generative._models import say_remarks
from vaega.generative._storage import KINDS, restore_model, save_model, storable_params
from vaega.generative._training import multiplies_bfloat16

# As `vaega.generative._storage` names them, which imports torch and so is not asked.
DESCRIPTION, WEIGHTS, ABOUT = "model.json", "weights.safetensors", "entry.json"
_KEY = re.compile(r"[0-9a-f]{32}")
# An entry that is being written, or dropped: hidden, with the key it belongs to.
_PASSING = re.compile(r"\.([0-9a-f]{32})\.[0-9a-f]{16}")
_OURS = re.compile(rf"({ABOUT}|{DESCRIPTION}|{WEIGHTS})|\.({ABOUT}|{DESCRIPTION}|{WEIGHTS})\.\w+")


@dataclass(frozen=True)
class CacheEntry:
    """One model of a cache's folder."""

    key: str  # 32 hexadecimal digits
    size: int  # Bytes
    created: float  # Seconds since the epoch: when it was written, when it was last asked for
    used: float  # Seconds since the epoch: when it was written, when it was last asked for
    kind: str | None  # The model's class; None, as the following, where the entry is damaged
    n_rows: int | None  # Shape of the rows it was fitted on
    n_features: int | None  # Shape of the rows it was fitted on
    seed: int | None  # Of the fit

    @property
    def intact(self) -> bool:
        """Whether the entry says what it is; its weights are checked when it is used."""
        return self.kind is not None


def find_entries(folder: Path) -> list[CacheEntry]:
    """Return the entries of a cache's folder, the last used one first."""
    found = [_read_entry(path) for path in _children(folder) if _KEY.fullmatch(path.name)]
    entries = [entry for entry in found if entry is not None]
    return sorted(entries, key=lambda entry: (-entry.used, entry.key))


def write_about(entry: Path, key: str, *, kind: str, shape: tuple[int, int], seed: Any) -> None:
    """Write beside a model what it is, and the digest of its description."""
    about = {
        "key": key,
        "class": kind,
        "rows": shape[0],
        "columns": shape[1],
        "seed": seed,
        "description_sha256": _digest(entry / DESCRIPTION),
    }
    write_json(entry / ABOUT, about)


def check_about(entry: Path, key: str) -> None:
    """Check that an entry belongs to its key and its description is the one it was written with."""
    about = read_json(entry / ABOUT)
    if not isinstance(about, dict) or about.get("key") != key:
        raise ResultsError(f"{entry / ABOUT}: does not belong to the model that is wanted.")
    if about.get("description_sha256") != _digest(entry / DESCRIPTION):
        raise ResultsError(f"{entry / DESCRIPTION}: is not the file that was written.")


def mark_used(entry: Path) -> None:
    """Remember that an entry was asked for now; a folder that is read-only is no obstacle."""
    with contextlib.suppress(OSError):
        os.utime(entry / ABOUT)


def staging_folder(folder: Path, key: str) -> Path:
    """Return a new name beside the entry of `key`, under which nobody looks for it."""
    return folder / f".{key}.{secrets.token_hex(8)}"


def drop_entry(entry: Path) -> bool:
    """Remove an entry as a whole, so that a reader finds all of it or nothing.

    The caller holds its lock.
    """
    if not _is_ours(entry):
        return False
    passing = staging_folder(entry.parent, entry.name)
    try:
        entry.rename(passing)
    except OSError:
        return False
    remove_files(passing)
    return True


def drop_unlocked(folder: Path, key: str) -> bool:
    """Drop the entry of `key` unless a process is writing it."""
    if not _is_ours(folder / key):
        return False
    with _locked_now(folder, key) as ours:
        if not ours or not drop_entry(folder / key):
            return False
        # A process that waits for this very file takes another one (filelock sees the unlink).
        with contextlib.suppress(OSError):
            (folder / f"{key}.lock").unlink()
    return True


def shrink(folder: Path, max_bytes: int, *, keep: str) -> list[str]:
    """Drop the entries used longest ago until those that are left take at most `max_bytes`."""
    sweep(folder)
    entries = find_entries(folder)
    total, dropped = sum(entry.size for entry in entries), []
    for entry in reversed(entries):
        if total <= max_bytes:
            break
        if entry.key != keep and drop_unlocked(folder, entry.key):
            dropped.append(entry.key)
            total -= entry.size
    return dropped


def sweep(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote or dropped an entry."""
    for path in _children(folder):
        found = _PASSING.fullmatch(path.name)
        if found is None or not _is_ours(path, empty=True):
            continue
        with _locked_now(folder, found[1]) as ours:
            if ours:
                remove_files(path)


def remove_files(passing: Path) -> None:
    """Remove a folder that nobody looks for, and the files in it, as far as that is possible."""
    with contextlib.suppress(OSError):
        for inner in _children(passing):
            inner.unlink(missing_ok=True)
        passing.rmdir()


@contextmanager
def _locked_now(folder: Path, key: str) -> Iterator[bool]:
    lock = FileLock(folder / f"{key}.lock")
    try:
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_ours(path: Path, *, empty: bool = False) -> bool:
    """Return whether a folder, no link, holds files of an entry and nothing else."""
    if path.is_symlink() or not path.is_dir():
        return False
    inside = _children(path)
    ours = all(_OURS.fullmatch(inner.name) and not inner.is_dir() for inner in inside)
    return ours and (empty or bool(inside))


def _read_entry(path: Path) -> CacheEntry | None:
    if not _is_ours(path):
        return None
    about = _about(path)
    try:
        sizes = [inner.stat().st_size for inner in path.iterdir()]
        marks = [inner.stat().st_mtime for inner in (path, path / ABOUT) if inner.exists()]
    except OSError:
        return None  # another process drops it just now
    return CacheEntry(
        path.name,
        sum(sizes),
        created=marks[0],
        used=marks[-1],
        kind=about.get("class"),
        n_rows=about.get("rows"),
        n_features=about.get("columns"),
        seed=about.get("seed"),
    )


def _about(path: Path) -> dict[str, Any]:
    try:
        about = read_json(path / ABOUT)
    except ResultsError:
        return {}
    known = isinstance(about, dict) and about.get("key") == path.name
    return about if known else {}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}.") from error


__all__ = ["MAX_BYTES", "ModelCache"]

MAX_BYTES = 2 * 2**30


class ModelCache:
    """A folder of fitted generative models, one for each data, settings and seed."""

    def __init__(self, folder: str | Path | None = None, *, max_bytes: Any = "auto"):
        self.folder = cache_folder("models") if folder is None else Path(folder)
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
