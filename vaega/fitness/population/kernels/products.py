"""Matrix products for small matrices, compiled into the kernel that calls them.

BLAS spends more on a call than such a product takes, and its order of summation depends on the
shapes. Here the order is fixed, with fused multiply-adds in registers, in blocks that keep the
processor's multipliers busy (van Zee and van de Geijn 2015, "BLIS", is the idea).
"""

from typing import Any

from llvmlite import binding
from numba import types
from numba.extending import intrinsic

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.vector_code import WORD, VectorCode, padded

__all__ = ["multiply", "multiply_transposed", "padded"]

_ROWS = 5
_WIDE = 3 if binding.get_host_cpu_features().get("avx512f") else 1  # else registers would spill
_SUMS = 16  # of a block of inner products: as many as fit in registers beside what is multiplied


def _block(n_vectors: int) -> Any:
    """Return the intrinsic that computes a block of a product, `n_vectors` vectors wide."""

    @intrinsic
    def block(context, out, row, column, n_rows, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = VectorCode(context, builder, signature.args[0].dtype)
            _write_block(code, _arrays(context, builder, signature, arguments), n_vectors)
            return context.get_dummy_value()

        return types.void(out, *(types.intp,) * 3, a, in_a, b, in_b), generate

    return block


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Return the arguments, arrays as structures of their parts."""
    return [
        context.make_array(kind)(context, builder, value)
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def _write_block(code: VectorCode, arguments: list[Any], n_vectors: int) -> None:
    """Write a loop over the terms for each number of rows that a block may have."""
    builder, (out, row, column, n_rows, a, in_a, b, in_b) = code.builder, arguments
    columns = [builder.add(column, WORD(v * code.lanes)) for v in range(n_vectors)]
    n_terms = builder.extract_value(in_b.shape, 0)
    end = builder.append_basic_block("end")
    choice = builder.switch(n_rows, end)
    for count in range(1, _ROWS + 1):
        start = builder.append_basic_block(f"rows{count}")
        choice.add_case(WORD(count), start)
        builder.position_at_end(start)
        rows = [builder.add(row, WORD(t)) for t in range(count)]

        def turn(term: Any, sums: list[Any], rows: list[Any] = rows) -> list[Any]:
            own_a, own_b = code.load_index(in_a, term), code.load_index(in_b, term)
            right = [code.load(b, own_b, place) for place in columns]
            left = [code.spread(a, own, own_a) for own in rows]
            pairs = ((x, y) for x in left for y in right)
            return [code.multiply_add(x, y, c) for (x, y), c in zip(pairs, sums, strict=True)]

        sums = code.repeat(n_terms, count * n_vectors, turn)
        for total, (own, place) in zip(sums, ((r, c) for r in rows for c in columns), strict=True):
            code.store(total, out, own, place)
        builder.branch(end)
    builder.position_at_end(end)


_wide_block, _narrow_block = _block(_WIDE), _block(1)


@kernel
def multiply(out, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a[:, in_a] @ b[in_b]``, from within a kernel or from Python.

    Parameters
    ----------
    out : numpy.ndarray of float32 or float64, shape (n_rows, n_columns)
        What is written; `n_columns` is a whole number of vectors, see `padded`.
    a : numpy.ndarray, shape (n_rows, any)
        Of any strides; the same dtype.
    in_a, in_b : numpy.ndarray of int64, shape (n_terms,)
        Which columns of `a` meet which rows of `b`, in the order of summation.
    b : numpy.ndarray, shape (any, at least n_columns)
        Rows are contiguous.

    Notes
    -----
    No index and no shape is checked.

    Examples
    --------
    >>> import numpy as np
    >>> a, b, out = np.eye(2), np.arange(16.0).reshape(2, 8), np.empty((2, 8))
    >>> places = np.array([1, 0])
    >>> multiply(out, a, places, b, places)
    >>> bool((out == b).all())
    True
    """
    n_rows, n_columns = out.shape
    lanes = 64 // out.itemsize
    for row in range(0, n_rows, _ROWS):
        left, column = min(n_rows - row, _ROWS), 0
        while column + _WIDE * lanes <= n_columns:
            _wide_block(out, row, column, left, a, in_a, b, in_b)
            column += _WIDE * lanes
        while column < n_columns:
            _narrow_block(out, row, column, left, a, in_a, b, in_b)
            column += lanes


def _inner_block(n_left: int) -> Any:
    """Return the intrinsic for the inner products of `n_left` rows with as many as give 16 sums."""

    @intrinsic
    def block(context, out, row, column, a, b, in_b):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = VectorCode(context, builder, signature.args[0].dtype)
            _write_inner(code, _arrays(context, builder, signature, arguments), n_left)
            return context.get_dummy_value()

        return types.void(out, types.intp, types.intp, a, b, in_b), generate

    return block


def _write_inner(code: VectorCode, arguments: list[Any], n_left: int) -> None:
    builder, (out, row, column, a, b, in_b) = code.builder, arguments
    n_right = code.lanes // n_left
    left = [builder.add(row, WORD(t)) for t in range(n_left)]
    places = [builder.add(column, WORD(i)) for i in range(n_right)]
    right = [code.load_index(in_b, place) for place in places]
    n_vectors = builder.sdiv(builder.extract_value(a.shape, 1), WORD(code.lanes))

    def turn(term: Any, sums: list[Any]) -> list[Any]:
        start = builder.mul(term, WORD(code.lanes))
        x, y = (
            [code.load(array, own, start) for own in rows]
            for array, rows in ((a, left), (b, right))
        )
        pairs = ((one, other) for one in x for other in y)
        return [code.multiply_add(*pair, c) for pair, c in zip(pairs, sums, strict=True)]

    total = _add_lanes(code, code.repeat(n_vectors, code.lanes, turn))
    for t, own in enumerate(left):
        lanes = list(range(t * n_right, (t + 1) * n_right))
        code.store(code.select(total, total, lanes), out, own, column)


def _add_lanes(code: VectorCode, vectors: list[Any]) -> Any:
    """Return the vector whose lane `i` is the sum of the lanes of vector `i`."""
    step = 1
    while len(vectors) > 1:
        # Lane by lane, groups of `step` lanes from the one vector and from the other in turn.
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        low, high = [], []
        for start in range(0, code.lanes, 2 * step):
            low += [
                *range(start, start + step),
                *range(code.lanes + start, code.lanes + start + step),
            ]
        high = [lane + step for lane in low]
        vectors = [
            code.builder.fadd(code.select(a, b, low), code.select(a, b, high)) for a, b in pairs
        ]
        step *= 2
    return vectors[0]


_inner_1, _inner_2, _inner_4 = _inner_block(1), _inner_block(2), _inner_block(4)


@kernel
def multiply_transposed(out, a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a @ b[in_b].T``: the inner products of rows with chosen rows.

    Parameters
    ----------
    out : numpy.ndarray of float32 or float64, shape (n_left, n_right)
        What is written; `n_right` is a whole number of vectors, see `padded`.
    a : numpy.ndarray, shape (n_left, n_terms)
        `n_terms` is a whole number of vectors; rows are contiguous; the same dtype.
    b : numpy.ndarray, shape (any, at least n_terms)
        Rows are contiguous.
    in_b : numpy.ndarray of int64, shape (n_right,)
        Which rows of `b`.

    Notes
    -----
    A sum is made of one part for each lane of a vector; these are then added in pairs, in the same
    order on any processor. No index and no shape is checked.

    Examples
    --------
    >>> import numpy as np
    >>> a, b, out = np.ones((3, 16)), np.eye(8, 16), np.empty((3, 8))
    >>> multiply_transposed(out, a, b, np.arange(8))
    >>> bool((out == 1.0).all())
    True
    """
    n_left, n_right = out.shape
    lanes = 64 // out.itemsize
    row = 0
    while row < n_left:
        n_rows = 4 if n_left - row >= 4 else 2 if n_left - row >= 2 else 1
        for column in range(0, n_right, lanes // n_rows):
            if n_rows == 4:
                _inner_4(out, row, column, a, b, in_b)
            elif n_rows == 2:
                _inner_2(out, row, column, a, b, in_b)
            else:
                _inner_1(out, row, column, a, b, in_b)
        row += n_rows
