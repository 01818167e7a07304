import random

import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from vaega.core.randomness import derive_rng, derive_seed, draw_seed, seed_unset, unset_seeds


def test_streams_belong_to_their_names():
    draws = {
        float(derive_rng(*name).random()) for name in [(0,), (1,), (0, "a"), (0, "a", 1), (0, "a1")]
    }
    assert len(draws) == 5
    assert derive_seed(0, "a", 1) == derive_seed(0, "a", 1)


def test_a_known_value_stays():
    # A change of this figure changes every result that was ever published.
    assert derive_seed(0, "fold", 1) == 44813622
    assert 0 <= derive_seed(2**31 - 1, "x") < 2**31


@pytest.mark.parametrize("state", [5, np.int64(5)])
def test_an_integer_is_the_seed(state):
    assert draw_seed(state) == 5


def test_generators_advance():
    for state in (np.random.default_rng(0), np.random.RandomState(0)):
        assert draw_seed(state) != draw_seed(state)


@pytest.mark.parametrize("state", [-1, "1", 1.5, True])
def test_no_random_state(state):
    with pytest.raises(ValueError, match="random_state must be"):
        draw_seed(state)


def test_none_is_fresh_and_leaves_the_global_states_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - watched, not used
    assert draw_seed(None) != draw_seed(None)
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002


def test_nested_seeds_are_found():
    nested = make_pipeline(BaggingClassifier(MLPClassifier()))
    assert unset_seeds(nested) == [
        "baggingclassifier__estimator__random_state",
        "baggingclassifier__random_state",
    ]


def test_only_unset_ones_are_set():
    nested = BaggingClassifier(MLPClassifier(random_state=3))
    seed_unset(nested, 9)
    assert nested.random_state == 9
    assert nested.estimator.random_state == 3


def test_nothing_to_set():
    assert seed_unset(KNeighborsClassifier(), 1).get_params() == KNeighborsClassifier().get_params()
    assert unset_seeds(object()) == []
