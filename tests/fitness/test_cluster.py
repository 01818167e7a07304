"""Masks and folds on a real cluster: the scores of one process, and no waiting for the dead."""

import os
import signal

import numpy as np
import pytest
from joblib import delayed, parallel_config
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold

from vaega.core.errors import InputError
from vaega.fitness._cross_validated import (
    CrossValidatedFitness,
    WithoutNestedParallelism,
    client_of,
    count_workers,
    make_cluster_backend,
    make_parallel,
    prepare_folds,
    work_on,
)
from vaega.generative._samplers import SMOTE

pytest.importorskip("distributed", reason="needs the extra dask")


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def backend(client):
    return make_cluster_backend(client)


def prepared(two_clouds, n_jobs):
    X, y = two_clouds
    splits = list(StratifiedKFold(3).split(X, y))
    return prepare_folds(X, y, splits, sampler=SMOTE(n_per_class=5), seed=5, n_jobs=n_jobs)


def scored(folds, n_jobs):
    masks = np.random.default_rng(0).random((9, 12)) < 0.5
    forest, scorer = RandomForestClassifier(4, max_depth=3), get_scorer("neg_log_loss")
    with CrossValidatedFitness(forest, folds, scorer, seed=2, n_jobs=n_jobs) as fitness:
        first = fitness.evaluate(masks).scores.tobytes()
        return first, fitness.subset([2, 0]).evaluate(masks).scores.tobytes()


def test_folds_and_scores_are_those_of_one_process(two_clouds, backend):
    folds = prepared(two_clouds, 1)
    expected = scored(folds, 1)
    with work_on(backend):
        assert client_of(make_parallel(-1)) is backend.client
        assert count_workers(-1) == 2
        there = prepared(two_clouds, -1)
        assert scored(there, -1) == expected
    for fold, same in zip(there, folds, strict=True):
        assert fold.X_fit.tobytes() == same.X_fit.tobytes()


def test_what_a_library_user_gives_joblib_works_too(two_clouds, client):
    folds = prepared(two_clouds, 1)
    with parallel_config(backend="dask", client=client):
        assert scored(folds, -1) == scored(folds, 1)


def test_only_in_the_block_and_only_what_wants_several(backend):
    with work_on(backend):
        assert client_of(make_parallel(1)) is None
        assert count_workers(1) == 1
    assert client_of(make_parallel(2)) is None
    assert count_workers(2) == 2


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_that_kills_every_worker_is_an_error(backend):
    with work_on(backend), pytest.raises(InputError, match="the cluster could not complete"):
        make_parallel(-1)([delayed(die)()])


def nested_backend():
    from joblib.parallel import get_active_backend

    return type(get_active_backend()[0]).__name__


def test_a_worker_computes_alone(backend):
    with work_on(backend):
        assert make_parallel(-1)([delayed(WithoutNestedParallelism(nested_backend))()]) == [
            "SequentialBackend"
        ]
