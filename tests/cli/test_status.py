"""`vaega status` and `vaega clean`."""

import io
import json
import shutil

import pytest

from tests.report.experiments import run_small
from vaega.cli import main


@pytest.fixture
def folder(tmp_path):
    return run_small(tmp_path, seeds=2, arms={"original": {}})


def leftover(folder):
    place = next((folder / "runs").glob("original-000-*"))
    return shutil.copytree(place, folder / "runs" / "original-000-0123456789")


def test_status_counts(folder, capsys):
    assert main(["status", str(folder)]) == 0
    assert "2 runs: 2 done." in capsys.readouterr().out


def test_status_as_json(folder, capsys):
    leftover(folder)
    assert main(["status", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["original"]["done"] == 2
    assert found["leftovers"] == ["original-000-0123456789"]


def test_status_says_failures_and_leftovers(folder, capsys):
    leftover(folder)
    metrics = next((folder / "runs").glob("original-001-*/metrics.json"))
    metrics.write_text('{"status": "failed", "error": "no luck."}')
    assert main(["status", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "original, seed 1: failed: no luck." in out
    assert "1 folder of earlier settings" in out


def test_clean_asks_and_removes(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    old = leftover(folder)
    assert main(["clean", str(folder), "--dry-run"]) == 0
    assert "1 folder would be removed" in capsys.readouterr().out
    assert main(["clean", str(folder)]) == 130
    assert old.exists()
    assert main(["clean", str(folder), "--yes"]) == 0
    assert not old.exists()


def test_no_results_there(tmp_path, capsys):
    assert main(["clean", str(tmp_path)]) == 2
    assert "is no results folder" in capsys.readouterr().err
