"""Numbers and lists in sentences and tables."""

import pytest

from vaega.core.wording import counted, counted_mean, decimals, listed, mean_count


@pytest.mark.parametrize("value", [0.0, -0.0, -0.0004, 0.0004])
def test_zero_has_no_sign(value):
    assert decimals(value) == decimals(value, signed=True) == "0.000"


def test_signs_and_thousands():
    assert decimals(-0.5, 2, signed=True) == "-0.50"
    assert decimals(1234.56, 1, signed=True) == "+1,234.6"


def test_nouns_agree_with_their_number():
    assert counted(0, "mask") == "0 masks"
    assert counted(1, "search", "searches") == "1 search"
    assert counted_mean(1.0, "feature") == "1 feature"
    assert counted_mean(0.96, "feature") == "1.0 features"  # a mean of one is not one


def test_whole_means_have_no_decimal():
    assert [mean_count(value) for value in (3000.0, 30.0, 0.5)] == ["3,000", "30", "0.5"]


def test_lists():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], 1) == "a and 2 more"
