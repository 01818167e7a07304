import copy
import pickle

import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.generative._models import VAE
from vaega.generative._state import FittedState
from vaega.generative._storage import LazyState

X, Y = blobs(30)


def stored():
    model = VAE(hidden=(8,), latent=2, max_epochs=2, random_state=0).fit(X, Y)
    calls, state = [], model.state_
    expected = model.transform(X)
    model.state_ = LazyState(lambda: calls.append(1) or state)
    return model, calls, expected


def test_it_is_built_once_and_only_when_it_is_used():
    model, calls, expected = stored()
    repr(model)
    assert calls == []
    for _ in range(2):
        np.testing.assert_array_equal(model.transform(X), expected)
        model.sample({0: 3}, random_state=0)
    assert calls == [1]


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301 - what was pickled a moment ago


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
def test_a_copy_holds_the_state_itself(copied):
    model, _, expected = stored()
    other = copied(model)
    assert type(other.state_) is FittedState
    np.testing.assert_array_equal(other.transform(X), expected)


def test_a_name_that_no_state_has_is_an_attribute_error():
    model, calls, _ = stored()
    with pytest.raises(AttributeError, match="__len__"):
        _ = model.state_.__len__
    assert calls == []
    with pytest.raises(AttributeError, match="nothing"):
        _ = model.state_.nothing
