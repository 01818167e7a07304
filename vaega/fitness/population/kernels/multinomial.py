"""Logistic regressions of several classes, to their optimum, by L-BFGS with a preconditioner.

The Hessian couples all classes: 14 classes and 126 rows are too much for Newton's method. One
matrix for all classes, with the mean curvature of each row, stands for it where L-BFGS starts each
direction (Nocedal and Wright 2006, "Numerical Optimization", algorithm 7.4), and is computed anew
when the curvatures have changed.
"""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.elimination import invert
from vaega.fitness.population.kernels.exponential import exponentiate
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.reduction import reduce_rows, transpose_rows
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.symmetric_products import mirror, multiply_upper

_LAST_STEP = 1e-7  # the most that the last step may move a decision
_MOST_STEPS, _MOST_CUTS = 2000, 40
_MEMORY = 6
_EARLY, _EVERY = 6, 100  # steps at which the preconditioner is computed anew
_LEAST_CURVATURE = 1e-3
_FLATTER = 0.5  # how steep the loss may rise at the end of a step, against its fall at the start
_LANES, _BLOCK = 8, 16


@kernel
def fit_multinomial(masks, rows, targets, costs, intercept, values):  # type: ignore[no-untyped-def]
    """Fit one logistic regression a mask, and write its decisions for the validate rows.

    Each minimises ``-sum_i costs_i log(share_i) + |w|^2 / 2``, where `share` is the softmax of
    decisions that are linear in the columns of the mask, at the class of the row.
    """
    (n_classes, n_fit), width, n_validate = targets.shape, rows.shape[1], values.shape[2]
    most = 0
    for mask in masks:
        most = max(most, mask.sum())
    most = min(most, n_fit) + 1
    wide, used = -(-most // _BLOCK) * _BLOCK, -(-n_fit // _LANES) * _LANES
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    tables = np.empty((2, n_fit, wide))
    squares = np.empty((wide, wide)), np.empty((wide + 32, wide))
    margins, lines = np.empty((4, n_classes, used)), np.empty((4, used))
    vectors = np.empty((2 * _MEMORY + 5, n_classes * wide))
    final, columns = np.empty((n_classes, width)), np.empty(masks.shape[1], dtype=np.int64)
    for m in range(len(masks)):
        own = columns[: select(masks[m], columns)]
        q = reduce_rows(reduced, gram, rest, rows, own, n_fit, 0.0)
        q = transpose_rows(tables[0], reduced, n_fit, q, intercept)
        weights = _minimise(
            reduced, q, targets, costs, intercept, tables, squares, margins, lines, vectors
        )
        multiply(final, weights, np.arange(q), reduced, np.arange(q))
        values[m] = final[:, n_fit : n_fit + n_validate]


@kernel
def _minimise(  # type: ignore[no-untyped-def]
    reduced, q, targets, costs, intercept, tables, squares, margins, lines, vectors
):
    n_classes, n = targets.shape
    wide, used = -(-q // _LANES) * _LANES, margins.shape[2]
    size, order, places = n_classes * wide, np.arange(n), np.arange(q)
    weight, gradient, before, step = vectors[0], vectors[1], vectors[2], vectors[3]
    asked = vectors[4]
    steps, turns = vectors[5 : 5 + _MEMORY], vectors[5 + _MEMORY :]
    scores, shares, pulls, moves = margins[0], margins[1], margins[2], margins[3]
    free, table = q - 1 if intercept else q, tables[0][:, :wide]
    inner, kept, last = np.empty(_MEMORY), 0, 0
    weight[:size] = 0.0
    scores[:] = 0.0
    share_out(shares, lines, scores, n)
    for turn in range(_MOST_STEPS):
        _pull(pulls, shares, targets, costs)
        multiply(_shape(gradient, n_classes, wide), pulls, order, table, order)
        _add_penalised(gradient, weight, n_classes, wide, free)
        if turn == _EARLY or turn % _EVERY == 0:
            if not _precondition(shares, costs, tables, squares, q, free):
                break
            kept = 0
        else:
            last = (last + 1) % _MEMORY
            inner[last] = _remember(turns[last], steps[last], gradient, before, step, size)
            kept = min(kept + 1, _MEMORY)
        before[:size] = gradient[:size]
        asked[:size] = gradient[:size]
        _direct(step, asked, steps, turns, inner, kept, last, squares[0], n_classes, q)
        slope = _dot(step, gradient, size)
        multiply(moves, _shape(step, n_classes, wide), places, reduced[:, :used], places)
        square = _dot_penalised(step, step, size, wide, free)
        length = -slope / (square + _curvature(shares, moves, costs, lines))
        largest = _find_largest(moves, lines[0], n)
        if largest <= _LAST_STEP or largest * length <= _LAST_STEP:
            return _shape(weight, n_classes, wide)
        if not (slope < 0.0 and largest < np.inf):
            break
        pull = _dot_penalised(weight, step, size, wide, free)
        length = _walk(scores, shares, moves, targets, costs, lines, slope, length, pull, square)
        for j in range(size):
            step[j] *= length
            weight[j] += step[j]
    weight[:] = np.nan
    return _shape(weight, n_classes, wide)


@kernel
def _pull(pulls, shares, targets, costs):  # type: ignore[no-untyped-def]
    for k in range(len(targets)):
        for i in range(len(costs)):
            pulls[k, i] = costs[i] * (shares[k, i] - targets[k, i])


@kernel
def _add_penalised(gradient, weight, n_classes, wide, free):  # type: ignore[no-untyped-def]
    for k in range(n_classes):
        for j in range(k * wide, k * wide + free):
            gradient[j] += weight[j]


@kernel
def _remember(turn, kept_step, gradient, before, step, size):  # type: ignore[no-untyped-def]
    for j in range(size):
        turn[j] = gradient[j] - before[j]
        kept_step[j] = step[j]
    return _dot(turn, kept_step, size)


@kernel
def _shape(vector, n_classes, wide):  # type: ignore[no-untyped-def]
    return vector[: n_classes * wide].reshape(n_classes, wide)


@kernel
def _dot(one, other, size):  # type: ignore[no-untyped-def]
    # Eight sums side by side, which a compiler can keep in one vector; `size` is a multiple.
    a = b = c = d = e = f = g = h = 0.0
    for j in range(0, size, 8):
        a += one[j] * other[j]
        b += one[j + 1] * other[j + 1]
        c += one[j + 2] * other[j + 2]
        d += one[j + 3] * other[j + 3]
        e += one[j + 4] * other[j + 4]
        f += one[j + 5] * other[j + 5]
        g += one[j + 6] * other[j + 6]
        h += one[j + 7] * other[j + 7]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@kernel
def _direct(step, asked, steps, turns, inner, kept, last, inverse, n_classes, q):  # type: ignore[no-untyped-def]
    # L-BFGS: from the gradient in `asked` to the direction in `step`.
    wide, factors = -(-q // _LANES) * _LANES, np.empty(_MEMORY)
    size, places = n_classes * wide, np.arange(q)
    for back in range(kept):
        place = (last - back) % _MEMORY
        factors[place] = _dot(steps[place], asked, size) / inner[place]
        for j in range(size):
            asked[j] -= factors[place] * turns[place, j]
    wanted = _shape(asked, n_classes, wide)
    multiply(_shape(step, n_classes, wide), wanted, places, inverse[:, :wide], places)
    for forth in range(kept):
        place = (last - kept + 1 + forth) % _MEMORY
        factor = factors[place] - _dot(turns[place], step, size) / inner[place]
        for j in range(size):
            step[j] += factor * steps[place, j]
    for j in range(size):
        step[j] = -step[j]


@kernel
def _precondition(shares, costs, tables, squares, q, free):  # type: ignore[no-untyped-def]
    table, scaled = tables
    n, n_classes, wide = len(costs), len(shares), -(-q // _LANES) * _LANES
    inverse, room = squares
    for i in range(n):
        spread = 0.0
        for k in range(n_classes):
            spread += shares[k, i] * (1.0 - shares[k, i])
        spread = costs[i] * (spread / (n_classes - 1) + _LEAST_CURVATURE)
        for j in range(wide):
            scaled[i, j] = spread * table[i, j]
    multiply_upper(inverse[:q, :wide], table[:, :q].T, np.arange(n), scaled, np.arange(n))
    mirror(inverse, q)
    for j in range(free):
        inverse[j, j] += 1.0
    return invert(inverse, q, room)


@kernel
def _dot_penalised(one, other, size, wide, free):  # type: ignore[no-untyped-def]
    # Without the intercepts, which stand where `free` says if there are any.
    total = _dot(one, other, size)
    if free < wide:
        for j in range(free, size, wide):
            total -= one[j] * other[j]
    return total


@kernel
def _find_largest(moves, line, n):  # type: ignore[no-untyped-def]
    line[:n] = 0.0
    for k in range(len(moves)):
        for i in range(n):
            size = abs(moves[k, i])
            line[i] = line[i] if line[i] >= size else size
    return line[:n].max()


@kernel
def _curvature(shares, moves, costs, lines):  # type: ignore[no-untyped-def]
    # Of the losses along the step.
    n, means, squares = len(costs), lines[0], lines[1]
    means[:n] = 0.0
    squares[:n] = 0.0
    for k in range(len(shares)):
        for i in range(n):
            part = shares[k, i] * moves[k, i]
            means[i] += part
            squares[i] += part * moves[k, i]
    total = 0.0
    for i in range(n):
        total += costs[i] * (squares[i] - means[i] * means[i])
    return total


@kernel
def _walk(scores, shares, moves, targets, costs, lines, slope, length, pull, square):  # type: ignore[no-untyped-def]
    # The loss is convex: while it still falls at the end of a step, no such step is too long.
    (n_classes, n), before, slopes = targets.shape, 0.0, lines[3]
    for _ in range(_MOST_CUTS):
        for k in range(n_classes):
            for i in range(n):
                scores[k, i] += (length - before) * moves[k, i]
        share_out(shares, lines, scores, n)
        slopes[:n] = 0.0
        for k in range(n_classes):
            for i in range(n):
                slopes[i] += (shares[k, i] - targets[k, i]) * moves[k, i]
        ahead = pull + length * square
        for i in range(n):
            ahead += costs[i] * slopes[i]
        if ahead <= _FLATTER * abs(slope):
            break
        before = length
        length *= max(0.1, slope / (slope - ahead))
    else:
        length = before  # where the scores are
    return length


@kernel
def share_out(shares, lines, scores, n):  # type: ignore[no-untyped-def]
    """Write the softmax of the scores over the classes, from within a kernel or from Python."""
    highest, scale, shifted = lines[0], lines[1], lines[2]
    highest[:n] = scores[0, :n]
    for k in range(1, len(scores)):
        for i in range(n):
            highest[i] = max(highest[i], scores[k, i])
    for k in range(len(scores)):
        for i in range(n):
            shifted[i] = scores[k, i] - highest[i]
        exponentiate(shares[k], scale, shifted, n)
    highest[:n] = 0.0
    for k in range(len(scores)):
        for i in range(n):
            highest[i] += shares[k, i]
    for k in range(len(scores)):
        for i in range(n):
            shares[k, i] /= highest[i]
