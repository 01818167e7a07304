"""Votes: which candidate leads, at how many features, and the subsamples that searches see."""

from dataclasses import replace

import numpy as np
import pytest

from vaega.selection._rankers import Views
from vaega.selection._voting import (
    TOGETHER,
    VOTES,
    Contest,
    candidate_orders,
    companions,
    deal_subsamples,
    n_of_round,
    prefix_masks,
    ranker_weights,
    sizes_table,
    trial_sizes,
)

SIZES = np.array([1, 4, 16, 64])
CURVE = np.array([0.6, 0.7, 0.9, 0.8])


def contest(*curves, noise=0.0, n_searches=10, **settings):
    """Candidates whose scores are these curves, plus what a search's rows add to all of them."""
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(n_searches, 1)), rng.normal(size=(len(curves), n_searches, 1))
    unseen = np.array(curves)[:, None, :] + 0.05 * shared + noise * own
    names = tuple(f"c{index}" for index in range(len(curves)))
    return Contest(names, SIZES, unseen, **settings)


def test_the_first_candidate_leads_unless_another_is_shown_better():
    assert contest(CURVE, CURVE + 0.05, CURVE + 0.2, noise=0.02).leader == 2
    assert contest(CURVE, CURVE + 0.005, CURVE - 0.1, noise=0.05).leader == 0
    assert contest(CURVE, CURVE).leader == 0


def test_agreement_of_a_handful_by_chance_is_no_evidence():
    unseen = np.tile(CURVE, (3, 4, 1))
    unseen[1] += 0.02  # better by the same in all four searches
    unseen[2] += np.array([0.3, -0.3, 0.3, -0.3])[:, None]
    assert Contest(("a", "b", "c"), SIZES, unseen).leader == 0


def test_gains_and_errors_are_paired_and_count_the_overlap():
    one = contest(CURVE, CURVE + 0.1, noise=0.02, size=16)
    gains, errors = one.gains()
    # size 16 and its two neighbours
    differences = (one.unseen[1] - one.unseen[0])[:, 1:4].mean(axis=1)
    assert gains[1] == pytest.approx(differences.mean())
    assert errors[1] == pytest.approx(differences.std(ddof=1) * (1 / 10 + 0.25) ** 0.5)


def test_the_size_is_the_mean_of_what_comes_close_to_the_best():
    clear = contest(CURVE * 10)  # differences of many standard errors
    assert clear.size_of(0) == 16
    flat = contest(np.full(4, 0.8))
    assert flat.size_of(0) in (4, 16)  # the geometric middle of 1 to 64
    rising = contest(np.array([0.70, 0.74, 0.76, 0.765]))
    assert rising.size_of(0) >= flat.size_of(0)


def test_one_standard_error_takes_the_smallest_that_comes_as_close():
    curve = np.array([0.5, 0.79, 0.8, 0.8])
    assert contest(curve, size="one_standard_error").size_of(0) == 4
    assert contest(10 * curve, size="one_standard_error").size_of(0) == 16


def test_a_size_of_the_users_own_is_taken():
    assert contest(CURVE, size=20).size_of(0) == 20


def test_a_search_that_left_no_row_unseen_does_not_spoil_the_others():
    whole = contest(CURVE, CURVE + 0.2, noise=0.02)
    unseen = np.insert(whole.unseen, 3, np.nan, axis=1)
    spoilt = Contest(whole.names, SIZES, unseen)
    assert spoilt.leader == whole.leader
    assert spoilt.size_of(1) == whole.size_of(1)
    assert spoilt.honest_score() == whole.honest_score()


def test_without_unseen_rows_the_first_leads_at_the_usual_size():
    nothing = Contest(("a", "b"), SIZES, np.full((2, 3, 4), np.nan))
    assert nothing.leader == 0
    assert nothing.size_of(0) == 16
    assert np.isnan(nothing.honest_score())
    assert nothing.table()["score"].isna().all()


def test_the_reported_score_is_of_rows_that_chose_nothing():
    rng = np.random.default_rng(1)
    said, best = [], []
    for _ in range(200):
        unseen = 0.5 + 0.1 * rng.normal(size=(8, 10, 4))
        one = Contest(tuple("abcdefgh"), SIZES, unseen)
        said.append(one.honest_score())
        best.append(unseen.mean(axis=1).max())
    assert abs(np.mean(said) - 0.5) < 0.01
    assert np.mean(best) > 0.53


def test_the_reported_score_is_of_stacks_that_its_rows_did_not_weigh():
    whole = contest(CURVE, CURVE - 0.2, noise=0.02)
    fair = Contest(whole.names, SIZES, whole.unseen, independent=whole.unseen - 0.1)
    assert fair.honest_score() == pytest.approx(whole.honest_score() - 0.1)
    assert fair.leader == whole.leader


def test_the_table_says_who_leads_and_by_how_much():
    table = contest(CURVE, CURVE + 0.2, noise=0.02).table()
    assert table["candidate"].tolist() == ["c0", "c1"]
    assert table["leads"].tolist() == [False, True]
    assert table["gain"].tolist() == pytest.approx([0.0, 0.2], abs=0.03)


def test_rankers_count_by_how_close_they_come_to_the_best():
    whole = contest(CURVE, CURVE + 0.2, CURVE + 0.19, noise=0.02)
    weights = ranker_weights(whole.unseen, 0.25)
    assert weights[1] == 1.0
    assert 0.3 < weights[2] < 1.0
    assert weights[0] < 1e-3
    np.testing.assert_array_equal(ranker_weights(np.full((2, 3, 4), np.nan), 0.25), 1.0)


def test_candidates_rank_by_the_guide_by_votes_and_by_both():
    views = Views(("weights",), np.array([[0.1, 0.9, 0.2, 0.3]]))
    orders = candidate_orders(views, np.array([1.0, 0.0, 0.5, 0.5]))
    assert orders["weights"].tolist() == [1, 3, 2, 0]
    assert orders[VOTES].tolist() == [0, 3, 2, 1]
    assert orders[TOGETHER].tolist() == [0, 1, 3, 2]
    unguided = candidate_orders(Views.none(3), np.array([0.0, 1.0, 0.5]))
    assert list(unguided) == [VOTES]
    assert unguided[VOTES].tolist() == [1, 2, 0]


def test_votes_of_searches_come_before_those_of_their_populations():
    views = Views(("weights",), np.ones((1, 3)))
    orders = candidate_orders(views, np.array([0.9, 0.1, 0.5]), np.array([0.0, 1.0, 0.0]))
    assert orders[VOTES].tolist() == [1, 0, 2]


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


@pytest.mark.parametrize("share", [0.5, 0.63, 0.8, 0.95])
def test_each_class_keeps_its_share(share, rng):
    y = np.repeat([0, 1, 2], [50, 30, 20])
    for rows in deal_subsamples(y, share, 7, rng=rng):
        np.testing.assert_allclose(np.bincount(y[rows]), share * np.array([50, 30, 20]), atol=1.0)
        assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(("share", "size"), [(0.5, 2), (0.63, 2), (0.8, 5), (0.9, 10), (1.0, 1)])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n", [20, 46, 78, 93, 100])
def test_a_round_leaves_disjoint_rows_out(share, size, grouped, n, rng):
    y, groups = np.tile([0, 1], n)[:n], np.arange(n) // 2 if grouped else None
    dealt = deal_subsamples(y, share, 2 * size, rng=rng, groups=groups)
    assert n_of_round(share) == size
    for start in (0, size):
        out = [np.setdiff1d(np.arange(n), rows) for rows in dealt[start : start + size]]
        assert len(np.concatenate(out)) == len(np.unique(np.concatenate(out)))
        assert abs(len(np.concatenate(out)) - size * (1 - share) * n) <= 4


def test_small_classes_keep_two_rows_and_leave_one_out(rng):
    y = np.repeat([0, 1, 2], [10, 3, 2])
    for rows in deal_subsamples(y, 0.95, 20, rng=rng):
        assert np.bincount(y[rows]).tolist() == [9, 2, 2]


def test_all_rows_are_dealt_where_all_are_wanted(rng):
    y = np.repeat([0, 1], 4)
    assert [rows.tolist() for rows in deal_subsamples(y, 1.0, 2, rng=rng)] == 2 * [list(range(8))]


def test_every_row_has_the_same_chance(rng):
    y, dealt = np.repeat([0, 1], 10), np.zeros(20)
    for rows in deal_subsamples(y, 0.6, 3000, rng=rng):
        dealt[rows] += 1
    np.testing.assert_allclose(dealt / 3000, 0.6, atol=0.05)


def test_companions_have_other_unseen_rows():
    chosen_by = [others.tolist() for others in companions(np.array([0, 0, 0, 1, 1]))]
    assert chosen_by[:3] == [[1, 2], [0, 2], [0, 1]]
    assert chosen_by[3] == [0, 1, 2, 4]  # one other in its round: all others


def test_the_reported_score_is_chosen_by_companions():
    unseen = np.full((2, 4, 4), 0.5)
    unseen[1, :2] = 0.9  # the first round is all for the second candidate, the second for the first
    unseen[1, 2:] = 0.1
    one = Contest(("a", "b"), SIZES, np.repeat(unseen, 2, axis=1))
    assert one.honest_score() == pytest.approx(0.5, abs=0.1)
    apart = replace(one, rounds=np.repeat([0, 1], 4))
    assert apart.honest_score() == pytest.approx(0.7)


def test_groups_stay_together_and_every_class_stays(rng):
    groups = np.repeat(np.arange(12), 4)
    y = (groups == 7).astype(int)  # one group alone holds the second class
    for rows in deal_subsamples(y, 0.5, 20, rng=rng, groups=groups):
        chosen = np.unique(groups[rows])
        assert np.isin(groups, chosen).sum() == len(rows)
        assert set(y[rows]) == {0, 1}


@pytest.mark.parametrize("n_groups", [2, 3, 4, 8])
def test_a_subsample_keeps_two_groups_of_each_class(n_groups):
    groups = np.repeat(np.arange(2 * n_groups), 5)  # each of one class
    y = groups % 2
    rng = np.random.default_rng(0)
    for rows in deal_subsamples(y, 0.8, 10, rng=rng, groups=groups):
        assert min(len(np.unique(groups[rows][y[rows] == label])) for label in (0, 1)) >= 2
        assert len(rows) < len(y) or n_groups == 2
