"""Features: what is mostly numbers, what is below a limit, and what names the rows."""

import numpy as np
import pandas as pd
import pytest

from vaega import load_dataset
from vaega.core.errors import DataError, InputError
from vaega.data._features import numeric_features


def convert(categorical="error", below_limit="error", decimal=".", **columns):
    frame = pd.DataFrame(columns)
    return numeric_features(
        frame,
        list(frame),
        range(frame.shape[1]),
        categorical=categorical,
        below_limit=below_limit,
        decimal=decimal,
        owner="t",
    )


def test_cells_below_a_limit_have_a_choice_of_their_own():
    a, b = ["<0.01", "0.5", "n.d."], ["1", "ND", "3"]
    with pytest.raises(DataError, match=r"'a' has cells below a limit .*set below_limit") as caught:
        convert(a=a, b=b)
    assert "one_hot" not in str(caught.value)
    X, _, notes = convert(below_limit="missing", a=a, b=b)
    np.testing.assert_array_equal(X.T, [[np.nan, 0.5, np.nan], [1, np.nan, 3]])
    assert notes == (
        "3 cells below a limit ('<0.01', 'n.d.', 'ND') in 2 columns ('a', 'b') are taken as "
        "missing values.",
    )
    X, _, notes = convert(below_limit="half", a=a, b=b)
    np.testing.assert_array_equal(X.T, [[0.005, 0.5, 0.005], [1, np.nan, 3]])
    assert notes[0].endswith("; without a limit in its column a cell is missing ('b').")


def test_a_limit_with_a_decimal_comma():
    X, _, notes = convert(below_limit="half", decimal=",", a=["<0,5", "1,5", "2"])
    assert X.ravel().tolist() == [0.25, 1.5, 2]
    assert "1 cell below a limit ('<0,5') in 1 column ('a') is taken as half of the limit." in notes


def test_other_words_are_no_limit():
    with pytest.raises(DataError, match="text in 1 of 1"):
        convert(below_limit="half", a=["<0.01", "0.5", "high"])
    with pytest.raises(InputError, match="below_limit must be one of error, half, missing"):
        load_dataset("sklearn:iris", below_limit="zero")


@pytest.mark.parametrize("n_values", [12, 40])
def test_one_hot_spreads_no_column_of_numbers(n_values):
    ages = [*(str(i % n_values) for i in range(60)), "unknown", ""]
    with pytest.raises(DataError, match=r"'age' has numbers but for 'unknown'") as caught:
        convert("one_hot", age=ages)
    assert "mend these cells or name the column in ignore" in str(caught.value)


def test_one_hot_spreads_codes_and_names_the_odd_one():
    grades = [*(str(i % 3) for i in range(60)), "x"]
    _, names, notes = convert("one_hot", grade=grades)
    assert names == ["grade=0", "grade=1", "grade=2", "grade=x"]
    assert "'grade' has numbers but for 'x'" in notes[0]


def test_decimal_commas_are_named_as_the_cause():
    with pytest.raises(DataError, match=r"'a' has decimal commas \('1,5' and 1 more\)") as caught:
        convert(a=["1,5", "2,5"], b=["1.5", "2"])
    assert "one_hot" not in str(caught.value)


def test_identifiers_and_dates_are_to_be_ignored():
    ids = [f"TCGA-{i}" for i in range(6)]
    with pytest.raises(
        DataError, match=r"ignore: \[patient\] leaves out what names or dates"
    ) as one:
        convert(patient=ids, a=range(6))
    assert "one_hot" not in str(one.value)
    with pytest.raises(DataError, match=r"ignore: \[day\] .*; set categorical to one_hot or drop"):
        convert(day=["2020-01-01"] * 6, sex=["f", "m"] * 3)


def test_many_text_columns_are_refused_in_one_short_sentence():
    cells = np.array([["1,5", "n.d."] * 1000, ["2,5", "3"] * 1000], dtype=object)
    names = [f"g{i}" for i in range(2000)]
    with pytest.raises(DataError, match="text in 2000 of 2000") as caught:
        numeric_features(cells, names, range(2000), categorical="error", owner="t")
    assert len(str(caught.value)) < 900
    assert "more such columns" in str(caught.value)


@pytest.mark.parametrize("cells", [["<0.1", "0.5", "0.7"], ["1,5", "2,5", "3"]])
def test_one_hot_spreads_no_measurement_however_few_rows(cells):
    with pytest.raises(DataError, match="one_hot spreads no column of numbers with words"):
        convert("one_hot", a=cells)


def test_one_hot_says_what_names_the_rows():
    _, _, notes = convert("one_hot", patient=[f"p{i}" for i in range(6)], a=range(6))
    assert "ignore: [patient] would leave out what names or dates the rows" in notes[0]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([f"{i}.5" if i % 4 else "QNS" for i in range(24)], "'a' has numbers but for 'QNS'"),
        ([f"{i}.5" if i % 3 else "." for i in range(24)], "'a' has numbers but for '.'"),
        ([f"{i}.5%" for i in range(24)], "'a' has '%' behind its numbers"),
        ([f"{i}.5 mg/l" for i in range(24)], "'a' has 'mg/l' behind its numbers"),
    ],
)
def test_one_hot_spreads_no_column_that_is_mostly_numbers(cells, reason):
    table = np.array([cells], dtype=object).T
    with pytest.raises(DataError, match="one_hot spreads no column of numbers") as caught:
        numeric_features(table, ["a"], [0], categorical="one_hot", owner="t.csv")
    assert reason in str(caught.value)


def test_a_dose_of_few_values_is_a_category_and_is_named():
    cells = np.array([["5 mg", "10 mg", "5 mg", "10 mg"]], dtype=object).T
    _, names, notes = numeric_features(cells, ["dose"], [0], categorical="one_hot", owner="t.csv")
    assert names == ["dose=10 mg", "dose=5 mg"]
    assert "'dose' has 'mg' behind its numbers" in notes[0]


def test_a_row_of_units_is_named_once():
    cells = np.array([["ug", "mg"], ["1", "2"], ["3", "4"]], dtype=object)
    with pytest.raises(DataError, match="the first row has 'ug', 'mg' above numbers: remove it"):
        numeric_features(cells, ["a", "b"], [0, 1], categorical="error", owner="t.csv")
