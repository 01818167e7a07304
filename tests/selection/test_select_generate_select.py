import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from vaega import VAE, GenerativeSampler, GeneticSelector, SelectGenerateSelect
from vaega.selection._voting import frequent_columns

SMALL = {"n_searches": 3, "population_size": 10, "n_generations": 3}
FEW = GeneticSelector(GaussianNB(), n_searches=2, population_size=6, n_generations=2)


class Doubling(BaseEstimator):
    """Copies every row and notes how many columns it was given."""

    widths: list = []  # noqa: RUF012 - shared by all clones

    def fit_resample(self, X, y):
        Doubling.widths.append(X.shape[1])
        return np.vstack([X, X]), np.concatenate([y, y])


@parametrize_with_checks([SelectGenerateSelect(FEW)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_generator_sees_the_frequent_features_alone(two_clouds):
    Doubling.widths = []
    selector = SelectGenerateSelect(
        GeneticSelector(GaussianNB(), **SMALL), sampler=Doubling(), keep=5, random_state=1
    ).fit(*two_clouds)
    assert set(Doubling.widths) == {5}
    assert selector.kept_.sum() == 5
    assert not (selector.support_ & ~selector.kept_).any()
    np.testing.assert_array_equal(selector.support_[selector.kept_], selector.second_.support_)
    assert selector.n_evaluations_ == (
        selector.first_.n_evaluations_ + selector.second_.n_evaluations_
    )


def test_with_an_autoencoder_in_a_pipeline(two_clouds):
    X, y = two_clouds
    selector = SelectGenerateSelect(
        GeneticSelector(GaussianNB(), cv=2, **SMALL),
        sampler=GenerativeSampler(VAE((8,), 2, max_epochs=5), n_per_class=10),
        keep=0.5,
        random_state=0,
    )
    fitted = make_pipeline(selector, GaussianNB()).fit(X, y)
    again = clone(selector).fit(X, y)
    np.testing.assert_array_equal(fitted[0].support_, again.support_)
    assert fitted.score(X, y) > 0.7


def test_a_second_selector_of_its_own(two_clouds):
    second = GeneticSelector(GaussianNB(), n_searches=1, population_size=8, n_generations=2)
    selector = SelectGenerateSelect(FEW, second=second, keep=6, random_state=0).fit(*two_clouds)
    assert (selector.first_.n_searches_, selector.second_.n_searches_) == (2, 1)


def test_pins_follow_their_features(two_clouds):
    X, y = two_clouds
    frame = pd.DataFrame(X, columns=[f"gene {place}" for place in range(12)])
    pinned = clone(FEW).set_params(pinned=["gene 9"], forbidden=["gene 0"])
    selector = SelectGenerateSelect(pinned, keep=4, random_state=0).fit(frame, y)
    assert selector.support_[9]
    assert not selector.support_[0]


def test_it_is_drawn(two_clouds):
    selector = SelectGenerateSelect(FEW, keep=6, random_state=0).fit(*two_clouds)
    assert selector.plot("history").get_ylabel() == "objective (inner)"


@pytest.mark.parametrize(
    ("keep", "size"), [("auto", 20), (3, 3), (0.5, 50), (1.0, 100), (500, 100), (0.001, 1)]
)
def test_how_many_are_kept(keep, size, rng):
    frequencies, support = rng.random(100), np.arange(100) < 2
    columns = frequent_columns(frequencies, np.ones(100), support, keep)
    assert len(columns) == size
    assert size < 2 or set(columns) >= {0, 1}
    assert (np.diff(columns) > 0).all()


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ({"keep": 0}, "keep must be a whole number, at least 1, got 0"),
        ({"keep": 1.5}, r"keep must be a share in \(0, 1\], got 1.5"),
        ({"keep": "some"}, "keep must be a whole number"),
        ({"selector": GaussianNB()}, r"selector must be a GeneticSelector, got GaussianNB\(\)"),
        ({"second": GaussianNB()}, r"second must be a GeneticSelector, got GaussianNB\(\)"),
        ({"sampler": Doubling}, "sampler"),
    ],
)
def test_bad_parameters_give_one_sentence(two_clouds, parameters, rule):
    selector = SelectGenerateSelect(FEW, random_state=0).set_params(**parameters)
    with pytest.raises((ValueError, TypeError), match=rule) as caught:
        selector.fit(*two_clouds)
    assert "\n" not in str(caught.value)
