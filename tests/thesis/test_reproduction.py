"""What can be asked for, and how tables and figures are written."""

import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from vaega.cli import vaega
from vaega.core.errors import InputError
from vaega.core.files import write_json
from vaega.experiments.runner import describe_environment
from vaega.experiments.store import RunRecord
from vaega.thesis.published import GROUPS, find_group
from vaega.thesis.reproduction import (
    DATASETS,
    PICTURES,
    PROTOCOLS,
    SCALES,
    TABLES,
    Request,
    ThesisFigure,
    ThesisTable,
    as_csv,
    as_latex,
    as_markdown,
    cells_of,
    describe_runs,
    environment_of,
    everything,
    make_picture,
    make_table,
    write_picture,
    write_table,
)


def test_everything_is_wanted_unless_something_is_named():
    assert Request(Path("out")).wanted_protocols() == PROTOCOLS
    request = Request(Path("out"), datasets=("gcm",), protocols=("honest", "as-run"))
    assert request.wanted_protocols() == ("as-run", "honest")
    assert request.wants("gcm")
    assert not request.wants("madelon")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"scale": "huge"}, "--scale must be one of"),
        ({"datasets": ("iris",)}, "--dataset must be one of"),
        ({"protocols": ("fair",)}, "--protocol must be one of"),
    ],
)
def test_unknown_names(keys, sentence):
    with pytest.raises(InputError, match=sentence):
        Request(Path("out"), **keys)


@pytest.mark.parametrize("place", sorted({*TABLES.values(), *PICTURES.values()}))
def test_every_function_is_there(place):
    module, _, name = place.partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_number_of_the_thesis_has_a_function():
    assert {"2.1", "2.2", "3", "4", "4.1", "4.2", "4.3", "4.4"} <= set(TABLES)
    assert {"3.5", *(f"4.{number}" for number in range(7, 18))} <= set(PICTURES)


def test_unknown_names_registry(request_for):
    with pytest.raises(InputError, match="--table must be one of"):
        make_table("9.9", request_for())
    with pytest.raises(InputError, match="--figure must be one of"):
        make_picture("9.9", request_for())


def test_everything_is_tiny_at_the_scale_smoke_alone():
    tables, figures, tiny = everything(Request(Path("out"), scale="smoke"))
    assert set(TABLES) - set(tables) == {"3.3"}
    assert figures == tuple(PICTURES)
    assert {find_group(name).dataset for name in tiny.groups} == set(DATASETS) - {"gisette"}
    assert (set(tiny.datasets), tiny.n_runs) == (set(DATASETS) - {"gisette"}, 1)
    full = Request(Path("out"), scale="full")
    assert everything(full) == (tuple(TABLES), tuple(PICTURES), full)


def test_records_hold_rows_and_notes():
    rows = pd.DataFrame({"mean": [0.5]})
    assert ThesisTable("4", "Title", rows, ("note",)).notes == ("note",)
    picture = ThesisFigure("4.7", "Title", rows, lambda _: Figure())
    assert isinstance(picture.draw(picture.rows), Figure)


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

    picture = ThesisFigure("4.7", "Boxes", ROWS, draw, TABLE.notes)
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


RUNS = pd.DataFrame({"seed": [3, 0], "seconds": [1.0, 0.4]})


def test_versions_come_from_the_first_run_that_has_them(tmp_path):
    write_json(tmp_path / "b/environment.json", describe_environment("cpu"))
    records = [RunRecord(tmp_path / name) for name in "ab"]
    text = describe_runs(RUNS, environment_of(records))
    assert text.startswith("2 runs, seeds 0 to 3, 1 s in all; vaega ")
    assert "scikit-learn" in text


def test_without_versions(tmp_path):
    environment = environment_of([RunRecord(tmp_path)])
    assert describe_runs(RUNS, environment) == "2 runs, seeds 0 to 3, 1 s in all."


PAGE = (Path(__file__).parents[2] / "docs/thesis.md").read_text(encoding="utf-8")
KNOWN = {
    "--table": TABLES,
    "--figure": PICTURES,
    "--dataset": DATASETS,
    "--protocol": PROTOCOLS,
    "--scale": SCALES,
    "--group": tuple(group.name for group in GROUPS),
}
COMMANDS = sorted(set(re.findall(r"vaega reproduce thesis[^`\n#]*", PAGE)))


def test_there_are_commands():
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_what_it_is_given(command):
    options = {
        option
        for parameter in vaega.commands["reproduce"].commands["thesis"].params
        for option in parameter.opts
    }
    words = command.split()[3:]
    assert {word for word in words if word.startswith("--")} <= options
    for option, value in pairwise(words):
        if option in KNOWN:
            assert value in KNOWN[option], command


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_explains_every_protocol(protocol):
    assert f"| `{protocol}` |" in PAGE
