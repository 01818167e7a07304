"""Gaussian naive Bayes of a device answers as the compiled engine does."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from tests.fitness.population.batched.agreement import (
    CPU,
    assert_agreement,
    assert_values,
    masks_of,
    split_rows,
)
from tests.fitness.population.test_mlp import rows_of
from vaega.fitness.folds import Fold
from vaega.fitness.population.batched import memory
from vaega.fitness.population.batched.naive_bayes import respond

NAMES = ["breast_cancer", "wine", "digits"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("smoothing", [1e-9, 0.1])
def test_predictions_are_the_compiled_engines(name, smoothing, rng):
    fold = split_rows(*rows_of(name, 300))
    masks = masks_of(fold, 40, rng)
    assert_agreement(respond, GaussianNB(var_smoothing=smoothing), fold, masks, equal=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_are_the_compiled_engines(name, rng):
    fold = split_rows(*rows_of(name))
    assert_values(respond, GaussianNB(), fold, masks_of(fold, 20, rng), "probabilities")


def test_weights_and_priors(rng):
    X, y = rows_of("wine")
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y), rng.random(len(y)) + 0.1)
    masks = masks_of(fold, 20, rng)
    assert_agreement(respond, GaussianNB(priors=[0.5, 0.2, 0.3]), fold, masks, equal=1.0)
    refused = respond(GaussianNB(priors=[1.0]), fold, masks, need="labels", seeds=None, device=CPU)
    assert not refused.decided.any()


def test_a_column_without_numbers_leaves_its_masks_to_scikit_learn(rng):
    X, y = rows_of("wine")
    X[3, 2] = np.nan
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks = masks_of(fold, 20, rng)
    decided = respond(GaussianNB(), fold, masks, need="labels", seeds=None, device=CPU).decided
    np.testing.assert_array_equal(decided, ~masks[:, 2])


def test_chunks_change_next_to_nothing(rng, monkeypatch):
    fold = split_rows(*rows_of("wine"))
    masks = masks_of(fold, 20, rng)
    ask = {"need": "probabilities", "seeds": None, "device": CPU}
    whole = respond(GaussianNB(), fold, masks, **ask)
    monkeypatch.setattr(memory, "_ON_CPU", 1)
    parts = respond(GaussianNB(), fold, masks, **ask)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-9, atol=1e-12)
