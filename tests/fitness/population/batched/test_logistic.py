"""Logistic regressions of a device answer as the compiled engine does."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

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
from vaega.fitness.population.batched.logistic import respond

NAMES = ["breast_cancer", "wine", "digits"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_rows", [120, 24])
@pytest.mark.parametrize("settings", [{}, {"C": 100.0}, {"fit_intercept": False}], ids=str)
def test_predictions_are_the_compiled_engines(name, n_rows, settings, rng):
    fold = split_rows(*rows_of(name, n_rows))
    masks = masks_of(fold, 8 if name == "digits" else 24, rng)
    assert_agreement(respond, LogisticRegression(**settings), fold, masks)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_rows", [100, 24])
def test_probabilities_are_the_compiled_engines(name, n_rows, rng):
    fold = split_rows(*rows_of(name, n_rows))
    assert_values(respond, LogisticRegression(), fold, masks_of(fold, 12, rng), "probabilities")


@pytest.mark.parametrize("settings", [{}, {"solver": "liblinear", "intercept_scaling": 3.0}])
def test_decisions_are_the_compiled_engines(settings, rng):
    fold = split_rows(*rows_of("breast_cancer", 100))
    classifier = LogisticRegression(**settings)
    assert_values(respond, classifier, fold, masks_of(fold, 20, rng), "ranking")


def test_weights(rng):
    X, y = rows_of("wine")
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y), rng.random(len(y)) + 0.1)
    classifier = LogisticRegression(class_weight="balanced")
    assert_values(respond, classifier, fold, masks_of(fold, 20, rng), "probabilities")


def test_what_scikit_learn_has_to_say_itself(rng):
    X, y = rows_of("wine")
    masks = np.ones((2, X.shape[1]), dtype=bool)
    one_class = Fold(X, np.zeros(len(y)), X, y, np.arange(X.shape[1]), len(y))
    coarse = Fold(X.astype(np.float32), y, X, y, np.arange(X.shape[1]), len(y))
    for fold in (one_class, coarse):
        answers = respond(LogisticRegression(), fold, masks, need="labels", seeds=None, device=CPU)
        assert not answers.decided.any()


def test_chunks_change_next_to_nothing(rng, monkeypatch):
    fold = split_rows(*rows_of("wine", 60))
    masks = masks_of(fold, 12, rng)
    ask = {"need": "probabilities", "seeds": None, "device": CPU}
    whole = respond(LogisticRegression(), fold, masks, **ask)
    monkeypatch.setattr(memory, "_ON_CPU", 1)
    parts = respond(LogisticRegression(), fold, masks, **ask)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-8)
