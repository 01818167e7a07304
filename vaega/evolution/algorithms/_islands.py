"""The island model: several populations evolve side by side, and their best masks migrate."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError
from vaega.evolution._evolution import (
    RESTARTS,
    EvolutionState,
    amend_last,
    describe_population,
    start_state,
)
from vaega.evolution.algorithms._genetic import (
    AskTell,
    Generational,
    MakeToolbox,
    first_distinct,
    rng_state,
)

TOPOLOGIES = ("ring", "random_ring", "complete")

Emigrants = list[tuple[np.ndarray, np.ndarray]]


class Islands(AskTell):
    """Evolve several populations at once; now and then the best masks migrate.

    Parameters
    ----------
    algorithms : sequence of AskTell
        At least two, new, each with its own toolbox and generator; they may be of different kinds
        and sizes, but score the same features and the same number of objectives.
    rng : numpy.random.Generator
        For ``topology="random_ring"``; its state is saved in `state`.
    migrate_every : int, default=5
        Generations from one migration to the next.
    migrants : int, default=1
        Best different masks that are copied to each neighbour.
    topology : {"ring", "random_ring", "complete"}, default="ring"
        The neighbours of an island: the next one; the next in an order drawn each time; all.

    Attributes
    ----------
    state : EvolutionState
        All populations, island by island; ``state.extra["island"]`` is the island of each mask.
        The history describes all islands together, and ``n_migrants`` that replaced a member.

    Notes
    -----
    A migrant brings its score and is not scored again. It replaces the worst member, unless it
    is a member already or worse than that one. With several objectives the best mask is
    that of the island with the best first objective; each NSGA-II keeps its own ``front``.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution import operators
    >>> from vaega.evolution.algorithms import Generational
    >>> def island(seed):
    ...     rng, toolbox = np.random.default_rng(seed), base.Toolbox()
    ...     toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    ...     toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    ...     toolbox.register("mate", operators.crossover_uniform, rng=rng)
    ...     toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    ...     return Generational(toolbox, rng=rng, population_size=15)
    >>> algorithm = Islands([island(1), island(2), island(3)], rng=np.random.default_rng(0))
    >>> for _ in range(20):
    ...     masks = algorithm.ask()
    ...     algorithm.tell(masks.mean(axis=1))  # count ones
    >>> algorithm.state.best_score
    1.0
    """

    def __init__(
        self,
        algorithms: Sequence[AskTell],
        *,
        rng: np.random.Generator,
        migrate_every: int = 5,
        migrants: int = 1,
        topology: str = "ring",
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        check_count(len(algorithms), "the number of algorithms", owner=owner, minimum=2)
        check_count(migrate_every, "migrate_every", owner=owner)
        check_count(migrants, "migrants", owner=owner)
        check_choice(topology, "topology", TOPOLOGIES, owner=owner)
        if len({id(algorithm) for algorithm in algorithms}) < len(algorithms):
            raise InputError(f"{owner}: algorithms must be different objects, got one twice.")
        if len({algorithm.multi_objective for algorithm in algorithms}) > 1:
            raise InputError(
                f"{owner}: algorithms must all take one score or all several, got a mixture."
            )
        self.algorithms = tuple(algorithms)
        self.rng = rng
        self.migrate_every = migrate_every
        self.migrants = migrants
        self.topology = topology
        self.multi_objective = self.algorithms[0].multi_objective
        self._sizes: list[int] = []
        self.state = self._gathered(start_state({}))

    @classmethod
    def from_settings(
        cls, settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator, **params: Any
    ) -> Self:
        """Make generational islands that share the population size of the settings."""
        size = max(settings.population_size // settings.n_islands, settings.elite + 1, 2)
        shared = replace(settings, population_size=size)
        parts = [
            Generational.from_settings(shared, make_toolbox, stream)
            for stream in rng.spawn(settings.n_islands)
        ]
        return cls(parts, rng=rng, **{"migrate_every": settings.migrate_every, **params})

    def restore(self, state: EvolutionState) -> None:
        if len(state.rng_state.get("islands", ())) != len(self.algorithms):
            raise InputError(
                f"Islands: the state must be one of {len(self.algorithms)} islands, got "
                f"{len(state.rng_state.get('islands', ()))}."
            )
        self.state = state
        restarting = self._restarting()
        for island, algorithm in enumerate(self.algorithms):
            members = np.flatnonzero(state.extra["island"] == island)
            part = unpack_part(
                state.extra,
                f"island_{island}_",
                masks=state.masks[members],
                scores=state.scores[members],
                rng_state=state.rng_state["islands"][island],
                restarting=restarting,
            )
            algorithm.restore(part)
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state["own"]))
        self._asked = None

    def adopt(
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        if not self.state.generation or (self.state.masks == mask).all(axis=1).any():
            return False
        self.restore(self.state)
        island = int(self.state.extra["island"][self._index_of(origin)])
        if not self.algorithms[island].adopt(mask, score, origin=origin):
            return False
        state = self._gathered(self.state)
        record = describe_population(state.masks, state.scores)
        self.state = replace(state, history=amend_last(state.history, record))
        return True

    def _propose(self) -> np.ndarray:
        proposed = [algorithm.ask() for algorithm in self.algorithms]
        lengths = [masks.shape[1] for masks in proposed]
        if len(set(lengths)) > 1:
            raise InputError.of("Islands", "algorithms", "must make masks of one length", lengths)
        self._sizes = [len(masks) for masks in proposed]
        return np.concatenate(proposed)

    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        stops = np.cumsum(self._sizes)[:-1]
        for algorithm, island_scores in zip(self.algorithms, np.split(scores, stops), strict=True):
            algorithm.tell(island_scores)
            algorithm.state = replace(algorithm.state, history=())  # kept here, for all
        generation = self.state.generation + 1
        n_migrants = self._migrate() if generation % self.migrate_every == 0 else 0
        state = self._gathered(self.state)
        record = self._record(state.masks, state.scores, len(masks), {"n_migrants": n_migrants})
        self.state = replace(state, generation=generation, history=(*state.history, record))

    def _gathered(self, before: EvolutionState) -> EvolutionState:
        """Return `before` with the islands as they are now."""
        states = [algorithm.state for algorithm in self.algorithms]
        sizes = [len(state.masks) for state in states]
        extra = {"island": np.repeat(np.arange(len(states)), sizes)}
        for island, state in enumerate(states):
            extra |= pack_part(state, f"island_{island}_")
        best = self._best_of(states)
        return replace(
            before,
            masks=np.concatenate([state.masks for state in states]),
            scores=np.concatenate([state.scores for state in states]),
            best_mask=best.best_mask,
            best_score=best.best_score,
            rng_state={
                "own": rng_state(self.rng),
                "islands": [state.rng_state for state in states],
            },
            extra=self._past_restarts(before) | extra,
        )

    def _best_of(self, states: list[EvolutionState]) -> EvolutionState:
        score = max(state.best_score for state in states)
        best = [state for state in states if state.best_score == score]
        if hasattr(self, "state"):  # of equals the earliest
            before = self.state.best_mask
            best.sort(key=lambda state: not np.array_equal(state.best_mask, before))
        return best[0]

    def _migrate(self) -> int:
        emigrants = [self._emigrants(algorithm) for algorithm in self.algorithms]
        return sum(
            self.algorithms[target].adopt(mask, score)
            for source, target in self._routes()
            for mask, score in emigrants[source]
        )

    def _emigrants(self, algorithm: AskTell) -> Emigrants:
        order = algorithm.ranked()
        masks, scores = algorithm.state.masks[order], algorithm.state.scores[order]
        return [(masks[index], scores[index]) for index in first_distinct(masks)[: self.migrants]]

    def _routes(self) -> list[tuple[int, int]]:
        """Return pairs of islands: from, to."""
        n_islands = len(self.algorithms)
        if self.topology == "complete":
            pairs = np.argwhere(~np.eye(n_islands, dtype=bool))
        else:
            ring = np.arange(n_islands)
            ring = self.rng.permutation(n_islands) if self.topology == "random_ring" else ring
            pairs = np.column_stack([ring, np.roll(ring, -1)])
        return [(int(source), int(target)) for source, target in pairs]

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return self.algorithms[0]._order(scores)


def pack_part(state: EvolutionState, prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays of a part that the whole keeps in its ``extra``.

    Masks, scores, random state, history and restarts are kept by the whole itself.
    """
    arrays = {
        f"{prefix}generation": np.array(state.generation),
        f"{prefix}best_mask": state.best_mask,
        f"{prefix}best_score": np.array(state.best_score),
    }
    return arrays | {
        f"{prefix}extra_{name}": array for name, array in state.extra.items() if name != RESTARTS
    }


def unpack_part(
    extra: Mapping[str, np.ndarray],
    prefix: str,
    *,
    masks: np.ndarray,
    scores: np.ndarray,
    rng_state: Mapping[str, Any],
    restarting: bool,
) -> EvolutionState:
    """Return the state of a part from what `pack_part` gave."""
    if f"{prefix}generation" not in extra:
        raise InputError(
            f"restore: the state must hold {prefix}generation and is one of another algorithm, "
            f"got {sorted(extra)}."
        )
    generation = int(extra[f"{prefix}generation"])
    start = f"{prefix}extra_"
    extra_of_part = {
        name.removeprefix(start): array for name, array in extra.items() if name.startswith(start)
    }
    return EvolutionState(
        generation=generation,
        masks=masks,
        scores=scores,
        best_mask=np.asarray(extra[f"{prefix}best_mask"]),
        best_score=float(extra[f"{prefix}best_score"]),
        rng_state=rng_state,
        extra=extra_of_part | ({RESTARTS: np.array([generation])} if restarting else {}),
    )
