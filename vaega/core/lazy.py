"""Public names of a package, each imported on first use: ``import vaega`` stays fast."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def attach(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], list[str]]:
    """Return ``__getattr__`` and ``__all__`` of a package, from the names of each submodule.

    The keys are relative to the package: ``{"_dataset": ["Dataset"]}``. Module attributes as PEP
    562 has them; the same names stand under ``TYPE_CHECKING`` for type checkers.
    """
    modules = {name: f"{package}.{module}" for module, held in names.items() for name in held}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(modules[name])
        value = getattr(module, name, None)
        if value is None:  # the name of a package inside
            value = import_module(f"{modules[name]}.{name}")
        setattr(sys.modules[package], name, value)
        return value

    return load, sorted(modules)
