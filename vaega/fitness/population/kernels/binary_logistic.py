"""Logistic regressions of two classes, to their optimum, by Newton's method."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.elimination import solve
from vaega.fitness.population.kernels.exponential import exponentiate
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.reduction import reduce_rows, transpose_rows
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.symmetric_products import multiply_upper

# A step that moves no margin by more leaves an error of about its square: the curvature of the
# logistic loss changes by a factor of at most exp(step) along it.
_LAST_STEP = 1e-6
_MOST_STEPS, _MOST_CUTS = 100, 40
_FLATTER = 0.5  # how steep the loss may rise at the end of a step, against its fall at the start
_LANES = 8


@kernel
def fit_binary(masks, rows, targets, costs, intercept, constant, values):  # type: ignore[no-untyped-def]
    """Fit one logistic regression a mask, and write its decisions for the validate rows.

    Each minimises ``sum_i costs_i (log(1 + exp(f_i)) - targets_i f_i) + |w|^2 / 2``, where `f` is
    linear in the columns of the mask.
    """
    n_fit, n_validate, width, most = len(targets), values.shape[1], rows.shape[1], 0
    for mask in masks:
        most = max(most, mask.sum())
    most = min(most + 1, n_fit) + 1
    wide = -(-(most + 1) // _LANES) * _LANES
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    room = np.empty((2, n_fit, wide)), np.empty((2, most, wide)), np.empty((5, width))
    weights, final = np.empty((3, wide)), np.empty((1, width))
    order, columns = np.arange(most), np.empty(masks.shape[1], dtype=np.int64)
    for m in range(len(masks)):
        own = columns[: select(masks[m], columns)]
        q = reduce_rows(reduced, gram, rest, rows, own, n_fit, constant)
        q = transpose_rows(room[0][0], reduced, n_fit, q, intercept)
        done = _minimise(reduced, q, targets, costs, intercept, room, weights)
        multiply(final, weights[:1], order[:q], reduced, order[:q])
        for i in range(n_validate):
            values[m, i] = final[0, n_fit + i] if done else np.nan


@kernel
def _minimise(reduced, q, targets, costs, intercept, room, weights):  # type: ignore[no-untyped-def]
    (table, scaled), (system, triangle), margins = room
    n, wide = len(targets), -(-q // _LANES) * _LANES
    order, places = np.arange(n), np.arange(q)
    used = -(-n // _LANES) * _LANES
    scores, shares, scale, pulls = margins[0], margins[1], margins[2], margins[3:4]
    moves = margins[4:5, :used]
    weight, step, force = weights[0], weights[1], weights[2:3, :wide]
    free = q - 1 if intercept else q
    weight[:q] = 0.0
    scores[:n] = 0.0
    shares[:n] = 0.5
    for _ in range(_MOST_STEPS):
        for i in range(n):
            pulls[0, i] = costs[i] * (targets[i] - shares[i])
            curvature = costs[i] * shares[i] * (1.0 - shares[i])
            for j in range(wide):
                scaled[i, j] = curvature * table[i, j]
        multiply_upper(system[:q, :wide], table[:, :q].T, order, scaled, order)
        multiply(force, pulls, order, table, order)
        for j in range(free):
            system[j, j] += 1.0
            force[0, j] -= weight[j]
        for j in range(q):
            system[j, q] = force[0, j]
        if not solve(system, q, step, triangle):
            return False
        multiply(moves, weights[1:2], places, reduced, places)
        slope = 0.0
        for j in range(q):
            slope -= step[j] * force[0, j]
        largest = 0.0
        for i in range(n):
            largest = max(largest, abs(moves[0, i]))
        if not largest < np.inf:
            return False
        if largest <= _LAST_STEP:
            weight[:q] += step[:q]
            return True
        _walk(
            scores, shares, scale, pulls[0], moves[0], targets, costs, weight, step, free, q, slope
        )
    return False


@kernel
def _walk(scores, shares, scale, below, moves, targets, costs, weight, step, free, q, slope):  # type: ignore[no-untyped-def]
    # The loss is convex: while it still falls at the end of a step, no such step is too long.
    n, before, length = len(targets), 0.0, 1.0
    for _ in range(_MOST_CUTS):
        ahead = 0.0
        for i in range(n):
            scores[i] += (length - before) * moves[i]
        for j in range(free):
            ahead += (weight[j] + length * step[j]) * step[j]
        _share(shares, scale, below, scores, n)
        for i in range(n):
            ahead += costs[i] * (shares[i] - targets[i]) * moves[i]
        if ahead <= _FLATTER * abs(slope):
            break
        before = length
        length *= max(0.1, slope / (slope - ahead))
    else:
        length = before  # where the scores are
    for j in range(q):
        weight[j] += length * step[j]


@kernel
def _share(shares, scale, below, scores, n):  # type: ignore[no-untyped-def]
    # 1 / (1 + exp(-f)); exp of what is negative, so that nothing overflows.
    for i in range(n):
        below[i] = -abs(scores[i])
    exponentiate(shares, scale, below, n)
    for i in range(n):
        small = shares[i] / (1.0 + shares[i])
        shares[i] = small if scores[i] < 0.0 else 1.0 - small
