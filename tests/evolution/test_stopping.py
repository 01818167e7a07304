import numpy as np
import pytest

from tests.evolution.algorithms.problems import fit_for, generational, make, members, same_state
from vaega.core.errors import InputError
from vaega.evolution import _stopping as stopping
from vaega.evolution._evolution import Callback, evolve, restarts
from vaega.evolution._stopping import (
    RestartWhenStagnant,
    StopAfterEvaluations,
    StopAfterSeconds,
    StopAtTarget,
    StopWhenStagnant,
)


def flat(masks):
    return np.zeros(len(masks))


def run(callback, name="generational", problem=members, n_generations=60):
    algorithm = make(name)
    fitness = fit_for(algorithm, problem)
    return evolve(algorithm, fitness, n_generations=n_generations, callbacks=[callback])


def test_a_callback_keeps_nothing_by_default():
    callback = Callback()
    assert callback.state_arrays() == {}
    callback.restore_arrays({})
    assert callback.on_start(None) is callback.on_generation(None) is callback.on_end(None) is None


@pytest.mark.parametrize("name", ["generational", "islands", "nsga2"])
@pytest.mark.parametrize(
    "callback",
    [
        StopWhenStagnant(6),
        StopAtTarget(4.0),
        StopAfterEvaluations(300),
        RestartWhenStagnant(3),
        RestartWhenStagnant(3, max_restarts=1),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_a_resumed_run_goes_as_one_that_was_never_interrupted(name, callback):
    whole = run(callback, name, n_generations=14)
    for stop in (1, 4, 9, 13):
        first, second = make(name), make(name, seed=9)
        fitness = fit_for(first, members)
        evolve(first, fitness, n_generations=stop, callbacks=[callback])
        second.restore(first.state)
        assert same_state(evolve(second, fitness, n_generations=14, callbacks=[callback]), whole)


def test_the_target_stops_in_the_generation_that_reaches_it():
    state = run(StopAtTarget(5.0))
    best = [record["best"] for record in state.history]
    assert best[-1] >= 5.0 > best[-2]


def test_a_run_at_its_target_does_not_go_on():
    algorithm = make("generational")
    done = evolve(algorithm, members, n_generations=30)
    callback = StopAtTarget(done.best_score)
    assert evolve(algorithm, members, n_generations=60, callbacks=[callback]) is done


def test_evaluations_stop_in_the_generation_that_reaches_them():
    asked = [record["n_asked"] for record in run(StopAfterEvaluations(200)).history]
    assert asked[-1] >= 200 > asked[-2]
    assert run(StopAfterEvaluations(30)).generation == 1
    assert run(StopAfterEvaluations(31)).generation == 2


def test_a_counter_counts_what_it_likes():
    distinct = set()

    def fitness(masks):
        distinct.update(mask.tobytes() for mask in masks)
        return members(masks)

    callback = StopAfterEvaluations(150, counter=lambda: len(distinct))
    state = evolve(make("generational"), fitness, n_generations=90, callbacks=[callback])
    assert len(distinct) >= 150
    assert state.history[-1]["n_asked"] > len(distinct)
    assert state.generation < 90


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(stopping.time, "monotonic", lambda: Clock.now)
    return Clock


def slow(clock, seconds):
    def fitness(masks):
        clock.now += seconds
        return members(masks)

    return fitness


def test_seconds_stop_after_the_generation_in_which_they_pass(clock):
    callback = StopAfterSeconds(10.0)
    state = evolve(make("generational"), slow(clock, 3.0), n_generations=9, callbacks=[callback])
    assert state.generation == 4
    assert float(callback.state_arrays()["seconds"]) == 12.0


def test_a_second_run_has_its_own_seconds(clock):
    callback = StopAfterSeconds(10.0)
    for _ in range(2):
        clock.now += 100.0
        algorithm = make("generational")
        assert (
            evolve(algorithm, slow(clock, 3.0), n_generations=9, callbacks=[callback]).generation
            == 4
        )


def test_seconds_of_a_former_part_are_given_or_kept(clock):
    algorithm = make("generational")
    given = StopAfterSeconds(10.0, already=8.0)
    assert evolve(algorithm, slow(clock, 3.0), n_generations=9, callbacks=[given]).generation == 1
    kept = StopAfterSeconds(10.0)
    kept.restore_arrays({"seconds": np.array(5.0)})
    assert evolve(algorithm, slow(clock, 3.0), n_generations=9, callbacks=[kept]).generation == 3
    anew = evolve(make("generational"), slow(clock, 3.0), n_generations=9, callbacks=[kept])
    assert anew.generation == 4  # what was kept counts once
    used_up = StopAfterSeconds(10.0)
    used_up.restore_arrays({"seconds": np.array(10.0)})
    assert evolve(algorithm, slow(clock, 3.0), n_generations=9, callbacks=[used_up]).generation == 3
    nothing_kept = StopAfterSeconds(10.0, already=8.0)
    nothing_kept.restore_arrays({})
    assert (
        evolve(algorithm, slow(clock, 3.0), n_generations=9, callbacks=[nothing_kept]).generation
        == 4
    )


def test_stagnation_restarts_again_and_again():
    state = run(RestartWhenStagnant(4), problem=flat, n_generations=20)
    assert restarts(state).tolist() == [5, 9, 13, 17]


def test_no_more_restarts_than_allowed():
    state = run(RestartWhenStagnant(4, max_restarts=2), problem=flat, n_generations=30)
    assert restarts(state).tolist() == [5, 9]
    assert state.generation == 30


def test_progress_delays_a_restart():
    algorithm = make("generational")
    rising = iter(range(1000))

    def fitness(masks):
        return np.full(len(masks), float(min(next(rising), 10)))

    evolve(algorithm, fitness, n_generations=20, callbacks=[RestartWhenStagnant(4)])
    assert restarts(algorithm.state).tolist() == [15, 19]


def test_a_restart_marked_after_the_checkpoint_was_written_is_not_lost():
    whole, first, second = make("generational"), make("generational"), make("generational", 9)
    callback = RestartWhenStagnant(4)
    evolve(whole, flat, n_generations=8, callbacks=[callback])
    evolve(first, flat, n_generations=5)  # as it was before the callback had its turn
    second.restore(first.state)
    evolve(second, flat, n_generations=8, callbacks=[callback])
    assert same_state(whole.state, second.state)


@pytest.mark.parametrize(
    ("make_callback", "rule"),
    [
        (lambda: StopWhenStagnant(0), "StopWhenStagnant: patience"),
        (lambda: StopAtTarget(float("nan")), "StopAtTarget: score must be a finite number"),
        (lambda: StopAtTarget("high"), "StopAtTarget: score must be a finite number"),
        (lambda: StopAfterEvaluations(0), "StopAfterEvaluations: n_evaluations"),
        (lambda: StopAfterSeconds(0), "StopAfterSeconds: seconds must be a number above 0"),
        (lambda: StopAfterSeconds(1, already=-1), "StopAfterSeconds: already"),
        (lambda: RestartWhenStagnant(0), "RestartWhenStagnant: patience"),
        (lambda: RestartWhenStagnant(2, max_restarts=0), "RestartWhenStagnant: max_restarts"),
    ],
)
def test_bad_settings(make_callback, rule):
    with pytest.raises(InputError, match=rule):
        make_callback()


def test_stagnation_stops_where_nothing_improves():
    state = evolve(
        generational(),
        lambda masks: np.zeros(len(masks)),
        n_generations=50,
        callbacks=[StopWhenStagnant(patience=4)],
    )
    assert state.generation == 5


def test_patience_is_a_count():
    with pytest.raises(InputError, match="patience"):
        StopWhenStagnant(patience=0)
