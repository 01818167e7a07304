import random

import numpy as np
import pytest

from tests.evolution.algorithms.problems import (
    all_masks,
    fit_for,
    make,
    rugged,
    sparseness,
    toolbox,
)
from vaega.core.errors import InputError
from vaega.evolution._loop import evolve
from vaega.evolution.algorithms import NSGA2
from vaega.evolution.algorithms._base import dominance


def both(masks):
    return np.column_stack([rugged(masks), sparseness(masks)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_front_is_that_of_all_masks(seed):
    masks = all_masks(12)
    scores = both(masks)
    expected = masks[~dominance(scores, scores).any(axis=0)]
    asked = set()

    def fitness(masks):
        asked.update(mask.tobytes() for mask in masks)
        return both(masks)

    rng = np.random.default_rng(seed)
    algorithm = NSGA2(toolbox(12, rng), rng=rng, population_size=80)
    evolve(algorithm, fitness, n_generations=60)
    found, found_scores = algorithm.front
    assert {mask.tobytes() for mask in found} == {mask.tobytes() for mask in expected}
    np.testing.assert_array_equal(found_scores, both(found))
    assert len(asked) < len(masks) / 2


def test_the_archive_holds_more_than_the_population_when_the_front_does():
    algorithm = make("nsga2", n_features=40)

    def even(masks):  # every mask is on the front
        return np.column_stack([masks.sum(axis=1), -masks.sum(axis=1)])

    state = evolve(algorithm, even, n_generations=6)
    assert len(state.masks) == 30
    assert len(algorithm.front[0]) == state.history[-1]["front_size"] > 100


def test_nothing_told_dominates_the_front():
    algorithm, told = make("nsga2", n_features=12), []

    def fitness(masks):
        told.append(both(masks))
        return told[-1]

    evolve(algorithm, fitness, n_generations=6)
    assert not dominance(np.concatenate(told), algorithm.front[1]).any()


def test_the_best_mask_leads_the_front():
    algorithm = make("bounded_nsga2")
    state = evolve(algorithm, both, n_generations=9)
    masks, scores = algorithm.front
    assert len(masks) <= 5
    np.testing.assert_array_equal(state.best_mask, masks[0])
    assert state.best_score == scores[0, 0] == scores[:, 0].max()


def test_there_is_no_front_before_the_first_generation():
    masks, scores = make("nsga2").front
    assert len(masks) == len(scores) == 0


def test_it_takes_three_objectives():
    algorithm = make("nsga2")
    fitness = lambda masks: np.column_stack([both(masks), masks[:, 0]])  # noqa: E731
    state = evolve(algorithm, fitness, n_generations=5)
    assert state.scores.shape == (30, 3)


def test_the_number_of_objectives_stays():
    algorithm = make("nsga2")
    evolve(algorithm, both, n_generations=2)
    with pytest.raises(InputError, match="tell needs 2 scores a mask as in the generations before"):
        algorithm.tell(np.zeros((len(algorithm.ask()), 3)))


def test_it_never_draws_from_the_global_generator():
    before = random.getstate()
    algorithm = make("nsga2")
    evolve(algorithm, fit_for(algorithm, rugged), n_generations=5)
    assert random.getstate() == before


def test_tournaments_prefer_the_front():
    algorithm = make("nsga2")
    evolve(algorithm, both, n_generations=1)
    place = {
        mask.tobytes(): rank for rank, mask in enumerate(algorithm.state.masks[algorithm.ranked()])
    }
    ranks = [place[np.asarray(parent).tobytes()] for parent in algorithm._parents(4000)]
    # The better of two draws from n places has the mean place (n - 1)(2n - 1) / 6n, about n / 3.
    assert abs(np.mean(ranks) - 29 * 59 / 180) < 0.5


def test_bad_settings():
    with pytest.raises(InputError, match="archive_size must be a whole number"):
        NSGA2(toolbox(5, np.random.default_rng()), rng=np.random.default_rng(), archive_size=0)
