"""A matrix product for small matrices, compiled into the kernel that calls it.

BLAS spends more on a call than such a product takes, and its order of summation depends on the
shapes. Here each element is summed in the order of the inner index, with fused multiply-adds, in a
register: blocks of `_ROWS` by `_BLOCKS` vectors keep the processor's multipliers busy (van Zee and
van de Geijn 2015, "BLIS", is the idea). Numba does not vectorise such loops by itself, so the block
is written as vector code, which LLVM fits to any processor.
"""

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from vaega.fitness.population.kernels.compiled import kernel

LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 8}
_ROWS = 5
_WIDE = 3 if binding.get_host_cpu_features().get("avx512f") else 1  # else registers would spill
_WORD = ir.IntType(64)


def padded(size: int, dtype: Any) -> int:
    """Return the length of a row that holds `size` elements and is a whole number of vectors.

    Parameters
    ----------
    size : int
    dtype : numpy dtype
        float32 or float64.

    Returns
    -------
    int

    Examples
    --------
    >>> padded(38, np.float32)
    48
    """
    lanes = LANES[np.dtype(dtype)]
    return -(-size // lanes) * lanes


def _block(n_vectors: int) -> Any:
    """Return the intrinsic that computes a block of the product, `n_vectors` vectors wide."""

    @intrinsic
    def block(context, out, row, column, n_rows, a, in_a, b, in_b, n_terms):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            _Writer(context, builder, signature, arguments).write(n_vectors)
            return context.get_dummy_value()

        place = (types.intp,) * 3
        return types.void(out, *place, a, in_a, b, in_b, types.intp), generate

    return block


class _Writer:
    """Writes the code of a block: a loop over the terms for each number of rows there may be."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.builder = builder
        kinds = signature.args
        out, self.row, self.column, self.n_rows, a, in_a, b, in_b, self.n_terms = arguments
        self.out, self.a, self.in_a, self.b, self.in_b = (
            context.make_array(kinds[place])(context, builder, value)
            for place, value in ((0, out), (4, a), (5, in_a), (6, b), (7, in_b))
        )
        self.scalar = context.get_value_type(kinds[0].dtype)
        self.bytes = kinds[0].dtype.bitwidth // 8
        self.lanes = 64 // self.bytes
        self.vector = ir.VectorType(self.scalar, self.lanes)
        name = f"llvm.fma.v{self.lanes}f{8 * self.bytes}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self.multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)

    def write(self, n_vectors: int) -> None:
        builder = self.builder
        end = builder.append_basic_block("end")
        choice = builder.switch(self.n_rows, end)
        for n_rows in range(1, _ROWS + 1):
            start = builder.append_basic_block(f"rows{n_rows}")
            choice.add_case(_WORD(n_rows), start)
            builder.position_at_end(start)
            self._sum(n_rows, n_vectors)
            builder.branch(end)
        builder.position_at_end(end)

    def _sum(self, n_rows: int, n_vectors: int) -> None:
        builder, zero = self.builder, ir.Constant(self.vector, [0.0] * self.lanes)
        places = [(t, v) for t in range(n_rows) for v in range(n_vectors)]
        before, loop, after = (
            builder.block,
            builder.append_basic_block("terms"),
            builder.append_basic_block("sums"),
        )
        builder.cbranch(builder.icmp_signed(">", self.n_terms, _WORD(0)), loop, after)

        builder.position_at_end(loop)
        term = builder.phi(_WORD)
        sums = {place: builder.phi(self.vector) for place in places}
        own_a, own_b = (builder.load(builder.gep(i.data, [term])) for i in (self.in_a, self.in_b))
        b = [self._vector(self.b, own_b, v) for v in range(n_vectors)]
        a = [self._spread(t, own_a) for t in range(n_rows)]
        more = {
            (t, v): builder.call(self.multiply_add, [a[t], b[v], sums[t, v]]) for t, v in places
        }
        following = builder.add(term, _WORD(1))
        builder.cbranch(builder.icmp_signed("<", following, self.n_terms), loop, after)
        term.add_incoming(_WORD(0), before)
        term.add_incoming(following, loop)
        for place in places:
            sums[place].add_incoming(zero, before)
            sums[place].add_incoming(more[place], loop)

        builder.position_at_end(after)
        totals = {place: builder.phi(self.vector) for place in places}
        for (t, v), total in totals.items():
            total.add_incoming(zero, before)
            total.add_incoming(more[t, v], loop)
        for (t, v), total in totals.items():
            where = self._vector_address(self.out, builder.add(self.row, _WORD(t)), v)
            builder.store(total, where).align = self.bytes

    def _spread(self, t: int, k: Any) -> Any:
        row = self.builder.add(self.row, _WORD(t))
        value = self.builder.load(self._address(self.a, row, k))
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def _vector(self, array: Any, row: Any, v: int) -> Any:
        loaded = self.builder.load(self._vector_address(array, row, v))
        loaded.align = self.bytes
        return loaded

    def _vector_address(self, array: Any, row: Any, v: int) -> Any:
        column = self.builder.add(self.column, _WORD(v * self.lanes))
        where = self._address(array, row, column)
        return self.builder.bitcast(where, self.vector.as_pointer())

    def _address(self, array: Any, row: Any, column: Any) -> Any:
        builder = self.builder
        steps = [builder.extract_value(array.strides, axis) for axis in (0, 1)]
        parts = [builder.mul(row, steps[0]), builder.mul(column, steps[1])]
        start = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        where = builder.gep(start, [builder.add(*parts)])
        return builder.bitcast(where, self.scalar.as_pointer())


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

    Examples
    --------
    >>> a, b, out = np.eye(2), np.arange(16.0).reshape(2, 8), np.empty((2, 8))
    >>> places = np.array([1, 0])
    >>> multiply(out, a, places, b, places)
    >>> bool((out == b).all())
    True
    """
    n_rows, n_columns = out.shape
    lanes = 64 // out.itemsize
    n_terms = len(in_b)
    for row in range(0, n_rows, _ROWS):
        left, column = min(n_rows - row, _ROWS), 0
        while column + _WIDE * lanes <= n_columns:
            _wide_block(out, row, column, left, a, in_a, b, in_b, n_terms)
            column += _WIDE * lanes
        while column < n_columns:
            _narrow_block(out, row, column, left, a, in_a, b, in_b, n_terms)
            column += lanes
