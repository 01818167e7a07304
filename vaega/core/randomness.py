"""Random streams derived from what they are for, so that order and parallelism cannot matter.

Nothing in vaega draws from a global generator of Python, numpy or torch, or leaves one changed.
"""

import hashlib
import json
import random
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from copy import copy
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
    """Return the names of all parameters, nested ones too, that take a seed and have none.

    These are each ``random_state``, and each splitter (``cv``) that shuffles without a seed.
    """
    if not hasattr(estimator, "get_params"):
        return []
    parameters = estimator.get_params(deep=True)
    return sorted(
        name
        for name, value in parameters.items()
        if (value is None and _is_random_state(name)) or _is_unseeded_splitter(value)
    )


def _is_random_state(name: str) -> bool:
    return name == "random_state" or name.endswith("__random_state")


def _is_unseeded_splitter(value: Any) -> bool:
    return (
        getattr(value, "random_state", 0) is None
        and hasattr(value, "split")
        and not hasattr(value, "get_params")
        and bool(getattr(value, "shuffle", True))
    )


def set_seeds(estimator: Any, names: Collection[str], seed: int) -> Any:
    """Set parameters that `unset_seeds` named; a splitter of the caller's is not changed."""
    seeds: dict[str, Any] = {name: seed for name in names if _is_random_state(name)}
    if len(seeds) < len(names):
        parameters = estimator.get_params(deep=True)
        for name in names:
            if name not in seeds:
                seeds[name] = copy(parameters[name])
                seeds[name].random_state = seed
    return estimator.set_params(**seeds) if seeds else estimator


def seed_unset(estimator: Any, seed: int) -> Any:
    """Set every seed that the user left unset; what the user set stays."""
    return set_seeds(estimator, unset_seeds(estimator), seed)


# Their estimators draw from nothing but their random_state; a function among the parameters may
# be anybody's, and mutual_info_classif without a seed.
_SEEDABLE = ("sklearn", "imblearn", "vaega", "numpy", "builtins")
_UNSEEDABLE = ("TargetEncoder",)  # of scikit-learn, whose own shuffled folds take no seed


def may_draw_globally(estimator: Any) -> bool:
    """Return whether an estimator may draw from a global generator: code that nobody here knows."""
    nested = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    return any(map(_may_draw, [estimator, *nested]))


def _may_draw(part: Any) -> bool:
    if isinstance(part, list | tuple):
        return any(map(_may_draw, part))
    if isinstance(part, type | np.ufunc):
        return False
    package = type(part).__module__.partition(".")[0]
    if package not in _SEEDABLE or type(part).__name__ in _UNSEEDABLE:
        return True
    return callable(part) and not hasattr(part, "get_params")


_GLOBAL = threading.RLock()
_NUMPY: Any = np.random  # its stubs leave get_bit_generator and set_bit_generator out


@contextmanager
def global_seed(seed: int, *estimators: Any) -> Iterator[None]:
    """Seed the global generators of Python and numpy in the block, and put them back behind it.

    So the fits of estimators that draw from these depend on their seed alone, in one process or
    many, and nobody's state is disturbed. Where all of the `estimators` are known to draw from
    nothing global, nothing is done; where not, one thread at a time is in such a block.
    """
    if not any(map(may_draw_globally, estimators)):
        yield
        return
    with _GLOBAL:
        python, generator = random.getstate(), _NUMPY.get_bit_generator()
        random.seed(seed)
        _NUMPY.set_bit_generator(np.random.MT19937(seed))
        try:
            yield
        finally:
            _NUMPY.set_bit_generator(generator)
            random.setstate(python)
