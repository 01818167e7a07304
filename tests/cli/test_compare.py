"""`vaega compare`: what it prints and writes, and what it refuses."""

import json

import pytest

from tests.report.experiments import run_small
from vaega.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_small(tmp_path_factory.mktemp("results"), seeds=3)


def test_it_prints_tables_and_sentences(folder, capsys):
    assert main(["compare", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "wine: heldout_score" in out
    assert "jitter - original" in out
    assert "between jitter and original" in out or "is above" in out


def test_it_writes_tables_and_figures(folder, tmp_path, capsys):
    out = tmp_path / "paper"
    assert main(["compare", str(folder), "--against", "jitter", "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert {"comparison.csv", "comparison.md", "comparison.tex", "arms.pdf", "arms.svg"} <= names
    assert "--against=jitter" in (out / "comparison.md").read_text()
    assert str(out) in capsys.readouterr().out


def test_json_is_json(folder, capsys):
    assert main(["compare", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["first"] for row in rows] == ["jitter", "bootstrap", "bootstrap"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "smote"], "against must be one of"),
        (["--measure", "beauty"], "has no 'beauty'"),
        (["--alpha", "2"], "alpha must be"),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, said, capsys):
    assert main(["compare", str(folder), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_no_results_there(tmp_path, capsys):
    assert main(["compare", str(tmp_path)]) == 2
    assert "is no results folder" in capsys.readouterr().err
