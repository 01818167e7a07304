"""Products that are symmetric, of which one half is computed."""

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply

_PANEL = 15  # rows: a whole number of the blocks of `multiply`
_LANES = 8


@kernel
def multiply_upper(out, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a[:, in_a] @ b[in_b]`` from the diagonal on, of float64."""
    for start in range(0, len(out), _PANEL):
        end, column = min(start + _PANEL, len(out)), start // _LANES * _LANES
        multiply(out[start:end, column:], a[start:end], in_a, b[:, column:], in_b)


@kernel
def mirror(matrix, n):  # type: ignore[no-untyped-def]
    """Write the upper triangle of the first rows and columns to the lower one."""
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i]
