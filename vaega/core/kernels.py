"""Numba kernels that others are made of: selected columns, sums, products, symmetric systems.

Products and sums over columns are LLVM code, which loads selected columns in place. By a loop of
numba, or by ``numpy.dot``, for which columns are gathered first, engines score fewer masks a second
(`benchmarks/fitness_throughput.py`): perceptrons 0.29 (leukemia, 36 columns) to 0.51 (madelon, gcm)
of these; on leukemia ridge classifiers 0.54, discriminants 0.65, neighbours 0.71, naive Bayes and
nearest centroids 0.4.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils, event
from numba.extending import intrinsic

from vaega.core.compilation import ANNOUNCEMENT, are_kernels_compiled
from vaega.core.provenance import kernel_digest

Function = TypeVar("Function", bound=Callable[..., Any])


class _Compilations(event.Listener):
    """Says of our kernels, and of nobody else's, when they are compiled."""

    def on_start(self, event: Any) -> None:
        if _is_ours(event):
            ANNOUNCEMENT.begin()

    def on_end(self, event: Any) -> None:
        if _is_ours(event):
            ANNOUNCEMENT.end()


def _is_ours(event: Any) -> bool:
    function = getattr(event.data.get("dispatcher"), "py_func", None)
    return getattr(function, "__module__", "").startswith("vaega.")


event.register("numba:compile", _Compilations())  # kernels that are cached are not compiled


def kernel(function: Function) -> Function:
    """Compile a function with numba when it is first called; it releases Python's lock.

    No fastmath: sums have one order, so that a score has the same bits whatever surrounds it.
    """
    has_file = Path(function.__code__.co_filename).is_file()  # one typed by hand has none
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled = njit(cache=has_file, **options)(function)
    except RuntimeError:  # no folder that may be written to: compiled once a process then
        return cast(Function, njit(**options)(function))
    if has_file and are_kernels_compiled():
        _stamp_with_all_kernels(compiled)
    return cast(Function, compiled)


def _stamp_with_all_kernels(compiled: Any) -> None:
    """Let numba's cache hold only while no module with kernels changes.

    Numba looks at the file of a kernel alone, and a kernel holds the code of those that it calls.
    """
    index = compiled._cache._cache_file
    index._source_stamp = (index._source_stamp, kernel_digest())


def part(function: Function) -> Function:
    """Inline a function into the kernels that call it; it may not allocate."""
    without_counts: Any = {"_nrt": False}
    compiled = njit(forceinline=True, nogil=True, error_model="numpy", **without_counts)(function)
    return cast(Function, compiled)


# Selected columns --------------------------------------------------------------------------------

_BITS = 64
_WORD, _BYTE, _NO = ir.IntType(64), ir.IntType(8), ir.Constant(ir.IntType(1), 0)


@intrinsic
def _selected(context, mask, start):  # type: ignore[no-untyped-def]
    """Return a word whose bits say which of 64 columns are selected."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        block = ir.VectorType(_BYTE, _BITS)
        first = builder.gep(builder.bitcast(array.data, _BYTE.as_pointer()), [arguments[1]])
        loaded = builder.load(builder.bitcast(first, block.as_pointer()))
        loaded.align = 1
        none = ir.Constant(block, [0] * _BITS)
        return builder.bitcast(builder.icmp_unsigned("!=", loaded, none), _WORD)

    return types.int64(mask, types.intp), generate


@intrinsic
def _lowest_bit(context: Any, word: Any) -> Any:
    """Return the index of the lowest bit that is set."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], _NO)

    return types.int64(types.int64), generate


@kernel
def select(mask, indices):  # type: ignore[no-untyped-def]
    """Write the indices of the selected columns, and return how many there are."""
    count, whole = 0, len(mask) - len(mask) % _BITS
    for start in range(0, whole, _BITS):  # most columns are not selected: none is looked at
        word: Any = _selected(mask, start)  # type: ignore[call-arg]
        while word:
            indices[count] = start + _lowest_bit(word)
            count += 1
            word &= word - 1
    for index in range(whole, len(mask)):  # without a branch, which no processor could predict
        indices[count] = index
        count += mask[index]
    return count


@kernel
def largest_count(masks):  # type: ignore[no-untyped-def]
    """Return how many columns the widest mask selects."""
    most = 0
    for mask in masks:
        count = 0
        for selected in mask:
            count += selected
        most = max(most, count)
    return most


# Sums --------------------------------------------------------------------------------------------

_SUM_BLOCK = 128  # numpy halves what is longer
# And adds up buffers of so many values, one after the other, before its version 2.3.
_SUM_BUFFER = 8192 if np.lib.NumpyVersion(np.__version__) < "2.3.0" else 2**62


@kernel
def total(values):  # type: ignore[no-untyped-def]
    """Return the sum of the values, with the bits of ``numpy.sum`` of contiguous float64."""
    result = 0.0
    for start in range(0, len(values), _SUM_BUFFER):
        result += _total_by_halves(values[start : start + _SUM_BUFFER])
    return result


@kernel
def _total_by_halves(values):  # type: ignore[no-untyped-def]
    n = len(values)
    if n <= _SUM_BLOCK:
        return _total_of_block(values)
    half = n // 2
    half -= half % 8
    return _total_by_halves(values[:half]) + _total_by_halves(values[half:])


@kernel
def _total_of_block(values):  # type: ignore[no-untyped-def]
    n, done, result = len(values), 0, 0.0
    if n >= 8:
        done = n - n % 8
        result = sum_in_parts(values, done)
    for i in range(done, n):
        result += values[i]
    return result


@kernel
def sum_in_parts(values, n):  # type: ignore[no-untyped-def]
    """Return the sum of the first `n` values, a multiple of eight, in eight parts.

    Eight additions can be under way at a time; one after the other, each would wait for the last.
    """
    a = b = c = d = e = f = g = h = values.dtype.type(0)
    for i in range(0, n, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 8}
WORD = ir.IntType(64)
_BYTE_TYPE, _INDEX = ir.IntType(8), ir.IntType(32)

_ROWS = 5
_WIDE = 3 if binding.get_host_cpu_features().get("avx512f") else 1  # else registers would spill
PANEL = 8  # rows; as wide as a vector of float64, so that each panel starts at a whole vector


def padded(size: int, dtype: Any) -> int:
    """Return the length of a row that holds `size` elements and is a whole number of vectors."""
    lanes = LANES[np.dtype(dtype)]
    return -(-size // lanes) * lanes


@kernel
def multiply(out, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a[:, in_a] @ b[in_b]``, from within a kernel or from Python."""
    multiply_part(out, 0, out.shape[0], out.shape[1], a, 0, in_a, 0, b, in_b, 0, len(in_b))


@kernel
def multiply_part(  # type: ignore[no-untyped-def]
    out, row, n_rows, n_columns, a, a_row, in_a, a_start, b, in_b, b_start, n_terms
):
    """Compute some rows of a product: `multiply` for arrays that hold several matrices.

    A view of an array costs more than a small product: first rows are numbers here.
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


@kernel
def multiply_transposed_part(  # type: ignore[no-untyped-def]
    out, row, n_left, n_right, a, a_row, n_vectors, b, in_b, b_start
):
    """Compute ``out = a @ b[in_b].T`` for some rows of arrays that hold several matrices.

    Rows are `n_vectors` of 64 bytes long; `n_right` is a whole number of vectors.
    """
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


_UPPER_ROWS = 15  # a whole number of the blocks of `multiply`


@kernel
def multiply_upper(out, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a[:, in_a] @ b[in_b]`` from the diagonal on, of float64."""
    for start in range(0, len(out), _UPPER_ROWS):
        end, column = min(start + _UPPER_ROWS, len(out)), start // PANEL * PANEL
        multiply(out[start:end, column:], a[start:end], in_a, b[:, column:], in_b)


@kernel
def mirror(matrix, n):  # type: ignore[no-untyped-def]
    """Write the upper triangle of the first rows and columns to the lower one."""
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i]


_SPAN = 512  # features: as many of a hundred rows stay in a processor's second cache


@kernel
def add_differences(X, rows, neighbours, weights, total):  # type: ignore[no-untyped-def]
    """Add the weighted distances of pairs of rows to `total`, feature by feature."""
    for start in range(0, X.shape[1], _SPAN):
        columns, sums = X[:, start : start + _SPAN], total[start : start + _SPAN]
        for i in range(len(rows)):
            row, neighbour, weight = columns[rows[i]], columns[neighbours[i]], weights[i]
            for j in range(len(sums)):
                sums[j] += weight * abs(neighbour[j] - row[j])


# Symmetric positive definite systems -------------------------------------------------------------


@kernel
def triangulate(system, scaled, spare, steps, size, width):  # type: ignore[no-untyped-def]
    """Reduce a symmetric system to its upper triangle, right-hand sides behind it included.

    Returns a bound from below of the least eigenvalue, -1 where a pivot is not positive. The
    determinant, a product of pivots, is the least eigenvalue times that of the others, which is at
    most (trace / (size - 1))^(size - 1) < e mean^(size - 1).
    """
    trace = 0.0
    for row in range(size):
        trace += system[row, row]
    mean, product = trace / size, 1.0
    for first in range(0, size, PANEL):
        last = min(first + PANEL, size)
        if first > 0:
            part = spare[0 : last - first, 0 : width - first]
            above = system[0:first, first:width]
            multiply(part, scaled[0:first, first:last].T, steps[:first], above, steps[:first])
            for row in range(first, last):
                for column in range(first, width):
                    system[row, column] -= part[row - first, column - first]
        for row in range(first, last):
            pivot = system[row, row]
            if not pivot > 0.0:
                return -1.0
            product *= pivot / mean
            for column in range(row, width):
                scaled[row, column] = system[row, column] / pivot
            for other in range(row + 1, last):
                factor = scaled[row, other]
                for column in range(other, width):
                    system[other, column] -= factor * system[row, column]
    return product * mean / math.e


@kernel
def substitute_forward(scaled, solution, steps, start, size):  # type: ignore[no-untyped-def]
    """Solve with the lower triangle that `triangulate` left as the transpose of `scaled`."""
    n_sides = solution.shape[1]
    part = np.empty((PANEL, n_sides))
    for first in range(start, size, PANEL):
        last, known = min(first + PANEL, size), steps[start:first]
        if first > start:
            left = scaled[0:first, first:last].T
            multiply(part[0 : last - first, 0:], left, known, solution[0:, 0:], known)
            for row in range(first, last):
                for side in range(n_sides):
                    solution[row, side] -= part[row - first, side]
        for row in range(first, last):
            for other in range(row + 1, last):
                factor = scaled[row, other]
                for side in range(n_sides):
                    solution[other, side] -= factor * solution[row, side]


@kernel
def substitute_back(system, solution, steps, size):  # type: ignore[no-untyped-def]
    """Solve with the upper triangle that `triangulate` left."""
    n_sides = solution.shape[1]
    part = np.empty((PANEL, n_sides))
    for first in range((size - 1) // PANEL * PANEL, -1, -PANEL):
        last = min(first + PANEL, size)
        known = steps[last:size]
        if last < size:
            below, rows = solution[0:, 0:], system[first:last, 0:]
            multiply(part[0 : last - first, 0:], rows, known, below, known)
            for row in range(first, last):
                for side in range(n_sides):
                    solution[row, side] -= part[row - first, side]
        for row in range(last - 1, first - 1, -1):
            for side in range(n_sides):
                solution[row, side] /= system[row, row]
            for other in range(first, row):
                factor = system[other, row]
                for side in range(n_sides):
                    solution[other, side] -= factor * solution[row, side]


@kernel
def invert_trace(system, scaled, steps, size):  # type: ignore[no-untyped-def]
    """Return the trace of the inverse of what `triangulate` has reduced."""
    trace, solution = 0.0, np.empty((size, PANEL))
    for first in range(0, size, PANEL):
        for row in range(first, size):
            for side in range(PANEL):
                solution[row, side] = 1.0 if row - first == side else 0.0
        substitute_forward(scaled, solution, steps, first, size)
        for row in range(first, size):
            total = 0.0
            for side in range(PANEL):
                total += solution[row, side] ** 2
            trace += total / system[row, row]
    return trace


_BLOCK = 16  # rows and columns that are inverted at once
_FEW = 40  # equations, up to which panels do not pay


@kernel
def solve(matrix, n, x, scaled):  # type: ignore[no-untyped-def]
    """Solve ``matrix[:n, :n] @ x = matrix[:n, n]`` in index; return whether it could."""
    if n <= _FEW:
        if not _eliminate(matrix, n):
            return False
    else:
        width, spare = -(-(n + 1) // PANEL) * PANEL, np.empty((PANEL, matrix.shape[1]))
        if triangulate(matrix, scaled, spare, np.arange(n), n, width) < 0.0:
            return False
    for j in range(n - 1, -1, -1):
        total = matrix[j, n]
        for k in range(j + 1, n):
            total -= matrix[j, k] * x[k]
        x[j] = total / matrix[j, j]
    return True


@kernel
def _eliminate(matrix, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        if not matrix[j, j] > 0.0:
            return False
        inverse, above = 1.0 / matrix[j, j], matrix[j]
        for i in range(j + 1, n):
            factor, row = above[i] * inverse, matrix[i]
            for k in range(i, n + 1):
                row[k] -= factor * above[k]
    return True


@kernel
def invert(matrix, n, scratch):  # type: ignore[no-untyped-def]
    """Invert ``matrix[:n, :n]`` in index, by blocks; return whether it could."""
    size = -(-n // _BLOCK) * _BLOCK
    for i in range(n, size):  # ones, so that all blocks are whole
        matrix[i, :size] = 0.0
        matrix[:n, i] = 0.0
        matrix[i, i] = 1.0
    for start in range(0, size, _BLOCK):
        block = matrix[start : start + _BLOCK, start : start + _BLOCK]
        if not _sweep(block):
            return False
        _sweep_others(matrix[:size, :size], start, block, scratch)
    for i in range(size):
        for j in range(size):
            matrix[i, j] = -matrix[i, j] if i < n and j < n else 0.0
    return True


@kernel
def _sweep(block):  # type: ignore[no-untyped-def]
    # Goodnight (1979): sweeping all rows of a symmetric matrix leaves minus its inverse.
    n = len(block)
    for k in range(n):
        if not block[k, k] > 0.0:
            return False
        inverse, above = 1.0 / block[k, k], block[k]
        for i in range(n):
            if i != k:
                factor, row = above[i] * inverse, block[i]
                for j in range(n):
                    row[j] -= factor * above[j]
                row[k] = factor
        for j in range(n):
            above[j] *= inverse
        above[k] = -inverse
    return True


@kernel
def _sweep_others(matrix, start, swept, scratch):  # type: ignore[no-untyped-def]
    # The same for a block of rows, whose own block is swept already.
    size, end, here = len(matrix), start + _BLOCK, np.arange(_BLOCK)
    above, scaled = scratch[:_BLOCK, :size], scratch[_BLOCK : 2 * _BLOCK, :size]
    product = scratch[2 * _BLOCK : 2 * _BLOCK + size, :size]
    above[:] = matrix[start:end]
    above[:, start:end] = 0.0
    multiply(scaled, swept, here, above, here)  # minus the inverse times the rest
    multiply(product, above.T, here, scaled, here)
    for i in range(size):
        if start <= i < end:
            continue
        for j in range(size):
            matrix[i, j] += product[i, j]
        for k in range(_BLOCK):
            matrix[i, start + k] = matrix[start + k, i] = -scaled[k, i]


# Blocks of products as LLVM code -----------------------------------------------------------------


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

    def load_index(self, array: Any, index: Any) -> Any:
        """Return an element of a contiguous array of int64."""
        return self.builder.load(self.builder.gep(array.data, [index]))

    def spread(self, array: Any, row: Any, column: Any) -> Any:
        """Return a vector all of whose lanes are one element of an array."""
        value = self.builder.load(self._at(array, row, column))
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, _INDEX(0))
        return self.select(first, undefined, [0] * self.lanes)

    def select(self, a: Any, b: Any, lanes: list[int]) -> Any:
        """Return a vector of lanes of `a` and `b`; those of `b` are counted on from `a`'s."""
        indices = ir.Constant(ir.VectorType(_INDEX, len(lanes)), lanes)
        return self.builder.shuffle_vector(a, b, indices)

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
        where = builder.gep(builder.bitcast(array.data, _BYTE_TYPE.as_pointer()), [offset])
        return builder.bitcast(where, self.scalar.as_pointer())


def array_structures(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Return the arguments, arrays as structures of their parts."""
    return [
        context.make_array(kind)(context, builder, value)
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def _generator(write: Callable[..., None], *options: int) -> Callable[..., Any]:
    """Return what generates the code of an intrinsic whose first argument is its output."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = VectorCode(context, builder, signature.args[0].dtype)
        write(code, array_structures(context, builder, signature, arguments), *options)
        return context.get_dummy_value()

    return generate


def _block(n_vectors: int) -> Any:
    """Return the intrinsic that computes a block of a product, `n_vectors` vectors wide."""

    @intrinsic
    def block(  # type: ignore[no-untyped-def]
        context, out, row, column, n_rows, a, a_row, in_a, a_start, b, in_b, b_start, n_terms
    ):
        at, generate = types.intp, _generator(_write_block, n_vectors)
        return types.void(out, at, at, at, a, at, in_a, at, b, in_b, at, at), generate

    return block


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

        def multiply_term(term: Any, sums: list[Any], rows: list[Any] = a_rows) -> list[Any]:
            index_a = code.load_index(in_a, builder.add(a_start, term))
            index_b = code.load_index(in_b, builder.add(b_start, term))
            right = [code.load(b, index_b, index) for index in columns]
            left = [code.spread(a, own, index_a) for own in rows]
            pairs = ((x, y) for x in left for y in right)
            return [code.multiply_add(x, y, c) for (x, y), c in zip(pairs, sums, strict=True)]

        sums = code.repeat(n_terms, count * n_vectors, multiply_term)
        indices = ((builder.add(row, WORD(t)), c) for t in range(count) for c in columns)
        for total, (own, index) in zip(sums, indices, strict=True):
            code.store(total, out, own, index)
        builder.branch(end)
    builder.position_at_end(end)


_wide_block, _narrow_block = _block(_WIDE), _block(1)


def _inner_block(n_left: int) -> Any:
    """Return the intrinsic for the inner products of `n_left` rows with as many as give 16 sums."""

    @intrinsic
    def block(context, out, row, column, a, a_row, n_vectors, b, in_b, b_start):  # type: ignore[no-untyped-def]
        at, generate = types.intp, _generator(_write_inner, n_left)
        return types.void(out, at, at, a, at, at, b, in_b, at), generate

    return block


def _write_inner(code: VectorCode, arguments: list[Any], n_left: int) -> None:
    builder, (out, row, column, a, a_row, n_vectors, b, in_b, b_start) = code.builder, arguments
    n_right = code.lanes // n_left
    left = [builder.add(a_row, WORD(t)) for t in range(n_left)]
    first = builder.add(b_start, column)
    right = [code.load_index(in_b, builder.add(first, WORD(i))) for i in range(n_right)]

    def multiply_term(term: Any, sums: list[Any]) -> list[Any]:
        start = builder.mul(term, WORD(code.lanes))
        x, y = (
            [code.load(array, own, start) for own in rows]
            for array, rows in ((a, left), (b, right))
        )
        pairs = ((one, other) for one in x for other in y)
        return [code.multiply_add(*pair, c) for pair, c in zip(pairs, sums, strict=True)]

    total = _add_lanes(code, code.repeat(n_vectors, code.lanes, multiply_term))
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


_NO_SIGN = 0x7FFFFFFFFFFFFFFF
_INFINITE = 0x7FF0000000000000  # bits above are NaN


@kernel
def argmax_of_sums(masks, terms, offsets, by_row, codes, margins, rest):  # type: ignore[no-untyped-def]
    """Write the class of the highest sum of each row, and by how much the sums lead in each mask.

    A row of `terms` (n_columns, padded) holds what a column adds to the scores of the classes after
    the first, whose score is 0, by class and row; then, if `by_row`, to the error bounds of the
    rows, twice of which is taken off their lead; then to `rest` (n_masks, n_rest). `offsets` are
    added to the scores; `codes` (n_masks, n_rows); `margins` (n_masks,) is the least lead of a
    row, NaN if any score is.
    """
    n_rows, n_others = codes.shape[1], len(offsets)
    start = n_rows * (n_others + by_row)
    indices, scratch = np.empty(masks.shape[1], np.int64), np.empty((1, terms.shape[1]))
    first, second = np.empty(n_rows), np.empty(n_rows)
    for m in range(len(masks)):
        add_rows(scratch, 0, terms, indices, select(masks[m], indices))
        if n_others == 1:
            for i in range(n_rows):
                score = scratch[0, i] + offsets[0]
                first[i] = score
                codes[m, i] = score > 0.0
        else:
            rank(scratch, offsets, by_row, first, second, codes, m)
        margins[m] = least(first.view(np.int64))
        for k in range(rest.shape[1]):
            rest[m, k] = scratch[0, start + k]


@kernel
def rank(scratch, offsets, by_row, first, second, codes, m):  # type: ignore[no-untyped-def]
    """Write the best class of each row, and to `first` by how much it leads for certain."""
    n_rows = len(first)
    for i in range(n_rows):
        first[i], second[i], codes[m, i] = 0.0, -np.inf, 0
    for c in range(len(offsets)):
        start, offset = c * n_rows, offsets[c]
        for i in range(n_rows):
            score, best = scratch[0, start + i] + offset, first[i]
            higher = score > best
            below = best if higher else score
            # NaN takes the second place and stays there.
            second[i] = below if below > second[i] or np.isnan(below) else second[i]
            first[i] = score if higher else best
            codes[m, i] = c + 1 if higher else codes[m, i]
    for i in range(n_rows):
        lead = first[i] - second[i]
        if by_row:
            lead -= 2.0 * scratch[0, len(offsets) * n_rows + i]
        first[i] = 0.0 if lead < 0.0 else lead


@kernel
def least(bits):  # type: ignore[no-untyped-def]
    """Return the least absolute value of numbers given as bits; NaN if any of them is NaN.

    Absolute values have the order of their bits, and integers are compared many at a time.
    """
    least, most = np.int64(_INFINITE), np.int64(0)
    for i in range(len(bits)):
        size = bits[i] & _NO_SIGN
        least, most = min(least, size), max(most, size)
    if most > _INFINITE:
        return np.nan
    out = np.empty(1, np.int64)
    out[0] = least
    return out.view(np.float64)[0]


# Vectors that are summed at once, in registers.
_WIDTH = 8 if binding.get_host_cpu_features().get("avx512f") else 4


@intrinsic
def _add_block(context, out, row, column, n_vectors, terms, indices, n_terms):  # type: ignore[no-untyped-def]
    """Write the sums of some rows of `terms` to some vectors, at most `_WIDTH`, of a row."""
    at, generate = types.intp, _generator(_write_sums)
    return types.void(out, at, at, at, terms, indices, at), generate


def _write_sums(code: VectorCode, arguments: list[Any]) -> None:
    builder, (out, row, column, n_vectors, terms, indices, n_terms) = code.builder, arguments
    end = builder.append_basic_block("end")
    choice = builder.switch(n_vectors, end)
    for count in range(1, _WIDTH + 1):
        start = builder.append_basic_block(f"vectors{count}")
        choice.add_case(WORD(count), start)
        builder.position_at_end(start)
        columns = [builder.add(column, WORD(v * code.lanes)) for v in range(count)]

        def add_term(term: Any, sums: list[Any], columns: list[Any] = columns) -> list[Any]:
            row_of_term = code.load_index(indices, term)
            loaded = [code.load(terms, row_of_term, index) for index in columns]
            return [builder.fadd(*pair) for pair in zip(sums, loaded, strict=True)]

        sums = code.repeat(n_terms, count, add_term)
        for total, index in zip(sums, columns, strict=True):
            code.store(total, out, row, index)
        builder.branch(end)
    builder.position_at_end(end)


@kernel
def add_rows(out, row, terms, indices, n_terms):  # type: ignore[no-untyped-def]
    """Write the sum of chosen rows of `terms`, added up in their order, to a row of `out`."""
    lanes = 64 // out.itemsize
    for column in range(0, out.shape[1], _WIDTH * lanes):
        n_vectors = min(_WIDTH, (out.shape[1] - column) // lanes)
        _add_block(out, row, column, n_vectors, terms, indices, n_terms)  # type: ignore[call-arg]
