"""Figures: files of the same bytes, and SVG elements that a page can hold."""

import io
import re
from xml.etree import ElementTree

import pytest
from matplotlib import rc_context, rcParams

from vaega.core.figures import (
    COLOURS,
    clean,
    draw_shares,
    figure_style,
    fold,
    inline_svg,
    keep_within,
    legend_above,
    name_lines,
    new_axes,
    render,
    scale_widely,
    size_below_legend,
    spread,
    style_of,
)


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


def test_a_figure_is_a_journals_column_wide_at_300_dots_an_inch():
    ax = new_axes()
    assert ax.figure.get_figwidth() * 25.4 == pytest.approx(85)
    width = int.from_bytes(render(ax.figure, "png")[16:20], "big")
    assert width == pytest.approx(85 / 25.4 * 300, abs=1)
    assert {text.get_fontsize() for text in ax.get_xticklabels()} == {7.0}


def test_the_style_ends_with_its_block():
    before = dict(rcParams)
    with figure_style():
        assert rcParams["font.size"] == 7.0
    assert dict(rcParams) == before


def test_a_pdf_embeds_its_fonts_as_truetype():
    content = render(drawing()[0], "pdf")
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_arms_differ_beyond_the_colours():
    looks = [style_of(index) for index in range(28)]
    assert len({(look.colour, look.dashes) for look in looks}) == 28
    assert len({(look.colour, look.marker) for look in looks}) == 28


def test_names_break_where_they_have_parts_and_are_cut_elsewhere():
    assert fold("short") == "short"
    assert fold("a_rather_long_name_of_an_arm").splitlines() == ["a_rather_long_", "name_of_an_arm"]
    assert fold("x" * 30, most=8) == "xxxxxxx…"


def test_an_axis_of_scores_ends_at_one():
    ax = new_axes()
    ax.plot([0, 1], [0.2, 1.0])
    keep_within(ax, "y")
    assert 1.0 < ax.get_ylim()[1] < 1.03


@pytest.mark.parametrize(
    ("values", "scale"), [([2, 13], "linear"), ([2, 3000], "log"), ([0, 3000], "linear")]
)
def test_sizes_that_differ_tenfold_have_a_log_axis_with_plain_numbers(values, scale):
    ax = new_axes()
    ax.plot(values, values)
    scale_widely(ax, "x", values)
    assert ax.get_xscale() == scale
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()  # ticks outside are not drawn; matplotlib before 3.11 names them too
    shown = [text for text in ax.get_xticklabels() if low <= text.get_position()[0] <= high]
    texts = [text.get_text() for text in shown if text.get_text()]
    assert texts
    assert all(re.fullmatch(r"−?\d+", text) for text in texts)


def test_a_legend_covers_nothing_whatever_its_length():
    for n in (2, 9):
        labels = [f"an arm with a long name {i}" for i in range(n)]
        ax = new_axes(size_below_legend(labels))
        for label in labels:
            ax.plot([0, 1], [0, 1], label=label)
        legend_above(ax)
        ax.figure.draw_without_rendering()
        box = ax.get_legend().get_window_extent()
        assert ax.get_window_extent().y1 <= box.y0
        assert box.y1 <= ax.figure.bbox.y1


def test_an_element_has_no_more_letters_than_it_needs():
    svg = inline_svg(drawing()[0], name="chart", title="")
    assert not re.search(r"\d\.\d{3}", svg)
    assert "\n" not in svg
    assert "  " not in svg


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


def test_names_in_two_lines_keep_both():
    ax = new_axes()
    name_lines(ax, ["a_rather_long_$name$_of_an_arm", "\x1b[31mred"])
    texts = ElementTree.fromstring(render(ax.figure, "svg")).itertext()
    expected = {"a_rather_long_", "$name$_of_an_arm", r"\x1b[31mred"}
    assert expected <= {text.strip() for text in texts}


def test_a_figure_of_the_user_s_own_draws_names_too():
    ax = draw_shares(new_axes((3.0, 2.0)), HOSTILE, [0.5] * 4, colours=COLOURS[0], label="share")
    content = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):
        ax.figure.savefig(content, format="svg")
    texts = "".join(ElementTree.fromstring(content.getvalue()).itertext())
    assert "data$gene$value" in texts


def test_powers_of_ten_stay_powers():
    ax = new_axes((3.0, 2.0))
    ax.loglog([1, 1e4], [1, 1e4])
    texts = ElementTree.fromstring(render(ax.figure, "svg")).itertext()
    assert not any("mathdefault" in text for text in texts)
