"""Faults of data and configuration: all are found, each in a sentence of its own."""

import numpy as np
import pandas as pd
import pytest

from vaega import Dataset, load_dataset
from vaega.experiments.config import DatasetConfig, make_config
from vaega.experiments.faults import find_faults, load_with_faults, repeated_parts


def config(**sections):
    return make_config({
        "name": "faulty",
        "dataset": {"source": "sklearn:wine"},
        "fitness": {"classifier": "gaussian_nb"},
        **sections,
    })  # fmt: skip


def faults(dataset, **sections):
    return [str(error) for error in find_faults(config(**sections), dataset, seeds=[0, 1])]


def rows(n=60, p=5, **more):
    X = np.random.default_rng(0).normal(size=(n, p))
    return X, np.arange(n) % 2, more


def test_nothing_is_wrong():
    assert faults(load_dataset("sklearn:wine"), preprocess=["standardize"]) == []


def test_each_part_says_its_own():
    found = faults(
        load_dataset("sklearn:wine"),
        fitness={"classifier": "gaussian_nb", "metric": "roc_auc"},
        search={"min_features": 40},
        protocol={"outer": "official"},
    )
    assert [sentence.split(":")[0] for sentence in found] == [
        "fitness.metric",
        "search",
        "protocol.outer",
    ]


def test_a_step_that_refuses_values_does_not_hide_the_gaps():
    X, y, _ = rows()
    X[3, 2] = np.nan
    found = faults(Dataset.from_arrays(X, y), preprocess=["log2"])
    assert len(found) == 2
    assert "log2" in found[0]
    assert "add impute: median" in found[1]
    (only,) = faults(Dataset.from_arrays(np.abs(X) + 1, y), preprocess=["log2"])
    assert "add impute: median" in only


def test_classes_and_groups_too_few_for_the_folds():
    X, _, _ = rows()
    y = np.array([0] * 57 + [1] * 3)
    (only,) = faults(Dataset.from_arrays(X, y))
    assert only.startswith("protocol.inner_folds")
    groups = np.repeat(np.arange(6), 10)
    (only,) = faults(Dataset.from_arrays(X, groups % 2, groups=groups))
    assert only.startswith("protocol")


@pytest.fixture
def table(tmp_path):
    X, y, _ = rows()
    frame = pd.DataFrame(X).add_prefix("gene_").assign(response=y, sex=["f", "m"] * 30)
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    return tmp_path


def loaded(folder, **keys):
    section = DatasetConfig.model_validate({"source": "cohort.csv", **keys})
    dataset, found = load_with_faults(section, beside=folder)
    return dataset, [str(error) for error in found]


def test_every_absent_column_is_named_and_the_rest_is_read(table):
    dataset, found = loaded(
        table, target="response", groups="patient", ignore=["gene_1", "idd"], categorical="drop"
    )
    assert len(found) == 2
    assert "groups must name a column, but 'patient' is not there" in found[0]
    assert "ignore must name a column, but 'idd' is not there" in found[1]
    assert dataset.feature_names == ("gene_0", "gene_2", "gene_3", "gene_4")


def test_a_wrong_target_has_its_neighbour(table):
    dataset, found = loaded(table, target="respnse")
    assert dataset is None
    assert found == [
        "cohort.csv: target must name a column, but 'respnse' is not there; "
        "did you mean 'response'?"
    ]


def test_text_is_a_fault_and_the_numbers_are_read(table):
    dataset, found = loaded(table, target="response")
    assert len(found) == 1
    assert "'sex'" in found[0]
    assert dataset.n_features == 5


def test_an_absent_file_is_one_fault(table):
    dataset, found = loaded(table / "elsewhere", target="response")
    assert dataset is None
    assert len(found) == 1
    assert "no such file" in found[0]


def test_groups_that_one_seed_parts_well_and_another_does_not():
    # Five patients of each class, one of whom brings more rows than all others.
    y = np.repeat(np.arange(10) % 2, [40, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    groups = np.repeat(np.arange(10), [40, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    data = Dataset.from_arrays(np.random.default_rng(0).normal(size=(76, 5)), y, groups=groups)
    binary = {"classifier": "gaussian_nb", "metric": "roc_auc"}
    asked = {"fitness": binary, "protocol": {"outer": "holdout", "inner_folds": 5}}
    (found,) = faults(data, **asked)
    assert found.startswith("protocol.inner_folds: an inner fold has no row of class")
    assert found.endswith("roc_auc needs rows of each class; take fewer folds, or another metric.")
    asked["protocol"]["inner_folds"] = 2
    assert faults(data, **asked) == []
    assert faults(data, fitness={"classifier": "gaussian_nb"}, protocol={"outer": "holdout"}) == []


def test_seeds_that_hold_out_the_same_groups_are_counted():
    X, y, _ = rows(60)
    data = Dataset.from_arrays(X, y, groups=np.arange(60) // 20)
    holdout = config(protocol={"outer": "holdout"}, seeds=10)
    said = repeated_parts(holdout, data)
    assert said.startswith("3 different test parts of 3 groups in 10 seeds; ")
    assert repeated_parts(holdout, Dataset.from_arrays(X, y)) == ""
    assert repeated_parts(config(protocol={"outer": "kfold"}, seeds=10), data) == ""


def test_more_features_than_there_are_are_not_selected():
    arms = {"f_test": {"selector": {"kind": "f_classif", "size": 14}}}
    (found,) = faults(load_dataset("sklearn:wine"), arms=arms)
    assert found == "arms.f_test.selector.size: must be at most 13, the number of features, got 14."
