"""Sums over the selected columns of many masks: scores of classifiers whose columns add up.

Rows of a table are added in registers, as LLVM code: by a loop of numba, naive Bayes and nearest
centroids score 0.4 of the masks a second on leukemia (`benchmarks/fitness_throughput.py`).
"""

from typing import Any

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import intrinsic

from vaega.engines._kernels import kernel, select
from vaega.engines._linear_algebra import WORD, VectorCode, array_structures

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
            _rank(scratch, offsets, by_row, first, second, codes, m)
        margins[m] = _least(first.view(np.int64))
        for k in range(rest.shape[1]):
            rest[m, k] = scratch[0, start + k]


@kernel
def _rank(scratch, offsets, by_row, first, second, codes, m):  # type: ignore[no-untyped-def]
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
def _least(bits):  # type: ignore[no-untyped-def]
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

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code = VectorCode(context, builder, signature.args[0].dtype)
        _write_sums(code, *array_structures(context, builder, signature, arguments))
        return context.get_dummy_value()

    at = types.intp
    return types.void(out, at, at, at, terms, indices, at), generate


def _write_sums(
    code: VectorCode,
    out: Any,
    row: Any,
    column: Any,
    n_vectors: Any,
    terms: Any,
    indices: Any,
    n_terms: Any,
) -> None:
    builder = code.builder
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
