import numpy as np
import pytest
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from vaega.fitness._cross_validated import CrossValidatedFitness
from vaega.fitness._folds import prepare_folds
from vaega.selection._search import SearchScores

MASKS = np.random.default_rng(3).random((12, 12)) < 0.4
MASKS[:, 0] = True


@pytest.fixture
def partition_of(two_clouds):
    X, y = two_clouds

    def make(number):
        splits = StratifiedKFold(5, shuffle=True, random_state=number).split(X, y)
        return CrossValidatedFitness(
            GaussianNB(), prepare_folds(X, y, list(splits), seed=number), get_scorer("accuracy")
        )

    return make


WAYS = [{}, {"racing": 0.5}, {"fresh": True}, {"fresh": True, "racing": 0.5}]


def test_without_options_it_is_the_mean_over_the_folds(partition_of):
    scores = SearchScores(partition_of, 12)
    np.testing.assert_array_equal(scores(MASKS), partition_of(0)(MASKS))
    np.testing.assert_array_equal(scores.fold_scores(MASKS), partition_of(0).score_folds(MASKS))
    assert scores.n_fits == 5 * scores.n_distinct == 60


def test_fresh_folds_are_others_each_generation(partition_of):
    scores = SearchScores(partition_of, 12, fresh=True)
    first, second = scores(MASKS), scores(MASKS)
    np.testing.assert_array_equal(first, partition_of(0)(MASKS))
    np.testing.assert_allclose(second, (first + partition_of(1)(MASKS)) / 2)
    assert (scores.n_asked, scores.n_distinct, scores.n_fits) == (24, 12, 120)


def test_a_race_knows_the_full_score_of_those_that_finished(partition_of):
    scores = SearchScores(partition_of, 12, racing=0.25)
    scores(MASKS)
    finished, metric = scores.recall()
    assert len(finished) == 3
    np.testing.assert_allclose(metric, partition_of(0)(finished))
    assert scores.n_fits == 12 * 2 + 3 * 3


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_it_goes_on_from_what_was_saved(partition_of, way):
    whole, part, resumed = (SearchScores(partition_of, 12, **way) for _ in range(3))
    for scores in (whole, part):
        scores(MASKS[:8])
    resumed.restore(part.to_arrays())
    np.testing.assert_array_equal(resumed(MASKS[4:]), whole(MASKS[4:]))
    for name in ("n_asked", "n_distinct", "n_fits", "warnings_"):
        assert getattr(resumed, name) == getattr(whole, name)
    for one, other in zip(resumed.recall(), whole.recall(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_metric_of_a_mask_counts_nothing(partition_of, way):
    with SearchScores(partition_of, 12, **way) as scores:
        scores(MASKS)
        before = scores.n_asked
        metric = [scores.metric_of(mask) for mask in MASKS[:3]]
        assert all(0.0 <= value <= 1.0 for value in metric)
        assert scores.n_asked == before
