"""Individuals, the state, and the loop with its callbacks."""

import copy
import json
import multiprocessing
import random

import numpy as np
import pytest
from deap import algorithms, base, tools

from tests.evolution.algorithms.problems import MAKERS, fit_for, generational, make, planted, rugged
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._evolution import (
    Callback,
    EvolutionState,
    Individual,
    amend_last,
    count_asked,
    describe_population,
    evolve,
    find_best,
    restarts,
    start_state,
)


def test_copies_are_independent_and_keep_the_fitness():
    first = Individual([True, False])
    first.fitness.values = (0.5,)
    second = copy.deepcopy(first)
    second[0] = False
    second.fitness.values = (0.7,)
    assert first.tolist() == [True, False]
    assert first.fitness.values == (0.5,)


def test_a_mask_given_is_copied():
    mask = np.zeros(3, dtype=bool)
    individual = Individual(mask)
    mask[0] = True
    assert not individual.any()


def test_travels_to_another_process_and_back():
    individual = Individual([True, False, True])
    individual.fitness.values = (0.25,)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        back = pool.apply(copy.copy, (individual,))
    assert isinstance(back, Individual)
    assert back.tolist() == [True, False, True]
    assert back.fitness.values == (0.25,)


def test_deaps_own_loop_solves_one_max():
    rng, toolbox = np.random.default_rng(0), base.Toolbox()
    random.seed(0)  # eaSimple draws from the global generator; ours does not
    toolbox.register("evaluate", lambda mask: (float(np.sum(mask)),))
    toolbox.register("mate", operators.crossover_two_point, rng=rng)
    toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.03, rng=rng)
    toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    population = [
        Individual(operators.init_bernoulli(30, fraction=0.3, rng=rng)) for _ in range(40)
    ]
    hall = tools.HallOfFame(1, similar=np.array_equal)
    algorithms.eaSimple(
        population, toolbox, cxpb=0.7, mutpb=0.5, ngen=40, halloffame=hall, verbose=False
    )
    assert hall[0].sum() == 30


def test_diversity_is_the_mean_distance_of_pairs():
    masks = np.random.default_rng(0).random((9, 14)) < 0.3
    pairs = [(masks[first] != masks[second]).sum() for first in range(9) for second in range(first)]
    described = describe_population(masks, np.arange(9.0))
    assert described["diversity"] == pytest.approx(np.mean(pairs))
    assert described["best"] == 8.0
    assert described["mean"] == 4.0
    assert described["best_n_features"] == masks[8].sum()
    assert described["mean_n_features"] == pytest.approx(masks.sum(axis=1).mean())


def test_of_several_objectives_the_first_is_described():
    masks = np.array([[True, True], [True, False], [False, True]])
    scores = np.array([[0.9, -2.0], [0.9, -1.0], [0.3, -1.0]])
    described = describe_population(masks, scores)
    assert (described["best"], described["best_n_features"]) == (0.9, 1)
    assert described["mean"] == pytest.approx(0.7)


def test_one_mask_has_no_diversity():
    assert describe_population(np.ones((1, 3), dtype=bool), np.zeros(1))["diversity"] == 0.0


def test_the_best_is_the_first_of_equals():
    assert find_best(np.array([1.0, 2.0, 2.0])) == 1
    assert find_best(np.array([[2.0, 1.0], [2.0, 3.0], [2.0, 3.0]])) == 1


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ({"Rates": np.zeros(1)}, "'Rates' of type float64"),
        ({"my rates": np.zeros(1)}, "'my rates'"),
        ({"rates": np.array([None])}, "'rates' of type object"),
    ],
)
def test_extra_holds_plain_arrays_of_plain_names(extra, what):
    start = start_state({})
    with pytest.raises(InputError, match=what):
        EvolutionState(0, start.masks, start.scores, start.best_mask, 0.0, {}, extra=extra)


def test_a_state_without_extra_has_none():
    start = start_state({})
    state = EvolutionState(0, start.masks, start.scores, start.best_mask, 0.0, {})
    assert state.extra == {}
    assert restarts(state).size == count_asked(state) == 0


def test_histories_without_a_count_count_nothing():
    start = start_state({})
    args = (1, start.masks, start.scores, start.best_mask, 0.0, {})
    assert count_asked(EvolutionState(*args, history=({"best": 1.0},))) == 0


def test_amending_leaves_the_old_history_alone():
    history = ({"best": 1.0, "mean": 0.0},)
    assert amend_last(history, {"mean": 0.5}) == ({"best": 1.0, "mean": 0.5},)
    assert history == ({"best": 1.0, "mean": 0.0},)
    assert amend_last((), {"mean": 0.5}) == ()


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_not_an_array_can_be_written_as_json(name):
    algorithm = make(name)
    state = evolve(algorithm, fit_for(algorithm, rugged), n_generations=5)
    plain = [state.generation, state.best_score, state.rng_state, list(state.history)]
    assert json.loads(json.dumps(plain)) == plain


class Recorder(Callback):
    def __init__(self, stop_at=None):
        self.stop_at, self.calls = stop_at, []

    def on_start(self, algorithm):
        self.calls.append("start")

    def on_generation(self, algorithm):
        self.calls.append(algorithm.state.generation)
        return algorithm.state.generation == self.stop_at

    def on_end(self, algorithm):
        self.calls.append("end")


def test_hooks_are_called_in_order():
    recorder = Recorder()
    evolve(generational(), planted, n_generations=3, callbacks=[recorder])
    assert recorder.calls == ["start", 1, 2, 3, "end"]


def test_a_callback_stops_the_loop_and_the_others_still_hear_of_it():
    stopper, other = Recorder(stop_at=2), Recorder()
    evolve(generational(), planted, n_generations=9, callbacks=[stopper, other])
    assert other.calls == ["start", 1, 2, "end"]
