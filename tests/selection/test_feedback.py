import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB

from vaega import VAE, GenerativeSampler, GeneticSelector
from vaega.data._folds import Fold
from vaega.selection._search import HardClasses, InnerValidation, class_errors

SMALL = {"n_searches": 1, "population_size": 12, "n_generations": 6, "random_state": 0}


class Noting(BaseEstimator):
    """Copies rows by its strategy, notes the columns and the classes it was asked for."""

    noted: list = []  # noqa: RUF012 - shared by all clones

    def __init__(self, sampling_strategy="auto"):
        self.sampling_strategy = sampling_strategy

    def fit_resample(self, X, y):
        wanted = self.sampling_strategy(y) if callable(self.sampling_strategy) else {}
        Noting.noted.append((X.shape[1], wanted))
        extra = 2 * len(y) if not wanted else sum(wanted.values()) - len(y)
        rows = np.arange(extra) % len(y)
        return np.vstack([X, X[rows]]), np.concatenate([y, y[rows]])


def test_the_sampler_learns_again_on_fewer_features_with_more_hard_rows(two_clouds):
    Noting.noted = []
    selector = GeneticSelector(GaussianNB(), sampler=Noting(), feedback=2, cv=3, **SMALL)
    selector.fit(*two_clouds)
    widths = [width for width, _ in Noting.noted]
    assert len(widths) == 9  # three phases of three folds
    assert widths[0] == 12
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 12
    assert not Noting.noted[0][1]
    for _, wanted in Noting.noted[3:]:
        assert set(wanted) == {0, 1}
    assert selector.history_["generation"].tolist() == [1, 2, 3, 4, 5, 6]
    assert selector.history_["phase"].tolist() == [0, 0, 1, 1, 2, 2]


def test_the_result_is_a_mask_over_all_features(two_clouds):
    X, y = two_clouds
    sampler = GenerativeSampler(VAE((6,), 2, max_epochs=5), n_per_class=10)
    selector = GeneticSelector(GaussianNB(), sampler=sampler, feedback=3, cv=2, **SMALL)
    one, two = selector.fit(X, y).support_, selector.fit(X, y).support_
    assert one.shape == (12,)
    np.testing.assert_array_equal(one, two)
    assert selector.pareto_front_["mask"].map(len).max() <= 12


def test_samplers_of_imbalanced_learn_are_weighted_too(two_clouds):
    X, y = two_clouds
    rows = np.r_[0:30, 30:42]
    y = np.sort(y)[rows] if len(set(y[rows])) < 2 else y[rows]
    selector = GeneticSelector(
        GaussianNB(), sampler=SMOTE(k_neighbors=2), feedback=3, cv=2, **SMALL
    )
    assert selector.fit(X[rows], y).support_.any()


def test_without_a_sampler_there_is_nothing_to_feed_back(two_clouds):
    plain = GeneticSelector(GaussianNB(), **SMALL).fit(*two_clouds)
    fed = GeneticSelector(GaussianNB(), feedback=2, **SMALL).fit(*two_clouds)
    np.testing.assert_array_equal(plain.support_, fed.support_)


def test_pins_hold_in_every_phase(two_clouds):
    selector = GeneticSelector(
        GaussianNB(), sampler=Noting(), feedback=2, cv=3, pinned=[11], forbidden=[0], **SMALL
    ).fit(*two_clouds)
    assert selector.support_[11]
    assert not selector.support_[0]


def test_hard_classes_get_their_share():
    y = np.repeat(["a", "b"], [6, 4])
    assert HardClasses({"a": 0.2, "b": 0.8}, 10)(y) == {"a": 8, "b": 12}


def test_errors_are_those_of_the_mask_on_validate_rows(rng):
    X = np.column_stack([np.repeat([0.0, 5.0], 20), rng.normal(size=40)])
    y = np.repeat([0, 1], 20)
    lying = y.copy()
    lying[:5] = 1  # validate rows of class 1 that look like class 0
    fold = Fold(X, y, X, lying, np.arange(2), 40)
    inner = InnerValidation(X, y, lambda rows, seed: [], GaussianNB(), None, 0)
    errors = class_errors(inner, [fold], np.array([True, False]))
    assert errors == {0: 0.0, 1: pytest.approx(5 / 25)}
    assert class_errors(inner, [fold], np.array([False, False])) == {}


def test_feedback_and_stages_do_not_go_together(two_clouds):
    selector = GeneticSelector(GaussianNB(), feedback=2, stages=[(2, 0.5)], **SMALL)
    with pytest.raises(ValueError, match="feedback must stand without stages"):
        selector.fit(*two_clouds)
