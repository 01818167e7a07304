"""The values among which a study searches, and how each is drawn, listed and written down."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from vaega.core.errors import ConfigError
from vaega.experiments.arm_config import GeneratorConfig
from vaega.experiments.config import RangeConfig
from vaega.experiments.generators import (
    AUTOENCODERS,
    GeneratorError,
    check_generator,
    known_keys,
)

_NETWORKS: dict[str, Any] = {
    "hidden": ((64, 32), (128, 64), (256, 128), (512, 256)),
    "latent": RangeConfig(low=2, high=64, log=True),
    "learning_rate": RangeConfig(low=1e-4, high=1e-2, log=True),
    "max_epochs": RangeConfig(low=50, high=1000, log=True),
    "beta": RangeConfig(low=0.25, high=4.0, log=True),
}
DEFAULT_SPACES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(AUTOENCODERS, _NETWORKS),
    "autoencoder": {key: value for key, value in _NETWORKS.items() if key != "beta"},
    "ppca": {"latent": RangeConfig(low=1, high=32, log=True)},
    "jitter": {"share": RangeConfig(low=0.05, high=1.0, log=True)},
    "smote": {"k_neighbors": RangeConfig(low=1, high=10)},
}


@dataclass(frozen=True)
class Dimension:
    """One key of a generator and the values that it may take."""

    key: str  # Of the generator's section
    values: Any  # A range, or choices

    def points(self) -> list[Any]:
        """Return the choices, or the points of the range that a grid visits."""
        if not isinstance(self.values, RangeConfig):
            return list(self.values)
        low, high = self.values.ends()
        n, log = self.values.points, self.values.log
        line = np.geomspace(low, high, n) if log else np.linspace(low, high, n)
        whole = isinstance(low, int)
        return list(dict.fromkeys(round(v) if whole else float(v) for v in line.tolist()))

    def suggest(self, trial: Any, *, grid: bool) -> Any:
        """Return the value that an Optuna trial draws, from the grid's points or from all."""
        if grid or not isinstance(self.values, RangeConfig):
            # Optuna keeps choices that are text or numbers; a list of widths is kept as JSON.
            texts = [json.dumps(value) for value in self.points()]
            return json.loads(trial.suggest_categorical(self.key, texts))
        low, high = self.values.ends()
        suggest = trial.suggest_int if isinstance(low, int) else trial.suggest_float
        return suggest(self.key, low, high, log=self.values.log)


@dataclass(frozen=True)
class Space:
    """All that a study varies."""

    dimensions: tuple[Dimension, ...]

    def size(self) -> int:
        """Return how many combinations a grid visits."""
        return math.prod(len(dimension.points()) for dimension in self.dimensions)

    def grid(self) -> Iterator[dict[str, str]]:
        """Yield each combination of points, as Optuna keeps it."""
        keys = [dimension.key for dimension in self.dimensions]
        for values in product(*(dimension.points() for dimension in self.dimensions)):
            yield dict(zip(keys, map(json.dumps, values), strict=True))

    def suggest(self, trial: Any, *, grid: bool) -> dict[str, Any]:
        """Return the parameters that an Optuna trial draws."""
        return {dimension.key: dimension.suggest(trial, grid=grid) for dimension in self.dimensions}

    def described(self) -> dict[str, Any]:
        """Return the space as JSON can hold it."""
        return {
            dimension.key: dimension.values.model_dump()
            if isinstance(dimension.values, RangeConfig)
            else list(dimension.values)
            for dimension in self.dimensions
        }


def make_space(generator: GeneratorConfig, given: Mapping[str, Any] | None) -> Space:
    """Return the space of a generator: what is given, or the default one of its kind."""
    kind = generator.kind
    if given is None:
        # A preset brings widths of its own, but the search is for others.
        given = DEFAULT_SPACES.get(kind, {})
    if not given:
        known = ", ".join(known_keys(kind))
        raise ConfigError(f"tune.space: generator {kind} has no default, name keys of: {known}.")
    space = Space(tuple(Dimension(key, values) for key, values in given.items()))
    for dimension in space.dimensions:
        for value in dimension.points():
            _check(generator, dimension.key, value)
    return space


def _check(generator: GeneratorConfig, key: str, value: Any) -> None:
    try:
        check_generator(generator.kind, {**generator.parameters(), key: value})
    except GeneratorError as error:
        raise ConfigError(f"tune.space.{key}: {error}.") from error
