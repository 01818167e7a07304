"""``vaega reproduce thesis``: what it prints, what it writes, what it refuses."""

import re
import shutil
import sys

import pandas as pd
import pytest

from tests.thesis.conftest import smoke, smoke_out, tiny_data  # noqa: F401
from vaega.cli import main
from vaega.core.errors import DataError
from vaega.thesis import chapter3, groups
from vaega.thesis.reproduction import PICTURES, TABLES


def reproduce(out, *arguments):
    return main(["reproduce", "thesis", "--scale", "smoke", "--out", str(out), *arguments])


def test_a_table_of_leukemia(smoke, capsys):  # noqa: F811
    out = smoke.out
    chosen = ["--table", "4", "--dataset", "leukemia", "--protocol", "as-run"]
    assert reproduce(out, *chosen, "--format=markdown") == 0
    text = capsys.readouterr().out
    assert "| leukemia | leukemia | as-run | original | accuracy |" in text
    assert "- Protocol as-run: fitness is computed on the test rows and 30 %" in text
    command = (
        "vaega reproduce thesis --table=4 --dataset=leukemia --protocol=as-run --scale=smoke "
        f"--format=markdown --out={out}"
    )
    assert f"Command: `{command}`" in text
    assert (out / "tables/table_4.md").read_text() == text.removesuffix("\n")
    assert set(pd.read_csv(out / "tables/table_4.csv")["dataset"]) == {"leukemia"}


def test_a_figure(smoke, capsys):  # noqa: F811
    assert reproduce(smoke.out, "--figure", "4.7", "--protocol", "as-run") == 0
    assert "Protocol as-run: fitness is computed on" in capsys.readouterr().out
    assert (smoke.out / "figures/figure_4.7.png").is_file()


def test_the_command_can_be_given_again(smoke, capsys):  # noqa: F811
    chosen = ["--table", "groups", "--group", "madelon", "--protocol", "as-run", "--finished"]
    chosen += ["--format", "markdown"]
    assert reproduce(smoke.out, *chosen) == 0
    text = capsys.readouterr().out
    command = text.split("Command: `vaega ")[1].split("`")[0]
    assert main(command.split()) == 0
    assert capsys.readouterr().out == text


def test_all_of_chapter_4_at_once(smoke, capsys):  # noqa: F811
    own = "vaega.thesis.chapter4"
    tables = [name for name, place in TABLES.items() if place.startswith(own)]
    figures = [name for name, place in PICTURES.items() if place.startswith(own)]
    assert len(tables) >= 7
    assert len(figures) == 13
    chosen = [f"--table={name}" for name in tables] + [f"--figure={name}" for name in figures]
    chosen += ["--protocol=as-run", "--protocol=as-described", "--format=markdown"]
    assert reproduce(smoke.out, *chosen) == 0
    text = capsys.readouterr().out
    for name in tables:
        assert f"# Table {name}: " in text
        assert {path.suffix for path in (smoke.out / "tables").glob(f"table_{name}.*")} == {
            ".csv", ".md", ".tex",
        }  # fmt: skip
    for name in figures:
        assert (smoke.out / "figures" / f"figure_{name}.svg").is_file()
        assert "Protocol as-" in (smoke.out / "figures" / f"figure_{name}.md").read_text()


def test_without_data_what_was_published_stands_alone(tmp_path, monkeypatch, capsys):
    def missing(name):
        raise DataError(f"dataset.source: {name!r} is nowhere.")

    for module in (groups, chapter3):
        monkeypatch.setattr(module, "load_thesis_dataset", missing)
    chosen = ["--table=4", "--table=3", "--table=3.1", "--table=4.4", "--figure=4.9"]
    chosen += ["--dataset=leukemia", "--dataset=madelon", "--format=markdown"]
    assert reproduce(tmp_path, *chosen) == 1
    told = capsys.readouterr()
    assert "vaega: dataset.source: 'leukemia' is nowhere." in told.err
    assert "| leukemia |  |  | original | accuracy | 0.989 | 0.016 | 90 | – |" in told.out
    assert "| leukemia | real | accuracy | 0.810 |" in told.out
    assert "(published points alone)" in told.out


def test_a_package_that_is_missing_is_asked_for_before_the_first_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "imblearn", None)
    assert reproduce(tmp_path / "out") == 2
    assert "SMOTE: needs the package imbalanced-learn" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_index_leads_to_every_table_and_figure(smoke, tmp_path, capsys):  # noqa: F811
    chosen = ["--table=4", "--table=4.1", "--figure=4.9", "--protocol=as-run"]
    assert reproduce(smoke.out, *chosen, "--dataset=madelon") == 0
    page = (smoke.out / "index.html").read_text()
    for link in re.findall(r'(?:href|src)="([^"]+)"', page):
        is_there = f'id="{link[1:]}"' in page if link[0] == "#" else (smoke.out / link).is_file()
        assert is_there, link
    for name in ("tables/table_4.csv", "tables/table_4.1.md", "figures/figure_4.9.png"):
        assert f'"{name}"' in page


def test_a_terminal_gets_tables_of_80_columns_and_each_note_once(smoke, capsys):  # noqa: F811
    chosen = ["--table=groups", "--table=4", "--table=signatures", "--figure=4.9"]
    assert reproduce(smoke.out, *chosen, "--dataset=madelon", "--protocol=as-run") == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= max(80, len(str(smoke.out)) + 30)
    assert told.count("Protocol as-run: fitness is computed on") == 1
    assert "No room in 80 columns for: " in told
    assert "In all rows: " in told
    assert "Figure 4.9: madelon" in told


def test_many_tables_are_shown_in_short(smoke, capsys):  # noqa: F811
    chosen = ["--table=groups", "--table=4", "--table=stability", "--table=frequencies"]
    assert reproduce(smoke.out, *chosen, "--protocol=as-run") == 0
    assert re.search(r"and \d+ more rows", capsys.readouterr().out)


def test_recorded_runs_are_shown_without_their_folders(smoke, tmp_path, capsys):  # noqa: F811
    chosen = ["--group=madelon", "--protocol=as-run"]
    assert reproduce(smoke.out, *chosen, "--table=stability") == 0
    expected = pd.read_csv(smoke.out / "tables/table_stability.csv")
    assert reproduce(smoke.out, *chosen, "--record") == 0
    shutil.copytree(smoke.out / "recorded", tmp_path / "recorded")
    assert reproduce(tmp_path, *chosen, "--table=stability", "--finished") == 0
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "tables/table_stability.csv"), expected)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--table", "9.9"], "--table must be one of"),
        (["--figure", "1.1"], "--figure must be one of"),
        (["--dataset", "iris"], "--dataset must be one of"),
        (["--protocol", "fair"], "--protocol must be one of"),
        (["--table", "4", "--jobs", "0"], "--jobs: must be a whole number other than 0"),
    ],
)
def test_what_is_refused(arguments, sentence, tmp_path, capsys):
    assert reproduce(tmp_path, *arguments) == 2
    assert sentence in capsys.readouterr().err
