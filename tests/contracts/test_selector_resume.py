"""A checkpoint of the selector belongs to one fit and to no other, whatever differs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from vaega import GeneticSelector
from vaega.evolution._evolution import Callback
from vaega.evolution._logs import KeepHistory, LogToCSV

SMALL = {"population_size": 8, "n_generations": 4, "random_state": 0, "n_searches": 1}


def agreement(y, predicted):
    return (y == predicted).mean()


def half_agreement(y, predicted):
    return (y == predicted).mean() / 2


half_agreement.__name__ = "agreement"
half_agreement.__qualname__ = "agreement"


def both(first, second, X, y, tmp_path, first_parameters=None, second_parameters=None):
    """Fit `first` and then `second` on one checkpoint, and `second` without one."""
    first.set_params(checkpoint=tmp_path).fit(X, y, **(first_parameters or {}))
    plain = second.fit(X, y, **(second_parameters or {}))
    expected = plain.support_, plain.best_score_
    kept = second.set_params(checkpoint=tmp_path).fit(X, y, **(second_parameters or {}))
    return expected, (kept.support_, kept.best_score_)


def check_equal(pair):
    (support, score), (kept_support, kept_score) = pair
    np.testing.assert_array_equal(support, kept_support)
    assert score == kept_score


def selector(classifier=None, **more):
    return GeneticSelector(classifier or GaussianNB(), **SMALL, **more)


def test_weights_differ(two_clouds, tmp_path, rng):
    first, second = ({"sample_weight": rng.random(60)} for _ in range(2))
    check_equal(both(selector(), selector(), *two_clouds, tmp_path, first, second))


def test_groups_differ(two_clouds, tmp_path):
    first, second = ({"groups": np.arange(60) // size} for size in (2, 7))
    cv = GroupKFold(3)
    check_equal(both(selector(cv=cv), selector(cv=cv), *two_clouds, tmp_path, first, second))


def test_scorers_of_the_same_name_differ(two_clouds, tmp_path):
    one, other = make_scorer(agreement), make_scorer(half_agreement)
    check_equal(both(selector(scoring=one), selector(scoring=other), *two_clouds, tmp_path))


def test_one_of_many_parameters_differs(two_clouds, tmp_path):
    weights = dict.fromkeys(range(600), 1.0)
    one = LogisticRegression(class_weight=weights)
    other = LogisticRegression(class_weight={**weights, 1: 30.0})
    check_equal(both(selector(one), selector(other), *two_clouds, tmp_path))


class StopWhenSmall(Callback):
    def on_generation(self, algorithm):
        return bool(algorithm.state.best_mask.sum() <= 3)


@pytest.mark.parametrize("n_searches", [1, 3])
def test_a_stop_is_for_good(two_clouds, tmp_path, n_searches):
    settings = {**SMALL, "n_searches": n_searches, "n_generations": 12}
    results = []
    for _ in range(3):
        log = KeepHistory()
        fitted = GeneticSelector(
            GaussianNB(), checkpoint=tmp_path, callbacks=[StopWhenSmall(), log], **settings
        ).fit(*two_clouds)
        results.append((fitted.support_, fitted.history_, log.to_frame()))
        assert len(log.to_frame()) == len(fitted.history_) < 12 * n_searches
    for support, history, logged in results[1:]:
        np.testing.assert_array_equal(support, results[0][0])
        pd.testing.assert_frame_equal(history, results[0][1], check_exact=True)
        pd.testing.assert_frame_equal(logged, results[0][2], check_exact=True)


def test_the_log_of_a_vote_has_every_search(two_clouds, tmp_path):
    settings = {**SMALL, "n_searches": 3}
    GeneticSelector(GaussianNB(), callbacks=[LogToCSV(tmp_path / "log.csv")], **settings).fit(
        *two_clouds
    )
    table = pd.read_csv(tmp_path / "log.csv")
    assert table["search"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table["generation"].tolist() == [1, 2, 3, 4] * 3


def test_an_unseeded_splitter_draws_nothing_from_the_global_generator(two_clouds):
    scores = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002 - what is tested
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        cv = StratifiedKFold(3, shuffle=True)
        scores.append(selector(cv=cv).fit(*two_clouds).best_score_)
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert scores[0] == scores[1]


def test_fresh_folds_of_a_splitter_are_fresh(two_clouds):
    cv = StratifiedKFold(4, shuffle=True)
    table = selector(cv=cv, confirm=4).fit(*two_clouds).candidates_
    assert not np.allclose(table["score"], table["inner_score"])
