"""An engine that was stored, put together when somebody first asks it for anything."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from vaega.generative.engine import Engine


class StoredEngine:
    """Stands for an `Engine` until its first use.

    To make float64 networks of stored weights takes several times as long as to find and check
    them; whoever fits a model that is stored, and never uses it, does not wait for that.
    """

    def __init__(self, build: Callable[[], Engine]):
        self._build: Callable[[], Engine] | None = build

    @cached_property
    def _engine(self) -> Engine:
        assert self._build is not None, "an engine is built once"
        engine, self._build = self._build(), None
        return engine

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every object, by copy and pickle for instance
            raise AttributeError(name)
        return getattr(self._engine, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _itself, (self._engine,)


def _itself(engine: Engine) -> Engine:
    return engine
