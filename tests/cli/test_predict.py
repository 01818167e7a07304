"""`vaega predict`: new samples on the command line."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from vaega import load_model
from vaega.cli import main

CONFIG = {
    "name": "cohort",
    "dataset": {
        "source": "train.csv",
        "target": "status",
        "categorical": "one_hot",
        "ignore": ["patient"],
    },
    "preprocess": [{"impute": "median"}, "log2p1", "standardize"],
    "arms": {"original": {}, "f_test": {"selector": {"kind": "f_classif", "size": 4}}},
    "fitness": {"classifier": "logistic"},
    "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
    "seeds": 1,
}


def make_patients(n, seed):
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.5
    frame = pd.DataFrame(np.exp(rng.normal(size=(n, 10)))).add_prefix("gene_")
    frame["gene_3"] += 2.0 * ill
    frame = frame.mask(rng.random(frame.shape) < 0.02)
    frame["site"] = np.where(ill, "north", rng.choice(["south", "west"], n))
    frame["patient"] = [f"P{seed}{i:02d}" for i in range(n)]
    return frame.assign(status=np.where(ill, "ill", "well"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    make_patients(60, 1).to_csv(folder / "train.csv", index=False)
    (folder / "cohort.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    assert main(["run", str(folder / "cohort.yaml"), "--results", str(folder / "results")]) == 0
    return folder / "results" / "cohort"


@pytest.fixture
def place(tmp_path, monkeypatch, finished):
    """A folder with a file of new patients; returns them."""
    monkeypatch.chdir(tmp_path)
    new = make_patients(20, 2)
    new[new.columns[::-1]].drop(columns="status").to_csv("new.csv", index=False)
    return new


def test_a_fresh_process_gives_the_bits_of_the_pipeline(place, finished):
    words = ["predict", str(finished), "new.csv", "--arm", "f_test", "--out", "out/p.csv"]
    command = [sys.executable, "-m", "vaega", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout == "predictions  out/p.csv, 20 rows\n"
    found = pd.read_csv("out/p.csv", dtype=str)  # whose numbers are read to the last bit
    model = load_model(finished, arm="f_test")
    assert list(found) == ["id", "prediction", "probability_ill", "probability_well"]
    assert found["id"].tolist() == place["patient"].tolist()
    assert np.array_equal(found.iloc[:, 2:].to_numpy(float), model.predict_proba(place))
    assert found["prediction"].tolist() == model.predict(place).tolist()


def test_a_pipe_gets_csv_and_notes_go_elsewhere(place, finished, capsys):
    place.to_csv("known.csv", index=False)
    assert main(["predict", str(finished), "known.csv", "--arm", "f_test"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("id,prediction,probability_ill,probability_well\nP200,")
    assert said.out.count("\n") == 21
    assert "of 20 predictions agree with them" in said.err


def test_a_text_column_that_is_missing_has_its_own_name(place, finished, capsys):
    place.drop(columns="site").to_csv("siteless.csv", index=False)
    model = load_model(finished, arm="original")
    assert any(name.startswith("site=") for name in model.feature_names_in_)
    assert main(["predict", str(finished), "siteless.csv", "--arm", "original"]) == 2
    said = capsys.readouterr().err
    assert "columns that the model needs is missing ('site')" in said
    assert "site=" not in said


def test_values_in_other_units_are_noticed(place, finished, capsys):
    numbers = place.select_dtypes("number").columns
    place.assign(**{name: 1000.0 * place[name] for name in numbers}).to_csv("raw.csv", index=False)
    assert main(["predict", str(finished), "raw.csv", "--arm", "f_test"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "lie far from those that the model was fitted on (gene_" in said
    assert "are they in the same units?" in said
    assert main(["predict", str(finished), "new.csv", "--arm", "f_test"]) == 0
    assert "units" not in capsys.readouterr().err


def test_a_terminal_gets_a_table(place, finished, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    pd.concat([place] * 3).assign(patient=range(60)).to_csv("long.csv", index=False)
    assert main(["predict", str(finished), "long.csv", "--arm", "f_test"]) == 0
    out = capsys.readouterr().out
    assert "cohort, f_test" in out
    assert "The first 40 of 60 rows; --out writes all." in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["new.csv"], "2 arms have a model ('original', 'f_test'): name one as arm (--arm)."),
        (["new.csv", "--arm", "x"], "arm must be one of f_test, original; got 'x'."),
        (["none.csv", "--arm", "f_test"], "none.csv: no such file"),
        (["new.csv", "--arm", "f_test", "--out", "new.csv"], "--out: must be another file"),
        (["few.csv", "--arm", "f_test"], "did you mean 'GENE_3'?"),
        (["text.csv", "--arm", "f_test"], "got 'high' in row 3, column 'gene_3'"),
        (["new.csv", "--arm", "f_test", "--sheet", "a"], "sheet names a sheet of a workbook"),
        (["negative.csv", "--arm", "f_test"], "negative.csv: Preprocessor: step 2 (log2p1): "),
    ],
    ids=str,
)
def test_bad_input_is_one_sentence(place, finished, capsys, words, sentence):
    place.rename(columns={"gene_3": "GENE_3"}).to_csv("few.csv", index=False)
    place.assign(gene_3=["1", "2", "high", *["4"] * 17]).to_csv("text.csv", index=False)
    place.assign(gene_3=-2.0).to_csv("negative.csv", index=False)
    assert main(["predict", str(finished), *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vaega: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err
