"""Records: JSON files that are their own witness, and that of the files beside them.

The digest of a record is of its own text, in which zeros stand for the digest. So a changed byte
anywhere in it is noticed, and a changed byte in a file whose digest it holds.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vaega.core.errors import ResultsError
from vaega.core.files import read_file, write_text

_KEY, _ZEROS = "digest", "0" * 64
_PLACE = f'"{_KEY}": "'


def write_record(path: Path, content: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """Write `content` as JSON with the digest of it, whole or not at all."""
    text = json.dumps({**content, _KEY: _ZEROS}, indent=indent, allow_nan=False) + "\n"
    start = text.rindex(_PLACE) + len(_PLACE)
    digest = hashlib.sha256(text.encode()).hexdigest()
    write_text(path, text[:start] + digest + text[start + len(digest) :])


def read_record(path: Path) -> dict[str, Any]:
    """Read what `write_record` wrote, without its digest.

    Raises
    ------
    ResultsError
        When there is no such file, or its content is not that of its digest.
    """
    try:
        text = read_file(path).decode("utf-8")
        start = text.rindex(_PLACE) + len(_PLACE)
        given = text[start : start + len(_ZEROS)]
        digest = hashlib.sha256((text[:start] + _ZEROS + text[start + len(given) :]).encode())
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: cannot be read as a record: {error}.") from error
    if given != digest.hexdigest():
        raise ResultsError(f"{path}: is damaged: its content is not that of its digest.")
    del content[_KEY]
    return dict(content)


def file_digest(path: Path | str) -> str:
    """Return the SHA-256 of a file; the empty text where it cannot be read."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except OSError:
        return ""


def digests_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the digests of some files of a folder, by name."""
    return {name: file_digest(os.path.join(folder, name)) for name in names}  # noqa: PTH118 - quick
