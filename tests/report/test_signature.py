"""Pictures of the final signature: what is standardised, sorted and drawn."""

import numpy as np
import pandas as pd
import pytest

from vaega.report._results import read_results
from vaega.report._signature import (
    MOST_STRIPS,
    draw_heatmap,
    draw_signatures,
    draw_strips,
    heatmap_of,
    signature_rows,
    signature_section,
)

CLASSES = ["healthy", "ill"]


@pytest.fixture
def table(rng):
    """Rows of a final run: of two features one is high in the second class, one in the first."""
    labels = np.repeat([1, 0], [10, 20])
    values = rng.normal(size=(30, 3))
    values[:, 0] += 4.0 * labels
    values[:, 1] -= 3.0 * labels
    values[4, 2] = np.nan
    return pd.DataFrame({"row": range(30), "label": labels, "up": values[:, 0]}).assign(
        down=values[:, 1], noise=values[:, 2]
    )


def test_values_are_standardised_and_rows_sorted_by_class(table):
    heatmap = heatmap_of(signature_rows(table, [], CLASSES))
    assert heatmap.values.shape == (3, 30)
    np.testing.assert_allclose(np.nanmean(heatmap.values, axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(heatmap.values, axis=1), 1.0)
    assert (np.diff(heatmap.labels) >= 0).all()
    assert np.isnan(heatmap.values).sum() == 1


def test_features_of_a_class_stand_together(table):
    names = heatmap_of(signature_rows(table, [], CLASSES)).features
    assert names[0] == "down"
    assert names.index("up") > names.index("down")


def test_a_constant_feature_has_no_colour(table):
    heatmap = heatmap_of(signature_rows(table.assign(noise=1.0), [], CLASSES))
    assert np.isnan(heatmap.values[heatmap.features.index("noise")]).all()


def test_steps_that_take_each_value_alone_are_done_and_named(table):
    raw = table.assign(up=2.0 ** table["up"], down=2.0 ** table["down"], noise=1.0)
    rows = signature_rows(raw, ["log2", "standardize", "log2"], CLASSES)
    np.testing.assert_allclose(rows.values["up"], table["up"])
    assert rows.unit == "value after log2"
    assert signature_rows(table, ["standardize"], CLASSES).unit == "value"


def test_a_line_a_feature_and_a_bar_a_class(table):
    rows = signature_rows(table, [], CLASSES)
    bar, values, _ = draw_heatmap(heatmap_of(rows), CLASSES).axes
    assert [bar.get_width() for bar in bar.patches] == [20, 10]
    assert [text.get_text() for text in bar.get_legend().get_texts()] == CLASSES
    assert [tick.get_text() for tick in values.get_yticklabels()] == heatmap_of(rows).features
    assert values.images[0].norm.vmin == -values.images[0].norm.vmax


@pytest.mark.parametrize("n_times", [1, 10])
def test_few_rows_are_drawn_one_by_one(table, n_times):
    rows = signature_rows(pd.concat([table] * n_times, ignore_index=True), [], CLASSES)
    axes = draw_strips(rows).axes
    points = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in points] == ([20, 10] if n_times == 1 else [])
    medians = [line.get_ydata()[0] for line in axes[0].lines if len(line.get_xdata()) == 2]
    expected = table.groupby("label")["up"].median()
    assert medians == pytest.approx(expected.tolist())


def test_names_above_the_panels_fit_beside_each_other(table):
    for names in (["a", "b", "c"], [f"ENSG0000014241{i}" for i in range(3)]):
        rows = signature_rows(table.set_axis(["row", "label", *names], axis=1), [], CLASSES)
        figure = draw_strips(rows)
        figure.draw_without_rendering()
        ends = [ax.title.get_window_extent() for ax in figure.axes]
        assert all(one.x1 <= figure.bbox.x1 for one in ends)
        same = [(a, b) for a in ends for b in ends if a.y0 == b.y0 and a.x0 < b.x0]
        assert all(a.x1 < b.x0 for a, b in same)


def test_the_page_has_the_first_signature_and_says_that_it_is_no_evidence(small_results):
    section = signature_section(read_results(small_results))
    assert "no evidence" in section.sentences[0]
    heatmap, strips = section.charts
    assert heatmap.caption.startswith("original: ")
    assert "in-sample" in heatmap.caption
    assert "in the mean of class_0" in heatmap.svg
    assert 0 < strips.svg.count("data-tip") <= 3 * MOST_STRIPS


def test_every_arm_that_selects_has_its_figures(small_results):
    figures = draw_signatures(read_results(small_results))
    arms = ("original", "jitter", "bootstrap")
    assert list(figures) == [f"{kind}_{arm}" for arm in arms for kind in ("heatmap", "strips")]
