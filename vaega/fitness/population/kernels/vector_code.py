"""Vector code for kernels: what numba does not write by itself, in LLVM's own terms."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 8}
WORD = ir.IntType(64)
_BYTE = ir.IntType(8)
_PLACE = ir.IntType(32)


def padded(size: int, dtype: Any) -> int:
    """Return the length of a row that holds `size` elements and is a whole number of vectors."""
    lanes = LANES[np.dtype(dtype)]
    return -(-size // lanes) * lanes


class VectorCode:
    """The instructions that the blocks of matrix products are made of.

    A vector is 64 bytes long on any processor: LLVM splits it where registers are shorter, so that
    sums have one order everywhere.
    """

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.builder = builder
        self.scalar = context.get_value_type(dtype)
        self.bytes = dtype.bitwidth // 8
        self.lanes = 64 // self.bytes
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        name = f"llvm.fma.v{self.lanes}f{8 * self.bytes}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self._multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return ``a * b + c``, rounded once."""
        return self.builder.call(self._multiply_add, [a, b, c])

    def load(self, array: Any, row: Any, column: Any) -> Any:
        """Return the vector that starts at an element of an array."""
        loaded = self.builder.load(self._vector_at(array, row, column))
        loaded.align = self.bytes
        return loaded

    def load_index(self, array: Any, place: Any) -> Any:
        """Return an element of a contiguous array of int64."""
        return self.builder.load(self.builder.gep(array.data, [place]))

    def spread(self, array: Any, row: Any, column: Any) -> Any:
        """Return a vector all of whose lanes are one element of an array."""
        value = self.builder.load(self._at(array, row, column))
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, _PLACE(0))
        return self.select(first, undefined, [0] * self.lanes)

    def select(self, a: Any, b: Any, lanes: list[int]) -> Any:
        """Return a vector of lanes of `a` and `b`; those of `b` are counted on from `a`'s."""
        places = ir.Constant(ir.VectorType(_PLACE, len(lanes)), lanes)
        return self.builder.shuffle_vector(a, b, places)

    def store(self, vector: Any, array: Any, row: Any, column: Any) -> None:
        """Write a vector from an element of an array on."""
        where = self.builder.bitcast(self._at(array, row, column), vector.type.as_pointer())
        self.builder.store(vector, where).align = self.bytes

    def repeat(self, n_terms: Any, n_sums: int, body: Any) -> list[Any]:
        """Write a loop that adds to `n_sums` vectors, and return them."""
        builder = self.builder
        before = builder.block
        loop, after = builder.append_basic_block("terms"), builder.append_basic_block("sums")
        builder.cbranch(builder.icmp_signed(">", n_terms, WORD(0)), loop, after)
        builder.position_at_end(loop)
        term = builder.phi(WORD)
        sums = [builder.phi(self.vector) for _ in range(n_sums)]
        more = body(term, sums)
        following = builder.add(term, WORD(1))
        builder.cbranch(builder.icmp_signed("<", following, n_terms), loop, after)
        term.add_incoming(WORD(0), before)
        term.add_incoming(following, loop)
        builder.position_at_end(after)
        totals = [builder.phi(self.vector) for _ in range(n_sums)]
        for old, new, total in zip(sums, more, totals, strict=True):
            old.add_incoming(self.zero, before)
            old.add_incoming(new, loop)
            total.add_incoming(self.zero, before)
            total.add_incoming(new, loop)
        return totals

    def _vector_at(self, array: Any, row: Any, column: Any) -> Any:
        return self.builder.bitcast(self._at(array, row, column), self.vector.as_pointer())

    def _at(self, array: Any, row: Any, column: Any) -> Any:
        builder = self.builder
        steps = [builder.extract_value(array.strides, axis) for axis in (0, 1)]
        offset = builder.add(builder.mul(row, steps[0]), builder.mul(column, steps[1]))
        where = builder.gep(builder.bitcast(array.data, _BYTE.as_pointer()), [offset])
        return builder.bitcast(where, self.scalar.as_pointer())
