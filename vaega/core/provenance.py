"""What computes: digests of vaega's own sources, versions of packages, the kind of processor.

A version says too little where code changes without one, as in a checkout: what depends on the code
is kept under a digest of its sources.
"""

import hashlib
import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vaega import __version__
from vaega.core.errors import InputError

_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "numba", "deap", "torch")
_PACKAGE = Path(__file__).resolve().parents[1]
_KERNELS = b"vaega.core.kernels"  # what a module imports that has kernels of its own


@cache
def source_digest(*parts: str) -> str:
    """Return a digest of the sources of vaega, or of some of its packages."""
    folders = [_PACKAGE / part for part in parts] or [_PACKAGE]
    return _digest_of(path for folder in folders for path in folder.rglob("*.py"))


@cache
def kernel_digest() -> str:
    """Return a digest of all modules with kernels, for kernels are made of one another."""
    paths = [_PACKAGE / "core" / "kernels.py"]
    paths += [path for path in _PACKAGE.rglob("*.py") if _KERNELS in path.read_bytes()]
    return _digest_of(paths)


def _digest_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        content = path.read_bytes()
        name = path.relative_to(_PACKAGE).as_posix()
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:16]


@cache
def processor_kind() -> str:
    """Return what the processor calls itself; linear algebra picks its code by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = next(line for line in lines if line.startswith("model name"))
        return named.partition(":")[2].strip()
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def describe_software() -> dict[str, Any]:
    """Return the versions that a result depends on, and the digest of vaega's sources."""
    return {
        "vaega": __version__,
        "code": source_digest(),
        "python": platform.python_version(),
        "packages": dict(_versions()),
    }


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def parts_of(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return by name the parts of an environment's software that decide the bits of a result."""
    parts = dict(environment.get("packages", {}))
    if "code" in environment:
        parts = {"sources of vaega": environment["code"], **parts}
    own = dict(environment.get("classes", {}))
    parts |= {f"source of {path}": digest for path, digest in own.items()}
    return {name: str(part) for name, part in parts.items()}


def differing_parts(environment: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Say in which parts the software of an environment is not that of `here`.

    An environment of old that does not hold a part says nothing of it.
    """
    expected = parts_of(here)
    return [
        f"{name} {part}, here {expected[name]}"
        for name, part in parts_of(environment).items()
        if expected.get(name, part) != part
    ]


def check_same_software(
    worker: Mapping[str, Any], here: Mapping[str, Any], *, owner: str = "the cluster"
) -> None:
    """Refuse a worker of a cluster that computes with other software than there is `here`."""
    differing = differing_parts(worker, here)
    if differing:
        raise InputError(
            f"{owner}: its workers must have the software that is here, got {'; '.join(differing)}."
        )


def class_digests(settings: Any) -> dict[str, str]:
    """Return digests of the modules of the classes that settings name under ``class``, by path.

    Of those whose version does not say it: not of scikit-learn, imbalanced-learn and vaega.
    """
    digests = {}
    for path in sorted(set(_class_paths(settings))):
        module = path.rpartition(".")[0]
        if module.partition(".")[0] not in _VERSIONED:
            digests[path] = _module_digest(module)
    return digests


_VERSIONED = ("sklearn", "imblearn", "vaega")


def _class_paths(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        if isinstance(settings.get("class"), str):
            yield settings["class"]
        for value in settings.values():
            yield from _class_paths(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _class_paths(value)


def _module_digest(module: str) -> str:
    try:
        spec = find_spec(module)
        return hashlib.sha256(Path(spec.origin or "").read_bytes()).hexdigest()[:16] if spec else ""
    except (ImportError, OSError, ValueError):  # built in, or not there: the run will say so
        return ""
