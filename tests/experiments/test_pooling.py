"""Scores of predictions of all trials together, where each trial holds out a row or a group."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from vaega.cli import main
from vaega.experiments.pooling import POOLED_NOTE, pooled_score
from vaega.experiments.store import Store

CONFIG = {
    "name": "loo",
    "dataset": {"source": "table.csv", "target": "class"},
    "protocol": {"outer": "leave-one-out", "inner_folds": 2, "final": False},
    "arms": {
        "original": {},
        "jitter": {"generator": {"kind": "jitter"}, "amount": 6},
        "f_test": {"selector": {"kind": "f_classif", "size": 2}},
    },
    "fitness": {"classifier": "gaussian_nb", "metric": "roc_auc"},
    "search": {"population_size": 4, "n_generations": 1, "n_searches": 1, "elite": 0},
    "seeds": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("loo"), np.random.default_rng(0)
    labels = np.tile([0, 1], 6)
    table = pd.DataFrame(rng.normal(size=(12, 4)) + labels[:, None]).add_prefix("g")
    table["class"] = np.array(["a", "b"])[labels]
    table.to_csv(folder / "table.csv", index=False)
    (folder / "loo.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    assert main(["run", str(folder / "loo.yaml"), "--results", str(folder / "results")]) == 0
    return folder / "results" / "loo"


def test_the_score_of_a_run_is_that_of_all_its_predictions(folder):
    for record in Store(folder).done():
        predictions, metrics = record.predictions(), record.metrics
        assert sorted(predictions["row"]) == list(range(12))
        expected = roc_auc_score(predictions["label"], predictions["probability_1"])
        assert metrics["heldout_score"] == pytest.approx(expected)
        assert metrics["pooled"]
        rows = [figures["n_rows"] for figures in metrics["classes"]]
        assert rows == [6, 6]
        assert ("heldout_real" in metrics) == (record.config["arm"]["name"] == "jitter")


def test_pooled_scores_have_no_interval_and_say_so(folder, capsys):
    summary = pd.read_csv(folder / "summary.csv")
    assert summary["heldout_mean"].between(0.0, 1.0).all()
    assert summary[["heldout_low", "heldout_high"]].isna().all(axis=None)
    assert main(["report", str(folder)]) == 0
    assert POOLED_NOTE.split(". ")[0] in " ".join(capsys.readouterr().out.split())


def test_arms_are_compared_by_runs_not_by_rows(folder, capsys):
    assert main(["compare", str(folder)]) == 0
    assert "over 1 pair" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metric", "score"), [("balanced_accuracy", balanced_accuracy_score), ("accuracy", None)]
)
def test_metrics_of_predictions(metric, score):
    table = pd.DataFrame({"label": [0, 0, 1, 1, 1], "prediction": [0, 1, 1, 1, 0]})
    expected = 0.6 if score is None else score(table["label"], table["prediction"])
    assert pooled_score(table, metric) == pytest.approx(expected)
