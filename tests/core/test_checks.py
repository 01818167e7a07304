import pytest

from vaega.core.checks import (
    check_choice,
    check_count,
    check_positive,
    check_probability,
    did_you_mean,
)
from vaega.core.errors import InputError


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.5", None, True, float("nan")])
def test_no_probability(value):
    with pytest.raises(InputError, match=r"^Owner: p must be a probability in \[0, 1\], got "):
        check_probability(value, "p", owner="Owner")


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_a_probability(value):
    assert check_probability(value, "p", owner="Owner") == value


@pytest.mark.parametrize("value", [0, 1.0, "1", True, None])
def test_no_count(value):
    with pytest.raises(InputError, match=r"^Owner: n must be a whole number, at least 1, got "):
        check_count(value, "n", owner="Owner")


def test_count_in_a_range():
    assert check_count(3, "n", owner="Owner", minimum=2, maximum=3) == 3
    with pytest.raises(InputError, match="from 2 to 3, got 4"):
        check_count(4, "n", owner="Owner", minimum=2, maximum=3)


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "1"])
def test_not_positive(value):
    with pytest.raises(InputError, match=r"x must be a number above 0"):
        check_positive(value, "x", owner="Owner")


def test_choice_names_what_is_known():
    with pytest.raises(InputError, match="must be one of a, b; got 'c'"):
        check_choice("c", "letter", ["b", "a"], owner="Owner")


@pytest.mark.parametrize(
    ("given", "meant"), [("TP35", "TP53"), ("tp53", "TP53"), ("proline", "Proline"), (208, "207")]
)
def test_what_was_meant(given, meant):
    assert did_you_mean(given, ["207", "TP53", "Proline"]) == f"; did you mean {meant!r}?"


def test_nothing_near_is_nothing_meant():
    assert did_you_mean("TP53", ["age", "sex"]) == did_you_mean("TP53", []) == ""
