"""Scores of forms, and bounds of the directions between means."""

import numpy as np
import pytest

from vaega.engines._linear_forms import bound_directions, score_rows


@pytest.mark.parametrize("n_classes", [2, 3, 14])
def test_scores_are_forms_less_half_of_the_means_own(n_classes, rng):
    answers = rng.normal(size=(4, n_classes + 5, n_classes))
    constants = rng.normal(size=n_classes)
    own = np.einsum("mkk->mk", answers[:, :n_classes])
    expected = answers[:, n_classes:] - 0.5 * own[:, None] + constants
    scores = np.empty((4, 5, n_classes))
    score_rows(answers, constants, scores)
    np.testing.assert_allclose(scores, expected, atol=1e-14)
    if n_classes == 2:
        single = np.empty((4, 5, 1))
        score_rows(answers, constants, single)
        np.testing.assert_array_equal(single[:, :, 0], scores[:, :, 1] - scores[:, :, 0])


@pytest.mark.parametrize("n_classes", [2, 3, 14])
def test_no_direction_is_shorter_than_the_bound(n_classes, rng):
    priors = rng.dirichlet(np.ones(n_classes))
    roots, means = 3.0 * np.sqrt(priors), rng.normal(size=(20, n_classes, 30))
    means -= (priors[:, None] * means).sum(axis=1, keepdims=True)
    between, bounds = means @ means.transpose(0, 2, 1), np.empty((20, 2))
    bound_directions(between, roots, bounds)
    lengths = np.linalg.eigvalsh(between * roots[:, None] * roots)
    assert (bounds[:, 0] > 0.0).all()
    assert (bounds[:, 0] <= lengths[:, 1] * (1.0 + 1e-9)).all()
    assert (bounds[:, 0] >= lengths[:, 1] / (n_classes + 1)).all()
    assert (bounds[:, 1] >= lengths[:, -1] * (1.0 - 1e-9)).all()


def test_equal_means_have_no_bound():
    bounds = np.empty((1, 2))
    bound_directions(np.zeros((1, 3, 3)), np.ones(3), bounds)
    np.testing.assert_array_equal(bounds, 0.0)
