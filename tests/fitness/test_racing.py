import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.fitness._racing import RacingFitness


class Counting:
    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=float)
        self.asked = []

    def __call__(self, masks):
        places = masks.argmax(axis=1)
        self.asked.extend(places.tolist())
        return self.scores[places]


MASKS = np.eye(6, dtype=bool)


def test_the_better_part_goes_on_and_the_others_cost_nothing_more():
    first, second = Counting([0.1, 0.9, 0.5, 0.8, 0.2, 0.7]), Counting([1.0] * 6)
    race = RacingFitness([first, second], [2, 3], keep=0.5)
    scores = race(MASKS)
    assert sorted(second.asked) == [1, 3, 5]
    np.testing.assert_allclose(scores[[1, 3, 5]], (2 * first.scores[[1, 3, 5]] + 3) / 5)
    np.testing.assert_allclose(scores[[0, 2, 4]], first.scores[[0, 2, 4]])


def test_who_dropped_out_is_never_above_who_finished():
    first, second = Counting([0.9, 0.8, 0.7, 0.9, 0.9, 0.9]), Counting([0.0] * 6)
    scores = RacingFitness([first, second], [1, 1], keep=0.5)(MASKS)
    finished = np.isin(np.arange(6), second.asked)
    assert scores[~finished].max() <= scores[finished].min()


def test_a_race_that_keeps_all_is_the_mean_over_all_folds():
    first, second = Counting(np.linspace(0, 1, 6)), Counting(np.linspace(1, 0, 6))
    scores = RacingFitness([first, second], [2, 3], keep=1.0)(MASKS)
    np.testing.assert_allclose(scores, (2 * first.scores + 3 * second.scores) / 5)


def test_one_mask_always_finishes():
    second = Counting([0.5] * 6)
    RacingFitness([Counting([0.1] * 6), second], [1, 1], keep=0.01)(MASKS)
    assert len(second.asked) == 1


def test_no_mask_is_no_race():
    assert RacingFitness([Counting([0.0])], [1])(MASKS[:0]).shape == (0,)


def test_what_makes_no_race_is_refused():
    with pytest.raises(InputError, match="one length, at least 1, got 1 and 2"):
        RacingFitness([Counting([0.0])], [1, 2])
    with pytest.raises(InputError, match="keep must be a probability"):
        RacingFitness([Counting([0.0])], [1], keep=2.0)
