"""Error control: the bound, the halves, and the promise on labels without meaning."""

import numpy as np
import pytest

from vaega import GeneticSelector, load_dataset
from vaega.core.errors import InputError
from vaega.selection._error_control import (
    base_size,
    complementary_halves,
    error_threshold,
    select_stable,
    tail_bound,
)


def concave_distributions(rng, n, mean, concavity, count):
    """Draw distributions on 0..n whose f**r is convex and falls, with a mean of at most `mean`."""
    steps = np.arange(n + 1.0)
    while count:
        slopes = np.sort(rng.exponential(size=n) ** rng.uniform(0.5, 6))
        convex = rng.exponential() ** 4 + 1e-9 + np.r_[0.0, np.cumsum(slopes)]
        law = convex ** (1.0 / concavity)
        law[rng.integers(1, n + 1) + 1 :] = 0.0
        law /= law.sum()
        if law @ steps <= mean * n:
            count -= 1
            yield law


@pytest.mark.parametrize(("n", "mean", "concavity"), [(50, 0.01, -0.5), (100, 0.06, -0.25)])
def test_no_concave_distribution_has_a_heavier_tail(n, mean, concavity, rng):
    shares = (0.3, 0.5, 0.8)
    bounds = [tail_bound(mean, share, n, concavity) for share in shares]
    assert bounds == sorted(bounds, reverse=True)
    for law in concave_distributions(rng, n, mean, concavity, 300):
        for share, bound in zip(shares, bounds, strict=True):
            assert law[round(share * n) :].sum() <= bound + 1e-9


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_the_bound_lies_below_that_of_markov(share):
    assert 0.0 < tail_bound(0.05, share, 100, -0.25) < 0.05 / share


def test_the_bound_is_reached_by_the_law_that_it_names():
    # The best of a fine grid of power laws and of what the mean leaves beyond them.
    n, mean, least, power = 20, 0.05, 12, -2.0
    best = 0.0
    for last in range(least - 1, n):
        steps = np.arange(last + 1.0)
        for shift in np.geomspace(1e-6, 1e4, 4000):
            law = (shift + steps) ** power
            beyond = (mean * n * law.sum() - steps @ law) / (last + 1 - mean * n)
            if 0.0 <= beyond <= (shift + last + 1.0) ** power:
                best = max(best, 1.0 - law[:least].sum() / (law.sum() + beyond))
    assert tail_bound(mean, least / n, n, 1.0 / power) == pytest.approx(best, rel=1e-2)
    assert tail_bound(mean, least / n, n, 1.0 / power) >= best - 1e-9


def test_a_stricter_promise_needs_a_higher_threshold():
    thresholds = [error_threshold(0.05, 50, error) for error in (1e-2, 1e-3, 1e-4)]
    assert thresholds == sorted(thresholds)
    assert 0.5 < thresholds[0] < thresholds[-1] <= 1.01
    assert error_threshold(0.5, 50, 1e-9) > 1.0  # nothing can promise that


def test_halves_are_complementary_and_share_the_classes(rng):
    y = np.repeat([0, 1, 2], [21, 10, 7])
    halves = complementary_halves(y, 4, rng=rng)
    assert len(halves) == 8
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert sorted([*first, *second]) == list(range(38))
        assert (np.abs(np.bincount(y[first]) - np.bincount(y[second])) <= 1).all()


def test_groups_are_dealt_whole(rng):
    groups = np.repeat(np.arange(10), 3)
    y = groups % 2
    for half in complementary_halves(y, 3, rng=rng, groups=groups):
        assert set(np.bincount(groups[half], minlength=10).tolist()) <= {0, 3}


def test_features_that_are_chosen_at_random_keep_the_promise(rng):
    n_features, wrong = 300, []
    for _ in range(30):
        stable = select_stable([rng.permutation(n_features) for _ in range(100)], 1.0)
        wrong.append(stable.mask.sum())
    assert np.mean(wrong) <= 1.0


def test_what_is_always_first_is_selected(rng):
    others = np.setdiff1d(np.arange(100), [7, 2])
    stable = select_stable([np.r_[[7, 2], rng.permutation(others)] for _ in range(40)], 1.0)
    assert stable.mask[[2, 7]].all()
    assert stable.mask.sum() <= 5
    assert base_size(100, 1.0) == 10


SMALL = {"population_size": 8, "n_generations": 1, "n_searches": 2, "random_state": 0}


def test_nothing_is_an_answer_and_transform_says_so(classifier, rng):
    X, y = rng.normal(size=(40, 60)), np.arange(40) % 2
    selector = GeneticSelector(
        classifier, consensus_size="error_control", false_selections=0.05, **SMALL
    ).fit(X, y)
    assert not selector.support_.any()
    assert selector.led_by_ == "error_control"
    assert not selector.candidates_["leads"].any()
    assert selector.best_score_ == pytest.approx(0.5, abs=0.01)  # of what knows the shares alone
    with pytest.raises(InputError, match=r"transform needs a selected feature, got none of 60"):
        selector.transform(X)


def test_real_features_pass_and_pinned_ones_stay(classifier, rng):
    y = np.arange(80) % 2
    X = rng.normal(size=(80, 60))
    X[:, [5, 9]] += 2.0 * y[:, None]
    selector = GeneticSelector(classifier, consensus_size="error_control", pinned=[0], **SMALL)
    assert {0, 5, 9} <= set(selector.fit(X, y).get_support(indices=True).tolist())


def test_without_a_guide_the_searches_are_the_base(classifier):
    data = load_dataset("sklearn:breast_cancer")
    rows = np.r_[0:25, -25:0]
    selector = GeneticSelector(classifier, guide="none", consensus_size="error_control", **SMALL)
    assert selector.fit(data.X[rows], data.y[rows]).support_.sum() < 30


@pytest.fixture
def classifier():
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()
