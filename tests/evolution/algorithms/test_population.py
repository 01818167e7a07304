import numpy as np

from tests.evolution.algorithms.problems import make, members
from vaega.evolution._loop import evolve


def test_the_fittest_are_different_masks_as_long_as_there_are_enough():
    algorithm = make("mu_plus_lambda")
    masks = np.array([[True, False], [True, False], [False, True], [True, True]])
    scores = np.array([3.0, 3.0, 1.0, 2.0])
    assert algorithm._fittest(masks, scores, 3).tolist() == [0, 3, 2]
    assert algorithm._fittest(masks, scores, 4).tolist() == [0, 3, 2, 1]


def test_an_adopted_mask_that_is_no_best_leaves_the_best_alone():
    algorithm = make("generational")
    before = evolve(algorithm, members, n_generations=3)
    newcomer = ~before.masks[algorithm.ranked()[-1]]
    score = float(np.median(before.scores))
    assert algorithm.adopt(newcomer, score)
    assert algorithm.state.best_score == before.best_score
    assert algorithm.state.history[-1]["mean"] == algorithm.state.scores.mean()
    assert algorithm.state.history[:-1] == before.history[:-1]


def test_an_unknown_origin_gives_the_place_of_the_worst():
    algorithm = make("generational")
    before = evolve(algorithm, members, n_generations=3)
    worst = algorithm.ranked()[-1]
    assert algorithm.adopt(~before.masks[worst], 50.0, origin=np.zeros(12, dtype=bool))
    assert algorithm.state.scores[worst] == 50.0
