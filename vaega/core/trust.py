"""What a configuration may name: classes of packages that are trusted, and no others.

A dotted path of a configuration makes code run, so that only scikit-learn's, imbalanced-learn's and
vaega's own is taken, and what the user adds: ``--trust PACKAGE`` on the command line, the variable
``VAEGA_TRUST`` anywhere. Whether a package is trusted is known before anything of it is imported.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import InputError, one_line

VARIABLE = "VAEGA_TRUST"
# Packages by the name that is imported, and the distributions that bring them
INSTALLED = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn", "vaega": "vaega"}
_ALWAYS = "scikit-learn, imbalanced-learn, vaega"
# Parameters that are a place to read from or to write to: scikit-learn's memory unpickles what it
# finds there.
_PLACES = re.compile(
    r"(.*_)?(memory|cache|cachedir|checkpoint|file|filename|path|folder|dir|directory|location)"
)


class UntrustedError(InputError):
    """A configuration names code of a package that nobody said to trust."""


def trusted_packages() -> tuple[str, ...]:
    """Return the packages, or modules of them, that the user trusts beside those that all do."""
    names = re.split(r"[\s,:;]+", os.environ.get(VARIABLE, "").strip())
    return tuple(check_name(name, VARIABLE) for name in names if name)


def check_name(name: str, option: str) -> str:
    """Refuse what cannot be the name of a package."""
    if not all(part.isidentifier() for part in name.split(".")):
        rule = "must name a package as it is imported, such as mypackage or mypackage.models"
        raise InputError(f"{option}: {rule}, got {name!r}.")
    return name


@contextmanager
def trusting(packages: Sequence[str]) -> Iterator[None]:
    """Trust packages in the block, in the processes that it starts too."""
    before = os.environ.get(VARIABLE)
    _trust(packages)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def _trust(packages: Sequence[str]) -> None:
    together = dict.fromkeys([*trusted_packages(), *packages])
    if together:
        os.environ[VARIABLE] = ",".join(together)


@dataclass(frozen=True)
class WithTrust:
    """A function for workers of any kind, which trust there what is trusted here."""

    function: Callable[..., Any]
    packages: tuple[str, ...] = field(default_factory=trusted_packages)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        _trust(self.packages)
        return self.function(*arguments, **keywords)


def import_trusted(path: Any, *, owner: str, key: str, also: Sequence[str] = ()) -> Any:
    """Return what a dotted path of a configuration names, when its package is trusted.

    Parameters
    ----------
    path : str
        ``package.module.Name``.
    owner, key : str
        Who asks, and for which key, for the message.
    also : sequence of str
        Further packages that may be named here.

    Returns
    -------
    class or function

    Raises
    ------
    UntrustedError
        When the package is not trusted, or is not where it was installed, or the name is that of
        something which comes from another one, as ``sklearn.utils.os``.
    InputError
        When there is nothing of that name, or the import fails.

    Examples
    --------
    >>> import_trusted("sklearn.svm.SVC", owner="fitness", key="class").__name__
    'SVC'
    >>> import_trusted("os.system", owner="fitness", key="class")
    Traceback (most recent call last):
        ...
    vaega.core.trust.UntrustedError: fitness: class must be of scikit-learn, imbalanced-learn, ...
    """
    module, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    parts = [*module.split("."), name]
    if not all(part.isidentifier() and not part.startswith("__") for part in parts):
        raise InputError.of(owner, key, "must be importable as package.Name", path)
    added = (*trusted_packages(), *also)
    chosen = any(path.startswith(f"{package}.") for package in added)
    if not chosen and not _is_installed(parts[0]):
        if parts[0] not in sys.modules and find_spec(parts[0]) is None:
            raise InputError.of(owner, key, "must be importable as package.Name", path)
        raise _refusal(path, parts[0], owner, key)
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        rule = f"must be importable as package.Name ({one_line(error)[:200]})"
        raise InputError.of(owner, key, rule, path) from error
    home = str(getattr(found, "__module__", "")).partition(".")[0]
    if not chosen and not (_is_code(found) and _is_installed(home)):
        rule = f"must be a class or function of {parts[0]} itself, and not what it imports"
        raise UntrustedError.of(owner, key, rule, path)
    return found


def _refusal(path: str, package: str, owner: str, key: str) -> UntrustedError:
    rule = (
        f"must be of {_ALWAYS} or a package that you trust, and this is code of {package} "
        f"(--trust {package} says that you trust it)"
    )
    return UntrustedError.of(owner, key, rule, path)


def _is_code(found: Any) -> bool:
    return isinstance(found, type) or (callable(found) and hasattr(found, "__qualname__"))


def _is_installed(package: str) -> bool:
    """Return whether a package is one of those that all trust, and lies where it was installed.

    A folder of its name that the working directory happens to have is not it.
    """
    if package not in INSTALLED:
        return False
    if package in sys.modules:  # vaega runs its code already
        return True
    try:
        folder = Path(str(metadata.distribution(INSTALLED[package]).locate_file(package)))
    except metadata.PackageNotFoundError:
        return False
    spec = find_spec(package)
    places = [] if spec is None else spec.submodule_search_locations or []
    return folder.resolve() in [Path(place).resolve() for place in places]


def refuse_places(parameters: Mapping[str, Any], *, owner: str) -> None:
    """Refuse parameters that read files or write them, whatever class they are of."""
    for name, value in parameters.items():
        if _PLACES.fullmatch(str(name).rpartition("__")[2]) and value is not None:
            rule = "cannot be set in a configuration, which reads and writes no files of its own"
            raise InputError.of(owner, str(name), rule, value)


def as_ufunc(path: str, *, owner: str, key: str) -> Any:
    """Return the function of numpy or scipy that a path names, which works cell by cell."""
    rule = "must be a function of numpy or scipy that works cell by cell, such as numpy.log1p"
    try:
        function = import_trusted(path, owner=owner, key=key, also=("numpy", "scipy"))
    except UntrustedError as error:
        raise InputError.of(owner, key, rule, path) from error
    if not isinstance(function, np.ufunc):
        raise InputError.of(owner, key, rule, path)
    return function
