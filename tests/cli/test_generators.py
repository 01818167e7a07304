"""Generators on the command line: `vaega quality` and `vaega cache`."""

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from tests.generative.test_entries import foreign, make_entry
from vaega.cli import main
from vaega.cli.generators import _print_quality
from vaega.core.tables import TextTable
from vaega.report import _quality

CONFIG = {
    "name": "wine",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "arms": {
        "original": {},
        "smote": {"generator": {"kind": "smote"}, "n_synthetic": 60},
        "more": {"generator": {"kind": "smote", "k_neighbors": 2}, "n_synthetic": 90},
    },
    "fitness": {"classifier": "gaussian_nb"},
}


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wine.yaml"
    path.write_text(yaml.safe_dump(CONFIG, sort_keys=False), encoding="utf-8")
    return str(path)


def test_a_table_a_verdict_and_a_folder(file, tmp_path, capsys):
    assert main(["quality", file, "--arm", "smote"]) == 0
    shown = capsys.readouterr()
    assert "within-class variance ratio" in shown.out
    assert "vary within classes" in shown.out or "less within classes" in shown.out
    assert "more" not in shown.out.split("figure", 1)[1].split("\n", 1)[0]
    assert "results/wine/quality" in shown.out
    assert (tmp_path / "results" / "wine" / "quality" / "quality.md").is_file()


def test_json_alone_is_printed(file, tmp_path, capsys):
    assert main(["quality", file, "--json", "--out", str(tmp_path / "here")]) == 0
    content = json.loads(capsys.readouterr().out)
    assert list(content) == ["smote", "more"]
    assert content["more"]["n_synthetic"] == 90
    assert (tmp_path / "here" / "smote" / "report.json").is_file()


def test_overrides_count(file, tmp_path, capsys):
    arguments = ["--arm", "smote", "--set", "arms.smote.n_synthetic=30", "--json", "--out", "o"]
    assert main(["quality", file, *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["smote"]["n_synthetic"] == 30


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--arm", "gan"], "--arm: must be an arm with a generator (smote, more), got 'gan'"),
        (["--arm", "original"], "got 'original'"),
        (["--set", "arms={original: {}}"], "none has a generator"),
        (["--set", "sedes=3"], "did you mean seeds?"),
    ],
)
def test_a_bad_request_of_quality_is_one_sentence(file, arguments, sentence, capsys):
    assert main(["quality", file, *arguments]) == 2
    shown = capsys.readouterr().err.strip()
    assert sentence in shown
    assert "\n" not in shown


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def printed(capsys, *arguments):
    assert main(["cache", *arguments]) == 0
    return capsys.readouterr().out


def test_list(folder, capsys):
    make_entry(folder, "a", used=2e9)
    make_entry(folder, "b")
    text = printed(capsys, "list")
    assert text.index("aaaaaaaa") < text.index("bbbbbbbb")
    assert "VAE" in text
    assert "38 x 7129" in text
    assert f"2 models, 2.4 KiB in {folder}" in text.replace("\n", " ")


def test_list_as_json(folder, capsys):
    key = make_entry(folder, "a", used=50.0)
    record = json.loads(printed(capsys, "list", "--json"))
    (entry,) = record["entries"]
    assert record["folder"] == str(folder)
    assert record["bytes"] == entry["size"]
    assert (entry["key"], entry["kind"], entry["used"], entry["seed"]) == (key, "VAE", 50.0, 0)


def test_an_empty_cache(folder, capsys):
    assert printed(capsys, "list") == f"0 models, 0 B in {folder}\n"
    assert printed(capsys, "clear") == f"removed 0 models, 0 B in {folder}\n"
    assert printed(capsys, "list", "--folder", str(folder / "none")).startswith("0 models")


def test_path(folder, capsys):
    assert printed(capsys, "path") == f"{folder}\n"


def test_clear_removes_what_is_ours_alone(folder, capsys):
    there = foreign(folder)
    make_entry(folder, "b")
    assert "removed 1 model" in printed(capsys, "clear", "--yes")
    assert sorted(folder.rglob("*")) == there


def test_clear_by_age(folder, capsys):
    for digit, used in (("a", 2e9), ("b", 0.0)):
        make_entry(folder, digit, used=used)
    assert "removed 1 model" in printed(capsys, "clear", "--older-than", "1d", "--yes")
    assert [path.name[0] for path in folder.iterdir()] == ["a"]


@pytest.mark.parametrize(("answer", "left", "code"), [("y\n", 0, 0), ("n\n", 1, 0), ("", 1, 130)])
def test_clear_asks(folder, capsys, monkeypatch, answer, left, code):
    make_entry(folder, "a")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main(["cache", "clear"]) == code
    assert "Remove 1 model" in capsys.readouterr().out
    assert len(list(folder.iterdir())) == left


def test_a_bad_age_is_bad_input(folder, capsys):
    assert main(["cache", "clear", "--older-than", "soon"]) == 2
    assert "--older-than must be a time such as 12h or 30d, got 'soon'" in capsys.readouterr().err


def test_the_list_needs_no_torch(folder):
    code = (
        "import sys; from vaega.cli import main; main(['cache', 'list']);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_verdict_is_no_markup_and_does_not_command_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr(_quality, "arm_table", lambda measured, title: TextTable(["arm"], []))
    report = SimpleNamespace(n_fit=1, n_heldout=1, n_features=1, verdict="[/x] is \x1b]0; good")
    _print_quality([SimpleNamespace(name="[red]jitter", report=report)], "data")
    assert capsys.readouterr().out.strip().endswith(r"[red]jitter: [/x] is \x1b]0; good")
