import numpy as np
import pytest
from deap import base

from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._loop import evolve
from vaega.evolution._state import logbook
from vaega.evolution.algorithms import Generational


def make(seed=0, n_features=24, **settings):
    rng, toolbox = np.random.default_rng(seed), base.Toolbox()
    toolbox.register("initialize", operators.init_bernoulli, n_features, fraction=0.4, rng=rng)
    toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    toolbox.register("mate", operators.crossover_uniform, rng=rng)
    toolbox.register("mutate", operators.mutate_bitflip, flip_probability=1 / n_features, rng=rng)
    toolbox.register("repair", operators.repair_size, min_features=2, max_features=18, rng=rng)
    return Generational(toolbox, rng=rng, **{"population_size": 20, **settings})


def planted(masks):
    return masks[:, :8].sum(axis=1) - masks[:, 8:].sum(axis=1)


def test_it_finds_what_was_planted():
    state = evolve(make(population_size=40), planted, n_generations=40)
    assert state.best_score == 8
    np.testing.assert_array_equal(np.flatnonzero(state.best_mask), np.arange(8))


def test_the_first_population_is_whole_and_later_ones_spare_the_elite():
    algorithm = make(elite=3)
    assert algorithm.ask().shape == (20, 24)
    algorithm.tell(planted(algorithm.ask()))
    assert algorithm.ask().shape == (17, 24)
    algorithm.tell(planted(algorithm.ask()))
    assert algorithm.state.masks.shape == (20, 24)


@pytest.mark.parametrize("elite", [0, 1, 5])
def test_an_odd_number_of_children(elite):
    algorithm = make(population_size=11, elite=elite)
    evolve(algorithm, planted, n_generations=3)
    assert len(algorithm.state.scores) == 11


def test_the_elite_never_gets_worse():
    state = evolve(make(), planted, n_generations=25)
    best = [record["best"] for record in state.history]
    assert best == sorted(best)


def test_the_elite_are_different_masks():
    algorithm = make(elite=2)
    first = algorithm.ask()
    algorithm.tell(np.zeros(len(first)))
    algorithm.state.masks[:] = algorithm.state.masks[0]
    algorithm.state.masks[7, :] = ~algorithm.state.masks[0]
    algorithm.tell(np.zeros(len(algorithm.ask())))
    assert (algorithm.state.masks[0] != algorithm.state.masks[1]).any()


def test_bounds_hold_in_every_generation():
    algorithm = make()
    for _ in range(10):
        masks = algorithm.ask()
        assert ((masks.sum(axis=1) >= 2) & (masks.sum(axis=1) <= 18)).all()
        algorithm.tell(planted(masks))


def test_mutation_reaches_the_population():
    # Without crossover every new mask owes itself to mutation; two public packages lose it here.
    algorithm = make(crossover_probability=0.0)
    first = {mask.tobytes() for mask in algorithm.ask()}
    algorithm.tell(planted(algorithm.ask()))
    second = {mask.tobytes() for mask in algorithm.ask()}
    assert second - first


def test_asked_twice_the_same_masks_come():
    algorithm = make()
    np.testing.assert_array_equal(algorithm.ask(), algorithm.ask())


def test_changing_what_was_asked_changes_nothing():
    algorithm = make()
    algorithm.ask()[:] = False
    assert algorithm.ask().any()


def test_same_seed_same_bits():
    one, two = (evolve(make(seed=4), planted, n_generations=8) for _ in range(2))
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.history == two.history
    assert (evolve(make(seed=5), planted, n_generations=8).masks != one.masks).any()


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_restored_evolution_equals_one_that_never_stopped(stop):
    whole = evolve(make(), planted, n_generations=9)
    first = make()
    evolve(first, planted, n_generations=stop)
    first.ask()  # asked, then killed before it was told
    second = make(seed=99)
    second.restore(first.state)
    resumed = evolve(second, planted, n_generations=9)
    np.testing.assert_array_equal(resumed.masks, whole.masks)
    np.testing.assert_array_equal(resumed.scores, whole.scores)
    assert resumed.history == whole.history
    assert resumed.rng_state == whole.rng_state


def test_tell_before_ask():
    with pytest.raises(InputError, match="tell needs a call of ask before it"):
        make().tell([1.0])


@pytest.mark.parametrize(
    ("scores", "rule"),
    [
        (np.zeros(3), r"one score a mask, shape \(20,\), got shape \(3,\)"),
        (np.r_[np.zeros(19), np.nan], "scores must be finite, got nan for mask 19"),
    ],
)
def test_scores_that_do_not_fit(scores, rule):
    algorithm = make()
    algorithm.ask()
    with pytest.raises(InputError, match=rule):
        algorithm.tell(scores)


@pytest.mark.parametrize(
    "settings",
    [
        {"population_size": 1},
        {"elite": 20},
        {"elite": -1},
        {"crossover_probability": 2},
        {"elite": 0, "rescore_elite": True},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        make(**settings)


def test_a_lucky_score_does_not_last_when_the_elite_is_scored_again():
    algorithm = make(elite=2, rescore_elite=True)
    lucky = planted(algorithm.ask()).astype(float)
    lucky[5] = 100.0
    algorithm.tell(lucky)
    assert algorithm.state.best_score == 100.0
    favourite = algorithm.state.best_mask
    masks = algorithm.ask()
    assert masks.shape == (20, 24)
    np.testing.assert_array_equal(masks[0], favourite)
    np.testing.assert_array_equal(masks[:2], algorithm.state.masks[algorithm.ranked()[:2]])
    algorithm.tell(planted(masks))
    assert algorithm.state.best_score == planted(masks).max()
    np.testing.assert_array_equal(algorithm.state.best_mask, masks[planted(masks).argmax()])
    assert algorithm.state.masks.shape == (20, 24)


def test_a_lucky_score_lasts_when_it_is_not():
    algorithm = make(elite=2)
    lucky = planted(algorithm.ask()).astype(float)
    lucky[5] = 100.0
    algorithm.tell(lucky)
    algorithm.tell(planted(algorithm.ask()))
    assert algorithm.state.best_score == 100.0


def test_rescoring_changes_nothing_where_scores_are_exact():
    plain, rescored = make(elite=3), make(elite=3, rescore_elite=True)
    one, two = (evolve(algorithm, planted, n_generations=9) for algorithm in (plain, rescored))
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.best_score == two.best_score
    assert one.rng_state == two.rng_state


def test_history_is_a_deap_logbook_too():
    state = evolve(make(), planted, n_generations=3)
    assert logbook(state).select("generation") == [1, 2, 3]
