"""numpy's legacy random stream inside kernels, so that epochs are shuffled as scikit-learn's are.

Source: M. Matsumoto and T. Nishimura (1998), "Mersenne Twister", ACM TOMACS 8(1); the draw of a
whole number below a bound is numpy's of before 1.17, which `numpy.random.RandomState` has frozen.
"""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel

_SIZE, _AHEAD = 624, 397
_UPPER, _LOWER = np.uint32(0x80000000), np.uint32(0x7FFFFFFF)
_MATRIX = np.uint32(0x9908B0DF)
_MASK_B, _MASK_C = np.uint32(0x9D2C5680), np.uint32(0xEFC60000)


def words_of(random_state: np.random.RandomState) -> np.ndarray:
    """Return the state of a stream as a kernel takes it.

    Parameters
    ----------
    random_state : numpy.random.RandomState
        Stays as it is.

    Returns
    -------
    numpy.ndarray of uint32, shape (625,)
        The words of the generator, and how many of them are used up.

    Examples
    --------
    >>> words_of(np.random.RandomState(0)).shape
    (625,)
    """
    _, key, position, *_ = random_state.get_state()
    return np.append(key, np.uint32(position)).astype(np.uint32)


@kernel
def shuffle(values, words):  # type: ignore[no-untyped-def]
    """Shuffle an array in place as ``numpy.random.RandomState.shuffle`` does.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
    words : numpy.ndarray of uint32, shape (625,)
        State of the stream, see `words_of`; advanced.

    Examples
    --------
    >>> stream, values = np.random.RandomState(3), np.arange(5)
    >>> words = words_of(stream)
    >>> shuffle(values, words)
    >>> expected = np.arange(5)
    >>> stream.shuffle(expected)
    >>> bool((values == expected).all())
    True
    """
    for last in range(len(values) - 1, 0, -1):
        other = _below(words, np.uint32(last))
        values[last], values[other] = values[other], values[last]


@kernel
def _below(words, highest):  # type: ignore[no-untyped-def]
    """Return a whole number of [0, highest]: draws are cut to its bits until one is not above."""
    mask = highest
    for shift in (1, 2, 4, 8, 16):
        mask |= mask >> np.uint32(shift)
    value = _next(words) & mask
    while value > highest:
        value = _next(words) & mask
    return value


@kernel
def _next(words):  # type: ignore[no-untyped-def]
    if words[_SIZE] >= _SIZE:
        _renew(words)
    y = words[words[_SIZE]]
    words[_SIZE] += np.uint32(1)
    y ^= y >> np.uint32(11)
    y ^= (y << np.uint32(7)) & _MASK_B
    y ^= (y << np.uint32(15)) & _MASK_C
    y ^= y >> np.uint32(18)
    return y


@kernel
def _renew(words):  # type: ignore[no-untyped-def]
    for place in range(_SIZE):
        following = place + 1 if place + 1 < _SIZE else 0
        ahead = place + _AHEAD if place + _AHEAD < _SIZE else place + _AHEAD - _SIZE
        y = (words[place] & _UPPER) | (words[following] & _LOWER)
        odd = _MATRIX if y & np.uint32(1) else np.uint32(0)
        words[place] = words[ahead] ^ (y >> np.uint32(1)) ^ odd
    words[_SIZE] = np.uint32(0)
