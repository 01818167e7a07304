"""Folders with data files: $VAEGA_DATA, ./data, and the cache of downloads."""

import os
from pathlib import Path

from vaega.core.files import path_inside

SUFFIXES = (".npz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".arff", ".parquet")


def data_folders() -> list[Path]:
    """Return the folders where names are looked up, the first one first.

    Returns
    -------
    list of pathlib.Path
        The folder named by the environment variable ``VAEGA_DATA``, where set, then ``data`` in
        the working folder; those that exist.

    Examples
    --------
    >>> all(folder.is_dir() for folder in data_folders())
    True
    """
    named = os.environ.get("VAEGA_DATA")
    folders = [Path(named).expanduser()] if named else []
    return [folder for folder in (*folders, Path("data")) if folder.is_dir()]


def cache_folder() -> Path:
    """Return the folder where downloads are kept: ``VAEGA_CACHE``, else the user's cache folder.

    Returns
    -------
    pathlib.Path
        It may not exist yet.

    Examples
    --------
    >>> isinstance(cache_folder(), Path)
    True
    """
    named = os.environ.get("VAEGA_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("vaega")


def find_file(name: str) -> Path | None:
    """Find the file of a dataset by its bare name.

    Parameters
    ----------
    name : str
        A file name without its ending; it cannot lead out of the folders.

    Returns
    -------
    pathlib.Path or None
        The first that exists; archives come before tables.

    Raises
    ------
    InputError
        When `name` holds a separator or begins with a dot.

    Examples
    --------
    >>> find_file("no_such_dataset") is None
    True
    """
    for folder in data_folders():
        for suffix in SUFFIXES:
            path = path_inside(folder, name + suffix)
            if path.is_file():
                return path
    return None


def list_files() -> list[Path]:
    """List the data files that a bare name would find, one a name.

    Returns
    -------
    list of pathlib.Path
        Sorted within each folder.

    Examples
    --------
    >>> all(path.name.endswith(SUFFIXES) for path in list_files())
    True
    """
    found: dict[str, Path] = {}
    for folder in data_folders():
        for path in sorted(folder.iterdir(), key=_by_suffix):
            visible = path.is_file() and not path.name.startswith(".")
            if visible and suffix_of(path) is not None:
                found.setdefault(stem_of(path), path)
    return list(found.values())


def suffix_of(path: Path) -> str | None:
    """Return the ending of a data file, in lower case, None when it is none we read.

    Parameters
    ----------
    path : pathlib.Path
        A file name.

    Returns
    -------
    str or None

    Examples
    --------
    >>> suffix_of(Path("a/toy.v2.CSV.gz")), suffix_of(Path("toy.xlsx"))
    ('.csv.gz', None)
    """
    lower = path.name.lower()
    return max((s for s in SUFFIXES if lower.endswith(s)), key=len, default=None)


def stem_of(path: Path) -> str:
    """Return the name of a data file without its ending.

    Parameters
    ----------
    path : pathlib.Path
        A file name.

    Returns
    -------
    str

    Examples
    --------
    >>> stem_of(Path("a/toy.v2.csv.gz"))
    'toy.v2'
    """
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.name


def _by_suffix(path: Path) -> tuple[str, int]:
    suffix = suffix_of(path)
    return stem_of(path), SUFFIXES.index(suffix) if suffix else len(SUFFIXES)
