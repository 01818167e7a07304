"""Results on the command line: `vaega report` and `vaega compare`."""

import io
import json
import re

import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.cli import main
from vaega.core.errors import InputError
from vaega.experiments.protocols import HonestProtocol


@pytest.fixture
def folder(small_results):
    return small_results


def test_a_terminal_gets_the_table_the_protocol_and_the_page(folder, capsys):
    (folder / "report.html").unlink(missing_ok=True)
    assert main(["report", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "small: balanced accuracy on wine, 178 rows x 13 features" in out
    assert re.search(r"held-out balanced accuracy +\n *arm +runs +\[95 %\]", out)  # in two lines
    assert "Data: 178 rows x 13 features; class_0 59, class_1 71, class_2 48; no missing" in out
    assert "Gaussian naive Bayes; chance is 0.333." in " ".join(out.split())
    assert "Protocol honest: " in out
    assert out.endswith(f"report   {folder / 'report.html'}\n")
    assert (folder / "report.html").is_file()


def test_markdown_and_latex_can_be_sent_to_a_file(folder, capsys):
    assert main(["report", str(folder), "--format", "markdown"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("| arm | runs | held-out balanced accuracy [95 %] |")
    assert "report.html" in said.err
    assert main(["report", str(folder), "--format", "latex"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("% Protocol honest")
    assert r"% Score: balanced accuracy (the mean recall of the classes" in said
    assert r"held-out balanced accuracy [95 \%]" in said
    assert said.rstrip().endswith(r"\end{tabular}")


def test_csv_is_the_summary_in_full(folder, capsys):
    assert main(["report", str(folder), "--format", "csv"]) == 0
    printed = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(printed["arm"]) == ["original", "jitter", "bootstrap"]
    assert {"heldout_mean", "heldout_low", "stability"} <= set(printed)


def test_json_is_json_alone_and_has_arms_and_runs(folder, capsys):
    assert main(["report", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["name"] == "small"
    assert found["protocol"] == "honest"
    assert [arm["arm"] for arm in found["arms"]] == ["original", "jitter", "bootstrap"]
    assert len(found["runs"]) == 9
    assert {run["status"] for run in found["runs"]} == {"done"}


def test_tables_and_figures_are_written(folder, tmp_path, capsys):
    out = tmp_path / "paper"
    assert main(["report", str(folder), "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    stems = ["scores", "sizes", "evolution", "front", "stability", "frequencies_original"]
    assert {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "pdf")} <= names
    assert {"summary.csv", "summary.md", "summary.tex", "features.csv"} <= names
    assert f"--out={out}" in (out / "summary.md").read_text()
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["--format=word", "--format"])
def test_an_unknown_format_is_one_sentence(folder, argument, capsys):
    assert main(["report", str(folder), argument]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_where_the_folder_should_be(folder, tmp_path, capsys):
    (tmp_path / "paper").write_text("")
    assert main(["report", str(folder), "--out", str(tmp_path / "paper")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_comparisons_are_tables_and_sentences(folder, capsys):
    assert main(["compare", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "wine: held-out balanced accuracy" in out
    assert "jitter - original" in out
    assert "jitter less original: " in out
    assert "over 3 pairs; fewer than 5 are too few for a test." in out


def test_comparisons_are_written(folder, tmp_path, capsys):
    out = tmp_path / "paper"
    assert main(["compare", str(folder), "--against", "jitter", "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert {"comparison.csv", "comparison.md", "comparison.tex", "arms.pdf", "arms.svg"} <= names
    assert "--against=jitter" in (out / "comparison.md").read_text()
    assert str(out) in capsys.readouterr().out


def test_pairs_as_json(folder, capsys):
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
def test_a_bad_comparison_is_one_sentence(folder, arguments, said, capsys):
    assert main(["compare", str(folder), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_options_are_called_as_they_were_given(folder, capsys):
    assert main(["compare", str(folder), "--against", "smote"]) == 2
    assert capsys.readouterr().err.startswith("vaega: compare: --against must be one of ")


def test_a_folder_without_a_finished_run_says_how_to_go_on(folder, tmp_path, capsys):
    (tmp_path / "plan.json").write_bytes((folder / "plan.json").read_bytes())
    assert main(["report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "no run is finished yet" in error
    assert f"vaega resume {tmp_path}" in error
    assert error.count("\n") == 1


def test_nothing_to_compare_there(tmp_path, capsys):
    assert main(["compare", str(tmp_path)]) == 2
    assert "is no results folder" in capsys.readouterr().err


def test_an_experiment_whose_runs_all_failed_has_a_report(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise InputError("no luck.")

    monkeypatch.setattr(HonestProtocol, "run_trial", fail)
    folder = run_small(tmp_path, seeds=2, arms={"original": {}})
    assert main(["report", str(folder)]) == 0
    assert "None: no run has a score." in (folder / "report.html").read_text()
    assert main(["watch", str(folder), "--report"]) == 1
    assert "unexpected" not in capsys.readouterr().err
