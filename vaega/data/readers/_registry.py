"""The registry of readers: which function reads which ending, and what it returns.

A reader takes a path and returns a `Table`; ``@reads(".ending")`` registers it, and that is all a
new format needs. Of the options of `read_table` a reader gets those that its signature names.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vaega.core.errors import DataError
from vaega.data._tables import Table

Reader = Callable[..., Table]
READERS: dict[str, Reader] = {}  # The ending of a file, in lower case: what reads it
ARCHIVE = ".npz"
COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
# Endings that anything may have: files with these are read by their path, and not listed by name.
_COMMON = (".txt", ".data", ".dat", ".mat", ".cls", ".zip")


def reads(*suffixes: str, compressed: bool = False) -> Callable[[Reader], Reader]:
    """Register a reader for files that end so; text may be compressed: ``.csv.gz``."""

    def register(reader: Reader) -> Reader:
        for suffix in suffixes:
            for packed in ("", *(COMPRESSED if compressed else ())):
                READERS[suffix + packed] = reader
        return reader

    return register


def known_suffixes() -> tuple[str, ...]:
    """Return the endings that can be read; the first one wins where a name has several files."""
    return (ARCHIVE, *READERS)


def named_suffixes() -> tuple[str, ...]:
    """Return the endings that are added to a bare name."""
    return tuple(s for s in known_suffixes() if f".{s.split('.')[1]}" not in _COMMON)


def plain_suffixes() -> tuple[str, ...]:
    """Return the endings without those of compression."""
    return tuple(s for s in known_suffixes() if not s.endswith(COMPRESSED))


def suffix_of(path: Path) -> str | None:
    """Return the ending of a data file, in lower case, None when it is none we read."""
    lower = path.name.lower()
    return max((s for s in known_suffixes() if lower.endswith(s)), key=len, default=None)


def stem_of(path: Path) -> str:
    """Return the name of a data file without its ending."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.name


def read_table(path: Path, suffix: str, **options: Any) -> Table:
    """Read a table; an option that is given and that no reader of such a file takes is refused."""
    reader = READERS[suffix]
    taken = inspect.signature(reader).parameters
    if options.get("sheet") is not None and "sheet" not in taken:
        raise DataError(
            f"{path}: sheet names a sheet of a workbook (.xlsx), which this file is not; "
            f"got {options['sheet']!r}."
        )
    return reader(path, **{key: value for key, value in options.items() if key in taken})
