import numpy as np
import pytest

from tests.evolution.algorithms.problems import make, members, toolbox
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import Generational, MultiStage


def build(stages=((3, 0.5), (2, 4)), n_features=24, elite=1):
    rng = np.random.default_rng(0)
    calls = []

    def make_algorithm(features, stage):
        calls.append((len(features), stage))
        box = toolbox(len(features), rng)
        return Generational(box, rng=rng, population_size=20, elite=elite)

    algorithm = MultiStage(make_algorithm, n_features=n_features, stages=stages, rng=rng)
    algorithm.calls = calls
    return algorithm


def test_stages_narrow_the_space_as_they_say():
    algorithm = build()
    evolve(algorithm, members, n_generations=5)
    last = max(4, int(algorithm.state.best_mask.sum()))  # the best mask's features always stay
    history = evolve(algorithm, members, n_generations=8).history
    assert [record["stage"] for record in history] == [0, 0, 0, 1, 1, 2, 2, 2]
    widths = [record["n_stage_features"] for record in history]
    assert widths == [24, 24, 24, 12, 12, last, last, last]
    assert algorithm.calls == [(24, 0), (12, 1), (last, 2)]


def test_masks_are_whole_and_select_within_the_stage():
    algorithm = build()
    for _ in range(8):
        masks = algorithm.ask()
        assert masks.shape[1] == 24
        outside = np.setdiff1d(np.arange(24), algorithm.features)
        assert not masks[:, outside].any()
        algorithm.tell(members(masks))
    assert algorithm.state.masks.shape == (20, 24)


def test_the_most_frequent_of_the_better_half_and_the_best_mask_stay():
    algorithm = build(stages=((1, 6),))
    masks = algorithm.ask()
    scores = np.where(masks[:, :4].sum(axis=1) >= 2, 1.0, 0.0)
    scores[7] = 2.0
    algorithm.tell(scores)
    half = algorithm.state.masks[algorithm.ranked()][:10]
    frequency = half.mean(axis=0)
    algorithm.ask()
    kept = np.isin(np.arange(24), algorithm.features)
    best = masks[7]
    assert kept[best].all()
    assert kept.sum() == max(6, best.sum())
    free = ~best
    if kept[free].any():
        assert frequency[free & kept].min() >= frequency[free & ~kept].max()


def test_features_that_are_equally_frequent_are_drawn_not_counted_off():
    algorithm = build(stages=((1, 0.5),), n_features=400)
    masks = algorithm.ask()
    masks[:] = False
    algorithm.tell(np.zeros(20))
    algorithm.state.masks[:] = False
    algorithm.state.best_mask[:] = False
    algorithm.ask()
    assert algorithm.features.size == 200
    assert abs(algorithm.features.mean() - 199.5) < 35


def test_a_feature_that_left_never_comes_back():
    algorithm = build(stages=((4, 0.6), (4, 0.9)))
    evolve(algorithm, lambda masks: -masks.sum(axis=1), n_generations=8)
    before = set(algorithm.features.tolist())
    algorithm.state.masks[:] = False  # those that are left are as rare as those that are not
    algorithm.state.best_mask[:] = False
    algorithm.ask()
    assert algorithm.stage == 2
    assert len(algorithm.features) == 13
    assert set(algorithm.features.tolist()) < before


@pytest.mark.parametrize("elite", [0, 1])
def test_the_best_mask_joins_the_next_stage(elite):
    algorithm = build(elite=elite)
    bests = []
    for _ in range(7):
        algorithm.tell(members(algorithm.ask()))
        bests.append(algorithm.state.best_score)
        if algorithm.state.history[-1]["stage"] and algorithm.algorithm.state.generation == 1:
            assert algorithm.state.scores.max() >= bests[-2]
    assert bests == sorted(bests)


def test_more_kept_than_there_are_keeps_all():
    algorithm = build(stages=((2, 99),))
    evolve(algorithm, members, n_generations=3)
    assert algorithm.features.tolist() == list(range(24))


def test_without_stages_it_is_the_algorithm_alone():
    algorithm = build(stages=())
    rng = np.random.default_rng(0)
    alone = Generational(toolbox(24, rng), rng=rng, population_size=20)
    np.testing.assert_array_equal(
        evolve(algorithm, members, n_generations=5).masks,
        evolve(alone, members, n_generations=5).masks,
    )


def test_a_restart_on_the_border_of_two_stages():
    whole, second = build(), build()
    evolve(whole, members, n_generations=3)
    whole.restart()
    second.restore(whole.state)
    one, two = (evolve(algorithm, members, n_generations=6) for algorithm in (whole, second))
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.rng_state == two.rng_state


def test_a_mask_from_outside_the_stage_stays_out():
    algorithm = build()
    evolve(algorithm, members, n_generations=4)
    outside = ~np.isin(np.arange(24), algorithm.features)
    assert not algorithm.adopt(outside, 1e6)


@pytest.mark.parametrize(
    ("stages", "rule"),
    [
        ([(0, 0.5)], "the generations of a stage must be a whole number, at least 1, got 0"),
        ([(3, 0)], "keep must be a whole number, at least 1, got 0"),
        ([(3, 1.5)], "keep must be a share between 0 and 1, got 1.5"),
    ],
)
def test_bad_stages(stages, rule):
    with pytest.raises(InputError, match=rule):
        build(stages=stages)


def test_a_state_of_another_algorithm_gives_one_sentence():
    with pytest.raises(InputError, match="the state must hold stage and features"):
        build().restore(make("generational").state)
