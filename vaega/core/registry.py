"""Registries: what a name stands for, and what may be given in its stead.

Wherever vaega takes a name (a crossover, an algorithm, a generator) it takes an object too, and in
YAML ``{class: package.Name, params: {...}}``. `Registry.resolve` turns all three into the object.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.core.trust import import_trusted, refuse_places


@dataclass(frozen=True)
class Registry(Mapping[str, Any]):
    """Objects of one kind by name; a text as an entry is a dotted path, imported on first use.

    `accepts` says whether an object, or a class before it is made, is what the kind needs;
    `expected` says the same in words: "a callable (one, other, *, rng)". With `of_classes` the
    entries are classes that their user makes later: parameters are bound to them.
    """

    expected: str
    accepts: Callable[[Any], bool]
    entries: dict[str, Any] = field(default_factory=dict)
    of_classes: bool = False

    def register(self, name: str, entry: Any) -> Any:
        """Add an object, or the dotted path of one, under a name; returns it."""
        self.entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> Any:
        entry = self.entries[name]
        if isinstance(entry, str):
            entry = self.entries[name] = import_object(entry, owner="registry", key=name)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def check(self, given: Any, key: str, *, owner: str) -> None:
        """Refuse what is no known name, no object of the kind and no class of one."""
        if isinstance(given, str):
            check_choice(given, key, self.entries, owner=owner)
        elif isinstance(given, Mapping):
            self._named_class(given, key, owner)
        elif (isinstance(given, type) and not self.of_classes) or not self.accepts(given):
            raise InputError.of(owner, key, f"must be {self._rule()}", given)

    def resolve(self, given: Any, key: str, *, owner: str) -> Any:
        """Return the object that a name, an object or ``{class:, params:}`` stands for.

        A class is made with the parameters (or, with `of_classes`, bound to them), a function is
        bound to them.
        """
        self.check(given, key, owner=owner)
        if isinstance(given, str):
            return self[given]
        if isinstance(given, Mapping):
            bound = self._named_class(given, key, owner)
            return bound() if self._is_made(bound.func) else bound
        return given

    def _is_made(self, named: Any) -> bool:
        return isinstance(named, type) and not self.of_classes

    def _named_class(self, given: Mapping[str, Any], key: str, owner: str) -> "partial[Any]":
        """Return the class or function that a mapping names, bound to its parameters."""
        params = given.get("params") or {}
        if set(given) - {"class", "params"} or "class" not in given or not _are_names(params):
            rule = f"must be {self._rule()}, or hold class: package.Name and params: {{...}}"
            raise InputError.of(owner, key, rule, dict(given))
        named = import_trusted(given["class"], owner=owner, key=f"{key}.class")
        refuse_places(params, owner=f"{owner}: {key}.params")
        unknown = [name for name in params if callable(named) and not takes_argument(named, name)]
        if unknown:
            rule = f"must hold parameters of {given['class']}"
            raise InputError.of(owner, f"{key}.params", rule, unknown[0])
        if not callable(named) or not self.accepts(
            named if self._is_made(named) else partial(named, **params)
        ):
            raise InputError.of(owner, f"{key}.class", f"must be {self.expected}", given["class"])
        return partial(named, **params)

    def _rule(self) -> str:
        return f"one of {', '.join(sorted(self.entries))}, or {self.expected}"


def _are_names(params: Any) -> bool:
    return isinstance(params, Mapping) and all(isinstance(name, str) for name in params)


def matching_arguments(function: Any, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments offered that a callable names and has not been bound to."""
    names = _parameters(function) or {}
    bound = function.keywords if isinstance(function, partial) else {}
    return {name: value for name, value in offered.items() if name in names and name not in bound}


def can_be_called(function: Any, n_arguments: int, offered: Collection[str]) -> bool:
    """Return whether a callable takes so many arguments, `rng`, and what it names of the rest."""
    named = matching_arguments(function, dict.fromkeys(offered))
    try:
        inspect.signature(function).bind(*range(n_arguments), rng=None, **named)
    except (TypeError, ValueError):
        return False
    return True


def takes_argument(function: Any, name: str) -> bool:
    """Return whether a callable has a parameter of a name, or takes any keyword."""
    parameters = _parameters(function)
    return (
        parameters is None
        or name in parameters
        or any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    )


def names_argument(function: Any, name: str) -> bool:
    """Return whether the signature of a callable has a parameter of a name."""
    return name in (_parameters(function) or ())


def _parameters(function: Any) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return None


def import_object(path: Any, *, owner: str, key: str) -> Any:
    """Return what a dotted path of ours names; one of a configuration has to be trusted."""
    module, _, name = str(path).rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, ValueError, AttributeError, TypeError) as error:
        raise InputError.of(owner, key, "must be importable as package.Name", path) from error
