"""Sums of many numbers in numpy's order, so that they have numpy's bits."""

from vaega.fitness.population.kernels.compiled import kernel

_BLOCK = 128  # numpy halves what is longer


@kernel
def total(values):  # type: ignore[no-untyped-def]
    """Return the sum of the values, as ``numpy.sum`` of contiguous float64 gives it."""
    n = len(values)
    if n <= _BLOCK:
        return _total_of_block(values)
    half = n // 2
    half -= half % 8
    return total(values[:half]) + total(values[half:])


@kernel
def _total_of_block(values):  # type: ignore[no-untyped-def]
    n, done, result = len(values), 0, 0.0
    if n >= 8:
        a, b, c, d = values[0], values[1], values[2], values[3]
        e, f, g, h = values[4], values[5], values[6], values[7]
        done = n - n % 8
        for i in range(8, done, 8):
            a, b, c, d = a + values[i], b + values[i + 1], c + values[i + 2], d + values[i + 3]
            e, f, g, h = e + values[i + 4], f + values[i + 5], g + values[i + 6], h + values[i + 7]
        result = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(done, n):
        result += values[i]
    return result
