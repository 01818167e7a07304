"""The memory scores no mask twice and gives the objective; objectives are their formulas."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from vaega.core.errors import InputError
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds
from vaega.fitness._memory import Evaluations, FitnessMemory, PenaltyObjective, WeightedObjective
from vaega.fitness._score_store import ScoreStore


class Counting:
    def __init__(self):
        self.seen = []

    def __call__(self, masks):
        self.seen += [tuple(mask) for mask in masks]
        return (masks * (0.37 * np.arange(1, masks.shape[1] + 1))).sum(axis=1)


class Folds(Counting):
    """Three fold scores a mask; warns as often as a mask has features."""

    digest = "of the folds"

    def evaluate(self, masks):
        scores = self(masks)[:, None] / np.array([3.0, 7.0, 11.0])
        warned = tuple(Counter({"W: many": int(n)} if n > 1 else {}) for n in masks.sum(axis=1))
        return SimpleNamespace(scores=scores, warned=warned)


@pytest.fixture
def masks(rng):
    return rng.random((30, 4)) < 0.5


@given(st.lists(arrays(bool, (5, 3)), min_size=1, max_size=6))
def test_no_mask_is_scored_twice_and_all_scores_are_right(batches):
    inner = Counting()
    memory = FitnessMemory(inner, n_features=3)
    for batch in batches:
        np.testing.assert_array_equal(memory(batch), Counting()(batch))
    assert len(inner.seen) == len(set(inner.seen)) == memory.n_distinct == memory.n_scored
    assert memory.n_asked == 5 * len(batches)
    assert memory.n_reused == memory.n_asked - memory.n_distinct


def test_widths_that_fill_no_byte(rng):
    for width in (1, 7, 8, 9, 63, 65):
        masks = rng.random((20, width)) < 0.5
        memory = FitnessMemory(Counting(), n_features=width)
        scores = memory(masks)
        remembered, known = memory.recall()
        lookup = {tuple(mask): score for mask, score in zip(remembered, known, strict=True)}
        assert [lookup[tuple(mask)] for mask in masks] == scores.tolist()


@pytest.mark.parametrize("fitness", [Counting, Folds])
def test_what_was_saved_comes_back(fitness, masks):
    first = FitnessMemory(fitness(), n_features=4)
    scores = first(masks)
    inner = fitness()
    second = FitnessMemory(inner, n_features=4)
    second.restore(first.to_arrays())
    np.testing.assert_array_equal(second(masks), scores)
    np.testing.assert_array_equal(second.fold_scores(masks), first.fold_scores(masks))
    assert inner.seen == []
    assert (second.n_asked, second.n_distinct, second.n_scored) == (60, first.n_distinct, 0)
    assert second.warnings_ == first.warnings_
    assert all(array.dtype != object for array in first.to_arrays().values())


def test_an_empty_memory_can_be_saved():
    memory = FitnessMemory(Counting(), n_features=9)
    memory.restore(memory.to_arrays())
    assert memory.n_distinct == 0
    assert memory.recall()[0].shape == (0, 9)
    assert memory.warnings_ == {}


def test_means_are_the_same_bits_however_masks_come(masks):
    together = FitnessMemory(Folds(), n_features=4)(masks)
    memory = FitnessMemory(Folds(), n_features=4)
    alone = [memory(mask[None])[0] for mask in masks]
    assert together.tolist() == alone == Folds().evaluate(masks).scores.mean(axis=1).tolist()


def test_fold_scores_of_known_masks(masks):
    memory = FitnessMemory(Folds(), n_features=4)
    memory(masks[:20])
    np.testing.assert_array_equal(
        memory.fold_scores(masks[:20]), Folds().evaluate(masks[:20]).scores
    )
    assert memory.n_asked == 20
    fresh = FitnessMemory(Folds(), n_features=4)
    fresh(masks[:1])
    with pytest.raises(InputError, match="scored before, and number 1 was not"):
        fresh.fold_scores(np.array([masks[0], ~masks[0]]))


def test_warnings_are_those_of_the_different_masks(masks):
    memory = FitnessMemory(Folds(), n_features=4)
    for _ in range(3):
        memory(masks)
    different = {tuple(mask) for mask in masks}
    assert memory.warnings_ == {"W: many": sum(sum(mask) for mask in different if sum(mask) > 1)}


def test_a_warm_store_changes_nothing_but_the_work(tmp_path, masks):
    outcomes = []
    for _ in range(2):
        memory = FitnessMemory(Folds(), n_features=4, store=ScoreStore(tmp_path / "scores"))
        scores = [memory(batch).tolist() for batch in (masks[:7], masks[5:], masks[:3])]
        counts = memory.n_asked, memory.n_distinct, memory.n_reused
        order = memory.recall()[0].tolist()
        outcomes.append((scores, counts, order, dict(memory.warnings_)))
        outcomes[-1] += ({name: a.tolist() for name, a in memory.to_arrays().items()},)
    assert outcomes[0] == outcomes[1]
    assert memory.n_scored == 0


def test_a_half_warm_store_keeps_the_order(tmp_path, masks):
    store = ScoreStore(tmp_path / "scores")
    FitnessMemory(Folds(), n_features=4, store=store)(masks[10:20])
    memory = FitnessMemory(Folds(), n_features=4, store=store)
    memory(masks)
    whole = FitnessMemory(Folds(), n_features=4)
    whole(masks)
    np.testing.assert_array_equal(memory.recall()[0], whole.recall()[0])
    assert 0 < memory.n_scored < memory.n_distinct


@pytest.mark.parametrize("digest", [None, "of other folds"])
def test_scores_of_another_fitness_are_not_taken(tmp_path, masks, digest):
    store = ScoreStore(tmp_path / "scores")
    FitnessMemory(Folds(), n_features=4, store=store)(masks)
    other = Folds()
    other.digest = digest
    memory = FitnessMemory(other, n_features=4, store=store)
    memory(masks)
    assert memory.n_scored == memory.n_distinct


def test_a_plain_function_has_no_digest_and_is_not_stored(tmp_path, masks):
    store = ScoreStore(tmp_path / "scores")
    FitnessMemory(Counting(), n_features=4, store=store)(masks)
    assert not (tmp_path / "scores").exists()


def test_scores_of_classifiers_are_means_over_the_folds(two_clouds, rng):
    X, y = two_clouds
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    folds = prepare_folds(X, y, splits, seed=0)
    fitness = CrossValidatedFitness(GaussianNB(), folds, get_scorer("accuracy"))
    masks = rng.random((12, 12)) < 0.4
    masks[:, 0] = True
    memory = FitnessMemory(fitness, n_features=12)
    scores = memory(masks)
    np.testing.assert_array_equal(scores, fitness(masks))
    np.testing.assert_array_equal(memory.fold_scores(masks), fitness.score_folds(masks))
    assert memory.evaluations.n_fits == 5 * memory.n_distinct
    assert [memory.known_score(mask) for mask in masks] == scores.tolist()
    assert memory.n_asked == 12


def test_evaluations_add_up(masks):
    memory = FitnessMemory(Folds(), n_features=4)
    memory(masks)
    memory(masks[:5])
    counts = memory.evaluations
    n = memory.n_distinct
    assert counts == Evaluations(35, n, n, 3 * n, memory.warnings_)
    both = sum([counts, counts], Evaluations())
    assert (both.n_asked, both.n_distinct, both.n_scored, both.n_fits) == (70, 2 * n, 2 * n, 6 * n)
    assert both.warnings == {"W: many": 2 * memory.warnings_["W: many"]}


MASKS = np.array([[True, False, False, False], [True, True, True, True]])
SCORES = np.array([0.6, 0.8])


def test_weighted_is_the_formula_of_the_thesis():
    np.testing.assert_allclose(WeightedObjective(0.5)(SCORES, MASKS), [0.5 * 0.6 + 0.5 * 0.75, 0.4])


def test_alpha_one_is_the_score_alone():
    np.testing.assert_allclose(WeightedObjective(1.0)(SCORES, MASKS), SCORES)


def test_penalty():
    np.testing.assert_allclose(PenaltyObjective(0.01)(SCORES, MASKS), [0.59, 0.76])


@pytest.mark.parametrize("alpha", [-0.1, 1.1, "x"])
def test_alpha_is_a_probability(alpha):
    with pytest.raises(InputError, match="alpha must be a probability"):
        WeightedObjective(alpha)


@pytest.mark.parametrize("price", [-1, float("nan")])
def test_price_is_not_negative(price):
    with pytest.raises(InputError, match="per_feature must be at least 0"):
        PenaltyObjective(price)


def test_a_memory_gives_the_objective_of_the_scores():
    memory = FitnessMemory(
        lambda masks: masks.mean(axis=1), n_features=4, objective=PenaltyObjective(0.1)
    )
    np.testing.assert_allclose(memory(MASKS), [0.15, 0.6])
    np.testing.assert_allclose(memory.score(MASKS), [0.25, 1.0])
    assert (memory.n_asked, memory.n_distinct) == (4, 2)


class Failing(Folds):
    """Fails on masks of more than one feature."""

    digest = "of failures"

    def evaluate(self, masks):
        evaluation = super().evaluate(masks)
        wide = masks.sum(axis=1) > 1
        evaluation.scores[wide] = np.nan
        evaluation.failures = {int(row): f"row {row} is wide." for row in np.flatnonzero(wide)}
        return evaluation

    def __call__(self, masks):
        scores = super().__call__(masks)
        return np.where(masks.sum(axis=1) > 1, np.nan, scores)


def some_masks():
    return np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)


def test_a_failed_mask_counts_as_the_worst():
    memory = FitnessMemory(Failing(), n_features=4)
    scores = memory.score(some_masks())
    np.testing.assert_array_equal(scores[[0, 2]], 0.0)
    assert (scores[[1, 3]] > 0).all()
    assert [memory.has_scored(mask) for mask in some_masks()] == [False, True, False, True]
    known, values = memory.recall()
    np.testing.assert_array_equal(known, some_masks()[[1, 3]])
    np.testing.assert_array_equal(values, scores[[1, 3]])
    assert memory.evaluations.n_failed == 2
    assert (
        memory.evaluations.complaints[
            "masks on which the classifier failed, the first time: row 0 is wide."
        ]
        == 2
    )


def test_the_worst_of_losses_is_the_lowest_known():
    class Losses(Failing):
        def evaluate(self, masks):
            evaluation = super().evaluate(masks)
            evaluation.scores = -evaluation.scores
            return evaluation

    memory = FitnessMemory(Losses(), n_features=4)
    scores = memory.score(some_masks())
    np.testing.assert_array_equal(scores[[0, 2]], scores[[1, 3]].min())


def test_when_every_mask_fails_single_features_are_asked():
    wide = some_masks()[[0, 2]]
    memory = FitnessMemory(Failing(), n_features=4)
    np.testing.assert_array_equal(memory.score(wide), 0.0)
    with pytest.raises(InputError, match=r"failed on all of 2 masks.*bound max_features"):
        memory.recall()

    class Hopeless(Failing):
        def __call__(self, masks):
            return np.full(len(masks), np.nan)

        def evaluate(self, masks):
            failures = dict.fromkeys(range(len(masks)), "never.")
            return SimpleNamespace(
                scores=np.full((len(masks), 3), np.nan),
                warned=(Counter(),) * len(masks),
                failures=failures,
            )

    with pytest.raises(InputError, match=r"failed on all of 2 masks, the first time: never\.$"):
        FitnessMemory(Hopeless(), n_features=4).score(wide)


def test_failures_are_saved_and_come_back():
    memory, other = (FitnessMemory(Failing(), n_features=4) for _ in range(2))
    memory.score(some_masks())
    other.restore(memory.to_arrays())
    assert other.evaluations == replace(memory.evaluations, n_scored=0)
    np.testing.assert_array_equal(other.score(some_masks()), memory.score(some_masks()))


def test_the_store_keeps_no_failure(tmp_path):
    with ScoreStore(tmp_path / "scores.sqlite3") as store:
        for n_scored in (4, 2):  # the two that failed are computed again
            memory = FitnessMemory(Failing(), n_features=4, store=store)
            scores = memory.score(some_masks())
            assert memory.n_scored == n_scored
            np.testing.assert_array_equal(scores[[0, 2]], 0.0)
            assert memory.evaluations.n_failed == 2
