import pandas as pd
import pytest
from matplotlib.figure import Figure

from vaega.thesis.published import (
    Picture,
    ThesisTable,
    as_csv,
    as_latex,
    as_markdown,
    cells_of,
    write_picture,
    write_table,
)

ROWS = pd.DataFrame(
    {
        "protocol": ["as-run", "honest"],
        "arm": ["original", "a_b"],
        "mean": [0.98765, float("nan")],
        "n_features": [682.33, 12.0],
        "n": [30, 2],
        "same": [True, False],
    }
)
TABLE = ThesisTable(
    "4", "Populations", ROWS, ("Protocol as-run: fitness is computed on 30 % & more.",)
)


def test_cells():
    assert cells_of(TABLE) == [
        ["as-run", "original", "0.988", "682.3", "30", "True"],
        ["honest", "a_b", "–", "12.000", "2", "False"],
    ]


def test_the_files_of_a_table(tmp_path):
    page = write_table(TABLE, tmp_path, command="vaega reproduce thesis --table=4")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "table_4.csv",
        "table_4.md",
        "table_4.tex",
    ]
    text = page.read_text()
    assert "| as-run | original | 0.988 |" in text
    assert "- Protocol as-run: fitness is computed on" in text
    assert text.endswith("Command: `vaega reproduce thesis --table=4`\n")


def test_the_csv_says_on_which_rows_fitness_was_computed(tmp_path):
    write_table(TABLE, tmp_path, command="")
    back = pd.read_csv(tmp_path / "table_4.csv")
    assert back["fitness_rows"].tolist() == [
        "test rows, and 30 % of the synthetic rows with two classes",
        "inner folds of the training rows",
    ]
    assert as_csv(pd.DataFrame({"source": ["published", "as-run"]})).splitlines()[1] == "published,"


def test_latex_is_escaped_and_says_it_too():
    text = as_latex(TABLE)
    assert r"a\_b" in text
    assert text.count(r" \\") == 3
    assert "% Protocol as-run: fitness is computed on" in text
    assert "{llrrrl}" in text


def test_an_empty_table_can_be_written(tmp_path):
    empty = ThesisTable("4.2", "Nothing", pd.DataFrame())
    write_table(empty, tmp_path, command="")
    assert as_markdown(empty, command="").startswith("# Table 4.2: Nothing")


def test_the_files_of_a_figure_are_the_same_each_time(tmp_path):
    def draw(rows):
        figure = Figure()
        figure.subplots().plot(rows["n"])
        return figure

    picture = Picture("4.7", "Boxes", ROWS, draw, TABLE.notes)
    contents = []
    for name in ("one", "two"):
        assert write_picture(picture, tmp_path / name, command="vaega").name == "figure_4.7.png"
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert sorted(contents[0]) == [f"figure_4.7.{kind}" for kind in ("csv", "md", "png", "svg")]
    assert b"Protocol as-run: fitness is computed on" in contents[0]["figure_4.7.svg"]


@pytest.mark.parametrize("value", [99.99, 100.0])
def test_large_numbers_have_one_decimal(value):
    (cells,) = cells_of(ThesisTable("9", "", pd.DataFrame({"value": [value]})))
    assert cells == ["99.990" if value < 100 else "100.0"]
