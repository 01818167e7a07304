"""The classes that sums over the columns of masks decide for, and by what margins."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.gathering import add_rows
from vaega.fitness.population.kernels.selection import select

_NO_SIGN = 0x7FFFFFFFFFFFFFFF
_INFINITE = 0x7FF0000000000000  # what is above, as a whole number, is no number


@kernel
def judge(masks, terms, offsets, by_row, codes, margins, rest):  # type: ignore[no-untyped-def]
    """Sum the terms of a mask's columns; each row gets the class of the highest score."""
    n_rows, n_others = codes.shape[1], len(offsets)
    start = n_rows * (n_others + by_row)
    places, room = np.empty(masks.shape[1], np.int64), np.empty((1, terms.shape[1]))
    first, second = np.empty(n_rows), np.empty(n_rows)
    for m in range(len(masks)):
        add_rows(room, 0, terms, places, select(masks[m], places))
        if n_others == 1:
            for i in range(n_rows):
                score = room[0, i] + offsets[0]
                first[i] = score
                codes[m, i] = score > 0.0
        else:
            _rank(room, offsets, by_row, first, second, codes, m)
        margins[m] = _least(first.view(np.int64))
        for k in range(rest.shape[1]):
            rest[m, k] = room[0, start + k]


@kernel
def _rank(room, offsets, by_row, first, second, codes, m):  # type: ignore[no-untyped-def]
    """Write the best class of each row, and to `first` by how much it leads for certain."""
    n_rows = len(first)
    for i in range(n_rows):
        first[i], second[i], codes[m, i] = 0.0, -np.inf, 0
    for c in range(len(offsets)):
        start, offset = c * n_rows, offsets[c]
        for i in range(n_rows):
            score, best = room[0, start + i] + offset, first[i]
            higher = score > best
            below = best if higher else score
            # What is no number takes the second place and stays there.
            second[i] = below if below > second[i] or np.isnan(below) else second[i]
            first[i] = score if higher else best
            codes[m, i] = c + 1 if higher else codes[m, i]
    for i in range(n_rows):
        lead = first[i] - second[i]
        if by_row:
            lead -= 2.0 * room[0, len(offsets) * n_rows + i]
        first[i] = 0.0 if lead < 0.0 else lead


@kernel
def _least(bits):  # type: ignore[no-untyped-def]
    """Return the smallest size of numbers told by their bits; NaN if any of them is no number.

    Sizes have the order of their bits, and whole numbers are compared many at a time.
    """
    least, most = np.int64(_INFINITE), np.int64(0)
    for i in range(len(bits)):
        size = bits[i] & _NO_SIGN
        least, most = min(least, size), max(most, size)
    if most > _INFINITE:
        return np.nan
    out = np.empty(1, np.int64)
    out[0] = least
    return out.view(np.float64)[0]
