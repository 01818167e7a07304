import numpy as np
import pytest

from tests.evolution.algorithms.problems import fit_for, make, rugged, same_state
from vaega.core.errors import InputError
from vaega.evolution._loop import evolve
from vaega.evolution._state import restarts
from vaega.evolution.algorithms._base import pack_part, unpack_part


def unpacked(extra, state, **settings):
    return unpack_part(
        extra,
        "part_",
        masks=state.masks,
        scores=state.scores,
        rng_state=state.rng_state,
        **{"restarting": False, **settings},
    )


@pytest.mark.parametrize("name", ["generational", "nsga2", "self_adaptive", "islands"])
def test_a_part_comes_back_as_it_was_but_for_its_history(name):
    algorithm = make(name)
    evolve(algorithm, fit_for(algorithm, rugged), n_generations=3)
    state = algorithm.state
    back = unpacked(pack_part(state, "part_"), state)
    assert back.history == ()
    object.__setattr__(back, "history", state.history)
    assert same_state(back, state)


def test_parts_do_not_mix():
    state = evolve(make("self_adaptive"), rugged, n_generations=2)
    extra = pack_part(state, "part_") | {"part_of_others": np.zeros(3), "other_extra_x": np.ones(1)}
    assert list(unpacked(extra, state).extra) == ["rates"]


def test_the_mark_of_a_restart_is_the_wholes():
    algorithm = make("generational")
    evolve(algorithm, rugged, n_generations=2)
    algorithm.restart()
    packed = pack_part(algorithm.state, "part_")
    assert not [name for name in packed if "restart" in name]
    assert restarts(unpacked(packed, algorithm.state)).size == 0
    assert restarts(unpacked(packed, algorithm.state, restarting=True)).tolist() == [2]


def test_a_part_that_is_not_there_gives_one_sentence():
    with pytest.raises(InputError, match="the state must hold part_generation"):
        unpacked({}, make("generational").state)
