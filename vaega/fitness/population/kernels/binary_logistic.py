"""Logistic regressions of two classes, to their optimum, by Newton's method."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.elimination import solve
from vaega.fitness.population.kernels.exponential import exponentiate
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.reduction import reduce_rows, transpose_rows

# A step that moves no margin by more leaves an error of about its square: the curvature of the
# logistic loss changes by a factor of at most exp(step) along it.
_LAST_STEP = 1e-6
_MOST_STEPS, _MOST_CUTS = 100, 40
_FLATTER = 0.5  # how steep the loss may rise at the end of a step, against its fall at the start
_LANES = 8


@kernel
def fit_binary(rows, n_fit, starts, columns, targets, costs, intercept, constant, values):  # type: ignore[no-untyped-def]
    """Fit one logistic regression a mask, and write its decisions for the validate rows.

    Each minimises ``sum_i costs_i (log(1 + exp(f_i)) - targets_i f_i) + |w|^2 / 2``, where `f` is
    linear in the columns of the mask.

    Parameters
    ----------
    rows : numpy.ndarray of float64, shape (n_features, width)
        Fit rows and then validate rows, transposed.
    n_fit : int
    starts : numpy.ndarray of int64, shape (n_masks + 1,)
        Where the columns of each mask start in `columns`.
    columns : numpy.ndarray of int64
    targets : numpy.ndarray of float64, shape (n_fit,)
        0 or 1.
    costs : numpy.ndarray of float64, shape (n_fit,)
    intercept : bool
        Whether there is one without a penalty.
    constant : float
        One with a penalty: a column of this value; 0 for none.
    values : numpy.ndarray of float64, shape (n_masks, n_validate)
        What is written; NaN where Newton's method did not come to an end.
    """
    n_validate, width, most = values.shape[1], rows.shape[1], 0
    for m in range(len(values)):
        most = max(most, starts[m + 1] - starts[m])
    most = min(most + 1, n_fit) + 1
    wide = -(-(most + 1) // _LANES) * _LANES
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    room = np.empty((2, n_fit, wide)), np.empty((most, wide)), np.empty((5, width))
    weights = np.empty((3, wide))
    final, order = np.empty((1, width)), np.arange(most)
    for m in range(len(values)):
        own = columns[starts[m] : starts[m + 1]]
        q = reduce_rows(reduced, gram, rest, rows, own, n_fit, constant)
        q = transpose_rows(room[0][0], reduced, n_fit, q, intercept)
        done = _minimise(reduced, q, targets, costs, intercept, room, weights)
        multiply(final, weights[:1], order[:q], reduced, order[:q])
        for i in range(n_validate):
            values[m, i] = final[0, n_fit + i] if done else np.nan


@kernel
def _minimise(reduced, q, targets, costs, intercept, room, weights):  # type: ignore[no-untyped-def]
    (table, scaled), system, margins = room
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
        multiply(system[:q, :wide], table[:, :q].T, order, scaled, order)
        multiply(force, pulls, order, table, order)
        for j in range(free):
            system[j, j] += 1.0
            force[0, j] -= weight[j]
        for j in range(q):
            system[j, q] = force[0, j]
        if not solve(system, q, step):
            return False
        multiply(moves, weights[1:2], places, reduced, places)
        slope = 0.0
        for j in range(q):
            slope -= step[j] * force[0, j]
        largest = np.abs(moves[0, :n]).max()
        if not largest < np.inf:
            return False
        if largest <= _LAST_STEP:
            weight[:q] += step[:q]
            return True
        _walk(scores, shares, scale, moves[0], targets, costs, weight, step, free, q, slope)
    return False


@kernel
def _walk(scores, shares, scale, moves, targets, costs, weight, step, free, q, slope):  # type: ignore[no-untyped-def]
    # The loss is convex: while it still falls at the end of a step, no such step is too long.
    n, before, length = len(targets), 0.0, 1.0
    for _ in range(_MOST_CUTS):
        ahead = 0.0
        for i in range(n):
            scores[i] += (length - before) * moves[i]
        for j in range(free):
            ahead += (weight[j] + length * step[j]) * step[j]
        _share(shares, scale, scores, n)
        for i in range(n):
            ahead += costs[i] * (shares[i] - targets[i]) * moves[i]
        if ahead <= _FLATTER * abs(slope):
            break
        before = length
        length *= max(0.1, slope / (slope - ahead))
    for j in range(q):
        weight[j] += length * step[j]


@kernel
def _share(shares, scale, scores, n):  # type: ignore[no-untyped-def]
    # 1 / (1 + exp(-f)); exp of what is negative, so that nothing overflows.
    for i in range(n):
        shares[i] = -abs(scores[i])
    exponentiate(shares, scale, shares, n)
    for i in range(n):
        small = shares[i] / (1.0 + shares[i])
        shares[i] = small if scores[i] < 0.0 else 1.0 - small
