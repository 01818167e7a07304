"""What computes: digests of vaega's own sources, and the kind of processor.

A version says too little where code changes without one, as in a checkout: what depends on the code
is kept under a digest of its sources.
"""

import hashlib
import platform
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
