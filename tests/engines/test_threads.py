"""Engines compute in as many threads as there are jobs, and in no more."""

import threading

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from vaega.data._splits import Fold
from vaega.fitness import _cross_validated as evaluation
from vaega.fitness._cross_validated import CrossValidatedFitness

CLASSIFIERS = [
    MLPClassifier((5, 3), max_iter=30),
    LogisticRegression(),
    KNeighborsClassifier(3),
]


@pytest.fixture
def fold(rng):
    X, y = rng.normal(size=(60, 40)), np.repeat([0, 1], 30)
    return Fold(X[::2], y[::2], X[1::2], y[1::2], np.arange(40), 30)


@pytest.fixture
def counted(monkeypatch):
    """Record, at every call of an engine, which threads compute and how many BLAS would use."""
    seen = {"threads": set(), "at once": 0, "blas": set()}
    lock, score = threading.Lock(), evaluation.score_fold
    busy = set()

    def watched(*arguments):
        own = threading.get_ident()
        with lock:
            busy.add(own)
            seen["threads"].add(own)
            seen["at once"] = max(seen["at once"], len(busy))
            seen["blas"] |= {library["num_threads"] for library in threadpool_info()}
        try:
            return score(*arguments)
        finally:
            with lock:
                busy.discard(own)

    monkeypatch.setattr(evaluation, "score_fold", watched)
    return seen


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.parametrize("n_jobs", [1, 2, 8])
def test_no_more_threads_than_jobs(classifier, n_jobs, fold, counted, rng):
    masks = rng.random((64, 40)) < 0.5
    fitness = CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"), n_jobs=n_jobs)
    with threadpool_limits(3):
        fitness(masks)
    assert 1 <= counted["at once"] <= n_jobs
    assert len(counted["threads"]) <= n_jobs
    assert counted["blas"] == {1}


@pytest.mark.parametrize("backend", ["threading", "loky", "sequential"])
def test_a_backend_of_the_users_choice_gives_the_same_scores(backend, fold, rng):
    masks = rng.random((24, 40)) < 0.5
    for classifier in CLASSIFIERS:
        alone = CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"))
        with (
            parallel_config(backend=backend, n_jobs=2),
            CrossValidatedFitness(classifier, [fold], get_scorer("accuracy")) as spread,
        ):
            np.testing.assert_array_equal(spread(masks), alone(masks))


def test_of_several_errors_the_first_masks_is_raised(fold, rng, monkeypatch):
    masks = rng.random((64, 40)) < 0.5

    def fails(spec, fold, own, seeds):
        index = np.flatnonzero((masks == own[0]).all(axis=1))[0]
        raise RuntimeError(f"mask {index}")

    monkeypatch.setattr(evaluation, "score_fold", fails)
    for _ in range(20):
        fitness = CrossValidatedFitness(CLASSIFIERS[0], [fold], get_scorer("accuracy"), n_jobs=4)
        with pytest.raises(RuntimeError, match=r"mask 0$"):
            fitness(masks)
