"""Nearest neighbours of a device answer as the compiled engine does."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tests.fitness.population.batched.agreement import (
    CPU,
    assert_agreement,
    assert_values,
    masks_of,
    split_rows,
)
from tests.fitness.population.test_mlp import rows_of
from vaega.fitness.folds import Fold
from vaega.fitness.population import neighbours as compiled
from vaega.fitness.population.batched import memory
from vaega.fitness.population.batched.neighbours import respond

NAMES = ["breast_cancer", "wine", "digits"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 4, 5])
def test_predictions_are_the_compiled_engines(name, weights, k, rng):
    fold = split_rows(*rows_of(name, 240))
    masks = masks_of(fold, 40, rng)
    classifier = KNeighborsClassifier(k, weights=weights)
    decided = 1.0 if weights == "uniform" else 0.9  # a device leaves equal rows to scikit-learn
    assert_agreement(respond, classifier, fold, masks, equal=1.0, decided=decided)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_probabilities_are_the_compiled_engines(name, weights, rng):
    fold = split_rows(*rows_of(name))
    classifier = KNeighborsClassifier(weights=weights)
    assert_values(respond, classifier, fold, masks_of(fold, 20, rng), "probabilities")


@pytest.mark.parametrize("need", ["labels", "probabilities"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_ties_are_decided_only_where_they_cannot_matter(need, weights, rng):
    X, y = rng.integers(0, 3, size=(60, 8)).astype(float), np.arange(60) % 3
    fold, masks = Fold(X, y, X[:20], y[:20], np.arange(8), 60), rng.random((30, 8)) < 0.6
    masks[:, 0] = True
    classifier = KNeighborsClassifier(4, weights=weights)
    ours = respond(classifier, fold, masks, need=need, seeds=None, device=CPU)
    for row in np.flatnonzero(ours.decided):
        own = classifier.fit(X[:, masks[row]], y).predict(X[:20, masks[row]])
        np.testing.assert_array_equal(own, ours.codes[row])
    theirs = compiled.respond(classifier, fold, masks, need=need, seeds=None)
    if weights == "uniform":
        np.testing.assert_array_equal(ours.decided, theirs.decided)


def test_a_column_without_numbers_leaves_its_masks_to_scikit_learn(rng):
    X, y = rows_of("wine")
    X[3, 2] = np.nan
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks = masks_of(fold, 20, rng)
    classifier = KNeighborsClassifier(3)
    ours = respond(classifier, fold, masks, need="labels", seeds=None, device=CPU)
    theirs = compiled.respond(classifier, fold, masks, need="labels", seeds=None)
    np.testing.assert_array_equal(ours.decided, theirs.decided)
    assert not ours.decided[masks[:, 2]].any()


def test_chunks_change_nothing(rng, monkeypatch):
    fold = split_rows(*rows_of("wine"))
    masks = masks_of(fold, 20, rng)
    ask = {"need": "probabilities", "seeds": None, "device": CPU}
    whole = respond(KNeighborsClassifier(), fold, masks, **ask)
    monkeypatch.setattr(memory, "_ON_CPU", 1)
    parts = respond(KNeighborsClassifier(), fold, masks, **ask)
    np.testing.assert_array_equal(parts.values, whole.values)
