"""Joint log-likelihoods of independent Gaussian features, for many selections of them."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel

_BLOCK = 16  # columns that are summed apart, so that few roundings add up
_EPSILON = float(np.finfo(np.float64).eps)
_ROUNDINGS = 4.0 * _EPSILON  # of one term, generously


@kernel
def joint_log_likelihoods(masks, rows, moments, spread, log_priors, smoothing, joint, doubt):  # type: ignore[no-untyped-def]
    """Compute the joint log-likelihoods of rows and classes, and how far rounding may move them."""
    n_columns, n_classes = len(rows), len(log_priors)
    columns, scales = np.empty(n_columns, np.int64), np.empty((n_classes, 5))
    room = np.empty((3, n_classes, rows.shape[1]))
    for m in range(len(masks)):
        n, raised, raised_error = 0, 0.0, 0.0
        for f in range(n_columns):
            columns[n] = f
            n += masks[m, f]
        for j in range(n):
            raised = max(raised, spread[columns[j], 0])
            raised_error = max(raised_error, spread[columns[j], 1])
        raised, raised_error = raised * smoothing, raised_error * smoothing
        _add_columns(columns, n, rows, moments, raised, raised_error, scales, room)
        n_roundings = (2 * _BLOCK + 64 + n // _BLOCK) * _EPSILON
        for c in range(n_classes):
            logarithms = scales[c, 4] + np.log(scales[c, 0])
            sizes = n * max(abs(np.log(scales[c, 2])), abs(np.log(scales[c, 3]))) + 1.0
            for i in range(joint.shape[2]):
                square = room[0, c, i]
                joint[m, c, i] = log_priors[c] + (-0.5 * logarithms - 0.5 * square)
                doubt[m, c, i] = scales[c, 1] + room[1, c, i] + n_roundings * (sizes + square)


@kernel
def _add_columns(columns, n, rows, moments, raised, raised_error, scales, room):  # type: ignore[no-untyped-def]
    """Add up the terms: squares in `room[0]` by blocks in `room[2]`, their errors in `room[1]`.

    In `scales`, for each class: a product of variances, an error that all rows share, the least
    and the largest variance, and the logarithms of earlier products. No array is sliced here: a
    slice costs as much as a dozen terms.
    """
    n_classes, width = room.shape[1], rows.shape[1]
    room[:] = 0.0
    for c in range(n_classes):
        scales[c, 0] = scales[c, 2] = scales[c, 3] = 1.0
        scales[c, 1] = scales[c, 4] = 0.0
    for j in range(n):
        f = columns[j]
        for c in range(n_classes):
            mean, variance = moments[f, c, 0], moments[f, c, 1] + raised
            # A term is (log v + q) / 2 with q = (x - m)^2 / v. An error d of m moves it by
            # |x - m| d / v + d^2 / 2v, and an error of v by half its share of v, times 1 + q.
            precision, scaled = 1.0 / variance, 2.0 * np.pi * variance
            shift = moments[f, c, 2] * precision
            error = (moments[f, c, 3] + raised_error) * precision + _ROUNDINGS
            scales[c, 0] *= scaled
            scales[c, 1] += error + shift * moments[f, c, 2]
            scales[c, 2], scales[c, 3] = min(scales[c, 2], scaled), max(scales[c, 3], scaled)
            if not 1e-100 < scales[c, 0] < 1e100:  # one logarithm for many variances
                scales[c, 4] += np.log(scales[c, 0])
                scales[c, 0] = 1.0
            for i in range(width):
                away = rows[f, i] - mean
                square = away * away * precision
                room[2, c, i] += square
                room[1, c, i] += shift * abs(away) + error * square
        if j % _BLOCK == _BLOCK - 1 or j == n - 1:
            for c in range(n_classes):
                for i in range(width):
                    room[0, c, i] += room[2, c, i]
                    room[2, c, i] = 0.0


@kernel
def tabulate(rows, moments, spread, smoothing, table, n_rows, n_bounds):  # type: ignore[no-untyped-def]
    """Write what each column adds to the log-likelihoods of classes, less that of the first one.

    All variances are raised by the same share of the largest spread of all columns. That of the
    selected ones is less or equal, and what this changes is a part of the errors.
    """
    n_classes, raised, raised_error = moments.shape[1], 0.0, 0.0
    for f in range(len(rows)):
        raised = max(raised, smoothing * spread[f, 0])
        raised_error = max(raised_error, smoothing * spread[f, 1])
    last, rounding = n_rows * (n_classes - 1), 2.0 * _ROUNDINGS * (len(rows) + 70.0)
    for f in range(len(rows)):
        own = smoothing * spread[f, 0]
        for c in range(n_classes):
            mean, variance, mean_error = moments[f, c, 0], moments[f, c, 1], moments[f, c, 2]
            # The variance that is meant lies between these two.
            precision, highest = 1.0 / (variance + raised), 1.0 / (variance + own)
            logarithm = 0.5 * np.log(2.0 * np.pi * (variance + raised))
            error = (moments[f, c, 3] + raised_error + (raised - own)) * highest + _ROUNDINGS
            for i in range(n_rows):
                away = abs(rows[f, i] - mean)
                _subtract(table, f, i, c, n_rows, last, logarithm + 0.5 * (away * away * precision))
                square = away * away * highest
                wrong = error * (1.0 + square) + mean_error * highest * (away + mean_error)
                wrong = 2.0 * wrong + rounding * (abs(logarithm) + error + square)
                place = last + (i if n_bounds > 1 else 0)
                if not wrong <= table[f, place]:
                    table[f, place] = wrong if wrong > table[f, place] else np.inf  # no number


@kernel
def _subtract(table, f, i, c, n_rows, last, term):  # type: ignore[no-untyped-def]
    if c > 0:
        table[f, (c - 1) * n_rows + i] -= term
    else:
        for place in range(i, last, n_rows):
            table[f, place] = term


@kernel
def likeliest(joint, doubt, codes, decided):  # type: ignore[no-untyped-def]
    """Name the likeliest class of each row, and the masks whose classes rounding cannot change."""
    n_masks, n_classes, n_rows = joint.shape
    for m in range(n_masks):
        decided[m] = True
        for i in range(n_rows):
            best, first, second, most = 0, -np.inf, -np.inf, 0.0
            for c in range(n_classes):
                value = joint[m, c, i]
                most = max(most, doubt[m, c, i])
                decided[m] &= np.isfinite(value) and np.isfinite(doubt[m, c, i])
                if value > first:
                    best, first, second = c, value, first
                elif value > second:
                    second = value
            codes[m, i] = best
            decided[m] &= first - second > 2.0 * most


@kernel
def shares(joint, doubt, values, doubts, decided):  # type: ignore[no-untyped-def]
    """Compute the probabilities of the classes, and how far rounding may move each."""
    n_masks, n_classes, n_rows = joint.shape
    for m in range(n_masks):
        decided[m] = True
        for i in range(n_rows):
            error = 0.0
            for c in range(n_classes):
                error = max(error, 2.0 * doubt[m, c, i])
                decided[m] &= np.isfinite(joint[m, c, i]) and np.isfinite(doubt[m, c, i])
            if decided[m]:
                _share(joint[m, :, i], error, values[m, i], doubts[m, i])


@kernel
def _share(joint, error, values, doubts):  # type: ignore[no-untyped-def]
    highest, others, farther = joint.max(), -1.0, -np.inf
    for value in joint:
        others += value == highest
        if value < highest:
            farther = max(farther, value - highest)
    for value in joint:
        if value < highest:
            others += np.exp(value - highest)
    normal, more = np.log1p(others), others * np.expm1(min(error, 700.0))
    rounding = _EPSILON * (2.0 * abs(highest) + 8.0)  # of the logarithm of the sum
    few = others + more < 0.1 * _EPSILON * min(1.0, abs(highest))
    is_one = few and farther + error < -30.0
    for c in range(len(joint)):
        below = (joint[c] - highest) - normal
        own = error + rounding + _EPSILON * 2.0 * abs(joint[c])
        values[c] = np.exp(below)
        if joint[c] == highest:
            values[c], doubts[c] = (1.0, 0.0) if is_one else (values[c], more + rounding)
        elif below + own < -746.0:
            values[c], doubts[c] = 0.0, 0.0
        elif below < -700.0:  # numbers this small have few digits, or none
            doubts[c] = np.exp(min(below + own, 0.0)) + 1e-320
        else:
            doubts[c] = values[c] * np.expm1(min(own, 700.0))
