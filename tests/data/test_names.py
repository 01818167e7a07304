import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaega.data._dataset import quoted, unique_names


@given(st.lists(st.sampled_from(["a", "b", "a.1", "a.2", "a.1.1"]), max_size=12))
def test_names_become_different_and_first_ones_stay(names):
    unique, renamed = unique_names(names)
    assert len(set(unique)) == len(names)
    assert len(renamed) == sum(a != b for a, b in zip(unique, names, strict=True))
    assert all(
        new == old or new.startswith(f"{old}.") for new, old in zip(unique, names, strict=True)
    )
    assert set(names) <= set(unique)


def test_names_become_what_pandas_makes_of_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,a,a\n1,2,3,4\n")
    assert list(pd.read_csv(path)) == list(unique_names(["a", "b", "a", "a"])[0])


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "'a'"), ([], ""), ("abc", "'a', 'b', 'c'"), (range(7), None)]
)
def test_quoted_lists_the_first_five(names, text):
    assert quoted(names) == (text if text is not None else "'0', '1', '2', '3', '4' and 2 more")
