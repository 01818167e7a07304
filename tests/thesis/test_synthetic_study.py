import numpy as np
import pytest

from vaega.core.files import read_json
from vaega.data._dataset import Dataset
from vaega.data._sources import load_dataset
from vaega.thesis import chapter3 as synthetic_study
from vaega.thesis.chapter3 import (
    Effort,
    Network,
    SyntheticTask,
    complete_tasks,
    measure_task,
    plan_task,
)
from vaega.thesis.reproduction import Request


@pytest.fixture
def wine(monkeypatch):
    dataset = load_dataset("sklearn:wine")
    monkeypatch.setattr(synthetic_study, "load_thesis_dataset", lambda name: dataset)
    return dataset


@pytest.fixture
def request_(tmp_path):
    return Request(tmp_path, n_runs=2)


def test_the_mlp_learns_from_real_and_from_good_synthetic_rows(wine, request_):
    lines = complete_tasks("gcm", ["class_gaussian"], [200], request_)
    sums = lines[(lines["label"] == "accuracy") & (lines["tested_on"] == "real")]
    assert sums["trained_on"].tolist() == ["real", "synthetic"] * 2
    assert (sums["f1"] > 0.85).all()
    assert set(lines["label"]) == {*wine.class_names, "accuracy", "macro average"}
    assert (lines["n_test"] == 53).all()


def test_what_is_finished_is_not_computed_again(wine, request_, monkeypatch):
    first = complete_tasks("gcm", ["class_gaussian"], [60], request_)
    monkeypatch.setattr(synthetic_study, "measure_task", None)
    assert complete_tasks("gcm", ["class_gaussian"], [60], request_).equals(first)


def test_processes_change_nothing(wine, tmp_path):
    found = [
        complete_tasks("gcm", ["smote"], [60], Request(tmp_path / str(jobs), n_runs=2, jobs=jobs))
        for jobs in (1, 2)
    ]
    assert found[0].drop(columns="seconds").equals(found[1].drop(columns="seconds"))


def test_a_failure_is_a_line_with_its_sentence_and_is_tried_again(wine, request_, monkeypatch):
    def fail(*given):
        raise ValueError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(synthetic_study, "draw_synthetic", fail)
        lines = complete_tasks("gcm", ["smote"], [60], request_)
    assert lines["label"].tolist() == ["failed", "failed"]
    assert lines["error"].unique().tolist() == ["ValueError: no luck"]
    assert "failed" not in set(complete_tasks("gcm", ["smote"], [60], request_)["label"])


def test_a_generator_that_forgets_a_class_is_said_so(wine, request_, monkeypatch):
    monkeypatch.setattr(
        synthetic_study, "draw_synthetic", lambda *given: (np.zeros((9, 13)), np.zeros(9, int))
    )
    lines = complete_tasks("gcm", ["smote"], [9], request_)
    assert "got 0 of 'class_1' among 9." in lines["error"].iloc[0]


def test_a_run_says_what_it_was(wine, request_):
    complete_tasks("gcm", ["smote"], [60], request_)
    folder = next((request_.out / "runs" / "synthetic" / "runs").iterdir())
    config = read_json(folder / "config.json")
    assert (config["protocol"], config["n_drawn"]) == ("honest", 60)
    assert "torch" in read_json(folder / "environment.json")["packages"]


@pytest.fixture
def parted(two_clouds):
    X, _ = two_clouds
    y = np.tile([0, 1], 30)
    return Dataset.from_arrays(X[:40], y[:40], X_test=X[40:], y_test=y[40:])


def shown_to(generator, dataset, monkeypatch, tmp_path):
    seen = []
    plain = synthetic_study.draw_synthetic

    def draw(name, rows, *rest):
        seen.append(rows)
        return plain("smote", rows, *rest)

    monkeypatch.setattr(synthetic_study, "draw_synthetic", draw)
    task = plan_task("madelon", dataset, generator, 40, 0, Request(tmp_path))
    return measure_task(task, dataset), seen[0]


def test_the_public_code_fits_on_the_official_parts(parted, monkeypatch, tmp_path):
    _, rows = shown_to("thesis_code", parted, monkeypatch, tmp_path)
    assert np.array_equal(rows.X, parted.X)
    assert np.array_equal(rows.X_around, parted.X_test)


@pytest.mark.parametrize("generator", ["thesis_text", "calibrated"])
def test_others_see_the_fit_rows_of_the_split(generator, parted, monkeypatch, tmp_path):
    metrics, rows = shown_to(generator, parted, monkeypatch, tmp_path)
    assert (len(rows.X), len(rows.X_around)) == (metrics["n_fit"], metrics["n_test"]) == (42, 18)
    fit, test = ({row.tobytes() for row in part} for part in (rows.X, rows.X_around))
    assert not fit & test


def test_an_effort_takes_some_rows_and_columns(parted, tmp_path):
    run = plan_task("madelon", parted, "smote", 20, 0, Request(tmp_path)).run
    effort = Effort(1, max_rows=30, max_columns=5)
    metrics = measure_task(SyntheticTask("madelon", run, 20, Network("thesis"), effort), parted)
    assert metrics["n_columns"] == 5
    assert metrics["n_fit"] + metrics["n_test"] == 30
