"""Entries of the cache of fitted models: listed, locked, dropped and swept, without torch.

An entry is a folder named by its key, with the files of a stored model and `ABOUT`, which says what
it is. It is written under another name and renamed, so that a reader finds all of it or nothing.
"""

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vaega.core.errors import ResultsError
from vaega.core.files import read_json, write_json

# The files of an entry: the model's, as `vaega.generative._storage` writes them, and what it is.
WEIGHTS, DESCRIPTION, ABOUT = "weights.safetensors", "model.json", "entry.json"
_KEY = re.compile(r"[0-9a-f]{32}")
# An entry that is being written, or dropped: hidden, with the key it belongs to.
_STAGING = re.compile(r"\.([0-9a-f]{32})\.[0-9a-f]{16}")
_FILES = re.compile(rf"({ABOUT}|{DESCRIPTION}|{WEIGHTS})|\.({ABOUT}|{DESCRIPTION}|{WEIGHTS})\.\w+")


@dataclass(frozen=True)
class CacheEntry:
    """One model of a cache's folder."""

    key: str  # 32 hexadecimal digits
    size: int  # Bytes
    created: float  # When it was written, in seconds since the epoch
    used: float  # When it was last asked for
    kind: str | None  # The model's class; None, as the following, where the entry is damaged
    n_rows: int | None  # Of the data it was fitted on
    n_features: int | None
    seed: int | None  # Of the fit

    @property
    def intact(self) -> bool:
        """Whether the entry says what it is; its weights are checked when it is used."""
        return self.kind is not None


def find_entries(folder: Path) -> list[CacheEntry]:
    """Return the entries of a cache's folder, the last used one first."""
    paths = [path for path in _children(folder) if _KEY.fullmatch(path.name)]
    entries = [entry for entry in map(_read_entry, paths) if entry is not None]
    return sorted(entries, key=lambda entry: (-entry.used, entry.key))


def write_about(entry: Path, key: str, *, kind: str, shape: tuple[int, int], seed: Any) -> None:
    """Write beside a model what it is, and the digest of its description."""
    about = {
        "key": key,
        "class": kind,
        "rows": shape[0],
        "columns": shape[1],
        "seed": seed,
        "description_sha256": digest_of(entry / DESCRIPTION),
    }
    write_json(entry / ABOUT, about)


def check_about(entry: Path, key: str) -> None:
    """Check that an entry belongs to its key and its description is the one it was written with."""
    about = read_json(entry / ABOUT)
    if not isinstance(about, dict) or about.get("key") != key:
        raise ResultsError(f"{entry / ABOUT}: does not belong to the model that is wanted.")
    if about.get("description_sha256") != digest_of(entry / DESCRIPTION):
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
    if not _is_entry(entry):
        return False
    staging = staging_folder(entry.parent, entry.name)
    try:
        entry.rename(staging)
    except OSError:
        return False
    remove_files(staging)
    return True


def drop_unlocked(folder: Path, key: str) -> bool:
    """Drop the entry of `key` unless a process is writing it."""
    if not _is_entry(folder / key):
        return False
    with _try_lock(folder, key) as locked:
        if not locked or not drop_entry(folder / key):
            return False
        # A process that waits for this very file takes another one (filelock sees the unlink).
        with contextlib.suppress(OSError):
            (folder / f"{key}.lock").unlink()
    return True


# By folder, the bytes that this process found there when it last looked, and wrote there since.
_KNOWN: dict[Path, tuple[int, int]] = {}
# Share of the bound that a process writes before it looks again: others may write there too.
_UNSEEN_SHARE = 0.01
# Share of the entries that is dropped more than is needed, so that not every write drops one.
_SPARE_SHARE = 0.05


def keep_within(folder: Path, max_bytes: int, *, written: str) -> None:
    """Keep a folder within `max_bytes`, after the entry `written` came to it.

    Thousands of entries take seconds to read, so that they are read when the folder may be full,
    and once a process has written a hundredth of the bound.
    """
    entry = _read_entry(folder / written)
    found, since = _KNOWN.get(folder, (max_bytes, 0))
    since += 0 if entry is None else entry.size
    _KNOWN[folder] = found, since
    if found + since > max_bytes or since > _UNSEEN_SHARE * max_bytes:
        shrink(folder, max_bytes, keep=written)


def shrink(folder: Path, max_bytes: int, *, keep: str) -> list[str]:
    """Drop the entries used longest ago until those that are left take at most `max_bytes`.

    Of twenty entries or more a few more are dropped, where any are.
    """
    sweep(folder)
    entries = find_entries(folder)
    total, dropped = sum(entry.size for entry in entries), []
    spare = int(_SPARE_SHARE * len(entries)) * max_bytes // max(1, len(entries))
    aim = max_bytes - spare if total > max_bytes else max_bytes
    for entry in reversed(entries):
        if total <= aim:
            break
        if entry.key != keep and drop_unlocked(folder, entry.key):
            dropped.append(entry.key)
            total -= entry.size
    _KNOWN[folder] = total, 0
    return dropped


def sweep(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote or dropped an entry."""
    for path in _children(folder):
        match = _STAGING.fullmatch(path.name)
        if match is None or not _is_entry(path, empty=True):
            continue
        with _try_lock(folder, match[1]) as locked:
            if locked:
                remove_files(path)


def remove_files(staging: Path) -> None:
    """Remove a folder that nobody looks for, and the files in it, as far as that is possible."""
    with contextlib.suppress(OSError):
        for inner in _children(staging):
            inner.unlink(missing_ok=True)
        staging.rmdir()


@contextmanager
def _try_lock(folder: Path, key: str) -> Iterator[bool]:
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


def _is_entry(path: Path, *, empty: bool = False) -> bool:
    """Return whether a folder, no link, holds files of an entry and nothing else."""
    if path.is_symlink() or not path.is_dir():
        return False
    inside = _children(path)
    known = all(_FILES.fullmatch(inner.name) and not inner.is_dir() for inner in inside)
    return known and (empty or bool(inside))


def _read_entry(path: Path) -> CacheEntry | None:
    if not _is_entry(path):
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


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}.") from error
