"""What every algorithm owes, and the generational one."""

from dataclasses import replace

import numpy as np
import pytest

from tests.evolution.algorithms.problems import (
    MAKERS,
    all_masks,
    fit_for,
    generational,
    make,
    members,
    planted,
    rugged,
    same_state,
)
from vaega.core.errors import InputError
from vaega.evolution._evolution import count_asked, evolve, logbook, restarts

every_algorithm = pytest.mark.parametrize("name", MAKERS)


def advance(algorithm, n_generations):
    return evolve(algorithm, fit_for(algorithm, rugged), n_generations=n_generations)


def unknown_mask(state):
    known = {mask.tobytes() for mask in state.masks}
    return next(mask for mask in all_masks(12) if mask.tobytes() not in known)


@every_algorithm
def test_a_restored_one_equals_one_that_never_stopped_at_every_generation(name):
    whole, states = make(name), []
    states.append(whole.state)
    for _ in range(9):
        advance(whole, whole.state.generation + 1)
        states.append(whole.state)
    for stop in range(9):
        resumed = make(name, seed=99)
        resumed.restore(states[stop])
        assert same_state(resumed.state, states[stop])
        for generation in range(stop + 1, min(stop + 4, 10)):
            assert same_state(advance(resumed, generation), states[generation])


@every_algorithm
def test_what_was_asked_and_never_told_leaves_no_trace(name):
    whole, killed = make(name), make(name)
    for _ in range(8):
        killed.ask()
        killed.restore(killed.state)
        assert same_state(
            advance(killed, killed.state.generation + 1), advance(whole, whole.state.generation + 1)
        )


@every_algorithm
def test_a_state_is_not_changed_by_going_on(name):
    algorithm = make(name)
    early = advance(algorithm, 4)
    copied = replace(
        early,
        masks=early.masks.copy(),
        scores=early.scores.copy(),
        best_mask=early.best_mask.copy(),
        extra={key: array.copy() for key, array in early.extra.items()},
    )
    advance(algorithm, 8)
    assert same_state(early, copied)


@every_algorithm
def test_same_seed_same_bits_and_another_seed_others(name):
    one, two, other = (advance(make(name, seed=seed), 7) for seed in (4, 4, 5))
    assert same_state(one, two)
    assert one.history != other.history


@every_algorithm
def test_the_global_generators_are_left_alone(name):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    advance(make(name), 4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@every_algorithm
def test_asked_twice_the_same_masks_come_that_cannot_be_changed(name):
    algorithm = make(name)
    advance(algorithm, 3)
    asked = algorithm.ask()
    asked_again = algorithm.ask()
    np.testing.assert_array_equal(asked, asked_again)
    asked[:] = False
    np.testing.assert_array_equal(algorithm.ask(), asked_again)


@every_algorithm
def test_masks_are_bool_whole_and_never_empty(name):
    algorithm = make(name, fraction=0.05)
    fitness = fit_for(algorithm, lambda masks: -masks.sum(axis=1))
    for _ in range(8):
        masks = algorithm.ask()
        assert masks.dtype == bool
        assert masks.shape[1] == 12
        assert masks.any(axis=1).all()
        algorithm.tell(fitness(masks))
    assert algorithm.state.best_mask.sum() == 1


@every_algorithm
def test_the_state_agrees_with_itself_and_with_the_scores_told(name):
    algorithm, told, n_asked = make(name), {}, 0
    fitness = fit_for(algorithm, rugged)
    for generation in range(1, 9):
        masks = algorithm.ask()
        scores = np.asarray(fitness(masks), dtype=float)
        told |= {mask.tobytes(): score for mask, score in zip(masks, scores, strict=True)}
        n_asked += len(masks)
        algorithm.tell(scores)
        state = algorithm.state
        assert state.generation == len(state.history) == generation
        assert count_asked(state) == n_asked
        for mask, score in zip(state.masks, state.scores, strict=True):
            np.testing.assert_array_equal(told[mask.tobytes()], score)
        first = [np.ravel(score)[0] for score in told.values()]
        assert state.best_score == max(first)
        assert np.ravel(told[state.best_mask.tobytes()])[0] == state.best_score
        assert state.history[-1]["best"] == state.scores.reshape(len(state.masks), -1)[:, 0].max()
        assert state.history[-1]["mean_n_features"] == state.masks.sum(axis=1).mean()


@every_algorithm
def test_history_records_are_flat_plain_numbers_of_the_same_names(name):
    history = advance(make(name), 8).history
    usual = ["generation", "best", "mean", "best_n_features", "mean_n_features", "diversity"]
    for record in history:
        assert list(record)[:7] == [*usual, "n_asked"]
        assert list(record) == list(history[0])
        assert all(type(value) in (int, float) for value in record.values())


@every_algorithm
def test_what_more_a_state_holds_are_plain_arrays(name):
    for array in advance(make(name), 3).extra.values():
        assert isinstance(array, np.ndarray)
        assert array.dtype != object


@every_algorithm
def test_tell_before_ask(name):
    with pytest.raises(InputError, match="tell needs a call of ask before it"):
        make(name).tell([1.0])


@every_algorithm
@pytest.mark.parametrize("generation", [0, 2])
def test_scores_that_do_not_fit_give_one_sentence_and_change_nothing(name, generation):
    algorithm = make(name)
    before = advance(algorithm, generation) if generation else algorithm.state
    masks = algorithm.ask()
    good = np.asarray(fit_for(algorithm, rugged)(masks), dtype=float)
    flat = np.zeros(len(masks) + 1)
    bad_value = good.copy()
    bad_value[-1] = np.nan
    for scores, rule in [
        (flat, f"shape \\({len(masks)}.*, got shape"),
        (good[:-1], "got shape"),
        (bad_value, f"finite, got nan for mask {len(masks) - 1}"),
        (good[:, 0] if algorithm.multi_objective else np.column_stack([good, good]), "got shape"),
    ]:
        with pytest.raises(InputError, match=rule):
            algorithm.tell(scores)
    assert same_state(algorithm.state, before)
    np.testing.assert_array_equal(algorithm.ask(), masks)
    algorithm.tell(good)  # and it can go on
    assert algorithm.state.generation == generation + 1


@every_algorithm
def test_a_restart_keeps_the_elite_and_draws_the_rest_anew(name):
    algorithm = make(name, n_features=32)
    fitness = fit_for(algorithm, members)
    before = evolve(algorithm, fitness, n_generations=25)
    algorithm.restart()
    algorithm.restart()  # no second time
    assert restarts(algorithm.state).tolist() == [25]
    after = evolve(algorithm, fitness, n_generations=26)
    assert after.history[:25] == before.history
    assert after.best_score >= before.best_score
    assert after.masks.shape == before.masks.shape
    old = {mask.tobytes() for mask in before.masks}
    assert sum(mask.tobytes() in old for mask in after.masks) <= 8  # the elite of all islands
    assert after.history[25]["diversity"] > 1.5 * before.history[24]["diversity"]
    evolve(algorithm, fitness, n_generations=28)
    assert restarts(algorithm.state).tolist() == [25]


@every_algorithm
def test_a_restart_survives_a_checkpoint(name):
    whole, first, second = make(name), make(name), make(name, seed=99)
    for algorithm in (whole, first):
        advance(algorithm, 4)
        algorithm.ask()  # drawn for nothing
        algorithm.restart()
    second.restore(first.state)
    for generation in (5, 6, 7):
        assert same_state(advance(second, generation), advance(whole, generation))


@every_algorithm
def test_adopting_a_better_mask_makes_it_a_member_and_the_best(name):
    algorithm = make(name)
    before = advance(algorithm, 2)
    algorithm.ask()
    adopted = unknown_mask(before)
    score = np.array([1e6, -1.0]) if algorithm.multi_objective else 1e6
    assert algorithm.adopt(adopted, score)
    state = algorithm.state
    assert state.generation == 2
    assert state.masks.shape == before.masks.shape
    assert (state.masks == adopted).all(axis=1).sum() == 1
    assert (state.masks != before.masks).any(axis=1).sum() == 1
    np.testing.assert_array_equal(state.best_mask, adopted)
    assert state.best_score == state.history[-1]["best"] == 1e6
    assert not algorithm.adopt(adopted, score)  # a member already
    resumed = make(name, seed=99)
    resumed.restore(state)
    assert same_state(advance(resumed, 4), advance(algorithm, 4))


@every_algorithm
def test_a_worse_mask_stays_out(name):
    algorithm = make(name)
    assert not algorithm.adopt(np.ones(12, dtype=bool), 0.0)  # there are no members yet
    before = advance(algorithm, 4)
    score = np.array([-1e6, -1e6]) if algorithm.multi_objective else -1e6
    assert not algorithm.adopt(~before.best_mask, score)
    assert same_state(algorithm.state, before)


@pytest.mark.parametrize("name", ["generational", "nsga2", "islands"])
def test_an_adopted_mask_replaces_its_origin(name):
    algorithm = make(name)
    before = advance(algorithm, 2)
    index = int(algorithm.ranked()[3])
    adopted = unknown_mask(before)
    score = np.array([1e6, 0.0]) if algorithm.multi_objective else 1e6
    assert algorithm.adopt(adopted, score, origin=before.masks[index])
    changed = np.flatnonzero((algorithm.state.masks != before.masks).any(axis=1))
    assert changed.size == 1
    np.testing.assert_array_equal(before.masks[changed[0]], before.masks[index])


def test_the_fittest_are_different_masks_as_long_as_there_are_enough():
    algorithm = make("steady_state")
    masks = np.array([[True, False], [True, False], [False, True], [True, True]])
    scores = np.array([3.0, 3.0, 1.0, 2.0])
    assert algorithm._fittest(masks, scores, 3).tolist() == [0, 3, 2]
    assert algorithm._fittest(masks, scores, 4).tolist() == [0, 3, 2, 1]


def test_an_adopted_mask_that_is_no_best_leaves_the_best_alone():
    algorithm = make("generational")
    before = evolve(algorithm, members, n_generations=3)
    adopted = ~before.masks[algorithm.ranked()[-1]]
    score = float(np.median(before.scores))
    assert algorithm.adopt(adopted, score)
    assert algorithm.state.best_score == before.best_score
    assert algorithm.state.history[-1]["mean"] == algorithm.state.scores.mean()
    assert algorithm.state.history[:-1] == before.history[:-1]


def test_an_unknown_origin_replaces_the_worst():
    algorithm = make("generational")
    before = evolve(algorithm, members, n_generations=3)
    worst = algorithm.ranked()[-1]
    assert algorithm.adopt(~before.masks[worst], 50.0, origin=np.zeros(12, dtype=bool))
    assert algorithm.state.scores[worst] == 50.0


def test_it_finds_what_was_planted():
    state = evolve(generational(population_size=40), planted, n_generations=40)
    assert state.best_score == 8
    np.testing.assert_array_equal(np.flatnonzero(state.best_mask), np.arange(8))


def test_the_first_population_is_whole_and_later_ones_spare_the_elite():
    algorithm = generational(elite=3)
    assert algorithm.ask().shape == (20, 24)
    algorithm.tell(planted(algorithm.ask()))
    assert algorithm.ask().shape == (17, 24)
    algorithm.tell(planted(algorithm.ask()))
    assert algorithm.state.masks.shape == (20, 24)


@pytest.mark.parametrize("elite", [0, 1, 5])
def test_an_odd_number_of_children(elite):
    algorithm = generational(population_size=11, elite=elite)
    evolve(algorithm, planted, n_generations=3)
    assert len(algorithm.state.scores) == 11


def test_the_elite_never_gets_worse():
    state = evolve(generational(), planted, n_generations=25)
    best = [record["best"] for record in state.history]
    assert best == sorted(best)


def test_the_elite_are_different_masks():
    algorithm = generational(elite=2)
    first = algorithm.ask()
    algorithm.tell(np.zeros(len(first)))
    algorithm.state.masks[:] = algorithm.state.masks[0]
    algorithm.state.masks[7, :] = ~algorithm.state.masks[0]
    algorithm.tell(np.zeros(len(algorithm.ask())))
    assert (algorithm.state.masks[0] != algorithm.state.masks[1]).any()


def test_bounds_hold_in_every_generation():
    algorithm = generational()
    for _ in range(10):
        masks = algorithm.ask()
        assert ((masks.sum(axis=1) >= 2) & (masks.sum(axis=1) <= 18)).all()
        algorithm.tell(planted(masks))


def test_mutation_reaches_the_population():
    # Without crossover every new mask owes itself to mutation; two public packages lose it here.
    algorithm = generational(crossover_probability=0.0)
    first = {mask.tobytes() for mask in algorithm.ask()}
    algorithm.tell(planted(algorithm.ask()))
    second = {mask.tobytes() for mask in algorithm.ask()}
    assert second - first


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_restored_evolution_equals_one_that_never_stopped(stop):
    whole = evolve(generational(), planted, n_generations=9)
    first = generational()
    evolve(first, planted, n_generations=stop)
    first.ask()  # asked, then killed before it was told
    second = generational(seed=99)
    second.restore(first.state)
    resumed = evolve(second, planted, n_generations=9)
    np.testing.assert_array_equal(resumed.masks, whole.masks)
    np.testing.assert_array_equal(resumed.scores, whole.scores)
    assert resumed.history == whole.history
    assert resumed.rng_state == whole.rng_state


@pytest.mark.parametrize(
    ("scores", "rule"),
    [
        (np.zeros(3), r"one score a mask, shape \(20,\), got shape \(3,\)"),
        (np.r_[np.zeros(19), np.nan], "scores must be finite, got nan for mask 19"),
    ],
)
def test_scores_that_do_not_fit(scores, rule):
    algorithm = generational()
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
    ],
)
def test_bad_settings(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        generational(**settings)


def test_the_best_score_ever_told_lasts():
    algorithm = generational(elite=2)
    lucky = planted(algorithm.ask()).astype(float)
    lucky[5] = 100.0
    algorithm.tell(lucky)
    algorithm.tell(planted(algorithm.ask()))
    assert algorithm.state.best_score == 100.0


def test_history_is_a_deap_logbook_too():
    state = evolve(generational(), planted, n_generations=3)
    assert logbook(state).select("generation") == [1, 2, 3]
