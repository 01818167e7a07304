"""Sums over the selected columns of each mask of what each column adds."""

from typing import Any

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import intrinsic

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.vector_code import WORD, VectorCode

# Vectors that are summed at once, in registers.
_WIDE = 8 if binding.get_host_cpu_features().get("avx512f") else 4


@intrinsic
def _add_block(context, out, row, column, n_vectors, terms, places, n_terms):  # type: ignore[no-untyped-def]
    """Write the sums of some rows of `terms` to some vectors, at most `_WIDE`, of a row."""

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
    for count in range(1, _WIDE + 1):
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
    for column in range(0, out.shape[1], _WIDE * lanes):
        n_vectors = min(_WIDE, (out.shape[1] - column) // lanes)
        _add_block(out, row, column, n_vectors, terms, places, n_terms)  # type: ignore[call-arg]


@kernel
def gather(masks, terms, totals):  # type: ignore[no-untyped-def]
    """Write for each mask the sum of the terms of its columns, in ascending order."""
    places = np.empty(masks.shape[1], np.int64)
    for row in range(len(masks)):
        add_rows(totals, row, terms, places, select(masks[row], places))
