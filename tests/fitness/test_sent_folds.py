"""Folds on their way to the workers of a cluster: sent once, whole, and again when all are gone."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from vaega.data._folds import Fold
from vaega.fitness._folds import ClusterFolds, SentFolds


@pytest.fixture
def folds(rng):
    y = np.repeat([0, 1], 4)
    weights = rng.random(8)
    whole = Fold(rng.normal(size=(8, 3)), y, rng.normal(size=(8, 3)), y, np.arange(3), 8)
    weighted = Fold(
        rng.normal(size=(8, 3)), y, rng.normal(size=(8, 3)), y, np.arange(3), 8, weights, weights
    )
    return [whole, weighted]


def test_every_part_arrives(folds):
    there = pickle.loads(pickle.dumps(SentFolds(folds), protocol=5)).folds  # noqa: S301
    for fold, same in zip(folds, there, strict=True):
        for name in ("X_fit", "y_fit", "X_validate", "y_validate", "columns"):
            np.testing.assert_array_equal(getattr(fold, name), getattr(same, name))
            assert getattr(same, name).flags.owndata
        assert (fold.weight_fit is None) == (same.weight_fit is None)
        assert same.n_real == 8


class Client:
    def __init__(self):
        self.n_sent = 0

    def scatter(self, data, broadcast):
        assert broadcast
        self.n_sent += 1
        return [SimpleNamespace(status="finished", data=data[0])]


def test_they_are_sent_once_and_again_when_they_are_lost(folds):
    sent, client = ClusterFolds(folds), Client()
    future = sent.sent_to(client)
    assert sent.sent_to(client) is future
    future.status = "lost"
    assert sent.sent_to(client) is not future
    assert client.n_sent == 2
    sent.sent_to(Client())
    sent.close()
    sent.sent_to(client)
    assert client.n_sent == 3
