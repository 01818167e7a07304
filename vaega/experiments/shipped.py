"""Configurations that come with vaega, by name: the folder ``configs`` of a checkout or a wheel."""

import difflib
from collections.abc import Mapping
from pathlib import Path

import vaega
from vaega.core.errors import ConfigError, InputError
from vaega.core.files import check_absent, write_text
from vaega.core.yaml import read_yaml

_OWNER = "configs"


def shipped_folder() -> Path:
    """Return the folder of the configurations that come with vaega."""
    package = Path(vaega.__file__).parent
    for folder in (package / "configs", package.parent / "configs"):  # a wheel's, a checkout's
        if folder.is_dir():
            return folder
    raise ConfigError(f"{package}: the folder configs is missing, install vaega anew.")


def shipped_configs() -> dict[str, Path]:
    """Return the configurations by name; those of the thesis are ``thesis/NAME`` and come last.

    >>> "quickstart" in shipped_configs(), "thesis/madelon" in shipped_configs()
    (True, True)
    """
    folder = shipped_folder()
    paths = [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*/*.yaml"))]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}


def find_config(file: Path) -> Path:
    """Return a file that is there, or else the configuration of that name that comes with vaega."""
    if file.suffix or file.exists():
        return file
    known = shipped_configs()
    if file.as_posix() not in known:
        raise ConfigError(
            f"{file}: is no file, and no configuration of that name comes with vaega"
            f"{_hint(file.as_posix(), known)}"
        )
    return known[file.as_posix()]


def describe_config(path: Path) -> str:
    """Return the line that a configuration says of itself."""
    return str(read_yaml(path).get("description", ""))


def copy_config(name: str, folder: Path, *, force: bool = False) -> Path:
    """Copy a configuration that comes with vaega, comments and all; return the file."""
    known = shipped_configs()
    if name not in known:
        raise InputError(f"{_OWNER}: no configuration is called {name!r}{_hint(name, known)}")
    path = folder / f"{Path(name).name}.yaml"
    check_absent(path, force=force)
    write_text(path, known[name].read_text(encoding="utf-8"))
    return path


def _hint(name: str, known: Mapping[str, Path]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; vaega configs lists them."
