"""What all algorithms share: the guards of ask and tell, and what one that wraps another needs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError
from vaega.evolution.state import (
    RESTARTS,
    EvolutionState,
    count_asked,
    describe_population,
    restarts,
)


class AskTell(ABC):
    """Base of the algorithms: propose masks, accept their scores, restore, restart, adopt.

    A subclass fills ``_propose`` (the masks to be scored next), ``_accept`` (set the next state),
    `restore`, `adopt`, ``_order`` (positions from best to worst) and ``_repaired`` (a mask within
    the bounds).

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.
    multi_objective : bool
        Whether `tell` takes several scores a mask.
    """

    state: EvolutionState
    multi_objective: bool = False

    def __init__(self) -> None:
        self._asked: np.ndarray | None = None

    def ask(self) -> np.ndarray:
        """Return the masks to be scored next.

        Returns
        -------
        numpy.ndarray of bool, shape (n_masks, n_features)
            Asked again before `tell`, the same masks come back.
        """
        if self._asked is None:
            self._asked = self._propose()
        return self._asked.copy()

    def tell(self, scores: ArrayLike) -> None:
        """Take the scores of the masks that `ask` gave and go one generation on.

        Parameters
        ----------
        scores : array-like of float, shape (n_masks,) or (n_masks, n_objectives)
            Higher is better; finite. Several objectives only for an algorithm that takes them.

        Raises
        ------
        InputError
            When nothing was asked, or the scores do not fit the masks.
        """
        if self._asked is None:
            raise InputError(f"{type(self).__name__}: tell needs a call of ask before it.")
        masks = self._asked
        self._accept(masks, self._checked_scores(scores, len(masks)))
        self._asked = None

    @abstractmethod
    def restore(self, state: EvolutionState) -> None:
        """Continue from `state`, to the bit, as if this algorithm had come to it by itself.

        Parameters
        ----------
        state : EvolutionState
            A state of an algorithm with the same toolbox and settings.
        """

    @abstractmethod
    def adopt(
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        """Take a mask from elsewhere, with its score, into the population.

        Parameters
        ----------
        mask : numpy.ndarray of bool, shape (n_features,)
            The newcomer.
        score : float or array-like of float, shape (n_objectives,)
            Its score; it is not scored again.
        origin : numpy.ndarray of bool, shape (n_features,), optional
            Whose place it takes, the worst member's where this is absent or no member.

        Returns
        -------
        bool
            False when it stays out: it is a member already, or worse than the one whose place it
            would take.
        """

    def restart(self) -> None:
        """Draw a new random population at the next `ask`, in which only the elite survive.

        The generation, the history and the best mask stay. The state keeps the mark, so that a
        checkpoint written now starts again as well. What was asked and not yet told is dropped.
        """
        if not self._restarting():
            marked = np.append(restarts(self.state), self.state.generation)
            extra = {**self.state.extra, RESTARTS: marked}
            self.restore(replace(self.state, extra=extra))

    def ranked(self) -> np.ndarray:
        """Return the positions of the population from best to worst.

        Returns
        -------
        numpy.ndarray of int, shape (population_size,)
        """
        return self._order(self.state.scores)

    @abstractmethod
    def _propose(self) -> np.ndarray:
        """Return the masks to be scored next; all random draws of a generation happen here."""

    @abstractmethod
    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        """Set the next state from the scores of the masks proposed."""

    @abstractmethod
    def _order(self, scores: np.ndarray) -> np.ndarray:
        """Return positions from the best score to the worst."""

    @abstractmethod
    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        """Return the mask within the bounds of the toolbox, if it has any."""

    def _restarting(self) -> bool:
        marked = restarts(self.state)
        return bool(marked.size) and int(marked[-1]) == self.state.generation

    @staticmethod
    def _kept_marks(state: EvolutionState) -> dict[str, np.ndarray]:
        marked = restarts(state)
        return {RESTARTS: marked} if marked.size else {}

    def _record(
        self, masks: np.ndarray, scores: np.ndarray, n_asked: int, figures: Mapping[str, float]
    ) -> dict[str, float]:
        return {
            "generation": self.state.generation + 1,
            **describe_population(masks, scores),
            "n_asked": count_asked(self.state) + n_asked,
            **figures,
        }

    def _checked_scores(self, scores: ArrayLike, n_masks: int) -> np.ndarray:
        array = np.asarray(scores, dtype=float)
        owner = type(self).__name__
        if self.multi_objective:
            if array.ndim != 2 or len(array) != n_masks or array.shape[1] < 2:
                raise InputError(
                    f"{owner}: tell needs at least two scores a mask, shape ({n_masks}, "
                    f"n_objectives), got shape {array.shape}."
                )
        elif array.shape != (n_masks,):
            raise InputError(
                f"{owner}: tell needs one score a mask, shape ({n_masks},), "
                f"got shape {array.shape}."
            )
        bad = np.argwhere(~np.isfinite(array))
        if bad.size:
            raise InputError(
                f"{owner}: scores must be finite, got {array[tuple(bad[0])]} for mask {bad[0][0]}."
            )
        return array


def first_distinct(masks: np.ndarray) -> np.ndarray:
    """Return the positions of the masks that no earlier one equals."""
    seen: dict[bytes, int] = {}
    for position, packed in enumerate(np.packbits(masks, axis=1)):
        seen.setdefault(packed.tobytes(), position)
    return np.fromiter(seen.values(), dtype=np.intp, count=len(seen))


def rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return a copy of the state of a generator, as plain data."""
    return _plain_copy(rng.bit_generator.state)


def _plain_copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_copy(inner) for key, inner in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value
