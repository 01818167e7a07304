"""numpy's legacy random stream inside kernels: scikit-learn's initial weights and shuffles.

Source: M. Matsumoto and T. Nishimura (1998), "Mersenne Twister", ACM TOMACS 8(1); the draw of a
whole number below a bound is numpy's of before 1.17, which `numpy.random.RandomState` has frozen.
"""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel

_SIZE, _AHEAD = 624, 397
_UPPER, _LOWER, _MATRIX = 0x80000000, 0x7FFFFFFF, 0x9908B0DF
_MASK_B, _MASK_C, _ALL = 0x9D2C5680, 0xEFC60000, 0xFFFFFFFF
_SPREAD = 1812433253  # Knuth's multiplier, by which a seed becomes a state


def words_of(random_state: np.random.RandomState) -> np.ndarray:
    """Return the state of a stream as a kernel takes it."""
    _, key, position, *_ = random_state.get_state()
    words = np.concatenate([key, np.zeros(_SIZE), [position]]).astype(np.int64)
    _temper(words)
    return words


def advance(random_state: np.random.RandomState, words: np.ndarray) -> None:
    """Put a stream where a kernel left it."""
    key, position = words[:_SIZE].astype(np.uint32), int(words[-1])
    random_state.set_state(("MT19937", key, position, 0, 0.0))


@kernel
def start(words, seed):  # type: ignore[no-untyped-def]
    """Write the state of ``numpy.random.RandomState(seed)``."""
    word = seed
    for place in range(_SIZE):
        words[place] = word
        word = (_SPREAD * (word ^ (word >> 30)) + place + 1) & _ALL
    words[-1] = _SIZE  # all are used up


@kernel
def draw(words):  # type: ignore[no-untyped-def]
    """Draw a number from [0, 1) as ``numpy.random.RandomState.random_sample`` does."""
    high = _next(words) >> 5
    return (high * 67108864.0 + (_next(words) >> 6)) / 9007199254740992.0


@kernel
def _next(words):  # type: ignore[no-untyped-def]
    if words[-1] >= _SIZE:
        _renew(words)
        words[-1] = 0
    words[-1] += 1
    return words[_SIZE + words[-1] - 1]


@kernel
def shuffle(values, words):  # type: ignore[no-untyped-def]
    """Shuffle an array in place as ``numpy.random.RandomState.shuffle`` does."""
    mask, used = 0, words[-1]
    while mask < len(values) - 1:
        mask = 2 * mask + 1
    for last in range(len(values) - 1, 0, -1):
        while mask >> 1 >= last:
            mask >>= 1
        other = last + 1
        while other > last:  # a draw is cut to the bits of the bound until it is not above
            if used >= _SIZE:
                _renew(words)
                used = 0
            other = words[_SIZE + used] & mask
            used += 1
        values[last], values[other] = values[other], values[last]
    words[-1] = used


@kernel
def _renew(words):  # type: ignore[no-untyped-def]
    # Three stretches, so that no index wraps around within a loop.
    for place in range(_SIZE - _AHEAD):
        words[place] = words[place + _AHEAD] ^ _twist(words[place], words[place + 1])
    for place in range(_SIZE - _AHEAD, _SIZE - 1):
        words[place] = words[place + _AHEAD - _SIZE] ^ _twist(words[place], words[place + 1])
    words[_SIZE - 1] = words[_AHEAD - 1] ^ _twist(words[_SIZE - 1], words[0])
    _temper(words)


@kernel
def _twist(word, following):  # type: ignore[no-untyped-def]
    y = (word & _UPPER) | (following & _LOWER)
    return (y >> 1) ^ ((y & 1) * _MATRIX)


@kernel
def _temper(words):  # type: ignore[no-untyped-def]
    for place in range(_SIZE):
        y = words[place]
        y ^= y >> 11
        y ^= (y << 7) & _MASK_B
        y ^= (y << 15) & _MASK_C
        words[_SIZE + place] = (y ^ (y >> 18)) & _ALL
