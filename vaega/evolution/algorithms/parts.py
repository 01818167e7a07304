"""States of algorithms inside the state of one that is made of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaega.core.errors import InputError
from vaega.evolution.state import RESTARTS, EvolutionState


def pack_part(state: EvolutionState, prefix: str) -> dict[str, np.ndarray]:
    """Return what the whole's ``extra`` keeps of a part.

    Parameters
    ----------
    state : EvolutionState
        The part's.
    prefix : str
        In front of every name.

    Returns
    -------
    dict of str to numpy.ndarray
        All but masks, scores and random state, which the whole keeps elsewhere, and the marks of
        restarts and the history, which the whole keeps for all.

    Examples
    --------
    >>> from vaega.evolution.state import start_state
    >>> sorted(pack_part(start_state({}), "island_0_"))
    ['island_0_best_mask', 'island_0_best_score', 'island_0_generation']
    """
    arrays = {
        f"{prefix}generation": np.array(state.generation),
        f"{prefix}best_mask": state.best_mask,
        f"{prefix}best_score": np.array(state.best_score),
    }
    own = {name: array for name, array in state.extra.items() if name != RESTARTS}
    return arrays | {f"{prefix}extra_{name}": array for name, array in own.items()}


def unpack_part(
    extra: Mapping[str, np.ndarray],
    prefix: str,
    *,
    masks: np.ndarray,
    scores: np.ndarray,
    rng_state: Mapping[str, Any],
    restarting: bool,
) -> EvolutionState:
    """Return the state of a part from what `pack_part` gave.

    Parameters
    ----------
    extra : mapping of str to numpy.ndarray
        The whole's.
    prefix : str
        The part's.
    masks : numpy.ndarray of bool, shape (population_size, n_features)
        The part's population.
    scores : numpy.ndarray of float, shape (population_size,) or (population_size, n_objectives)
        Its scores.
    rng_state : mapping
        Its random state.
    restarting : bool
        Whether the whole, and so the part, is marked for a restart.

    Returns
    -------
    EvolutionState
        Without history.

    Raises
    ------
    InputError
        When there is no such part.

    Examples
    --------
    >>> from vaega.evolution.state import start_state
    >>> start = start_state({})
    >>> unpack_part(pack_part(start, "stage_"), "stage_", masks=start.masks, scores=start.scores,
    ...             rng_state={}, restarting=False).generation
    0
    """
    if f"{prefix}generation" not in extra:
        raise InputError(
            f"restore: the state must hold {prefix}generation and is one of another algorithm, "
            f"got {sorted(extra)}."
        )
    generation = int(extra[f"{prefix}generation"])
    start = f"{prefix}extra_"
    own = {name[len(start) :]: array for name, array in extra.items() if name.startswith(start)}
    return EvolutionState(
        generation=generation,
        masks=masks,
        scores=scores,
        best_mask=np.asarray(extra[f"{prefix}best_mask"]),
        best_score=float(extra[f"{prefix}best_score"]),
        rng_state=rng_state,
        extra=own | ({RESTARTS: np.array([generation])} if restarting else {}),
    )
