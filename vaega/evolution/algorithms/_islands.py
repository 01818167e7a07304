"""Islands: several populations that evolve side by side and exchange their best masks."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError
from vaega.evolution._state import EvolutionState, amend_last, describe_population, start_state
from vaega.evolution.algorithms._base import (
    AskTell,
    MakeToolbox,
    first_distinct,
    pack_part,
    rng_state,
    unpack_part,
)
from vaega.evolution.algorithms._generational import Generational

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
        Best different masks that leave for each neighbour (copies: nobody loses them).
    topology : {"ring", "random_ring", "complete"}, default="ring"
        Who is whose neighbour: the next island; the next in an order drawn each time; everybody.

    Attributes
    ----------
    state : EvolutionState
        All populations, island by island; ``state.extra["island"]`` says who lives where. The
        history describes all islands together and ``n_migrants``, those who were let in.

    Notes
    -----
    A migrant brings its score and is not scored again. It takes the place of the worst member,
    unless it is a member already or worse than that one. With several objectives the best mask is
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
        for place, algorithm in enumerate(self.algorithms):
            home = np.flatnonzero(state.extra["island"] == place)
            part = unpack_part(
                state.extra,
                f"island_{place}_",
                masks=state.masks[home],
                scores=state.scores[home],
                rng_state=state.rng_state["islands"][place],
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
        place = int(self.ranked()[-1])
        if origin is not None:
            same = np.flatnonzero((self.state.masks == origin).all(axis=1))
            place = int(same[0]) if same.size else place
        island = int(self.state.extra["island"][place])
        if not self.algorithms[island].adopt(mask, score, origin=origin):
            return False
        state = self._gathered(self.state)
        record = describe_population(state.masks, state.scores)
        self.state = replace(state, history=amend_last(state.history, record))
        return True

    def _propose(self) -> np.ndarray:
        asked = [algorithm.ask() for algorithm in self.algorithms]
        if len({masks.shape[1] for masks in asked}) > 1:
            raise InputError(
                "Islands: algorithms must make masks of one length, got "
                f"{[masks.shape[1] for masks in asked]}."
            )
        self._sizes = [len(masks) for masks in asked]
        return np.concatenate(asked)

    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        stops = np.cumsum(self._sizes)[:-1]
        for algorithm, own in zip(self.algorithms, np.split(scores, stops), strict=True):
            algorithm.tell(own)
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
        for place, state in enumerate(states):
            extra |= pack_part(state, f"island_{place}_")
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
            extra=self._kept_marks(before) | extra,
        )

    def _best_of(self, states: list[EvolutionState]) -> EvolutionState:
        score = max(state.best_score for state in states)
        best = [state for state in states if state.best_score == score]
        if hasattr(self, "state"):  # of equals the one that was first
            before = self.state.best_mask
            best.sort(key=lambda state: not np.array_equal(state.best_mask, before))
        return best[0]

    def _migrate(self) -> int:
        emigrants = [self._emigrants(algorithm) for algorithm in self.algorithms]
        return sum(
            self.algorithms[goal].adopt(mask, score)
            for origin, goal in self._routes()
            for mask, score in emigrants[origin]
        )

    def _emigrants(self, algorithm: AskTell) -> Emigrants:
        order = algorithm.ranked()
        masks, scores = algorithm.state.masks[order], algorithm.state.scores[order]
        return [(masks[place], scores[place]) for place in first_distinct(masks)[: self.migrants]]

    def _routes(self) -> list[tuple[int, int]]:
        n_islands = len(self.algorithms)
        if self.topology == "complete":
            pairs = np.argwhere(~np.eye(n_islands, dtype=bool))
        else:
            ring = np.arange(n_islands)
            ring = self.rng.permutation(n_islands) if self.topology == "random_ring" else ring
            pairs = np.column_stack([ring, np.roll(ring, -1)])
        return [(int(origin), int(goal)) for origin, goal in pairs]

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return self.algorithms[0]._order(scores)

    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        return self.algorithms[0]._repaired(mask)
