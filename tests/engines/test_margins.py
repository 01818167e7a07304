"""Predictions, their margins, and probabilities."""

import numpy as np
from sklearn.utils.extmath import softmax

from vaega.engines._base import classify, softmax_of_scores


def test_a_margin_has_to_exceed_the_doubts_of_both_scores():
    scores = np.array([[[0.0, 1.0, 2.0]], [[2.0, 1.0, 0.0]], [[np.nan, 1.0, 0.0]]])
    codes, decided = classify(scores, np.array([0.4, 0.6, 0.0]))
    assert codes[:2].tolist() == [[2], [0]]
    assert decided.tolist() == [True, False, False]


def test_one_score_is_of_the_second_class_if_positive():
    codes, decided = classify(np.array([[[0.0]], [[1.0]], [[-1.0]]]), np.array([0.0, 0.5, np.inf]))
    assert codes.tolist() == [[0], [1], [0]]
    assert decided.tolist() == [False, True, False]


def test_probabilities_are_those_of_scikit_learn(rng):
    scores = rng.normal(size=(3, 4, 5)) * 100.0
    for own, other in zip(softmax_of_scores(scores), scores, strict=True):
        np.testing.assert_allclose(own, softmax(other), rtol=1e-12)
