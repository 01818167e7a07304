"""States of algorithms inside the state of one that is made of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaega.core.errors import InputError
from vaega.evolution.state import RESTARTS, EvolutionState


def pack_part(state: EvolutionState, prefix: str) -> dict[str, np.ndarray]:
    """Return what the whole's ``extra`` keeps of a part."""
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
    """Return the state of a part from what `pack_part` gave."""
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
