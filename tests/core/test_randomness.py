import contextlib
import random
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

from vaega.core.randomness import (
    derive_rng,
    derive_seed,
    draw_seed,
    global_seed,
    may_draw_globally,
    seed_unset,
    unset_seeds,
)


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


def test_splitters_that_shuffle_without_a_seed_are_found_and_copied():
    cv = StratifiedKFold(3, shuffle=True)
    search = GridSearchCV(KNeighborsClassifier(), {}, cv=cv)
    assert unset_seeds(search) == ["cv"]
    seed_unset(search, 9)
    assert (search.cv.random_state, cv.random_state) == (9, None)
    nested = make_pipeline(CalibratedClassifierCV(MLPClassifier(), cv=ShuffleSplit(3)))
    assert [name.rpartition("__")[2] for name in unset_seeds(nested)] == ["cv", "random_state"]
    for settled in (3, StratifiedKFold(3), StratifiedKFold(3, shuffle=True, random_state=0), None):
        assert unset_seeds(GridSearchCV(KNeighborsClassifier(), {}, cv=settled)) == []


def states():
    return random.getstate(), np.random.get_bit_generator().state["state"]["pos"]


def test_the_global_generators_are_seeded_and_put_back():
    generator, before = np.random.get_bit_generator(), states()
    draws = []
    for seed in (1, 1, 2):
        with contextlib.suppress(KeyError), global_seed(seed, print):
            draws.append((random.random(), np.random.random()))  # noqa: NPY002 - what is tested
            with global_seed(7, print):  # one within another
                random.random(), np.random.random()  # noqa: NPY002
            draws[-1] += (random.random(), np.random.random())  # noqa: NPY002
            raise KeyError
    assert draws[0] == draws[1] != draws[2]
    assert np.random.get_bit_generator() is generator
    assert states() == before


def test_threads_do_not_draw_from_each_other_s_stream():
    def draw(seed):
        with global_seed(seed, print):
            first = np.random.random()  # noqa: NPY002
            time.sleep(0.001)
            return first, np.random.random()  # noqa: NPY002

    generator, expected = np.random.get_bit_generator(), list(map(draw, range(20)))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(20))) == expected
    assert np.random.get_bit_generator() is generator


def test_classifiers_of_scikit_learn_draw_from_their_seed_alone(two_clouds):
    X, y = two_clouds
    before = states()
    n_fitted = 0
    for name, kind in all_estimators("classifier"):
        try:
            estimator = seed_unset(kind(), 0)
        except TypeError:  # of others
            continue
        assert not may_draw_globally(estimator), name
        with contextlib.suppress(ValueError), warnings.catch_warnings(action="ignore"):
            estimator.fit(abs(X), y).predict(abs(X))
            n_fitted += 1
        assert states() == before, name
    assert n_fitted > 25


def test_code_that_nobody_here_knows_may_draw():
    class Own(KNeighborsClassifier):
        pass

    assert may_draw_globally(Own())
    assert may_draw_globally(BaggingClassifier(Own()))
    assert may_draw_globally(SelectKBest(mutual_info_classif))
    assert may_draw_globally(KNeighborsClassifier(metric=lambda a, b: 0.0))
    assert not may_draw_globally(make_pipeline(StandardScaler(), BaggingClassifier(SVC())))
