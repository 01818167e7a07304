import pandas as pd
import pytest

from vaega.cli import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAEGA_DATA", raising=False)


def test_from_command_to_tables(tmp_path, capsys):
    command = ["baselines", "--dataset", "sklearn:iris", "--models", "lda,knn", "--out", "found"]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "iris (macro-F1)" in shown.out
    assert "test rows are read once" in shown.out.replace("\n", " ")
    assert "[2/2] iris, kNN, seed 0: macro-F1" in shown.err
    table = pd.read_csv(tmp_path / "found/baselines.csv")
    assert table["model"].tolist() == ["lda", "knn"]
    assert (
        "`vaega baselines --dataset=sklearn:iris" in (tmp_path / "found/baselines.md").read_text()
    )
    assert main(command) == 0
    assert "2 of 2 were finished before" in capsys.readouterr().err


def test_a_dataset_that_does_not_load_is_exit_code_1(capsys):
    both = ["--dataset", "no_such", "--dataset", "sklearn:wine"]
    assert main(["baselines", *both, "--models", "lda", "--out", "out"]) == 1
    assert "no_such: not loaded: " in capsys.readouterr().err


def test_a_single_dataset_that_does_not_load_is_bad_input(capsys):
    assert main(["baselines", "--dataset", "no_such", "--models", "lda"]) == 2
    assert "no dataset is called 'no_such'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--models", "xgboost"], "--models must be one of"),
        (["--seeds", "0"], "--seeds must be a whole number, at least 1, got 0."),
        (["--jobs", "0"], "--jobs: must be a whole number other than 0, got 0."),
        (["--test-size", "2"], "test_size must be a fraction in (0, 1), got 2.0."),
    ],
)
def test_bad_input_is_one_sentence(given, sentence, capsys):
    assert main(["baselines", "--dataset", "sklearn:iris", *given]) == 2
    assert sentence in capsys.readouterr().err
