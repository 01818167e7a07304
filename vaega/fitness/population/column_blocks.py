"""Blocks of columns: what is made of a fold is made of one block at a time, to save memory."""

_WIDTH = 64  # columns: some rows of these fit in a processor's nearest memory


def column_blocks(n_columns: int) -> list[slice]:
    """Return consecutive blocks that cover all columns."""
    starts = list(range(0, max(n_columns - 1, 1), _WIDTH))
    return [
        slice(start, stop) for start, stop in zip(starts, [*starts[1:], n_columns], strict=True)
    ]
