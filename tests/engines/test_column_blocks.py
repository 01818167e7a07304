"""Blocks cover all columns, and none stands alone."""

import pytest

from vaega.engines._base import column_blocks


@pytest.mark.parametrize("n_columns", [1, 2, 63, 64, 65, 66, 128, 129, 1000])
def test_blocks_cover_all_columns_and_none_stands_alone(n_columns):
    blocks = column_blocks(n_columns)
    covered = [column for block in blocks for column in range(block.start, block.stop)]
    assert covered == list(range(n_columns))
    assert min(block.stop - block.start for block in blocks) >= min(2, n_columns)
