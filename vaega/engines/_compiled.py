"""The classes that sums over the columns of masks classify for, and by what margins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function with numba when it is first called."""
    cached = Path(function.__code__.co_filename).is_file()  # one typed by hand has none
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(Function, njit(cache=cached, **options)(function))
    except RuntimeError:  # no folder that may be written to: compiled once a process then
        return cast(Function, njit(**options)(function))


def part(function: Function) -> Function:
    """Mark a function as a part of the kernels that call it: its body takes the call's place."""
    without_counts: Any = {"_nrt": False}
    compiled = njit(forceinline=True, nogil=True, error_model="numpy", **without_counts)(function)
    return cast(Function, compiled)


LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 8}
WORD = ir.IntType(64)
_BYTE_TYPE = ir.IntType(8)
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
        where = builder.gep(builder.bitcast(array.data, _BYTE_TYPE.as_pointer()), [offset])
        return builder.bitcast(where, self.scalar.as_pointer())


_PER_LOG2 = 1.4426950408889634
# ln 2 in two parts: the first has so few bits that its product with a whole number is exact.
_LOG2_HIGH, _LOG2_LOW = 0.693145751953125, 1.4286068203094172e-06
_LOWEST, _HIGHEST = -708.0, 709.0
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number
_EXPONENT_BIAS, _MANTISSA_BITS = 1023, 52


@kernel
def exponentiate(out, scale, x, n):  # type: ignore[no-untyped-def]
    """Compute ``out[:n] = exp(x[:n])``, from within a kernel or from Python."""
    bits = scale.view(np.int64)
    for i in range(n):
        held = min(max(x[i], _LOWEST), _HIGHEST)
        k = (held * _PER_LOG2 + _ROUNDER) - _ROUNDER
        r = (held - k * _LOG2_HIGH) - k * _LOG2_LOW
        total = 1.0 / 6227020800.0
        total = total * r + 1.0 / 479001600.0
        total = total * r + 1.0 / 39916800.0
        total = total * r + 1.0 / 3628800.0
        total = total * r + 1.0 / 362880.0
        total = total * r + 1.0 / 40320.0
        total = total * r + 1.0 / 5040.0
        total = total * r + 1.0 / 720.0
        total = total * r + 1.0 / 120.0
        total = total * r + 1.0 / 24.0
        total = total * r + 1.0 / 6.0
        total = total * r + 0.5
        total = total * r + 1.0
        total = total * r + 1.0
        bits[i] = (np.int64(k) + _EXPONENT_BIAS) << _MANTISSA_BITS
        out[i] = total
    for i in range(n):
        out[i] *= scale[i]


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


_AT_ONCE = 64  # columns, as many as a word has bits
_WORD, _BYTE, _NO = ir.IntType(64), ir.IntType(8), ir.Constant(ir.IntType(1), 0)


@intrinsic
def _selected(context, mask, start):  # type: ignore[no-untyped-def]
    """Return a word whose bits say which of 64 columns are selected."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        block = ir.VectorType(_BYTE, _AT_ONCE)
        first = builder.gep(builder.bitcast(array.data, _BYTE.as_pointer()), [arguments[1]])
        loaded = builder.load(builder.bitcast(first, block.as_pointer()))
        loaded.align = 1
        none = ir.Constant(block, [0] * _AT_ONCE)
        return builder.bitcast(builder.icmp_unsigned("!=", loaded, none), _WORD)

    return types.int64(mask, types.intp), generate


@intrinsic
def _lowest(context: Any, word: Any) -> Any:
    """Return the place of the lowest bit that is set."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], _NO)

    return types.int64(types.int64), generate


@kernel
def select(mask, places):  # type: ignore[no-untyped-def]
    """Write the places of the selected columns, and return how many there are."""
    count, whole = 0, len(mask) - len(mask) % _AT_ONCE
    for start in range(0, whole, _AT_ONCE):  # most columns are not selected: none is looked at
        word: Any = _selected(mask, start)  # type: ignore[call-arg]
        while word:
            places[count] = start + _lowest(word)
            count += 1
            word &= word - 1
    for place in range(whole, len(mask)):  # without a branch, which no processor could predict
        places[count] = place
        count += mask[place]
    return count


# Vectors that are summed at once, in registers.
_GATHER_WIDTH = 8 if binding.get_host_cpu_features().get("avx512f") else 4


@intrinsic
def _add_block(context, out, row, column, n_vectors, terms, places, n_terms):  # type: ignore[no-untyped-def]
    """Write the sums of some rows of `terms` to some vectors, at most `_GATHER_WIDTH`, of a row."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code = VectorCode(context, builder, signature.args[0].dtype)
        arrays = [
            context.make_array(kind)(context, builder, value)
            if isinstance(kind, types.Array)
            else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        _write_sums(code, *arrays)
        return context.get_dummy_value()

    at = types.intp
    return types.void(out, at, at, at, terms, places, at), generate


def _write_sums(
    code: VectorCode,
    out: Any,
    row: Any,
    column: Any,
    n_vectors: Any,
    terms: Any,
    places: Any,
    n_terms: Any,
) -> None:
    builder = code.builder
    end = builder.append_basic_block("end")
    choice = builder.switch(n_vectors, end)
    for count in range(1, _GATHER_WIDTH + 1):
        start = builder.append_basic_block(f"vectors{count}")
        choice.add_case(WORD(count), start)
        builder.position_at_end(start)
        columns = [builder.add(column, WORD(v * code.lanes)) for v in range(count)]

        def turn(term: Any, sums: list[Any], columns: list[Any] = columns) -> list[Any]:
            own = code.load_index(places, term)
            loaded = [code.load(terms, own, place) for place in columns]
            return [builder.fadd(*pair) for pair in zip(sums, loaded, strict=True)]

        sums = code.repeat(n_terms, count, turn)
        for total, place in zip(sums, columns, strict=True):
            code.store(total, out, row, place)
        builder.branch(end)
    builder.position_at_end(end)


@kernel
def add_rows(out, row, terms, places, n_terms):  # type: ignore[no-untyped-def]
    """Write the sum of chosen rows of `terms`, added up in their order, to a row of `out`."""
    lanes = 64 // out.itemsize
    for column in range(0, out.shape[1], _GATHER_WIDTH * lanes):
        n_vectors = min(_GATHER_WIDTH, (out.shape[1] - column) // lanes)
        _add_block(out, row, column, n_vectors, terms, places, n_terms)  # type: ignore[call-arg]


@kernel
def gather(masks, terms, totals):  # type: ignore[no-untyped-def]
    """Write for each mask the sum of the terms of its columns, in ascending order."""
    places = np.empty(masks.shape[1], np.int64)
    for row in range(len(masks)):
        add_rows(totals, row, terms, places, select(masks[row], places))


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


_NO_SIGN = 0x7FFFFFFFFFFFFFFF
_INFINITE = 0x7FF0000000000000  # what is above, as a whole number, is no number


@kernel
def judge(masks, terms, offsets, by_row, codes, margins, rest):  # type: ignore[no-untyped-def]
    """Sum the terms of a mask's columns; each row gets the class of the highest score."""
    n_rows, n_others = codes.shape[1], len(offsets)
    start = n_rows * (n_others + by_row)
    places, room = np.empty(masks.shape[1], np.int64), np.empty((1, terms.shape[1]))
    first, second = np.empty(n_rows), np.empty(n_rows)
    for m in range(len(masks)):
        add_rows(room, 0, terms, places, select(masks[m], places))
        if n_others == 1:
            for i in range(n_rows):
                score = room[0, i] + offsets[0]
                first[i] = score
                codes[m, i] = score > 0.0
        else:
            _rank(room, offsets, by_row, first, second, codes, m)
        margins[m] = _least(first.view(np.int64))
        for k in range(rest.shape[1]):
            rest[m, k] = room[0, start + k]


@kernel
def _rank(room, offsets, by_row, first, second, codes, m):  # type: ignore[no-untyped-def]
    """Write the best class of each row, and to `first` by how much it leads for certain."""
    n_rows = len(first)
    for i in range(n_rows):
        first[i], second[i], codes[m, i] = 0.0, -np.inf, 0
    for c in range(len(offsets)):
        start, offset = c * n_rows, offsets[c]
        for i in range(n_rows):
            score, best = room[0, start + i] + offset, first[i]
            higher = score > best
            below = best if higher else score
            # What is no number takes the second place and stays there.
            second[i] = below if below > second[i] or np.isnan(below) else second[i]
            first[i] = score if higher else best
            codes[m, i] = c + 1 if higher else codes[m, i]
    for i in range(n_rows):
        lead = first[i] - second[i]
        if by_row:
            lead -= 2.0 * room[0, len(offsets) * n_rows + i]
        first[i] = 0.0 if lead < 0.0 else lead


@kernel
def _least(bits):  # type: ignore[no-untyped-def]
    """Return the smallest size of numbers told by their bits; NaN if any of them is no number.

    Sizes have the order of their bits, and whole numbers are compared many at a time.
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
