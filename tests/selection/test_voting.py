"""Votes: the ranking, the number of features, the subsamples that searches see."""

from dataclasses import replace

import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.selection._voting import (
    VoteTally,
    draw_subsample,
    error_controlled_threshold,
    prefix_masks,
    sizes_table,
    trial_sizes,
)


def tally(masks, *, strengths=None, sizes=(1, 2, 4, 8), unseen=None):
    masks = np.asarray(masks, dtype=bool)
    strengths = np.zeros(masks.shape[1]) if strengths is None else np.asarray(strengths)
    if unseen is None:
        unseen = np.full((len(masks), len(sizes)), np.nan)
    return VoteTally(masks, strengths, np.asarray(sizes), np.asarray(unseen, dtype=float))


def test_votes_decide_and_strength_orders_those_with_equal_votes():
    masks = [[1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0]]
    ranking = tally(masks, strengths=[0.1, 0.9, 0.2, 0.3]).ranking()
    assert ranking.tolist() == [0, 3, 2, 1]


def test_a_strong_feature_nobody_chose_stays_behind_one_that_many_chose():
    masks = np.zeros((10, 3), dtype=bool)
    masks[:3, 0] = True
    assert tally(masks, strengths=[0.0, 1.0, 0.5]).ranking()[0] == 0


def test_the_size_lies_within_what_the_votes_allow():
    masks = np.zeros((10, 400), dtype=bool)
    masks[:, :30] = True  # all agree on thirty
    masks[0, 30:40] = True  # one alone wants ten more
    rising = np.tile([0.1, 0.2, 0.3, 0.9], (10, 1))
    # Falling, but so uncertain that the votes bind.
    falling = np.array([0.5, 0.45, 0.4, 0.3]) + np.linspace(-0.5, 0.5, 10)[:, None]
    sizes = (1, 10, 50, 400)
    assert tally(masks, sizes=sizes, unseen=rising).size_by_objective() == 80
    assert tally(masks, sizes=sizes, unseen=falling).size_by_objective() == 30


def test_votes_do_not_bind_against_clear_evidence():
    masks = np.zeros((10, 40), dtype=bool)
    masks[:, :8] = True
    clear = np.tile([0.6, 0.9, 0.6, 0.6], (10, 1))
    assert tally(masks, sizes=(1, 2, 8, 40), unseen=clear).size_by_objective() == 2


def test_the_size_is_in_the_middle_of_the_plateau():
    masks = np.zeros((4, 400), dtype=bool)
    masks[np.arange(4), np.arange(4)] = True
    masks[0, :200] = True
    unseen = np.tile([0.5, 0.9, 0.9, 0.9, 0.5], (4, 1))
    assert tally(masks, sizes=(1, 32, 64, 128, 400), unseen=unseen).size_by_objective() == 64


@pytest.mark.parametrize(
    ("n_features", "plateau", "size"),
    [
        (400, [0.9, 0.9, 0.9, 0.9], 30),  # thirty are as good as three
        (400, [0.9, 0.5, 0.5, 0.5], 3),  # they are not
        (30, [0.9, 0.9, 0.9, 0.9], 10),  # a third of all
    ],
)
def test_a_few_features_more_are_taken_unless_unseen_rows_are_against_it(n_features, plateau, size):
    masks = np.zeros((6, n_features), dtype=bool)
    masks[:, :3] = True
    unseen = np.tile(plateau, (6, 1))
    small = VoteTally(
        masks, np.zeros(n_features), np.array([3, 10, 28, 30]), unseen, robust_size=30
    )
    assert small.size_by_objective() == size
    assert replace(small, robust_size=0).size_by_objective() <= 10


def test_without_unseen_rows_those_that_two_agree_on_are_taken():
    masks = [[1, 1, 0, 0], [1, 1, 0, 1], [1, 0, 1, 0]]
    assert tally(masks).size_by_objective() == 2


def test_a_search_that_left_no_row_unseen_does_not_spoil_the_others():
    masks = np.eye(3, 20, dtype=bool)
    masks[:, 5:15] = True
    unseen = np.array([[np.nan] * 3, [0.1, 0.9, 0.1], [0.1, 0.9, 0.1]])
    assert tally(masks, sizes=(1, 10, 20), unseen=unseen).size_by_objective() == 10


def test_error_control_is_the_bound_of_meinshausen_and_buhlmann():
    masks = np.zeros((100, 1000), dtype=bool)
    masks[:, :10] = True
    threshold = error_controlled_threshold(masks, 1.0)
    assert threshold == pytest.approx(0.5 + 10**2 / (2 * 1.0 * 1000))
    assert 10**2 / ((2 * threshold - 1) * 1000) == pytest.approx(1.0)


def test_error_control_holds_its_promise_where_its_assumptions_do(rng):
    # 20 searches that choose 8 of 400 features at random: all selections are false ones.
    false = []
    for _ in range(200):
        masks = rng.random((20, 400)).argsort(axis=1) < 8
        false.append(tally(masks).count("error_control", 0.5))
    assert np.mean(false) <= 0.5


def test_a_stricter_bound_selects_no_more():
    rng = np.random.default_rng(3)
    masks = rng.random((12, 50)) < np.linspace(0.95, 0.0, 50)
    counts = [tally(masks).count("error_control", number) for number in (0.2, 1.0, 5.0)]
    assert counts == sorted(counts)


def test_a_size_of_the_users_own_is_taken():
    assert tally(np.eye(4)).count(3, 1.0) == 3
    assert tally(np.eye(4)).count(99, 1.0) == 4


def test_no_false_selections_cannot_be_promised():
    with pytest.raises(InputError, match="false_selections must be"):
        tally(np.eye(4)).count("error_control", 0.0)


@pytest.mark.parametrize(
    ("n_features", "minimum", "maximum"), [(1, 1, 256), (7129, 5, 256), (9, 4, 4)]
)
def test_trial_sizes_rise_within_their_bounds(n_features, minimum, maximum):
    sizes = trial_sizes(n_features, minimum=minimum, maximum=maximum)
    assert (np.diff(sizes) > 0).all()
    assert sizes[0] == min(minimum, n_features)
    assert sizes[-1] == min(maximum, n_features)


def test_prefixes_are_nested(rng):
    masks = prefix_masks(rng.permutation(30), [1, 5, 30])
    assert masks.sum(axis=1).tolist() == [1, 5, 30]
    assert not (masks[0] & ~masks[1]).any()


def test_the_table_of_sizes_has_means_and_standard_errors():
    table = sizes_table(np.array([1, 2]), np.array([[0.5, 1.0], [0.7, 1.0], [np.nan, np.nan]]))
    np.testing.assert_allclose(table["score"], [0.6, 1.0])
    np.testing.assert_allclose(table["standard_error"], [0.1, 0.0])


def tally_against(filtered, unseen=0.8):
    masks = np.zeros((10, 100), dtype=bool)
    masks[:, :4] = True
    strengths = np.linspace(1.0, 0.0, 100)[::-1]
    jitter = np.linspace(-0.02, 0.02, 10)[:, None]
    shape = np.ones((10, 3))
    return VoteTally(
        masks, strengths, np.array([4, 30, 100]), unseen * shape + jitter, filtered * shape
    )


def test_searches_that_beat_their_filter_on_unseen_rows_lead():
    winner = tally_against(filtered=0.6)
    assert winner.searches_lead()
    assert winner.ranking()[:4].tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("filtered", [0.8, 0.9])
def test_searches_that_do_not_leave_the_ranking_to_it(filtered):
    loser = tally_against(filtered=filtered)
    assert not loser.searches_lead()
    assert loser.ranking()[0] == 99


def test_a_guide_without_an_opinion_leads_nobody():
    masks = np.eye(4, dtype=bool)
    even = VoteTally(masks, np.full(4, 0.25), np.array([1]), np.zeros((4, 1)), np.ones((4, 1)))
    assert even.searches_lead()


@pytest.mark.parametrize("share", [0.5, 0.63, 0.8, 0.95])
def test_each_class_keeps_its_share(share, rng):
    y = np.repeat([0, 1, 2], [50, 30, 20])
    rows = draw_subsample(y, share, rng=rng)
    np.testing.assert_allclose(np.bincount(y[rows]), share * np.array([50, 30, 20]), atol=1.0)
    assert (np.diff(rows) > 0).all()


def test_small_classes_keep_two_rows_and_leave_one_out(rng):
    y = np.repeat([0, 1, 2], [10, 3, 2])
    for _ in range(20):
        counts = np.bincount(y[draw_subsample(y, 0.95, rng=rng)])
        assert counts.tolist() == [9, 2, 2]


def test_all_rows_are_drawn_where_all_are_wanted(rng):
    y = np.repeat([0, 1], 4)
    assert draw_subsample(y, 1.0, rng=rng).tolist() == list(range(8))


def test_every_row_has_the_same_chance(rng):
    y = np.repeat([0, 1], 10)
    drawn = np.zeros(20)
    for _ in range(3000):
        drawn[draw_subsample(y, 0.6, rng=rng)] += 1
    np.testing.assert_allclose(drawn / 3000, 0.6, atol=0.05)


def test_groups_stay_together_and_every_class_stays(rng):
    groups = np.repeat(np.arange(12), 4)
    y = (groups == 7).astype(int)  # one group alone holds the second class
    for _ in range(20):
        rows = draw_subsample(y, 0.5, rng=rng, groups=groups)
        chosen = np.unique(groups[rows])
        assert np.isin(groups, chosen).sum() == len(rows)
        assert set(y[rows]) == {0, 1}
