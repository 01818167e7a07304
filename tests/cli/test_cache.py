import json
import os
import subprocess
import sys

import pytest

from tests.generative.test_cache_entries import foreign, make_entry
from vaega.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def said(capsys, *arguments):
    assert main(["cache", *arguments]) == 0
    return capsys.readouterr().out


def test_list(folder, capsys):
    make_entry(folder, "a", used=2e9)
    make_entry(folder, "b")
    text = said(capsys, "list")
    assert text.index("aaaaaaaa") < text.index("bbbbbbbb")
    assert "VAE" in text
    assert "38 x 7129" in text
    assert f"2 models, 2.4 KiB in {folder}" in text.replace("\n", " ")


def test_list_as_json(folder, capsys):
    key = make_entry(folder, "a", used=50.0)
    record = json.loads(said(capsys, "list", "--json"))
    (entry,) = record["entries"]
    assert record["folder"] == str(folder)
    assert record["bytes"] == entry["size"]
    assert (entry["key"], entry["kind"], entry["used"], entry["seed"]) == (key, "VAE", 50.0, 0)


def test_an_empty_cache(folder, capsys):
    assert said(capsys, "list") == f"0 models, 0 B in {folder}\n"
    assert said(capsys, "clear") == f"removed 0 models, 0 B in {folder}\n"
    assert said(capsys, "list", "--folder", str(folder / "none")).startswith("0 models")


def test_path(folder, capsys):
    assert said(capsys, "path") == f"{folder}\n"


def test_clear_removes_what_is_ours_alone(folder, capsys):
    there = foreign(folder)
    make_entry(folder, "b")
    assert "removed 1 model" in said(capsys, "clear", "--yes")
    assert sorted(folder.rglob("*")) == there


def test_clear_by_age(folder, capsys):
    for digit, used in (("a", 2e9), ("b", 0.0)):
        make_entry(folder, digit, used=used)
    assert "removed 1 model" in said(capsys, "clear", "--older-than", "1d", "--yes")
    assert [path.name[0] for path in folder.iterdir()] == ["a"]


@pytest.mark.parametrize(("answer", "left", "code"), [("y\n", 0, 0), ("n\n", 1, 0), ("", 1, 130)])
def test_clear_asks(folder, answer, left, code):
    make_entry(folder, "a")
    done = subprocess.run(
        [sys.executable, "-m", "vaega.cli", "cache", "clear"],
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "VAEGA_CACHE": str(folder.parent)},
    )
    assert "Remove 1 model" in done.stdout
    assert len(list(folder.iterdir())) == left
    assert done.returncode == code


def test_a_bad_age_is_bad_input(folder, capsys):
    assert main(["cache", "clear", "--older-than", "soon"]) == 2
    assert "--older-than must be a time such as 12h or 30d, got 'soon'" in capsys.readouterr().err


def test_the_list_needs_no_torch(folder):
    code = (
        "import sys; from vaega.cli import main; main(['cache', 'list']);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
