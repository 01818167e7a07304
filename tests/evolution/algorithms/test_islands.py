import numpy as np
import pytest

from tests.evolution.algorithms.problems import (
    MAKERS,
    fit_for,
    make,
    members,
    rugged,
    same_state,
    toolbox,
)
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve, restarts
from vaega.evolution.algorithms import Generational, Islands, SteadyState
from vaega.evolution.algorithms._islands import pack_part, unpack_part


def build(n_islands=3, n_features=24, **settings):
    parts = [MAKERS["generational"](number, n_features) for number in range(n_islands)]
    return Islands(parts, rng=np.random.default_rng(0), **settings)


def island_of(algorithm, mask):
    same = (algorithm.state.masks == mask).all(axis=1)
    return set(algorithm.state.extra["island"][same].tolist())


def one_lucky(masks, island):
    """Score the first mask of one island of thirty far above all others."""
    scores = np.zeros(len(masks))
    scores[30 * island] = 9.0
    return scores


def test_without_migration_islands_are_the_algorithms_alone():
    together = build(migrate_every=100)
    evolve(together, members, n_generations=6)
    for number in range(3):
        alone = MAKERS["generational"](number, 24)
        evolve(alone, members, n_generations=6)
        own = together.state.extra["island"] == number
        np.testing.assert_array_equal(together.state.masks[own], alone.state.masks)
        np.testing.assert_array_equal(together.state.scores[own], alone.state.scores)


@pytest.mark.parametrize(
    ("topology", "goals"), [("ring", {2, 0}), ("complete", {0, 1, 2}), ("random_ring", None)]
)
def test_the_best_goes_to_its_neighbours_with_its_score(topology, goals):
    algorithm = build(topology=topology, migrate_every=1)
    masks = algorithm.ask()
    algorithm.tell(one_lucky(masks, island=2))
    homes = island_of(algorithm, masks[60])
    assert 2 in homes
    assert len(homes) == (3 if topology == "complete" else 2)
    assert goals is None or homes == goals
    same = (algorithm.state.masks == masks[60]).all(axis=1)
    assert (algorithm.state.scores[same] == 9.0).all()
    assert algorithm.state.masks.shape == (90, 24)


def test_a_random_ring_changes():
    algorithm = build(n_islands=3, topology="random_ring", migrate_every=1)
    rings = {frozenset(algorithm._routes()) for _ in range(20)}
    assert len(rings) == 2  # all there are on three islands
    for ring in rings:
        assert {origin for origin, _ in ring} == {goal for _, goal in ring} == {0, 1, 2}


def test_migration_comes_every_so_many_generations():
    algorithm = build(migrate_every=3, migrants=2)
    history = evolve(algorithm, members, n_generations=9).history
    arrived = [record["n_migrants"] for record in history]
    assert [count > 0 for count in arrived[:3]] == [False, False, True]
    assert all(count == 0 for number, count in enumerate(arrived, 1) if number % 3)
    assert max(arrived) <= 6


def test_migrants_take_the_place_of_the_worst():
    algorithm = build(migrate_every=1, migrants=3)
    masks = algorithm.ask()
    scores = np.tile(np.arange(30.0), 3)
    algorithm.tell(scores)
    for number in range(3):
        own = np.sort(algorithm.state.scores[algorithm.state.extra["island"] == number])
        np.testing.assert_array_equal(own, np.sort(np.r_[np.arange(3.0, 30.0), 27, 28, 29]))
    assert len(masks) == 90


def test_a_migrant_who_is_there_already_stays_out():
    algorithm = build(migrate_every=1, topology="complete")
    evolve(algorithm, members, n_generations=1)
    for _ in range(3):  # the best are everywhere already, and are sent again and again
        algorithm.tell(np.full(len(algorithm.ask()), -99.0))
    assert [record["n_migrants"] for record in algorithm.state.history[2:]] == [0, 0]


def test_who_lives_on_one_island_is_not_adopted_by_another():
    algorithm = build(migrate_every=100)
    masks = algorithm.ask()
    scores = np.zeros(len(masks))
    scores[-1] = -5.0  # the worst lives on the last island
    algorithm.tell(scores)
    assert not algorithm.adopt(masks[0], 9.0)
    assert algorithm.adopt(np.arange(24) < 23, 9.0)
    np.testing.assert_array_equal(algorithm.state.masks[-1], np.arange(24) < 23)


def test_the_whole_keeps_the_history_for_all():
    algorithm = build()
    assert len(evolve(algorithm, members, n_generations=4).history) == 4
    assert not any(part.state.history for part in algorithm.algorithms)


def test_the_best_of_equals_is_the_first_found():
    algorithm = build(migrate_every=100)
    masks = algorithm.ask()
    algorithm.tell(one_lucky(masks, island=2))
    children = algorithm.ask()
    scores = np.zeros(len(children))
    scores[0] = 9.0
    algorithm.tell(scores)
    np.testing.assert_array_equal(algorithm.state.best_mask, masks[60])


def test_islands_of_different_kinds_and_sizes():
    rng = np.random.default_rng(9)
    small = SteadyState(toolbox(12, rng), rng=rng, population_size=5, offspring_size=5)
    algorithm = Islands([make("generational"), small], rng=np.random.default_rng(0))
    assert algorithm.ask().shape == (35, 12)
    algorithm.tell(members(algorithm.ask()))
    assert algorithm.ask().shape == (34, 12)
    evolve(algorithm, members, n_generations=12)
    assert np.bincount(algorithm.state.extra["island"]).tolist() == [30, 5]


def test_islands_that_share_one_generator_are_restored_too():
    def build_shared(seed):
        rng = np.random.default_rng(seed)
        parts = [
            Generational(toolbox(12, rng), rng=rng, population_size=8),
            Generational(toolbox(12, rng), rng=rng, population_size=8),
        ]
        return Islands(parts, rng=rng, topology="random_ring", migrate_every=1)

    whole, second = build_shared(0), build_shared(1)
    second.restore(evolve(whole, members, n_generations=3))
    one, two = (evolve(algorithm, members, n_generations=6) for algorithm in (whole, second))
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.rng_state == two.rng_state


def test_a_state_of_another_number_of_islands_gives_one_sentence():
    state = evolve(build(3), members, n_generations=1)
    with pytest.raises(InputError, match="the state must be one of 2 islands, got 3"):
        build(2).restore(state)
    with pytest.raises(InputError, match="the state must be one of 2 islands, got 0"):
        build(2).restore(make("generational").state)


def test_masks_of_different_lengths_give_one_sentence():
    parts = [MAKERS["generational"](0, 12), MAKERS["generational"](0, 13)]
    with pytest.raises(InputError, match=r"masks of one length, got \[12, 13\]"):
        Islands(parts, rng=np.random.default_rng(0)).ask()


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"n_islands": 1}, "the number of algorithms must be a whole number, at least 2, got 1"),
        ({"migrate_every": 0}, "migrate_every"),
        ({"migrants": 0}, "migrants"),
        ({"topology": "star"}, "topology must be one of complete, random_ring, ring"),
    ],
)
def test_bad_settings(settings, rule):
    with pytest.raises(InputError, match=rule):
        build(**settings)


def test_the_same_algorithm_twice_or_a_mixture_gives_one_sentence():
    one = make("generational")
    with pytest.raises(InputError, match="different objects"):
        Islands([one, one], rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="all take one score or all several"):
        Islands([one, make("nsga2")], rng=np.random.default_rng(0))


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
