"""Files that are whole or absent, digests of contents, paths that stay inside."""

import contextlib
import hashlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import InputError, ResultsError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old or the new content.

    Parameters
    ----------
    path : pathlib.Path
        Where to write; its folder is made when missing.
    content : bytes
        The whole content.

    Raises
    ------
    ResultsError
        When the folder cannot be written (read-only, disk full); what was there stays.
    """
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
    """Write text as UTF-8, whole or not at all; see `write_bytes`.

    Parameters
    ----------
    path : pathlib.Path
        Where to write.
    content : str
        The whole content.
    """
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all; see `write_bytes`.

    Parameters
    ----------
    path : pathlib.Path
        Where to write.
    content : Any
        What `json` can hold; not-a-number is refused, so that every reader can read it.
    """
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : pathlib.Path
        What to read.

    Returns
    -------
    Any

    Raises
    ------
    ResultsError
        When the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read as JSON: {error}.") from error


def canonical_json(content: Any) -> str:
    """Return one text for equal contents, whatever the order of their keys.

    Parameters
    ----------
    content : Any
        What `json` can hold.

    Returns
    -------
    str

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [2.0]})
    '{"a":[2.0],"b":1}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256 of arrays and plain values, in order, with their shapes and types.

    Parameters
    ----------
    *parts : numpy.ndarray, mapping, list, str, number or None
        Arrays enter with dtype, shape and bytes; everything else as canonical JSON.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> fingerprint(np.zeros(2)) == fingerprint(np.zeros((1, 2)))
    False
    """
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
    """Return ``folder / name`` when that stays inside `folder`.

    Parameters
    ----------
    folder : pathlib.Path
        The folder that must not be left.
    name : str
        A single file or folder name: no separator, not ``.`` or ``..``, not hidden.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        When `name` could lead elsewhere.

    Examples
    --------
    >>> from pathlib import Path
    >>> path_inside(Path("results"), "madelon").as_posix()
    'results/madelon'
    """
    forbidden = any(character in name for character in "/\\:") or not name.isprintable()
    if not name or name.startswith(".") or forbidden:
        raise InputError(
            f"{name!r} cannot name a file in {folder}: it must not be empty, begin with a dot, "
            "or hold a separator."
        )
    return folder / name


def plain(value: Any) -> Any:
    """Return `value` as what JSON can hold without loss.

    Parameters
    ----------
    value : Any
        Mappings, sequences, numpy scalars and plain values.

    Returns
    -------
    Any
        Tuples become lists, and numbers that JSON does not know (nan, inf) become their text, so
        that they stay different from null and from each other.

    Examples
    --------
    >>> plain({"C": float("inf"), "widths": (8, 4)})
    {'C': 'inf', 'widths': [8, 4]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
