"""Second law: a result depends on the configuration alone."""

import os
import random
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier

from vaega.cli import main
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

CONFIG = """
name: bits
dataset: {source: "sklearn:wine"}
preprocess: [standardize]
protocol: {outer: holdout, inner_folds: 3}
arms:
  original: {}
  augmented: {generator: {kind: vae, hidden: [16], latent: 4, max_epochs: 30}, n_synthetic: 30}
fitness: {classifier: mlp, hidden_layer_sizes: [5, 3], max_iter: 15}
search: {population_size: 6, n_generations: 2, n_searches: 2}
seeds: 2
"""


def run(folder, config, *arguments):
    assert main(["run", str(config), "--results", str(folder), *arguments]) == 0
    return contents(folder)


def run_by_itself(folder, config, **environment):
    """Run it in a process of its own, which has this environment from its start."""
    command = [sys.executable, "-m", "vaega.cli", "run", str(config), "--results", str(folder)]
    environment = os.environ | {"VAEGA_CACHE": str(folder / "cache")} | environment
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return contents(folder)


def contents(folder):
    table = pd.read_csv(folder / "bits" / "runs.csv", dtype=str)
    assert (table["status"] == "done").all()
    selected = sorted((folder / "bits" / "runs").glob("*/selected.csv"))
    histories = sorted((folder / "bits" / "runs").glob("*/history.csv"))
    files = b"".join(path.read_bytes() for path in selected + histories)
    return table.drop(columns="seconds").to_csv().encode() + files


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "bits.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def reference(config, tmp_path_factory):
    threads = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "2")
    return run_by_itself(tmp_path_factory.mktemp("reference"), config, **threads)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path / "cache"))


def test_other_threads_and_hash_seed_give_the_same_bits(tmp_path, config, reference):
    threads = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
    assert run_by_itself(tmp_path, config, **threads, PYTHONHASHSEED="7") == reference


def test_processes_over_runs_give_the_same_bits(tmp_path, config, reference, own_cache):
    assert run(tmp_path, config, "--jobs", "2") == reference


def test_processes_within_a_run_give_the_same_bits(tmp_path, config):
    one = ["--set", "seeds=[1]", "--set", "arms={original: {}}", "--set", "protocol.final=false"]
    alone = run(tmp_path / "a", config, *one)
    assert run(tmp_path / "b", config, *one, "--jobs", "2") == alone


def test_a_cached_generator_changes_nothing(tmp_path, config, reference, own_cache):
    assert run(tmp_path / "cold", config) == reference
    assert run(tmp_path / "warm", config) == reference


def test_an_arm_alone_gives_what_it_gives_beside_others(tmp_path, config, reference):
    run(tmp_path, config, "--set", "arms={original: {}}")
    table = pd.read_csv(tmp_path / "bits" / "runs.csv", dtype=str).drop(columns="seconds")
    assert table.to_csv().encode().splitlines()[1:3] == reference.splitlines()[1:3]


def test_global_random_states_are_left_alone(tmp_path, config):
    import torch

    before = (
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - watched only
        torch.get_rng_state().tolist(),
    )
    assert main(["run", str(config), "--results", str(tmp_path), "--set", "seeds=1"]) == 0
    after = (
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    )
    assert before == after


CLASSIFIERS = {
    "mlp": MLPClassifier((6, 4), max_iter=8),
    "forest": RandomForestClassifier(5, max_depth=3),
}


def prepared(n_jobs):
    """Return folds with rows of an autoencoder, and masks."""
    from vaega import VAE, GenerativeSampler

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    X = rng.normal(size=(60, 12)) + y[:, None] * (np.arange(12) < 2)
    sampler = GenerativeSampler(
        VAE(hidden=(8,), latent=2, max_epochs=4), n_per_class=10, cache=None
    )
    splits = list(StratifiedKFold(3).split(X, y))
    folds = prepare_folds(X, y, splits, sampler=sampler, seed=5, n_jobs=n_jobs)
    return folds, rng.random((9, 12)) < 0.5


def scored(folds, masks, classifier, n_jobs):
    scorer = get_scorer("neg_log_loss")
    with CrossValidatedFitness(classifier, folds, scorer, seed=2, n_jobs=n_jobs) as fitness:
        evaluation = fitness.evaluate(masks)
    return evaluation.scores.tobytes(), evaluation.warned


@pytest.fixture(scope="module")
def alone():
    folds, masks = prepared(1)
    scores = {name: scored(folds, masks, one, 1) for name, one in CLASSIFIERS.items()}
    return folds, masks, scores


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize(
    ("backend", "n_jobs"), [("loky", 2), ("loky", 3), ("threading", 2), ("threading", 8)]
)
def test_backends_and_processes_give_the_same_scores(alone, classifier, backend, n_jobs):
    folds, masks, scores = alone
    with joblib.parallel_config(backend=backend):
        assert scored(folds, masks, CLASSIFIERS[classifier], n_jobs) == scores[classifier]
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):  # the caller's choice
        assert scored(folds, masks, CLASSIFIERS[classifier], None) == scores[classifier]


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), ("threading", 8)])
def test_backends_and_processes_give_the_same_rows(alone, backend, n_jobs):
    with joblib.parallel_config(backend=backend):
        folds, _ = prepared(n_jobs)
    for fold, expected in zip(folds, alone[0], strict=True):
        assert fold.X_fit.tobytes() == expected.X_fit.tobytes()
