"""Files: written whole or not at all, fingerprinted, kept in one cache folder; sizes and times."""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from vaega.core.errors import InputError, ResultsError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old or the new content."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile, whose files only their owner may read: results are for sharing.
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_text(path: Path, content: str) -> None:
    """Write text as UTF-8, whole or not at all; see `write_bytes`."""
    write_bytes(path, content.encode("utf-8"))


def check_absent(path: Path, *, force: bool = False) -> None:
    """Refuse to write over a file that is there, unless told to."""
    if path.exists() and not force:
        raise ResultsError(f"{path}: is there already; --force replaces it.")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all; see `write_bytes`."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


LARGEST = 2**30  # bytes of a file that is read whole: more than any file of results has
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def read_file(path: Path | str) -> bytes:
    """Return the content of a regular file that is no larger than `LARGEST`.

    A pipe would keep its reader waiting for ever, and a file with holes may be larger than memory.

    Raises
    ------
    OSError
        When it cannot be read, or is no such file.
    """
    # Not through a file object: many small files would take twice as long.
    descriptor = os.open(path, _READ)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        if about.st_size > LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        parts = [os.read(descriptor, about.st_size + 1)]
        while parts[-1]:  # a read may return less than it was asked for
            parts.append(os.read(descriptor, 2**16))
        return b"".join(parts)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(read_file(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: cannot be read as JSON: {error}.") from error


def cache_folder(*parts: str) -> Path:
    """Return the folder of caches, or one below it: ``$VAEGA_CACHE``, else the user's own."""
    named = os.environ.get("VAEGA_CACHE")
    folder = Path(named).expanduser() if named else platformdirs.user_cache_path("vaega")
    return folder.joinpath(*parts)


def canonical_json(content: Any) -> str:
    """Return one text for equal contents, whatever the order of their keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256 of arrays and plain values, in order, with their shapes and types."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            assert not part.dtype.hasobject, "an object array holds addresses, not values"
            digest.update(f"array:{part.dtype.str}:{part.shape}:".encode())
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        else:
            digest.update(f"json:{canonical_json(plain(part))};".encode())
    return digest.hexdigest()


def path_inside(folder: Path, name: str) -> Path:
    """Return ``folder / name`` when that stays inside `folder`."""
    forbidden = any(character in name for character in "/\\:") or not name.isprintable()
    if not name or name.startswith(".") or forbidden:
        raise InputError(
            f"{name!r} cannot name a file in {folder}: it must not be empty, begin with a dot, "
            "or hold a separator."
        )
    return folder / name


def is_too_long(path: str) -> bool:
    """Return whether no file can have this path, on the systems that vaega runs on."""
    return len(path.encode(errors="replace")) > 4095 or any(
        len(part.encode(errors="replace")) > 255 for part in Path(path).parts
    )


def path_beside(path: str, folder: Path) -> str:
    """Return a path as it is, unless only a folder has a file of this name."""
    if is_too_long(path):
        return path
    is_beside = not Path(path).exists() and (folder / path).is_file()
    return str(folder / path) if is_beside else path


def relative_path(path: Path, folder: Path) -> str:
    """Return a path as it is seen from a folder; the whole one where that is on another drive."""
    # Links are followed in the folders alone: the system reads ".." behind them.
    path = path.parent.resolve() / path.name
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:
        return path.as_posix()


def check_within(path: Path, folder: Path) -> Path:
    """Return a path in a folder, unless it is a link that leads out of it."""
    if path.is_symlink():
        # `Path.resolve` refuses a link to itself, which leads nowhere and is read as damaged.
        end = Path(os.path.realpath(path))
        if not end.is_relative_to(os.path.realpath(folder)):
            raise ResultsError(
                f"{path}: is a link that leads out of {folder}, which is not followed."
            )
    return path


def check_links(folder: Path, *, deep: bool = False) -> None:
    """Refuse a folder in which a link leads out of it; `deep` looks into its folders too."""
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            check_within(Path(here) / name, folder)
        if not deep:
            return


def plain(value: Any) -> Any:
    """Return `value` as what JSON can hold without loss."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_bytes(text: Any, name: str, *, owner: str) -> int:
    """Return the bytes that a text such as ``500MB`` or ``2GiB`` says."""
    number = _product(text, {"": 1, **_BYTES})
    if number is None:
        raise InputError.of(owner, name, "must be a size such as 500MB or 2GiB", text)
    return int(number)


def parse_seconds(text: Any, name: str, *, owner: str) -> float:
    """Return the seconds that a text such as ``12h`` or ``30d`` says."""
    number = _product(text, _SECONDS)
    if number is None:
        raise InputError.of(owner, name, "must be a time such as 12h or 30d", text)
    return number


def say_bytes(size: int) -> str:
    """Return a size as people read it."""
    if size < 2**10:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 4)
    return f"{size / 2 ** (10 * power):.1f} {' KMGT'[power]}iB"


def say_seconds(seconds: float) -> str:
    """Return a span of time in its largest whole unit."""
    whole = max(0, int(seconds))
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if whole >= unit:
            return f"{whole // unit} {name}"
    return f"{whole} s"


def _product(text: Any, units: dict[str, int]) -> float | None:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(text))
    unit = None if match is None else units.get(match[2].lower())
    return None if match is None or unit is None else float(match[1]) * unit
