"""Figures: files of the same bytes, and SVG elements that a page can hold."""

import io
import re
from xml.etree import ElementTree

import pytest
from matplotlib import rcParams

from vaega.core.figures import COLOURS, clean, draw_shares, inline_svg, new_axes, render, spread


def drawing():
    ax = clean(new_axes((3.0, 2.0)))
    points = ax.scatter([1, 2, 3], [3, 1, 2], color=COLOURS[0])
    ax.set_title("a < b")
    return ax.figure, points


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_bytes_and_no_setting_changed(kind):
    before = dict(rcParams)
    assert render(drawing()[0], kind) == render(drawing()[0], kind)
    assert dict(rcParams) == before


def test_an_element_for_a_page():
    figure, points = drawing()
    tips = ["one", "two", "three"]
    svg = inline_svg(figure, name="chart-1", title="what it shows", tips={points: tips})
    element = ElementTree.fromstring(svg)
    assert element.attrib.keys() == {"viewBox", "role", "aria-label"}
    assert [one.get("data-tip") for one in element.iter("use") if one.get("data-tip")] == tips
    assert "a &lt; b" in svg
    assert "var(--arm-0)" in svg
    assert not re.search('#[0-9a-f]{6}[;"]', svg)  # no colour that a dark page could not change
    for word in ("http", "xmlns", "<style", "<metadata", "font-family"):
        assert word not in svg


def test_identifiers_are_the_charts_own_and_all_there():
    svgs = [inline_svg(drawing()[0], name=name, title="") for name in ("a", "b")]
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in svgs]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, known in zip(svgs, ids, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) <= known


def test_names_cannot_become_elements():
    figure, points = drawing()
    tips = ['" onload="x', "<b>&", ""]
    svg = inline_svg(figure, name="a", title='"><script>', tips={points: tips})
    assert "<script>" not in svg
    assert "&lt;b&gt;&amp;" in svg
    assert 'onload="x"' not in svg
    assert "data-tip=" in svg


def test_tips_that_are_no_texts_of_the_points_are_left_out():
    figure, points = drawing()
    points.set_offsets([[1.0, 3.0], [2.0, float("nan")], [3.0, 2.0]])
    svg = inline_svg(figure, name="a", title="", tips={points: ["one", "two", "three"]})
    assert "data-tip" not in svg


def test_points_side_by_side():
    assert spread(1, 10.0).tolist() == [0.0]
    assert spread(3, 10.0).tolist() == [-5.0, 0.0, 5.0]


HOSTILE = ["x$_$y", "data$gene$value", "\x1b[31mred", "[red]b[/red]"]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_names_are_no_mathematics_and_no_commands(kind):
    ax = draw_shares(new_axes((3.0, 2.0)), HOSTILE, [0.5] * 4, colours=COLOURS[0], label="a$_$b")
    ax.set_title("x$_$y")
    content = render(ax.figure, kind)
    assert content
    if kind == "svg":
        texts = "".join(ElementTree.fromstring(content).itertext())
        for text in ("x$_$y", "data$gene$value", "a$_$b", "[red]b[/red]", r"\x1b[31mred"):
            assert text in texts


def test_a_figure_of_the_user_s_own_draws_names_too():
    ax = draw_shares(new_axes((3.0, 2.0)), HOSTILE, [0.5] * 4, colours=COLOURS[0], label="share")
    ax.figure.savefig(io.BytesIO(), format="png")


def test_powers_of_ten_stay_powers():
    ax = new_axes((3.0, 2.0))
    ax.loglog([1, 1e4], [1, 1e4])
    texts = ElementTree.fromstring(render(ax.figure, "svg")).itertext()
    assert not any("mathdefault" in text for text in texts)
