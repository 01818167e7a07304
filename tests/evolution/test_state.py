import json

import numpy as np
import pytest

from tests.evolution.algorithms.problems import MAKERS, fit_for, make, rugged
from vaega.core.errors import InputError
from vaega.evolution._loop import evolve
from vaega.evolution._state import (
    EvolutionState,
    amend_last,
    count_asked,
    describe_population,
    find_best,
    restarts,
    start_state,
)


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
