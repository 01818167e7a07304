"""Folders with data files: $VAEGA_DATA, ./data, and the cache of downloads."""

import os
from pathlib import Path

from vaega.core.files import path_inside

SUFFIXES = (".npz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".arff", ".parquet")


def data_folders() -> list[Path]:
    """Return the folders where names are looked up, the first one first."""
    named = os.environ.get("VAEGA_DATA")
    folders = [Path(named).expanduser()] if named else []
    return [folder for folder in (*folders, Path("data")) if folder.is_dir()]


def cache_folder() -> Path:
    """Return the folder where downloads are kept: ``VAEGA_CACHE``, else the user's cache folder."""
    named = os.environ.get("VAEGA_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("vaega")


def find_file(name: str) -> Path | None:
    """Find the file of a dataset by its bare name."""
    for folder in data_folders():
        for suffix in SUFFIXES:
            path = path_inside(folder, name + suffix)
            if path.is_file():
                return path
    return None


def list_files() -> list[Path]:
    """List the data files that a bare name would find, one a name."""
    found: dict[str, Path] = {}
    for folder in data_folders():
        for path in sorted(folder.iterdir(), key=_by_suffix):
            visible = path.is_file() and not path.name.startswith(".")
            if visible and suffix_of(path) is not None:
                found.setdefault(stem_of(path), path)
    return list(found.values())


def suffix_of(path: Path) -> str | None:
    """Return the ending of a data file, in lower case, None when it is none we read."""
    lower = path.name.lower()
    return max((s for s in SUFFIXES if lower.endswith(s)), key=len, default=None)


def stem_of(path: Path) -> str:
    """Return the name of a data file without its ending."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.name


def _by_suffix(path: Path) -> tuple[str, int]:
    suffix = suffix_of(path)
    return stem_of(path), SUFFIXES.index(suffix) if suffix else len(SUFFIXES)
