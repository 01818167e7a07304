"""Numba kernels that engines share: how they are compiled, selected columns, sums over columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function with numba when it is first called; it releases Python's lock.

    No fastmath: sums have one order, so that a score has the same bits whatever surrounds it.
    """
    has_file = Path(function.__code__.co_filename).is_file()  # one typed by hand has none
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(Function, njit(cache=has_file, **options)(function))
    except RuntimeError:  # no folder that may be written to: compiled once a process then
        return cast(Function, njit(**options)(function))


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


# Sums --------------------------------------------------------------------------------------------

_BLOCK = 128  # numpy halves what is longer


@kernel
def total(values):  # type: ignore[no-untyped-def]
    """Return the sum of the values, with the bits of ``numpy.sum`` of contiguous float64."""
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
