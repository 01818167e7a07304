"""Charts: one element a run, within the drawing, with words that say its value."""

import re

import numpy as np
import pandas as pd

from vaega.report._charts import MOST_POINTS, curve_chart, dot_chart, frequency_chart, scatter_chart


def runs(n=4):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"arm": np.repeat(["a", "b<c"], n), "seed": [*range(n), *range(n)]})
    table["heldout_score"] = rng.uniform(0.7, 0.9, 2 * n)
    table["inner_score"] = table["heldout_score"] + 0.05
    table["n_features"] = rng.integers(1, 9, 2 * n)
    return table


def places(chart, name):
    return [float(value) for value in re.findall(rf' {name}="([-\d.]+)"', chart)]


def test_dots_have_a_point_a_run_and_column():
    chart = dot_chart(runs(), ["heldout_score", "inner_score"], label="score", title="t")
    assert chart.count("<circle") == 16
    assert chart.count('class="mean') == chart.count('class="interval') == 4
    assert "a, seed 3: heldout score 0." in chart
    assert "b&lt;c" in chart
    assert "b<c" not in chart
    assert all(30 <= y <= 260 for name in ("cy", "y1", "y2") for y in places(chart, name))


def test_higher_scores_are_higher_up():
    table = pd.DataFrame({"arm": ["a", "a"], "seed": [0, 1], "heldout_score": [0.5, 0.9]})
    low, high = places(dot_chart(table, ["heldout_score"], label="", title=""), "cy")
    assert high < low


def test_one_run_has_no_interval():
    chart = dot_chart(runs(1), ["heldout_score"], label="score", title="t")
    assert chart.count('class="interval') == 0
    assert "nan" not in chart


def test_scatter():
    chart = scatter_chart(
        runs(), x="n_features", y="heldout_score", labels=("features", "held-out score")
    )
    assert chart.count("<circle") == 8
    assert re.search(r"a, seed 0: 0\.\d{3} with \d features", chart)


def test_curves_are_thinned_and_say_their_values():
    history = pd.DataFrame(np.linspace(0, 1, 3000)[:, None].repeat(2, axis=1))
    chart = curve_chart({"a": history, "b": history.head(2)})
    assert chart.count("<path") == 4
    assert MOST_POINTS - 2 <= chart.count("<circle") <= MOST_POINTS + 2
    assert "b, generation 1: 0.0003" in chart


def test_bars_are_as_long_as_the_share():
    features = pd.DataFrame({"name": ["x" * 60, "y"], "share": [1.0, 0.5]})
    chart = frequency_chart(features, arm="a", place=0)
    long, short = places(chart, "width")
    assert long == 2 * short
    assert "…" in chart
    assert "y: selected in 50 % of the trials of a" in chart
