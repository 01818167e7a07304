import numpy as np
import pandas as pd
import pytest

from vaega.experiments.baselines import MODELS
from vaega.thesis.reproduction import published_classes, published_models, published_value

# Copied by hand from the thesis's tables 2.1 and 3.1 to 3.4.
TABLE_2_1 = {
    ("lda", "leukemia"): 0.85,
    ("qda", "leukemia"): 0.50,
    ("adaboost", "madelon"): 0.84,
    ("bagging", "madelon"): 0.91,
    ("gradient_boosting", "gisette"): 1.00,
    ("sgd", "gcm"): 0.71,
    ("mlp", "gcm"): 0.68,
}
SUMS = {
    # table: support, accuracy and macro-F1 of real rows, then of synthetic rows
    "3.1": (22, 0.81, 0.79, 0.95, 0.95),
    "3.2": (780, 0.55, 0.55, 0.57, 0.56),
    "3.3": (1800, 0.97, 0.98, 0.95, 0.96),
    "3.4": (57, 0.54, 0.51, 0.54, 0.50),
}


def test_table_2_1():
    table = published_models().set_index(["model", "dataset"])["test"]
    for place, value in TABLE_2_1.items():
        assert table[place] == value
    assert set(published_models()["model"]) == set(MODELS)
    counts = published_models()["dataset"].value_counts()
    assert counts.to_dict() == {"leukemia": 18, "madelon": 18, "gisette": 17, "gcm": 10}


@pytest.mark.parametrize("table", SUMS)
def test_tables_3(table):
    support, *figures = SUMS[table]
    found = [
        published_value(table, trained_on, "real", label, "f1")
        for trained_on in ("real", "synthetic")
        for label in ("accuracy", "macro average")
    ]
    assert found == figures
    assert published_value(table, "real", "real", "accuracy", "support") == support


def test_table_2_2_sums_to_its_46_rows():
    lines = published_classes()
    lines = lines[lines["table"] == "2.2"]
    sums = lines[lines["label"].isin(["accuracy", "macro average", "weighted average"])]
    assert lines.drop(sums.index)["support"].sum() == 46
    assert published_value("2.2", "real", "real", "accuracy", "f1") == 0.70
    assert published_value("2.2", "real", "real", "macro average", "precision") == 0.68


def test_table_4_4():
    assert published_value("4.4", "synthetic", "synthetic", "accuracy", "f1") == 1.0
    assert published_value("4.4", "synthetic", "synthetic", "accuracy", "support") == 420
    assert published_value("4.4", "synthetic", "real", "accuracy", "f1") == 0.5


@pytest.mark.parametrize(
    ("table", "trained_on"), [("3.4", "real"), ("3.4", "synthetic"), ("2.2", "real")]
)
def test_classes_agree_with_their_macro_average(table, trained_on):
    lines = published_classes()
    lines = lines[(lines["table"] == table) & (lines["trained_on"] == trained_on)]
    classes = lines[~lines["label"].str.contains("average|accuracy")]
    for column in ("precision", "recall", "f1"):
        printed = published_value(table, trained_on, "real", "macro average", column)
        assert np.mean(classes[column]) == pytest.approx(printed, abs=0.011)


def test_what_is_not_printed_is_missing():
    assert pd.isna(published_value("3.1", "real", "synthetic", "accuracy", "f1"))
