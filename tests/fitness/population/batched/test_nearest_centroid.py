"""Nearest centroids of a device answer as the compiled engine does."""

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from tests.fitness.population.batched.agreement import (
    CPU,
    assert_agreement,
    assert_values,
    masks_of,
    split_rows,
)
from tests.fitness.population.test_mlp import rows_of
from vaega.fitness.folds import Fold
from vaega.fitness.population import nearest_centroid as compiled
from vaega.fitness.population.batched import memory
from vaega.fitness.population.batched.nearest_centroid import respond

NAMES = ["breast_cancer", "wine", "digits"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("priors", ["uniform", "empirical"])
def test_predictions_are_the_compiled_engines(name, priors, rng):
    fold = split_rows(*rows_of(name, 300))
    masks = masks_of(fold, 40, rng)
    assert_agreement(respond, NearestCentroid(priors=priors), fold, masks, equal=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_are_the_compiled_engines(name, rng):
    fold = split_rows(*rows_of(name))
    assert_values(respond, NearestCentroid(), fold, masks_of(fold, 20, rng), "probabilities")


def test_decision_values_are_the_compiled_engines(rng):
    fold = split_rows(*rows_of("breast_cancer"))
    assert_values(respond, NearestCentroid(), fold, masks_of(fold, 20, rng), "ranking")


def test_columns_without_spread_or_numbers(rng):
    X, y = rows_of("wine")
    X[:, 1], X[3, 2] = 2.0, np.nan
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks = rng.random((20, X.shape[1])) < 0.5
    masks[:, 5:9] = True
    ours = respond(NearestCentroid(), fold, masks, need="labels", seeds=None, device=CPU)
    theirs = compiled.respond(NearestCentroid(), fold, masks, need="labels", seeds=None)
    np.testing.assert_array_equal(ours.decided, theirs.decided)
    assert not ours.decided[masks[:, 2]].any()
    for text, warned in theirs.warned.items():
        np.testing.assert_array_equal(ours.warned[text][ours.decided], warned[ours.decided])
        assert warned[ours.decided].any()


def test_chunks_change_next_to_nothing(rng, monkeypatch):
    fold = split_rows(*rows_of("wine"))
    masks = masks_of(fold, 20, rng)
    ask = {"need": "probabilities", "seeds": None, "device": CPU}
    whole = respond(NearestCentroid(), fold, masks, **ask)
    monkeypatch.setattr(memory, "_ON_CPU", 1)
    parts = respond(NearestCentroid(), fold, masks, **ask)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-9, atol=1e-12)
