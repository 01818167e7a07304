"""The configurations that come with vaega."""

from pathlib import Path

import pytest

from vaega.cli import main
from vaega.experiments.config import load_configured, read_config
from vaega.experiments.protocols import HonestProtocol

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def test_all_six_are_here():
    assert {path.stem for path in CONFIGS} >= {
        "quickstart", "madelon", "leukemia", "gcm1363", "all_leukemia_yeoh6", "mnist49",
    }  # fmt: skip


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_is_valid_honest_and_has_both_arms(path):
    assert main(["check", str(path)]) == 0
    config = read_config(path)
    assert config.protocol.kind == "honest"
    assert {"original", "augmented"} <= set(config.arms)
    assert config.name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_fits_its_data(path, real_data, monkeypatch):
    monkeypatch.setenv("VAEGA_DATA", str(real_data))
    config = read_config(path)
    dataset = load_configured(config.dataset, beside=path.parent)
    trial = next(HonestProtocol(config.protocol).trials(dataset, 0))
    assert len(trial.inner) == config.protocol.inner_folds
    assert len(trial.X) + len(trial.test.open()[0]) == dataset.pooled().n_rows


def test_a_parameter_whose_name_is_taken_stands_under_parameters():
    from vaega.experiments.config import make_config
    from vaega.experiments.trial import classifier_of

    config = make_config(
        {
            "name": "x",
            "dataset": {"source": "sklearn:iris"},
            "fitness": {
                "classifier": "knn",
                "n_neighbors": 3,
                "metric": "accuracy",
                "parameters": {"metric": "manhattan"},
            },
        }
    )
    classifier = classifier_of(config.fitness)
    assert (classifier.n_neighbors, classifier.metric) == (3, "manhattan")
