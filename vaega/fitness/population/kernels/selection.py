"""Which columns a mask selects."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from vaega.fitness.population.kernels.compiled import kernel

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
