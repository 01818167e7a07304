import json

import pytest

from vaega.core.files import read_json
from vaega.data._sources import load_dataset
from vaega.experiments import baselines as runner
from vaega.experiments.baselines import (
    BaselineSettings,
    complete_baselines,
    loadable_sources,
    plan_tasks,
)
from vaega.experiments.store import Store

MODELS = ["lda", "gaussian_nb"]


@pytest.fixture
def counted(monkeypatch):
    calls = []
    plain = runner.evaluate
    monkeypatch.setattr(
        runner, "evaluate", lambda model, *rest: (calls.append(model.name), plain(model, *rest))[1]
    )
    return calls


def test_what_is_finished_is_not_computed_again(tmp_path, counted):
    lines = []
    for _ in range(2):
        tasks, unloaded = complete_baselines(["sklearn:iris"], MODELS, tmp_path, tell=lines.append)
    assert counted == MODELS
    assert not unloaded
    assert "2 of 2 were finished before" in lines[-1]
    assert all(Store(tmp_path).is_done(task.run.id) for task in tasks)


def test_a_failure_is_recorded_with_its_sentence_and_tried_again(tmp_path, monkeypatch):
    def fail(*given):
        raise ValueError("out of\n luck")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "evaluate", fail)
        tasks, _ = complete_baselines(["sklearn:iris"], MODELS, tmp_path)
    metrics = Store(tmp_path).metrics(tasks[0].run.id)
    assert metrics["status"] == "failed"
    assert metrics["error"] == "ValueError: out of luck"
    complete_baselines(["sklearn:iris"], MODELS, tmp_path)
    assert Store(tmp_path).is_done(tasks[0].run.id)


def test_a_dataset_that_does_not_load_keeps_no_other_from_running(tmp_path):
    tasks, unloaded = complete_baselines(["no_such", "sklearn:iris"], ["lda"], tmp_path)
    assert list(unloaded) == ["no_such"]
    assert unloaded["no_such"].startswith("load_dataset: no dataset is called 'no_such'")
    assert [task.run.dataset for task in tasks] == ["iris"]


def test_processes_change_nothing_but_the_time(tmp_path):
    found = []
    for jobs in (1, 2):
        tasks, _ = complete_baselines(["sklearn:iris"], MODELS, tmp_path / str(jobs), jobs=jobs)
        metrics = [Store(tmp_path / str(jobs)).metrics(task.run.id) for task in tasks]
        for content in metrics:
            content.pop("seconds")
        found.append(metrics)
    assert found[0] == found[1]


def test_an_id_depends_on_all_that_the_result_does():
    iris = load_dataset("sklearn:iris")
    ids = {
        task.run.id
        for settings in (BaselineSettings(), BaselineSettings(n_folds=3))
        for task in plan_tasks("sklearn:iris", iris, MODELS, settings, [0, 1])
    }
    assert len(ids) == 8


def test_a_run_says_with_what_it_was_computed(tmp_path):
    (task,), _ = complete_baselines(["sklearn:iris"], ["lda"], tmp_path)
    folder = Store(tmp_path).run_folder(task.run.id)
    assert read_json(folder / "config.json")["grid"]["model__solver"] == ["lsqr"]
    assert "scikit-learn" in read_json(folder / "environment.json")["packages"]
    json.loads((folder / "metrics.json").read_text())


def test_the_network_is_not_asked_for_unless_named(monkeypatch):
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    assert not [source for source in loadable_sources() if source.startswith("openml")]
    assert "gisette" not in loadable_sources()
