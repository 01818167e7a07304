"""Random streams derived from what they are for, so that order and parallelism cannot matter.

Nothing here, and nothing in vaega, touches the global random state of Python, numpy or torch.
"""

import hashlib
import json
from typing import Any

import numpy as np

RandomState = int | np.integer | np.random.RandomState | np.random.Generator | None


def derive_rng(seed: int, *labels: str | int) -> np.random.Generator:
    """Return the generator that belongs to a seed and a name, the same wherever it is asked for.

    Parameters
    ----------
    seed : int
        The seed of the whole, at least 0.
    *labels : str or int
        What the stream is for: ``"search"``, ``"fold", 3``, ...

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> a, b = derive_rng(7, "fold", 1), derive_rng(7, "fold", 1)
    >>> bool(a.random() == b.random() != derive_rng(7, "fold", 2).random())
    True
    """
    digest = hashlib.sha256(json.dumps(labels).encode()).digest()
    spawn_key = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))


def derive_seed(seed: int, *labels: str | int) -> int:
    """Return a 31-bit seed for libraries that take an integer (scikit-learn, torch).

    Parameters
    ----------
    seed : int
        The seed of the whole, at least 0.
    *labels : str or int
        What the seed is for.

    Returns
    -------
    int
        In [0, 2**31).

    Examples
    --------
    >>> derive_seed(7, "classifier") == derive_seed(7, "classifier")
    True
    """
    return int(derive_rng(seed, *labels).integers(2**31))


def draw_seed(random_state: Any) -> int:
    """Turn a scikit-learn style `random_state` into one integer seed.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        An integer is the seed itself; a generator is advanced by one draw; None takes fresh
        entropy from the operating system, never the global numpy state.

    Returns
    -------
    int
        At least 0.

    Raises
    ------
    ValueError
        When `random_state` is none of these, or negative.

    Examples
    --------
    >>> draw_seed(3)
    3
    """
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
