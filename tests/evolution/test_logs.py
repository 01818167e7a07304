import csv
import sys
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.evolution.algorithms.problems import generational, planted
from vaega.core.errors import MissingExtraError, ResultsError
from vaega.evolution._checkpoint import SaveCheckpoint, load_checkpoint, restore_callbacks
from vaega.evolution._evolution import evolve
from vaega.evolution._logs import KeepHistory, LogToCSV, LogToMLflow


@pytest.fixture
def whole(tmp_path):
    """Return the log and the last state of six generations that nothing interrupted."""
    path = tmp_path / "whole.csv"
    state = evolve(generational(), planted, n_generations=6, callbacks=[LogToCSV(path)])
    return path, state


def state_after(n_generations):
    return evolve(generational(), planted, n_generations=n_generations)


def go_on(state, log, n_generations=6):
    algorithm = generational()
    algorithm.restore(state)
    return evolve(algorithm, planted, n_generations=n_generations, callbacks=[log])


def test_one_row_a_generation_to_the_bit(whole):
    path, state = whole
    head, *rows = csv.reader(path.read_text().splitlines())
    assert head == list(state.history[0])
    assert [[float(cell) for cell in row] for row in rows] == [
        [float(record[key]) for key in head] for record in state.history
    ]


def test_each_row_is_there_when_the_generation_is_over(tmp_path):
    lengths = []

    class Look(LogToCSV):
        def on_generation(self, algorithm):
            super().on_generation(algorithm)
            lengths.append(len(self.path.read_text().splitlines()))

    evolve(generational(), planted, n_generations=3, callbacks=[Look(tmp_path / "log.csv")])
    assert lengths == [2, 3, 4]


@pytest.mark.parametrize("restored", [1, 3, 5])
@pytest.mark.parametrize("cut", [0, 7])
def test_resumed_the_file_is_that_of_a_whole_one(tmp_path, whole, restored, cut):
    path = tmp_path / "log.csv"
    evolve(generational(), planted, n_generations=5, callbacks=[LogToCSV(path)])
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) - cut])  # a crash cut the last row
    go_on(state_after(restored), LogToCSV(path))
    assert path.read_bytes() == whole[0].read_bytes()


def test_resumed_after_the_last_generation(tmp_path, whole):
    path = tmp_path / "log.csv"
    go_on(state_after(6), LogToCSV(path))
    assert path.read_bytes() == whole[0].read_bytes()


def test_a_new_evolution_begins_anew(whole):
    path, _ = whole
    evolve(generational(seed=5), planted, n_generations=2, callbacks=[LogToCSV(str(path))])
    assert len(path.read_text().splitlines()) == 3


def told(*records):
    return SimpleNamespace(state=SimpleNamespace(history=records))


def test_records_that_change_or_gain_keys(tmp_path):
    log = LogToCSV(tmp_path / "log.csv")
    log.on_start(told())
    first, second = {"generation": 1, "best": 0.5}, {"generation": 2, "best": 0.6}
    log.on_generation(told(first))
    log.on_generation(told(first, second))
    third = {"generation": 3, "best": 0.6, "rate": 0.25}
    log.on_generation(told(first, {**second, "best": 0.7}, third))
    assert log.path.read_text() == "generation,best,rate\n1,0.5,\n2,0.7,\n3,0.6,0.25\n"


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    log = LogToCSV(tmp_path / "file" / "a.csv")
    with pytest.raises(ResultsError, match="cannot be written"):
        evolve(generational(), planted, n_generations=1, callbacks=[log])


def test_the_history_is_kept_over_a_resume():
    log = KeepHistory()
    state = evolve(generational(), planted, n_generations=4, callbacks=[log])
    assert log.to_frame()["best"].tolist() == [record["best"] for record in state.history]
    resumed = KeepHistory()
    go_on(state_after(2), resumed, n_generations=4)
    pd.testing.assert_frame_equal(resumed.to_frame(), log.to_frame())
    evolve(generational(), planted, n_generations=1, callbacks=[log])
    assert len(log.records) == 1


class Server:
    """As much of MLflow as the callback uses."""

    def __init__(self):
        self.metrics, self.experiments, self.names, self.ended = {}, {}, {}, []

    def get_experiment_by_name(self, name):
        known = self.experiments.get(name)
        return None if known is None else SimpleNamespace(experiment_id=known)

    def create_experiment(self, name):
        self.experiments[name] = f"e{len(self.experiments)}"
        return self.experiments[name]

    def create_run(self, experiment_id, run_name=None):
        run_id = f"r{len(self.metrics)}"
        self.metrics[run_id], self.names[run_id] = [], (experiment_id, run_name)
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def log_batch(self, run_id, metrics=()):
        self.metrics[run_id] += metrics

    def get_metric_history(self, run_id, key):
        return [metric for metric in self.metrics[run_id] if metric.key == key]

    def set_terminated(self, run_id):
        self.ended.append(run_id)


@pytest.fixture
def server(monkeypatch):
    server = Server()

    def metric(key, value, timestamp, step):
        return SimpleNamespace(key=key, value=value, timestamp=timestamp, step=step)

    fake = SimpleNamespace(
        MlflowClient=lambda tracking_uri=None: server,
        entities=SimpleNamespace(Metric=metric),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    return server


def test_mlflow_gets_each_generation_once(server):
    log = LogToMLflow("wine", "first")
    state = evolve(generational(), planted, n_generations=3, callbacks=[log])
    best = server.get_metric_history(log.run_id_, "best")
    assert [(m.step, m.value) for m in best] == [
        (r["generation"], r["best"]) for r in state.history
    ]
    assert {m.key for m in server.metrics["r0"]} == set(state.history[0]) - {"generation"}
    assert server.names == {"r0": ("e0", "first")}
    assert server.ended == ["r0"]
    evolve(generational(), planted, n_generations=1, callbacks=[LogToMLflow("wine")])
    assert server.names["r1"] == ("e0", None)


def test_mlflow_resumed_goes_on_in_its_run(server, tmp_path):
    path, log = tmp_path / "state.npz", LogToMLflow()
    hooks = [log, SaveCheckpoint(path, seconds=0, callbacks=[log])]
    evolve(generational(), planted, n_generations=4, callbacks=hooks)
    state, extra = load_checkpoint(path)
    earlier = state_after(2)  # the checkpoint is older than what was logged
    assert state.generation == 4
    again = LogToMLflow()
    restore_callbacks([again], extra)
    go_on(replace(earlier), again)
    assert list(server.metrics) == ["r0"]
    assert [m.step for m in server.get_metric_history("r0", "best")] == [1, 2, 3, 4, 5, 6]


def test_mlflow_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"LogToMLflow: needs .* 'mlflow', .* extra mlflow"):
        evolve(generational(), planted, n_generations=1, callbacks=[LogToMLflow()])
