"""The multi-stage search: each stage goes on with the features that the last one favoured."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.evolution._evolution import (
    EvolutionState,
    amend_last,
    describe_population,
    find_best,
    start_state,
)
from vaega.evolution.algorithms._genetic import AskTell, rng_state
from vaega.evolution.algorithms._islands import pack_part, unpack_part

MakeAlgorithm = Callable[[np.ndarray, int], AskTell]


class MultiStage(AskTell):
    """Search in fewer and fewer features.

    Parameters
    ----------
    make_algorithm : callable
        ``make_algorithm(features, stage) -> algorithm``: a new algorithm for masks over
        `features`, an int array of positions among all, in the stage of that number. Called again
        for a stage that is restored, it must give the same, and draw nothing.
    n_features : int
        How many features there are in all.
    stages : sequence of tuple
        One ``(n_generations, keep)`` for each stage but the last, which goes on to the end:
        after `n_generations` the `keep` features that the better half of the population selects
        most often, a number or a share of the present ones, stay in the search.
    rng : numpy.random.Generator
        Decides between features that are equally frequent; may be the algorithms' own. Its state
        is saved in `state`.

    Attributes
    ----------
    algorithm : AskTell
        That of the present stage.
    features : numpy.ndarray of int
        Those of the present stage, rising.
    stage : int
        Its number, from 0.
    state : EvolutionState
        In all features; ``state.extra["features"]`` and ``state.extra["stage"]`` say where the
        search stands. The history adds ``stage`` and ``n_stage_features``.

    Notes
    -----
    The features of the best mask always stay, and that mask, with its score, joins the first
    population of the next stage, so the best score never falls. A new population is random
    otherwise. An archive of NSGA-II holds what its own stage found.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution import operators
    >>> from vaega.evolution.algorithms import Generational
    >>> rng = np.random.default_rng(0)
    >>> def make(features, stage):
    ...     toolbox, n = base.Toolbox(), len(features)
    ...     toolbox.register("initialize", operators.init_bernoulli, n, fraction=0.1, rng=rng)
    ...     toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    ...     toolbox.register("mate", operators.crossover_uniform, rng=rng)
    ...     toolbox.register("mutate", operators.mutate_bitflip, flip_probability=1 / n, rng=rng)
    ...     return Generational(toolbox, rng=rng, population_size=60)
    >>> algorithm = MultiStage(make, n_features=100, stages=[(12, 0.4), (8, 20)], rng=rng)
    >>> for _ in range(40):
    ...     masks = algorithm.ask()
    ...     algorithm.tell(masks[:, :5].sum(axis=1) - masks[:, 5:].sum(axis=1))
    >>> algorithm.state.best_score > 3.0, algorithm.features.size
    (True, 20)
    """

    def __init__(
        self,
        make_algorithm: MakeAlgorithm,
        *,
        n_features: int,
        stages: Sequence[tuple[int, float]],
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        self.n_features = check_count(n_features, "n_features", owner=owner)
        for n_generations, keep in stages:
            check_count(n_generations, "the generations of a stage", owner=owner)
            _check_keep(keep, owner=owner)
        self.make_algorithm = make_algorithm
        self.stages = tuple(stages)
        self.rng = rng
        self._enter(0, np.arange(n_features))
        self.state = self._held(start_state({}))

    def restore(self, state: EvolutionState) -> None:
        if "features" not in state.extra or "stage" not in state.extra:
            raise InputError(
                f"MultiStage: the state must hold stage and features, got {sorted(state.extra)}."
            )
        self.state = state
        features = np.asarray(state.extra["features"])
        self._enter(int(state.extra["stage"]), features)
        part = unpack_part(
            state.extra,
            "stage_",
            masks=state.masks[:, features] if state.generation else state.masks,
            scores=state.scores,
            rng_state=state.rng_state["stage"],
            restarting=self._restarting(),
        )
        self.algorithm.restore(part)
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state["own"]))
        self._asked = None

    def adopt(
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        self.restore(self.state)
        outside = np.setdiff1d(np.flatnonzero(mask), self.features)
        narrow = None if origin is None else origin[self.features]
        if outside.size or not self.algorithm.adopt(mask[self.features], score, origin=narrow):
            return False
        state = self._held(self.state)
        record = describe_population(state.masks, state.scores)
        self.state = replace(state, history=amend_last(state.history, record))
        return True

    def _propose(self) -> np.ndarray:
        if self._stage_is_over():
            self._enter(self.stage + 1, self._favoured())
        return self._widened(self.algorithm.ask())

    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        self.algorithm.tell(scores)
        if self.stage and self.algorithm.state.generation == 1:
            best_mask, best_score = self._carried()
            self.algorithm.adopt(best_mask[self.features], best_score)
        self.algorithm.state = replace(self.algorithm.state, history=())  # kept here, for all
        state = self._held(self.state)
        figures = {"stage": self.stage, "n_stage_features": len(self.features)}
        record = self._record(state.masks, state.scores, len(masks), figures)
        generation = self.state.generation + 1
        self.state = replace(state, generation=generation, history=(*state.history, record))

    def _held(self, before: EvolutionState) -> EvolutionState:
        """Return `before` with the present stage's algorithm as it is now."""
        inner = self.algorithm.state
        where = {"stage": np.array(self.stage), "features": self.features}
        return replace(
            before,
            masks=self._widened(inner.masks) if inner.generation else before.masks,
            scores=inner.scores,
            best_mask=self._widened(inner.best_mask[None])[0]
            if inner.generation
            else before.best_mask,
            best_score=inner.best_score,
            rng_state={"own": rng_state(self.rng), "stage": inner.rng_state},
            extra=self._past_restarts(before) | where | pack_part(inner, "stage_"),
        )

    def _enter(self, stage: int, features: np.ndarray) -> None:
        self.stage, self.features = stage, features
        self.algorithm = self.make_algorithm(features, stage)
        self.multi_objective = self.algorithm.multi_objective

    def _stage_is_over(self) -> bool:
        if self.stage >= len(self.stages):
            return False
        return self.algorithm.state.generation >= self.stages[self.stage][0]

    def _favoured(self) -> np.ndarray:
        """Return the features of the next stage."""
        masks = self.state.masks[self.ranked()]
        better = masks[: (len(masks) + 1) // 2].mean(axis=0)
        chance = self.rng.random(self.n_features)
        best, _ = self._carried()
        present = np.zeros(self.n_features, dtype=bool)
        present[self.features] = True
        order = np.lexsort((chance, -masks.mean(axis=0), -better, ~best, ~present))
        keep = self.stages[self.stage][1]
        size = keep if isinstance(keep, int | np.integer) else round(keep * self.features.size)
        size = min(max(int(size), int(best.sum()), 1), self.features.size)
        return np.sort(order[:size])

    def _carried(self) -> tuple[np.ndarray, np.ndarray | float]:
        if not self.multi_objective:
            return self.state.best_mask, self.state.best_score
        best = find_best(self.state.scores)
        return self.state.masks[best], self.state.scores[best]

    def _widened(self, masks: np.ndarray) -> np.ndarray:
        wide = np.zeros((len(masks), self.n_features), dtype=bool)
        wide[:, self.features] = masks
        return wide

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return self.algorithm._order(scores)

    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        return self._widened(self.algorithm._repaired(mask[self.features])[None])[0]


def _check_keep(keep: float, *, owner: str) -> None:
    if isinstance(keep, float | np.floating):
        if not 0.0 < keep < 1.0:
            raise InputError(f"{owner}: keep must be a share between 0 and 1, got {keep!r}.")
        return
    check_count(keep, "keep", owner=owner)
