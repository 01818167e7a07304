"""Ridge classifiers of a device answer as the compiled engine does."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from tests.fitness.population.batched.agreement import (
    CPU,
    assert_agreement,
    assert_values,
    masks_of,
    split_rows,
)
from tests.fitness.population.test_mlp import rows_of
from vaega.fitness.folds import Fold
from vaega.fitness.population import ridge as compiled
from vaega.fitness.population.batched import memory
from vaega.fitness.population.batched.ridge import respond

NAMES = ["breast_cancer", "wine", "digits"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_rows", [300, 24])
@pytest.mark.parametrize("alpha", [1.0, 1e-3])
def test_predictions_are_the_compiled_engines(name, n_rows, alpha, rng):
    fold = split_rows(*rows_of(name, n_rows))
    masks = masks_of(fold, 40, rng)
    assert_agreement(respond, RidgeClassifier(alpha=alpha), fold, masks, equal=1.0)


@pytest.mark.parametrize("n_rows", [200, 24])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_decision_values_are_the_compiled_engines(n_rows, fit_intercept, rng):
    fold = split_rows(*rows_of("breast_cancer", n_rows))
    classifier = RidgeClassifier(fit_intercept=fit_intercept)
    assert_values(respond, classifier, fold, masks_of(fold, 20, rng), "ranking")


def test_weights(rng):
    X, y = rows_of("wine")
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y), rng.random(len(y)) + 0.1)
    classifier = RidgeClassifier(class_weight="balanced")
    assert_agreement(respond, classifier, fold, masks_of(fold, 20, rng), equal=1.0)


def test_a_column_without_numbers_leaves_its_masks_to_scikit_learn(rng):
    X, y = rows_of("wine")
    X[3, 2] = np.nan
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks = masks_of(fold, 20, rng)
    ours = respond(RidgeClassifier(), fold, masks, need="labels", seeds=None, device=CPU)
    theirs = compiled.respond(RidgeClassifier(), fold, masks, need="labels", seeds=None)
    np.testing.assert_array_equal(ours.decided, theirs.decided)
    assert not ours.decided[masks[:, 2]].any()


def test_chunks_change_next_to_nothing(rng, monkeypatch):
    fold = split_rows(*rows_of("breast_cancer", 24))
    masks = masks_of(fold, 20, rng)
    ask = {"need": "ranking", "seeds": None, "device": CPU}
    whole = respond(RidgeClassifier(), fold, masks, **ask)
    monkeypatch.setattr(memory, "_ON_CPU", 1)
    parts = respond(RidgeClassifier(), fold, masks, **ask)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-8, atol=1e-10)
