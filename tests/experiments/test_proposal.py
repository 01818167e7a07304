"""Proposals: what is written fits the file, can be run as it is, and says why."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from vaega.core.errors import InputError
from vaega.data import Preprocessor
from vaega.experiments.check import check_file
from vaega.experiments.config import DatasetConfig
from vaega.experiments.proposal import propose

N = 48


def knows(step):
    try:
        return Preprocessor([step]).fit(np.ones((2, 1))) is not None
    except InputError:
        return False


def cohort(**more):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(8, 1, size=(N, 20))).add_prefix("gene_")
    table["response"] = np.where(np.arange(N) % 3 == 0, "yes", "no")
    return table.assign(**more)


def written(table, folder, name="cohort.csv", out=None, **keys):
    path = folder / name
    table.to_csv(path, index=False)
    out = path.with_suffix(".yaml") if out is None else out
    text = propose(path, out, target="response", **keys).text
    out.parent.mkdir(exist_ok=True)
    out.write_text(text)
    return out, yaml.safe_load(text), text


def test_it_can_be_run_as_it_is(tmp_path):
    out, content, text = written(cohort(), tmp_path)
    checked = check_file(out)
    assert checked.faults == []
    assert checked.workload.n_runs == 3 * (10 + 20 * 3 + 1)
    assert content["dataset"] == {"source": "cohort.csv", "target": "response"}
    assert content["fitness"]["metric"] == "roc_auc"
    assert content["arms"]["svm_weights"]["selector"]["size"] == "vaega"
    assert content["arms"]["all_features"]["selector"] == {"kind": "all"}
    assert content["permutations"]["number"] >= 19
    assert "# cohort: 48 rows x 20 features; 2 classes: no 32, yes 16." in text


def test_names_of_rows_are_ignored_and_categories_spread(tmp_path):
    table = cohort(
        sample=[f"S{i}" for i in range(N)],
        run_no=np.arange(100, 100 + N),
        remark=[f"well {i % 30}" for i in range(N)],
        sex=["f", "m"] * (N // 2),
    )
    _, content, text = written(table, tmp_path)
    assert set(content["dataset"]["ignore"]) == {"sample", "run_no", "remark"}
    assert content["dataset"]["categorical"] == "one_hot"
    assert "'run_no' numbers the rows" in text


def test_a_column_of_patients_is_a_hint_and_no_feature(tmp_path):
    _, content, text = written(cohort(patient=[f"P{i // 2}" for i in range(N)]), tmp_path)
    assert content["dataset"]["ignore"] == ["patient"]
    assert "groups" not in content["dataset"]
    assert "# groups: patient" in text
    _, _, text = written(cohort(patient_id=100 + np.arange(N) // 2), tmp_path)
    assert "# groups: patient_id" in text
    assert "# 'patient_id' is an identifier by its name" in text
    _, content, _ = written(
        cohort(patient=[f"P{i // 2}" for i in range(N)]), tmp_path, groups="patient"
    )
    assert content["dataset"]["groups"] == "patient"
    assert "ignore" not in content["dataset"]


def test_gaps_are_filled(tmp_path):
    table = cohort()
    table.loc[::5, "gene_3"] = np.nan
    out, content, _ = written(table, tmp_path)
    assert {"impute": "median"} in content["preprocess"]
    assert check_file(out).faults == []


@pytest.mark.skipif(not knows("log2p1"), reason="the step log2p1 is not there yet")
def test_counts_are_logged(tmp_path):
    counts = np.random.default_rng(0).negative_binomial(2, 0.02, size=(N, 20))
    table = cohort(**{f"gene_{i}": counts[:, i] for i in range(20)})
    out, content, _ = written(table, tmp_path)
    assert "log2p1" in content["preprocess"]
    assert check_file(out).faults == []


@pytest.mark.skipif("labels" not in DatasetConfig.model_fields, reason="no file of labels yet")
def test_genes_as_rows_and_classes_in_a_second_file(tmp_path):
    table = cohort()
    samples = [f"S{i}" for i in range(N)]
    genes = table.drop(columns="response").T
    genes.to_csv(tmp_path / "expression.csv", header=samples, index_label="gene")
    clinical = pd.DataFrame({"patient": samples, "response": table["response"]})
    clinical.sample(frac=1, random_state=0).to_csv(tmp_path / "clinical.csv", index=False)
    labels = {"file": str(tmp_path / "clinical.csv"), "column": "response", "id": "patient"}
    out = tmp_path / "configs" / "expression.yaml"
    proposal = propose(tmp_path / "expression.csv", out, labels=labels)
    out.parent.mkdir()
    out.write_text(proposal.text)
    assert yaml.safe_load(proposal.text)["dataset"] == {
        "source": "../expression.csv",
        "labels": {"file": "../clinical.csv", "column": "response", "id": "patient"},
    }
    checked = check_file(out)
    assert checked.faults == []
    assert checked.dataset.feature_names == tuple(f"gene_{i}" for i in range(20))


def test_paths_are_relative_to_the_configuration(tmp_path):
    out, content, _ = written(cohort(), tmp_path, out=tmp_path / "configs" / "first.yaml")
    assert content["dataset"]["source"] == "../cohort.csv"
    assert content["name"] == "first"
    assert check_file(out).faults == []


def test_a_bare_name_stays_one(tmp_path, monkeypatch):
    cohort().to_csv(tmp_path / "cohort.csv", index=False)
    monkeypatch.setenv("VAEGA_DATA", str(tmp_path))
    out = tmp_path / "configs" / "cohort.yaml"
    text = propose(Path("cohort"), out, target="response").text
    assert yaml.safe_load(text)["dataset"]["source"] == "cohort"


def test_names_that_yaml_would_misread(tmp_path):
    table = cohort(**{"no": [f"x{i}" for i in range(N)], "week: 12 #1": ["f", "m"] * (N // 2)})
    out, content, _ = written(table, tmp_path, name="my cohort (2).csv")
    assert content["dataset"]["ignore"] == ["no"]
    assert content["dataset"]["source"] == "my cohort (2).csv"
    assert content["name"] == "my_cohort_2"
    assert check_file(out).faults == []


def test_several_classes_and_a_small_one_have_fewer_folds(tmp_path):
    classes = ["a"] * 30 + ["b"] * 13 + ["c"] * 5
    out, content, _ = written(cohort(response=classes), tmp_path)
    assert content["fitness"]["metric"] == "balanced_accuracy"
    assert content["protocol"]["inner_folds"] < 5
    assert check_file(out).faults == []


def test_a_class_of_one_row_is_refused(tmp_path):
    for n in (1, 2):
        with pytest.raises(InputError, match=f"class 'b' has {n} row.* at least 3 are needed"):
            written(cohort(response=["a"] * (N - n) + ["b"] * n), tmp_path)


def test_a_wide_table_has_a_smaller_budget(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 30_000)).astype(np.float32)
    np.savez(tmp_path / "wide.npz", X=X, y=np.arange(12) % 2)
    content = yaml.safe_load(propose(tmp_path / "wide.npz", tmp_path / "wide.yaml").text)
    assert content["permutations"]["seeds"] == 1


def test_official_test_rows_are_taken_as_such(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), np.arange(40) % 2
    np.savez(tmp_path / "parts.npz", X_train=X, y_train=y, X_test=X[:10], y_test=y[:10])
    content = yaml.safe_load(propose(tmp_path / "parts.npz", tmp_path / "parts.yaml").text)
    assert content["protocol"]["outer"] == "official"


def test_what_cannot_be_read_is_refused_in_the_reader_s_words(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        propose(tmp_path / "absent.csv", tmp_path / "absent.yaml")
    cohort().to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(InputError, match="give target"):
        propose(tmp_path / "cohort.csv", tmp_path / "cohort.yaml")


def test_a_measurement_with_a_few_words_is_never_left_out(tmp_path):
    table = cohort(batch=np.where(np.arange(N) % 2, "B1", "B2"))
    table["gene_3"] = table["gene_3"].astype(object)
    table.loc[4, "gene_3"] = "<0.5"
    with pytest.raises(InputError, match=r"'gene_3' has cells below a limit .* below_limit"):
        written(table, tmp_path)
    _, content, _ = written(table, tmp_path, below_limit="half")
    assert content["dataset"]["ignore"] == ["batch"]
    assert content["dataset"]["below_limit"] == "half"
    table.loc[4, "gene_3"] = "failed"
    with pytest.raises(InputError, match=r"'gene_3' has numbers but for 'failed' .* \(--ignore\)"):
        written(table, tmp_path)
    remark = [None] * (N - 3) + ["12", "13", "bad"]
    _, content, _ = written(cohort(remark=remark), tmp_path)
    assert content["dataset"]["ignore"] == ["remark"]  # most of which is empty


def test_batches_are_no_features(tmp_path):
    table = cohort(
        Site=list("abcd") * (N // 4),
        plate_no=np.arange(N) // 12,
        primary_site=["p", "q"] * (N // 2),
    )
    _, content, text = written(table, tmp_path)
    assert content["dataset"]["ignore"] == ["Site", "plate_no"]
    assert content["dataset"]["categorical"] == "one_hot"  # the primary site of a tumour
    assert "'Site' may name batches" in text


def test_a_target_that_is_not_there_is_met_first(tmp_path):
    cohort().to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(InputError, match="did you mean 'response'"):
        propose(tmp_path / "cohort.csv", tmp_path / "cohort.yaml", target="respons")
    genes = cohort().drop(columns="response").T.add_prefix("S").rename_axis("gene").reset_index()
    genes.loc[len(genes)] = ["response", *["x", "y"] * (N // 2)]
    genes.to_csv(tmp_path / "genes.csv", index=False)
    with pytest.raises(InputError, match="set transpose to true"):
        propose(tmp_path / "genes.csv", tmp_path / "genes.yaml", target="response")


def test_few_patients_have_folds_of_all_classes_with_each_seed(tmp_path):
    sizes = np.random.default_rng(2).integers(5, 11, size=8)
    patient = np.repeat(np.arange(8), sizes)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(len(patient), 20))).add_prefix("gene_")
    table = table.assign(patient=patient, response=np.where(patient % 2, "yes", "no"))
    out, content, _ = written(table, tmp_path, groups="patient")
    assert content["protocol"]["inner_folds"] == 2
    assert check_file(out).faults == []
