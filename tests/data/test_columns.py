"""Columns: numbers whatever marks their decimals, and cells below a limit."""

import numpy as np
import pytest

from vaega.data._columns import below_limit_of, column_numbers


@pytest.mark.parametrize(
    ("cells", "decimal", "numbers"),
    [
        (["1,5", "2"], ",", [1.5, 2]),
        (["1.234,5", "2.345.678"], ",", [1234.5, 2345678]),
        (["1,5", "NA", None], ",", [1.5, np.nan, np.nan]),
        (["1.5", "2.25"], ",", [1.5, 2.25]),  # points that part no thousands are decimal
        (["1,234.5", "12"], "thousands", [1234.5, 12]),
        (["1,234,567", ""], "thousands", [1234567, np.nan]),
        ([1.5, 2], ",", [1.5, 2]),
        (["#N/A", "1"], ".", [np.nan, 1]),
        (["\u22121.5", "2"], ".", [-1.5, 2]),
    ],
)
def test_commas_are_what_the_table_says(cells, decimal, numbers):
    np.testing.assert_array_equal(column_numbers(cells, decimal=decimal), numbers)


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (["1,5"], "."),
        (["1,5"], "thousands"),
        (["1,5", "2.5"], ","),
        (["1_000"], "."),
        (["1_0", "n"], ","),
        (["--1"], "."),
    ],
)
def test_what_is_no_number_stays_text(cells, decimal):
    assert column_numbers(cells, decimal=decimal) is None


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("<0.01", "0.01"), ("< 5", "5"), ("<=0,5", "0,5"), ("≤2", "2"), ("n.d.", ""), ("ND", ""),
        ("<LOD", ""), ("not detected", ""), ("<x", None), ("5", None), (">5", None), ("high", None),
    ],
)  # fmt: skip
def test_cells_below_a_limit(text, limit):
    assert below_limit_of(text) == limit


@pytest.mark.parametrize("mark", ["\u00a0", "\u202f", "\u2009", "'", "\u2019"])
def test_spaces_and_apostrophes_part_thousands(mark):
    cells = [f"1{mark}234", f"-12{mark}345{mark}678", "7"]
    assert column_numbers(cells).tolist() == [1234, -12345678, 7]
    assert column_numbers([f"1{mark}234,5"], decimal=",").tolist() == [1234.5]
    assert column_numbers([f"1{mark}23"]) is None
