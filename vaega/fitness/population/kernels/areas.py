"""Areas under ROC curves, with scikit-learn's arithmetic, for the values of many masks at once."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.sums import total

_LINKS = 8  # in doubt, of which every combination is tried


@kernel
def areas_under_curves(values, doubts, truth, weights, weighted, out):  # type: ignore[no-untyped-def]
    """Compute the area under the ROC curve of each mask's values."""
    kept = np.flatnonzero(weights > 0.0)
    n = len(kept)
    own_truth, own_weights = truth[kept].astype(np.float64), weights[kept]
    truths, masses, room = np.empty(n), np.empty(n), np.empty((5, n + 1))
    ends, maybe = np.empty(n, np.bool_), np.empty(n, np.int64)
    for m in range(len(values)):
        out[m] = np.nan
        own, doubt = values[m][kept], doubts[m][kept]
        if n == 0 or not np.isfinite(own).all() or not np.isfinite(doubt).all():
            continue
        order = np.argsort(-own, kind="mergesort")
        for i in range(n):
            truths[i], masses[i] = own_truth[order[i]], own_weights[order[i]]
        n_maybe = _group(own[order], doubt[order], truths, weighted, ends, maybe, room)
        if n_maybe >= 0:
            out[m] = _certain_area(truths, masses, ends, maybe[:n_maybe], room)


@kernel
def _group(values, doubts, truth, weighted, ends, maybe, room):  # type: ignore[no-untyped-def]
    """Mark which rows end a group of ties; return how many may or may not, -1 for too much doubt.

    Values fall. Two neighbours are apart for certain where all that follows lies, with its doubt,
    below all that precedes; what lies between two such borders is one tie if nothing of it is in
    doubt.
    """
    n, n_maybe, lowest, start = len(values), 0, np.inf, 0
    highest = room[0]
    highest[n] = -np.inf
    for i in range(n - 1, -1, -1):
        highest[i] = max(highest[i + 1], values[i] + doubts[i])
    any_doubt = False
    for i in range(n):
        lowest = min(lowest, values[i] - doubts[i])
        any_doubt |= doubts[i] != 0.0
        ends[i] = highest[i + 1] < lowest
        if not ends[i]:
            continue
        alone = start == i
        if not alone and weighted:  # the order of equals, which is the library's own, has bits
            return -1
        if any_doubt and not alone:
            for j in range(start, i):
                if truth[j] != truth[i] or n_maybe == _LINKS:
                    return -1
                maybe[n_maybe] = j
                n_maybe += 1
        start, any_doubt = i + 1, False
    return n_maybe


@kernel
def _certain_area(truth, weights, ends, maybe, room):  # type: ignore[no-untyped-def]
    area = _area(truth, weights, ends, room)
    for choice in range(1, 1 << len(maybe)):
        for bit in range(len(maybe)):
            ends[maybe[bit]] = (choice >> bit) & 1
        if _area(truth, weights, ends, room) != area:
            return np.nan
    return area


@kernel
def _area(truth, weights, ends, room):  # type: ignore[no-untyped-def]
    """Return the area by the trapezoidal rule, without the points of the curve between others."""
    hits, misses, y, x, terms = room[0], room[1], room[2], room[3], room[4]
    n_points, hit, miss = 0, 0.0, 0.0
    for i in range(len(truth)):
        hit += truth[i] * weights[i]
        miss += (1.0 - truth[i]) * weights[i]
        if ends[i]:
            hits[n_points], misses[n_points] = hit, miss
            n_points += 1
    if not (hit > 0.0 and miss > 0.0):
        return np.nan
    y[0] = x[0] = 0.0
    n_corners = 1
    for i in range(n_points):
        if i in (0, n_points - 1) or _is_corner(hits, i) or _is_corner(misses, i):
            y[n_corners], x[n_corners] = hits[i] / hit, misses[i] / miss
            n_corners += 1
    for i in range(n_corners - 1):
        terms[i] = (x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2.0
    return total(terms[: n_corners - 1])


@kernel
def _is_corner(sums, i):  # type: ignore[no-untyped-def]
    return (sums[i + 1] - sums[i]) - (sums[i] - sums[i - 1]) != 0.0
