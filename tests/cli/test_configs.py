"""First minutes on the command line: `init`, `check` and `configs`."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from vaega.cli import main


@pytest.fixture
def place(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 6))).add_prefix("gene_")
    frame.insert(0, "patient_id", [f"P{i}" for i in range(40)])
    frame.assign(response=["yes", "no"] * 20).to_csv(tmp_path / "cohort.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_from_a_file_to_a_report(place, capsys):
    assert main(["init", "cohort.csv", "--target", "response"]) == 0
    said = capsys.readouterr().out
    assert "40 rows x 6 features; 2 classes: no 20, yes 20." in said
    assert "note     'patient_id' is text with 40 different values" in said
    assert "vaega run cohort.yaml" in said
    assert main(["check", "cohort.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    said = " ".join(" ".join(lines).split())
    assert "213 runs, 180 of them on permuted labels and 3 of them final, on all rows" in said
    small = ["seeds=1", "permutations={number: 1, seeds: 1}"]
    small += ["search={n_searches: 1, n_generations: 1, population_size: 4}"]
    assert main(["run", "cohort.yaml", *(f"--set={change}" for change in small)]) == 0
    assert (place / "results" / "cohort" / "report.html").is_file()


def test_init_replaces_nothing_unasked(place, capsys):
    (place / "cohort.yaml").write_text("mine")
    command = ["init", "cohort.csv", "--target", "response"]
    assert main(command) == 2
    assert "cohort.yaml: is there already; --force replaces it." in capsys.readouterr().err
    assert (place / "cohort.yaml").read_text() == "mine"
    assert main([*command, "--out", "configs/first.yaml"]) == 0
    assert yaml.safe_load((place / "configs" / "first.yaml").read_text())["name"] == "first"
    assert main([*command, "--force"]) == 0
    assert "mine" not in (place / "cohort.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give target"),
        (["--target", "reponse"], "'reponse'"),
        (["--id", "patient_id"], "--id: names a column of the file of --labels"),
        (["--label-column", "x"], "--label-column: names a column of the file of --labels"),
    ],
)
def test_what_init_refuses(place, capsys, options, words):
    assert main(["init", "cohort.csv", *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (place / "cohort.yaml").exists()


def test_check_names_every_fault(place, capsys):
    content = {
        "name": "faulty",
        "dataset": {"source": "cohort.csv", "target": "reponse"},
        "fitness": {"classifier": "ridgee"},
        "seeds": 0,
    }
    (place / "faulty.yaml").write_text(yaml.safe_dump(content))
    assert main(["check", "faulty.yaml"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("vaega: faulty.yaml: ") for line in lines)
    assert main(["run", "faulty.yaml"]) == 2
    assert "(1 more to mend: vaega check)" in capsys.readouterr().err


def test_check_goes_on_after_a_file_with_a_fault(place, capsys):
    assert main(["check", "absent.yaml", "quickstart"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "quickstart.yaml: valid, 2 arms x 5 seeds" in said.out


def test_check_as_json(place, capsys):
    assert main(["check", "quickstart", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["work"]["runs"] == 12
    assert main(["check", "quickstart", "--json", "--no-data"]) == 0
    assert "work" not in json.loads(capsys.readouterr().out)[0]


def test_baselines_of_a_table(place, capsys):
    command = ["baselines", "--dataset", "cohort.csv", "--models", "knn", "--out", "b"]
    assert main(command) == 2
    assert "give target" in capsys.readouterr().err
    reading = ["--target", "response", "--ignore", "patient_id"]
    assert main([*command, *reading]) == 0
    assert pd.read_csv(place / "b" / "baselines.csv")["n_test"].tolist() == [8]
    assert main([*command, "--target", "response", "--categorical", "drop"]) == 0
    capsys.readouterr()
    assert main(["baselines", "--models", "knn", "--target", "response"]) == 2
    assert "--target: says how a table is read; name it with --dataset." in capsys.readouterr().err


def test_configs_are_listed_copied_and_run_by_name(place, capsys):
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("quickstart ") and "Breast cancer" in line for line in lines)
    assert main(["configs", "copy", "quickstart", "mine"]) == 0
    assert (place / "mine" / "quickstart.yaml").is_file()
    assert main(["configs", "copy", "quickstart", "mine"]) == 2
    small = ["seeds=1", "arms={original: {}}"]
    small += ["search={n_generations: 1, population_size: 4}"]
    assert main(["run", "quickstart", *(f"--set={change}" for change in small)]) == 0
    assert (
        (place / "results" / "quickstart" / "command.txt")
        .read_text()
        .startswith("vaega run quickstart")
    )
    assert main(["resume", "results/quickstart"]) == 0
    capsys.readouterr()
    assert main(["run", "quikstart"]) == 2
    assert "did you mean quickstart?" in capsys.readouterr().err
