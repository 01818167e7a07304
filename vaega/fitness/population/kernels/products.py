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

__all__ = [
    "multiply",
    "multiply_part",
    "multiply_transposed",
    "multiply_transposed_part",
    "padded",
]

_ROWS = 5
_WIDE = 3 if binding.get_host_cpu_features().get("avx512f") else 1  # else registers would spill
_SUMS = 16  # of a block of inner products: as many as fit in registers beside what is multiplied


def _block(n_vectors: int) -> Any:
    """Return the intrinsic that computes a block of a product, `n_vectors` vectors wide."""

    @intrinsic
    def block(  # type: ignore[no-untyped-def]
        context, out, row, column, n_rows, a, a_row, in_a, a_start, b, in_b, b_start, n_terms
    ):
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = VectorCode(context, builder, signature.args[0].dtype)
            _write_block(code, _arrays(context, builder, signature, arguments), n_vectors)
            return context.get_dummy_value()

        at = types.intp
        return types.void(out, at, at, at, a, at, in_a, at, b, in_b, at, at), generate

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
    builder = code.builder
    out, row, column, n_rows, a, a_row, in_a, a_start, b, in_b, b_start, n_terms = arguments
    columns = [builder.add(column, WORD(v * code.lanes)) for v in range(n_vectors)]
    end = builder.append_basic_block("end")
    choice = builder.switch(n_rows, end)
    for count in range(1, _ROWS + 1):
        start = builder.append_basic_block(f"rows{count}")
        choice.add_case(WORD(count), start)
        builder.position_at_end(start)
        a_rows = [builder.add(a_row, WORD(t)) for t in range(count)]

        def turn(term: Any, sums: list[Any], rows: list[Any] = a_rows) -> list[Any]:
            own_a = code.load_index(in_a, builder.add(a_start, term))
            own_b = code.load_index(in_b, builder.add(b_start, term))
            right = [code.load(b, own_b, place) for place in columns]
            left = [code.spread(a, own, own_a) for own in rows]
            pairs = ((x, y) for x in left for y in right)
            return [code.multiply_add(x, y, c) for (x, y), c in zip(pairs, sums, strict=True)]

        sums = code.repeat(n_terms, count * n_vectors, turn)
        places = ((builder.add(row, WORD(t)), c) for t in range(count) for c in columns)
        for total, (own, place) in zip(sums, places, strict=True):
            code.store(total, out, own, place)
        builder.branch(end)
    builder.position_at_end(end)


_wide_block, _narrow_block = _block(_WIDE), _block(1)


@kernel
def multiply(out, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a[:, in_a] @ b[in_b]``, from within a kernel or from Python."""
    multiply_part(out, 0, out.shape[0], out.shape[1], a, 0, in_a, 0, b, in_b, 0, len(in_b))


@kernel
def multiply_part(  # type: ignore[no-untyped-def]
    out, row, n_rows, n_columns, a, a_row, in_a, a_start, b, in_b, b_start, n_terms
):
    """Compute some rows of a product: `multiply` for arrays that hold several matrices.

    A view of an array costs more than a small product, so that places are told as numbers.
    """
    lanes = 64 // out.itemsize
    for block in range(0, n_rows, _ROWS):
        left, column = min(n_rows - block, _ROWS), 0
        to, of = row + block, a_row + block
        while column + _WIDE * lanes <= n_columns:
            _wide_block(out, to, column, left, a, of, in_a, a_start, b, in_b, b_start, n_terms)
            column += _WIDE * lanes
        while column < n_columns:
            _narrow_block(out, to, column, left, a, of, in_a, a_start, b, in_b, b_start, n_terms)
            column += lanes


def _inner_block(n_left: int) -> Any:
    """Return the intrinsic for the inner products of `n_left` rows with as many as give 16 sums."""

    @intrinsic
    def block(context, out, row, column, a, a_row, n_vectors, b, in_b, b_start):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = VectorCode(context, builder, signature.args[0].dtype)
            _write_inner(code, _arrays(context, builder, signature, arguments), n_left)
            return context.get_dummy_value()

        at = types.intp
        return types.void(out, at, at, a, at, at, b, in_b, at), generate

    return block


def _write_inner(code: VectorCode, arguments: list[Any], n_left: int) -> None:
    builder, (out, row, column, a, a_row, n_vectors, b, in_b, b_start) = code.builder, arguments
    n_right = code.lanes // n_left
    left = [builder.add(a_row, WORD(t)) for t in range(n_left)]
    first = builder.add(b_start, column)
    right = [code.load_index(in_b, builder.add(first, WORD(i))) for i in range(n_right)]

    def turn(term: Any, sums: list[Any]) -> list[Any]:
        start = builder.mul(term, WORD(code.lanes))
        x, y = (
            [code.load(array, own, start) for own in rows]
            for array, rows in ((a, left), (b, right))
        )
        pairs = ((one, other) for one in x for other in y)
        return [code.multiply_add(*pair, c) for pair, c in zip(pairs, sums, strict=True)]

    total = _add_lanes(code, code.repeat(n_vectors, code.lanes, turn))
    for t in range(n_left):
        lanes = list(range(t * n_right, (t + 1) * n_right))
        code.store(code.select(total, total, lanes), out, builder.add(row, WORD(t)), column)


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
    """Compute ``out = a @ b[in_b].T``: the inner products of rows with chosen rows."""
    n_vectors = a.shape[1] * a.itemsize // 64
    multiply_transposed_part(out, 0, out.shape[0], out.shape[1], a, 0, n_vectors, b, in_b, 0)


@kernel
def multiply_transposed_part(  # type: ignore[no-untyped-def]
    out, row, n_left, n_right, a, a_row, n_vectors, b, in_b, b_start
):
    """Compute some rows of `multiply_transposed`, for arrays that hold several matrices."""
    lanes = 64 // out.itemsize
    done = 0
    while done < n_left:
        n_rows = 4 if n_left - done >= 4 else 2 if n_left - done >= 2 else 1
        to, of = row + done, a_row + done
        for column in range(0, n_right, lanes // n_rows):
            if n_rows == 4:
                _inner_4(out, to, column, a, of, n_vectors, b, in_b, b_start)
            elif n_rows == 2:
                _inner_2(out, to, column, a, of, n_vectors, b, in_b, b_start)
            else:
                _inner_1(out, to, column, a, of, n_vectors, b, in_b, b_start)
        done += n_rows
