"""Scales with round ends, and elements that cannot be broken out of."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaega.report._charts import Canvas, Scale, arm_class, path, spread


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.booleans())
def test_a_scale_holds_its_values_between_round_ticks(values, zero):
    scale = Scale.around(values, 300.0, 30.0, zero=zero)
    slack = 1e-6 * max(1.0, *(abs(value) for value in values))
    assert scale.low <= min(values) + slack
    assert scale.high >= max(values) - slack
    assert not zero or scale.low <= 0.0 <= scale.high
    assert 2 <= len(scale.ticks) <= 9
    assert (scale(scale.low), scale(scale.high)) == (300.0, 30.0)


@pytest.mark.parametrize("values", [[], [math.nan], [0.9, 0.9], [0.0], [1e9]])
def test_a_scale_of_next_to_nothing(values):
    scale = Scale.around(values, 0.0, 100.0)
    assert scale.low < scale.high
    assert math.isfinite(scale(0.5))


def test_ticks_have_the_decimals_they_need():
    scale = Scale.around([0.72, 0.94], 0.0, 100.0)
    assert [scale.words(tick) for tick in scale.ticks] == [
        "0.70",
        "0.75",
        "0.80",
        "0.85",
        "0.90",
        "0.95",
    ]
    assert Scale.around([0, 40], 0.0, 100.0).words(10) == "10"


def test_names_cannot_become_elements():
    canvas = Canvas(10, 10, '"><script>')
    canvas.text(0, 0, "<b>&", class_="tick")
    canvas.add("circle", data_tip='" onload="x')
    drawn = canvas.markup()
    assert "<script>" not in drawn
    assert "&lt;b&gt;&amp;" in drawn
    assert 'onload="x"' not in drawn
    assert "data-tip=" in drawn


def test_small_parts():
    assert spread(1, 10.0).tolist() == [0.0]
    assert arm_class(9) == "arm-2"
    assert path([(0.0, 1.0), (2.0, 3.456)]) == "M0 1L2 3.46"
