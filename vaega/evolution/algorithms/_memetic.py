"""The memetic algorithm: any other algorithm, with a local search around its best masks."""

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError
from vaega.evolution._evolution import EvolutionState, amend_last, count_asked
from vaega.evolution.algorithms._genetic import (
    AskTell,
    dominates,
    first_distinct,
    rng_state,
)
from vaega.evolution.algorithms._nsga2 import rank_crowded
from vaega.evolution.operators._masks import check_weights, draw_weighted

MOVES = ("drop", "add", "swap")


def draw_neighbour(
    mask: np.ndarray, *, move: str, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return a mask that is one move away."""
    neighbour = mask.copy()
    selected = np.flatnonzero(mask)
    added = np.empty(0, dtype=np.intp)
    if move != "drop":
        added = draw_weighted(np.where(mask, 0.0, weights), 1, rng=rng)
    possible = move == "drop" or added.size
    if move != "add" and possible and selected.size:
        neighbour[selected[rng.integers(selected.size)]] = False
    if move == "add" or selected.size:
        neighbour[added] = True
    return neighbour


def digest_masks(masks: np.ndarray) -> np.ndarray:
    """Return one number a mask, different for different masks except by a rare chance."""
    packed = np.packbits(masks, axis=1)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in packed]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


_SEEN = "memetic_seen"

# Draws before the search gives up on finding a neighbour that was never asked for.
_TRIES = 20


class Memetic(AskTell):
    """Let another algorithm evolve, and try neighbours of its best masks beside its children.

    Parameters
    ----------
    algorithm : AskTell
        Any other algorithm, new; it is driven from here.
    rng : numpy.random.Generator
        Draws the neighbours; may be the generator of `algorithm`. Its state is saved in `state`.
    weights : array-like of float, shape (n_features,), optional
        How promising each feature is by itself, at least 0, computed on the fit rows only: by
        these chances features are added. Even chances when absent.
    every : int, default=1
        Generations from one local search to the next.
    n_neighbours : int, default=10
        Neighbours in a local search, of all origins together; they are scored in one batch with
        the children and count in the history's ``n_asked``.
    n_origins : int, default=1
        Best different masks whose neighbours are tried.
    moves : sequence of {"drop", "add", "swap"}, default=("drop", "add", "swap")
        What makes a neighbour; drawn with the same chance.

    Attributes
    ----------
    state : EvolutionState
        That of `algorithm`, its random state beside this one's, and the digests of all masks
        asked for. The history adds ``n_adopted``, neighbours that were better than their origin.

    Notes
    -----
    The best neighbour of an origin takes its place in the population when it is better (with
    several objectives: when it dominates it). Masks asked for before are not tried again. Bounds
    hold by the toolbox's ``repair``. With fewer neighbours left than wanted, fewer are asked.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution import operators
    >>> from vaega.evolution.algorithms import Generational
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    >>> toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    >>> algorithm = Memetic(Generational(toolbox, rng=rng, population_size=15), rng=rng)
    >>> for _ in range(20):
    ...     masks = algorithm.ask()
    ...     algorithm.tell(masks.mean(axis=1))  # count ones
    >>> algorithm.state.best_score
    1.0
    """

    def __init__(
        self,
        algorithm: AskTell,
        *,
        rng: np.random.Generator,
        weights: ArrayLike | None = None,
        every: int = 1,
        n_neighbours: int = 10,
        n_origins: int = 1,
        moves: Sequence[str] = MOVES,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        if isinstance(algorithm, Memetic):
            raise InputError(f"{owner}: algorithm must not be memetic already, got {algorithm!r}.")
        check_count(every, "every", owner=owner)
        check_count(n_neighbours, "n_neighbours", owner=owner)
        check_count(n_origins, "n_origins", owner=owner)
        check_count(len(moves), "the number of moves", owner=owner)
        for move in moves:
            check_choice(move, "moves", MOVES, owner=owner)
        self.algorithm = algorithm
        self.rng = rng
        self.weights = weights
        self.every = every
        self.n_neighbours = n_neighbours
        self.n_origins = n_origins
        self.moves = tuple(moves)
        self.multi_objective = algorithm.multi_objective
        self._origins = np.zeros(0, dtype=np.intp)  # positions, one a neighbour asked
        self._seen: set[int] = set()
        self._hold(np.zeros(0, dtype=np.uint64))

    def restore(self, state: EvolutionState) -> None:
        if _SEEN not in state.extra:
            raise InputError(f"Memetic: the state must hold {_SEEN}, got {sorted(state.extra)}.")
        inner = {name: array for name, array in state.extra.items() if name != _SEEN}
        self.algorithm.restore(replace(state, rng_state=state.rng_state["inner"], extra=inner))
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state["own"]))
        self.state = state
        self._seen = set(state.extra[_SEEN].tolist())
        self._asked = None

    def adopt(
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        self.restore(self.state)
        adopted = self.algorithm.adopt(mask, score, origin=origin)
        self._hold(self.state.extra[_SEEN])
        return adopted

    def _hold(self, seen: np.ndarray) -> None:
        inner = self.algorithm.state
        streams = {"own": rng_state(self.rng), "inner": inner.rng_state}
        self.state = replace(inner, rng_state=streams, extra={**inner.extra, _SEEN: seen})

    def _propose(self) -> np.ndarray:
        asked = self.algorithm.ask()
        generation = self.state.generation
        if generation == 0 or generation % self.every:
            self._origins = np.zeros(0, dtype=np.intp)
            return asked
        neighbours = self._neighbours(asked)
        self._origins = np.array([origin for origin, _ in neighbours], dtype=np.intp)
        return np.concatenate([asked, *(mask[None] for _, mask in neighbours)])

    def _neighbours(self, asked: np.ndarray) -> list[tuple[int, np.ndarray]]:
        state = self.state
        order = self.ranked()
        origins = order[first_distinct(state.masks[order])][: self.n_origins]
        weights = self._checked_weights(state.masks.shape[1])
        known = self._seen | set(digest_masks(np.concatenate([asked, state.masks])).tolist())
        neighbours = []
        for number in range(self.n_neighbours):
            origin = int(origins[number % origins.size])
            for _ in range(_TRIES):
                mask = self._neighbour(state.masks[origin], weights)
                (digest,) = digest_masks(mask[None]).tolist()
                if digest not in known:
                    known.add(digest)
                    neighbours.append((origin, mask))
                    break
        return neighbours

    def _neighbour(self, mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
        move = self.moves[int(self.rng.integers(len(self.moves)))]
        return self._repaired(draw_neighbour(mask, move=move, weights=weights, rng=self.rng))

    def _checked_weights(self, n_features: int) -> np.ndarray:
        if self.weights is None:
            return np.ones(n_features)
        return check_weights(self.weights, n_features, owner=type(self).__name__)

    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        before = self.state
        n_own = len(masks) - len(self._origins)
        self.algorithm.tell(scores[:n_own])
        n_adopted = self._adopt_better(before, masks[n_own:], scores[n_own:])
        figures = {"n_asked": count_asked(before) + len(masks), "n_adopted": n_adopted}
        inner = self.algorithm.state
        self.algorithm.state = replace(inner, history=amend_last(inner.history, figures))
        digests = digest_masks(masks)
        self._seen.update(digests.tolist())
        self._hold(np.concatenate([before.extra[_SEEN], digests]))

    def _adopt_better(self, before: EvolutionState, masks: np.ndarray, scores: np.ndarray) -> int:
        n_adopted = 0
        for origin in np.unique(self._origins):
            own = np.flatnonzero(self._origins == origin)
            best = own[self._local_order(scores[own])[0]]
            if dominates(scores[best], before.scores[origin]):
                n_adopted += self.algorithm.adopt(
                    masks[best], scores[best], origin=before.masks[origin]
                )
        return n_adopted

    def _local_order(self, scores: np.ndarray) -> np.ndarray:
        return rank_crowded(scores) if scores.ndim == 2 else np.argsort(-scores, kind="stable")

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return self.algorithm._order(scores)

    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        return self.algorithm._repaired(mask)
