"""Random streams derived from what they are for, so that order and parallelism cannot matter.

Nothing here, and nothing in vaega, touches the global random state of Python, numpy or torch.
"""

import hashlib
import json
from typing import Any

import numpy as np

RandomState = int | np.integer | np.random.RandomState | np.random.Generator | None


def derive_rng(seed: int, *labels: str | int) -> np.random.Generator:
    """Return the generator that belongs to a seed and a name, the same wherever it is asked for."""
    digest = hashlib.sha256(json.dumps(labels).encode()).digest()
    spawn_key = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))


def derive_seed(seed: int, *labels: str | int) -> int:
    """Return a 31-bit seed for libraries that take an integer (scikit-learn, torch)."""
    return int(derive_rng(seed, *labels).integers(2**31))


def draw_seed(random_state: Any) -> int:
    """Turn a scikit-learn style `random_state` into one integer seed."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not whole or random_state < 0:
        raise ValueError(
            "random_state must be None, a whole number at least 0, a numpy RandomState or a "
            f"Generator, got {random_state!r}."
        )
    return int(random_state)


def unset_seeds(estimator: Any) -> list[str]:
    """Return the names of all ``random_state`` parameters, nested ones too, that are None."""
    if not hasattr(estimator, "get_params"):
        return []
    parameters = estimator.get_params(deep=True)
    return sorted(
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def seed_unset(estimator: Any, seed: int) -> Any:
    """Set every ``random_state`` that the user left unset; what the user set stays."""
    names = unset_seeds(estimator)
    if names:
        estimator.set_params(**dict.fromkeys(names, seed))
    return estimator
