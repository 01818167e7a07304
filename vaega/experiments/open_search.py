"""The thesis's genetic algorithm, for protocols under which a search sees the test rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import InputError
from vaega.core.files import canonical_json, fingerprint, plain
from vaega.core.randomness import derive_rng
from vaega.evolution._checkpoint import SaveCheckpoint, load_latest_checkpoint, restore_callbacks
from vaega.evolution._evolution import (
    Callback,
    EvolutionState,
    evolve,
)
from vaega.evolution.algorithms._genetic import Generational
from vaega.fitness._memory import FitnessMemory, Objective
from vaega.selection._search import build_toolbox
from vaega.selection._settings import SearchSettings

# What such a search reads of the section ``search``; all else belongs to searches of our own.
READ = {
    "algorithm",
    "population_size",
    "n_generations",
    "n_searches",
    "initial_fraction",
    "guide",
    "selection",
    "tournament_size",
    "crossover",
    "crossover_probability",
    "mutation",
    "flip_probability",
    "elite",
    "min_features",
    "preselect",
}
_FIXED = {"algorithm": "generational", "n_searches": 1, "guide": "none"}


def check_open_search(kind: str, search: Any) -> None:
    """Refuse settings of a search that has no place under a protocol of the thesis."""
    for key in sorted(search.model_fields_set - READ):
        raise InputError(f"search.{key} has no effect with protocol {kind}; remove it")
    for key, wanted in _FIXED.items():
        if getattr(search, key) != wanted:
            raise InputError(
                f"search.{key} must be {wanted} with protocol {kind}, got {getattr(search, key)!r}"
            )


@dataclass(frozen=True)
class Breeding:
    """In what the breeding of the public code differs from the thesis's text."""

    mutates: bool  # Whether mutated masks are kept; the public code drops them
    redraws_parents: bool


def breeding_of(kind: str) -> Breeding:
    """Return how masks are bred under a protocol of the thesis."""
    as_run = kind == "as-run"
    return Breeding(mutates=not as_run, redraws_parents=as_run)


@dataclass(frozen=True, eq=False)
class OpenSearch:
    """One run of the genetic algorithm."""

    objective: Objective  # What is maximised
    settings: SearchSettings  # Resolved
    breeding: Breeding  # Of the protocol
    seed: int  # Of everything random
    callbacks: Iterable[Callback] = ()  # Called each generation
    folder: Path | None = None  # Where the state is kept

    def run(self, memory: FitnessMemory, *, digest: str | None) -> EvolutionState:
        """Evolve masks until the last generation."""
        memory.objective = self.objective
        algorithm = self._algorithm(memory.n_features)
        hooks = list(self.callbacks)
        for callback in hooks:
            callback.search = 0
        if self.folder is not None and digest is not None:
            hooks.append(self._resumed(algorithm, memory, hooks, digest))
        return evolve(
            algorithm,
            memory,
            n_generations=int(self.settings.n_generations),
            callbacks=hooks,
        )

    def _algorithm(self, n_features: int) -> Generational:
        rng = derive_rng(self.seed, "search")
        toolbox = build_toolbox(self.settings, np.ones(n_features), rng)
        if not self.breeding.mutates:
            toolbox.register("mutate", _unchanged)
        if self.breeding.redraws_parents:
            toolbox.register("select", _redrawn, select=toolbox.select, rng=rng)
        return Generational(
            toolbox,
            rng=rng,
            population_size=int(self.settings.population_size),
            crossover_probability=self.settings.crossover_probability,
            elite=self.settings.elite,
        )

    def _resumed(
        self,
        algorithm: Generational,
        memory: FitnessMemory,
        hooks: Sequence[Callback],
        digest: str,
    ) -> SaveCheckpoint:
        settings = canonical_json(plain(asdict(self.settings)))
        own = [digest, settings, repr(self.objective), repr(self.breeding), self.seed]
        identity = fingerprint(*own)
        path = Path(str(self.folder)) / f"search-{identity[:12]}.npz"
        found, _ = load_latest_checkpoint(path, identity=identity)
        if found is not None:
            state, arrays = found
            algorithm.restore(state)
            memory.restore(arrays)
            restore_callbacks(hooks, arrays)
        return SaveCheckpoint(path, extra=memory.to_arrays, callbacks=hooks, identity=identity)


def mean_metric(mean: float, n_features: float, objective: Objective, n_all: int) -> float:
    """Return the metric behind a value of the objective."""
    none, full = np.zeros((1, n_all), dtype=bool), np.ones((1, n_all), dtype=bool)
    value = partial(_value, objective)
    slope = value(1.0, none) - value(0.0, none)
    price = (value(0.0, full) - value(0.0, none)) / n_all
    return float((mean - value(0.0, none) - price * n_features) / slope) if slope else float("nan")


def _value(objective: Objective, score: float, masks: np.ndarray) -> float:
    return float(objective(np.array([score]), masks)[0])


def _unchanged(mask: np.ndarray) -> tuple[np.ndarray]:
    return (mask,)


def _redrawn(
    individuals: Sequence[Any],
    k: int,
    *,
    select: Callable[..., list[Any]],
    rng: np.random.Generator,
) -> list[Any]:
    pool = select(individuals, len(individuals))
    return [pool[place] for place in rng.integers(len(pool), size=k)]
