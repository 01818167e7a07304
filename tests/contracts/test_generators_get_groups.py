"""Rows that belong together are never on both sides of what a generator holds out to stop by."""

import numpy as np
import pytest

from vaega import Dataset
from vaega.experiments import tuning
from vaega.experiments.config import make_config
from vaega.experiments.protocols import HonestProtocol
from vaega.experiments.run import run_experiment
from vaega.experiments.tuning import Objective
from vaega.generative._samplers import GenerativeSampler
from vaega.report._quality import measure_arms

GENERATOR = {"kind": "class_gaussian"}
ARMS = {
    "searched": {"generator": GENERATOR, "n_synthetic": 6},
    "ranked": {
        "generator": GENERATOR,
        "n_synthetic": 6,
        "selector": {"kind": "f_classif", "size": 3},
    },
    "gated": {"generator": GENERATOR, "n_synthetic": "auto", "candidates": [GENERATOR]},
}


@pytest.fixture
def data(rng):
    y = np.tile(np.repeat([0, 1], 2), 15)
    X = rng.normal(size=(60, 6)) + y[:, None] * np.r_[2.0, 1.0, np.zeros(4)]
    return Dataset.from_arrays(X, y, groups=np.arange(60) // 2)


@pytest.fixture
def given(monkeypatch):
    """Return the groups that came with the rows of each fit."""
    fit_resample, found = GenerativeSampler.fit_resample, []

    def recorded(self, X, y, *, groups=None):
        found.append((len(y), groups))
        return fit_resample(self, X, y, groups=groups)

    monkeypatch.setattr(GenerativeSampler, "fit_resample", recorded)
    return found


def config(arms):
    return make_config(
        {
            "name": "grouped",
            "dataset": {"source": "made here"},
            "protocol": {"outer": "holdout", "inner_folds": 3},
            "arms": arms,
            "fitness": {"classifier": "gaussian_nb"},
            "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
            "seeds": 1,
        }
    )


def check(given):
    assert given
    for n_rows, groups in given:
        assert groups is not None
        assert len(groups) == n_rows
        assert len(np.unique(groups)) == n_rows // 2


@pytest.mark.parametrize("arm", ARMS)
def test_in_an_experiment(tmp_path, data, given, arm):
    runs, _ = run_experiment(config({arm: ARMS[arm]}), data, tmp_path)
    assert list(runs["status"]) == ["done"]
    check(given)


def test_in_a_measurement_of_quality(data, given):
    measure_arms(config({"searched": ARMS["searched"]}), data, cache=None)
    check(given)


@pytest.mark.parametrize("kind", ["score", "elbo"])
def test_in_tuning(data, given, kind, monkeypatch):
    fit_model = tuning.fit_model

    def recorded(model, X, y, *, cache, groups=None):
        given.append((len(y), groups))
        return fit_model(model, X, y, cache=cache, groups=groups)

    monkeypatch.setattr(tuning, "fit_model", recorded)
    settings = config({"searched": ARMS["searched"]})
    trial = next(iter(HonestProtocol(settings.protocol).trials(data, 0)))
    Objective(settings, trial, kind, 2).measure(settings.arms["searched"])
    check(given)
