"""Runs under the thesis's protocols: what they record, and that every output says what it is."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from vaega.cli import main
from vaega.data._sources import load_bundled
from vaega.experiments.store import OPEN_COLUMNS, RUN_COLUMNS

CONFIG = {
    "name": "open",
    "dataset": {"source": "sklearn:breast_cancer"},
    "preprocess": ["standardize"],
    "protocol": {"kind": "as-run", "outer": "holdout", "synthetic_test_share": 0.3},
    "arms": {
        "original": {},
        "augmented": {
            "generator": {"kind": "vae", "hidden": [8], "latent": 2, "max_epochs": 5},
            "amount": 40,
        },
    },
    "fitness": {
        "classifier": "mlp",
        "hidden_layer_sizes": [5, 3],
        "activation": "tanh",
        "max_iter": 10,
        "random_state": 42,
        "metric": "accuracy",
        "objective": {"kind": "weighted", "alpha": 0.5},
    },
    "search": {
        "n_searches": 1,
        "guide": "none",
        "population_size": 8,
        "n_generations": 3,
        "initial_fraction": 0.3,
        "crossover": "two_point",
        "mutation": "bitflip",
    },
    "seeds": 2,
}


def run(folder, config=CONFIG, *arguments):
    path = folder / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return main(["run", str(path), "--results", str(folder / "results"), *arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open")
    assert run(folder) == 0
    return folder


def metrics_of(finished):
    files = sorted((finished / "results/open/runs").glob("*/metrics.json"))
    return [json.loads(file.read_text()) for file in files]


def test_runs_csv_has_the_thesis_figures_and_the_rows_of_the_fitness(finished):
    runs = pd.read_csv(finished / "results/open/runs.csv")
    assert tuple(runs.columns) == (*RUN_COLUMNS, *OPEN_COLUMNS, "protocol", "fitness_rows")
    assert set(runs["protocol"]) == {"as-run"}
    assert set(runs["fitness_rows"]) == {"the test rows and 30 % of the synthetic rows"}
    assert (runs["heldout_score"] == runs["elite_accuracy"]).all()
    assert (runs["optimism"] == 0.0).all()
    assert runs["population_accuracy"].between(0.0, 1.0).all()


def test_every_output_carries_the_line(finished, capsys):
    line = "Protocol as-run: fitness is computed on the test rows and 30 % of the synthetic rows"
    folder = finished / "results/open"
    assert line in (folder / "report.html").read_text()
    assert all(metrics["statement"].startswith(line) for metrics in metrics_of(finished))
    assert "fitness_rows" in pd.read_csv(folder / "summary.csv")
    assert main(["report", str(folder)]) == 0
    assert line in capsys.readouterr().out
    assert run(finished) == 0
    assert line in capsys.readouterr().out


def test_nothing_is_called_held_out(finished):
    page = (finished / "results/open/report.html").read_text()
    assert "test rows, seen" in page
    assert "held-out [95" not in page


def test_accuracies_are_counts_over_the_rows_of_the_fitness(finished):
    n_test = round(569 * 0.3)
    for metrics in metrics_of(finished):
        n_rows = n_test + (12 if metrics["elite_accuracy"] != metrics["elite_accuracy_real"] else 0)
        for value, n in (
            (metrics["elite_accuracy"], n_rows),
            (metrics["elite_accuracy_real"], n_test),
        ):
            assert min(abs(value * k - round(value * k)) for k in (n, n + 12)) < 1e-6


def test_the_history_has_accuracy_by_generation(finished):
    place = next((finished / "results/open/runs").glob("original-*"))
    history = pd.read_csv(place / "history.csv")
    metrics = json.loads((place / "metrics.json").read_text())
    assert len(history) == 3
    assert history["mean_accuracy"].iloc[-1] == pytest.approx(metrics["population_accuracy"])
    assert history["mean_n_features"].iloc[-1] == metrics["population_n_features"]


def test_all_features_accuracy_is_that_of_scikit_learn(finished):
    from vaega.experiments.config import ProtocolConfig
    from vaega.experiments.protocols import make_protocol

    data = load_bundled("breast_cancer")
    config = ProtocolConfig(kind="as-run", outer="holdout")
    trial = next(iter(make_protocol(config).trials(data, 0)))
    scaler = StandardScaler().fit(trial.X)
    network = MLPClassifier((5, 3), activation="tanh", max_iter=10, random_state=42)
    network.fit(scaler.transform(trial.X), trial.y)
    expected = network.score(scaler.transform(trial.X_test), trial.y_test)
    place = next((finished / "results/open/runs").glob("original-000-*"))
    metrics = json.loads((place / "metrics.json").read_text())
    assert metrics["all_features_accuracy"] == pytest.approx(expected, abs=0.012)


def test_a_first_selection_leaves_the_features_of_the_second(tmp_path):
    preselect = {"keep": 9, "n_searches": 2, "n_generations": 2, "initial_fraction": 0.5}
    search = CONFIG["search"] | {"preselect": preselect}
    protocol = {"kind": "as-described", "outer": "holdout"}
    config = CONFIG | {"name": "open", "search": search, "protocol": protocol, "seeds": 1}
    assert run(tmp_path, config) == 0
    for place in (tmp_path / "results/open/runs").iterdir():
        history = pd.read_csv(place / "history.csv")
        assert history["selection"].tolist() == [0, 0, 1, 1, 2, 2, 2]
        assert len(pd.read_csv(place / "selected.csv")) <= 9


def test_jobs_change_nothing(finished, tmp_path):
    assert run(tmp_path, CONFIG, "--jobs", "2") == 0
    one, two = (
        pd.read_csv(folder / "results/open/runs.csv").drop(columns="seconds")
        for folder in (finished, tmp_path)
    )
    pd.testing.assert_frame_equal(one, two)


def test_settings_that_do_nothing_are_refused(tmp_path, capsys):
    config = CONFIG | {"search": CONFIG["search"] | {"confirm": 3}}
    assert run(tmp_path, config) == 2
    assert "search.confirm has no effect with protocol as-run; remove it" in capsys.readouterr().err
    np.testing.assert_array_equal(list((tmp_path / "results").glob("*")), [])
