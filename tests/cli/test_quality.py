import json

import pytest
import yaml

from vaega.cli import main

CONFIG = {
    "name": "wine",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "arms": {
        "original": {},
        "smote": {"generator": {"kind": "smote"}, "amount": 60},
        "more": {"generator": {"kind": "smote", "k_neighbors": 2}, "amount": 90},
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
    told = capsys.readouterr()
    assert "within-class variance ratio" in told.out
    assert "vary within classes" in told.out or "less within classes" in told.out
    assert "more" not in told.out.split("figure", 1)[1].split("\n", 1)[0]
    assert "results/wine/quality" in told.out
    assert (tmp_path / "results" / "wine" / "quality" / "quality.md").is_file()


def test_json_alone_is_printed(file, tmp_path, capsys):
    assert main(["quality", file, "--json", "--out", str(tmp_path / "here")]) == 0
    content = json.loads(capsys.readouterr().out)
    assert list(content) == ["smote", "more"]
    assert content["more"]["n_synthetic"] == 90
    assert (tmp_path / "here" / "smote" / "report.json").is_file()


def test_overrides_count(file, tmp_path, capsys):
    arguments = ["--arm", "smote", "--set", "arms.smote.amount=30", "--json", "--out", "o"]
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
def test_bad_input_is_one_sentence_and_code_2(file, arguments, sentence, capsys):
    assert main(["quality", file, *arguments]) == 2
    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert "\n" not in told
