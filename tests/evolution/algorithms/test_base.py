"""What every algorithm promises, checked on all of them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.evolution.algorithms.problems import (
    MAKERS,
    all_masks,
    fit_for,
    make,
    members,
    rugged,
    same_state,
)
from vaega.core.errors import InputError
from vaega.evolution._loop import evolve
from vaega.evolution._state import count_asked, restarts

every_algorithm = pytest.mark.parametrize("name", MAKERS)


def advance(algorithm, n_generations):
    return evolve(algorithm, fit_for(algorithm, rugged), n_generations=n_generations)


def stranger(state):
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
def test_asked_twice_the_same_masks_come_and_nobody_can_change_them(name):
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
    algorithm.restart()  # marked already
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
    newcomer = stranger(before)
    score = np.array([1e6, -1.0]) if algorithm.multi_objective else 1e6
    assert algorithm.adopt(newcomer, score)
    state = algorithm.state
    assert state.generation == 2
    assert state.masks.shape == before.masks.shape
    assert (state.masks == newcomer).all(axis=1).sum() == 1
    assert (state.masks != before.masks).any(axis=1).sum() == 1
    np.testing.assert_array_equal(state.best_mask, newcomer)
    assert state.best_score == state.history[-1]["best"] == 1e6
    assert not algorithm.adopt(newcomer, score)  # a member already
    resumed = make(name, seed=99)
    resumed.restore(state)
    assert same_state(advance(resumed, 4), advance(algorithm, 4))


@every_algorithm
def test_a_worse_mask_stays_out(name):
    algorithm = make(name)
    assert not algorithm.adopt(np.ones(12, dtype=bool), 0.0)  # nobody is there yet
    before = advance(algorithm, 4)
    score = np.array([-1e6, -1e6]) if algorithm.multi_objective else -1e6
    assert not algorithm.adopt(~before.best_mask, score)
    assert same_state(algorithm.state, before)


@pytest.mark.parametrize("name", ["generational", "nsga2", "memetic", "islands", "multi_stage"])
def test_an_adopted_mask_takes_the_place_of_its_origin(name):
    algorithm = make(name)
    before = advance(algorithm, 2)
    place = int(algorithm.ranked()[3])
    newcomer = stranger(before)
    score = np.array([1e6, 0.0]) if algorithm.multi_objective else 1e6
    assert algorithm.adopt(newcomer, score, origin=before.masks[place])
    changed = np.flatnonzero((algorithm.state.masks != before.masks).any(axis=1))
    assert changed.size == 1
    np.testing.assert_array_equal(before.masks[changed[0]], before.masks[place])
