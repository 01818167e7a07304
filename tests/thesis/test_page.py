"""The index page: everything in one file, what several say said once."""

import re

import pandas as pd
import pytest
from matplotlib.figure import Figure

from vaega.thesis.page import read_entries, write_index
from vaega.thesis.reproduction import ThesisFigure, ThesisTable, write_picture, write_table

PROTOCOL = "Protocol as-run: nothing is held out."
ROWS = pd.DataFrame({"label": ["a|b", "<c>"], "published": [0.5, 0.6], "mean": [0.4, 0.7]})


def draw(rows):
    figure = Figure()
    figure.subplots().plot(rows["published"], color="#0072B2")
    return figure


@pytest.fixture
def folder(tmp_path):
    for name in ("4.1", "2.1", "groups"):
        table = ThesisTable(name, f"Of {name}", ROWS, (PROTOCOL, f"Only {name}."))
        write_table(table, tmp_path / "tables", command=f"vaega --table={name}")
    for name in ("4.7", "forest"):
        picture = ThesisFigure(name, f"Points of {name}", ROWS, draw, (PROTOCOL,))
        write_picture(picture, tmp_path / "figures", command="vaega --figure")
    return tmp_path


def test_entries_come_in_the_order_of_their_numbers(folder):
    entries = read_entries(folder)
    names = [(entry.kind, entry.name) for entry in entries]
    assert names[:3] == [("table", "2.1"), ("table", "4.1"), ("figure", "4.7")]
    first = entries[0]
    assert first.title == "Table 2.1: Of 2.1"
    assert first.command == "vaega --table=2.1"
    assert first.table.columns == ["label", "published", "mean"]
    assert first.table.rows == [["a|b", "0.500", "0.400"], ["<c>", "0.600", "0.700"]]
    assert list(first.table.left) == [0]
    assert first.files == [f"tables/table_2.1.{kind}" for kind in ("csv", "md", "tex")]


def test_the_page_holds_tables_and_drawings_and_says_protocols_once(folder):
    page = write_index(folder).read_text()
    assert page.count(f'<li id="note-1">{PROTOCOL}</li>') == 1
    assert f"<li>{PROTOCOL}" not in page
    assert page.count("<svg") == 2
    assert page.index("Points of forest") < page.index("<h2>Chapter 2</h2>")
    assert page.index("<h2>Chapter 2</h2>") < page.index("<h2>Chapter 4</h2>")
    assert '<td class="published">0.500</td>' in page
    assert "&lt;c&gt;" in page
    assert "Only 2.1." in page
    assert "var(--arm-0)" in page
    assert "fill: #ffffff" not in page
    assert not re.search(r'src="http|href="http|url\(http', page)


def test_a_figure_without_its_drawing_is_shown_by_its_image(folder):
    (folder / "figures" / "figure_4.7.svg").unlink()
    page = write_index(folder).read_text()
    assert page.count("<svg") == 1
    assert 'src="figures/figure_4.7.png"' in page


def test_long_tables_are_folded_and_empty_ones_say_so(tmp_path):
    long = pd.DataFrame({"published": [0.5] * 50})
    write_table(ThesisTable("3", "Long", long), tmp_path / "tables", command="vaega")
    write_table(ThesisTable("4", "None", pd.DataFrame()), tmp_path / "tables", command="vaega")
    page = write_index(tmp_path).read_text()
    assert "<details><summary>50 rows</summary>" in page
    assert "There is nothing to show." in page
