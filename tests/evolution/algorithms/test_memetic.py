import hashlib

import numpy as np
import pytest

from tests.evolution.algorithms.problems import MAKERS, fit_for, make, members, rugged, toolbox
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import Generational, Memetic
from vaega.evolution.algorithms._memetic import digest_masks, draw_neighbour


def build(part="generational", n_features=40, **settings):
    inner = MAKERS[part](0, n_features)
    return Memetic(inner, rng=np.random.default_rng(1), **settings)


def test_neighbours_come_behind_the_children_from_the_second_generation_on():
    algorithm = build(n_neighbours=5)
    assert len(algorithm.ask()) == 30
    algorithm.tell(members(algorithm.ask()))
    masks = algorithm.ask()
    assert len(masks) == 29 + 5
    distance = (masks[29:] != algorithm.state.best_mask).sum(axis=1)
    assert ((distance >= 1) & (distance <= 2)).all()


def test_local_search_comes_every_so_many_generations_and_is_counted():
    algorithm = build(n_neighbours=5, every=3)
    history = evolve(algorithm, members, n_generations=7).history
    asked = np.diff([0] + [record["n_asked"] for record in history])
    assert asked.tolist() == [30, 29, 29, 34, 29, 29, 34]


def test_no_neighbour_was_asked_before_and_no_two_are_equal():
    algorithm, asked = build(n_features=14, n_neighbours=12, n_origins=2), set()
    for _ in range(15):
        masks = algorithm.ask()
        n_children = len(algorithm.algorithm.ask())
        children = {mask.tobytes() for mask in masks[:n_children]}
        for mask in masks[n_children:]:
            assert mask.tobytes() not in asked | children
            children.add(mask.tobytes())
        asked |= children
        algorithm.tell(members(masks))


def test_a_resumed_one_remembers_what_was_tried():
    algorithm = build(n_features=14, n_neighbours=12)
    evolve(algorithm, members, n_generations=4)
    second = build(n_features=14, n_neighbours=12)
    second.restore(algorithm.state)
    assert second._seen == algorithm._seen
    assert len(second._seen) > 100


def test_with_all_neighbours_tried_fewer_are_asked():
    algorithm = build(n_features=3, n_neighbours=12)
    evolve(algorithm, members, n_generations=6)
    assert len(algorithm.ask()) == len(algorithm.algorithm.ask())


def test_a_better_neighbour_takes_the_place_of_its_origin():
    algorithm = build(n_neighbours=4)
    algorithm.tell(np.zeros(len(algorithm.ask())))
    origin = algorithm.state.masks[0]
    masks = algorithm.ask()
    scores = np.zeros(len(masks))
    scores[30:32] = 1.0, 3.0  # neighbours 1 and 2
    algorithm.tell(scores)
    state = algorithm.state
    assert state.history[-1]["n_adopted"] == 1
    assert state.best_score == state.history[-1]["best"] == 3.0
    np.testing.assert_array_equal(state.best_mask, masks[31])
    np.testing.assert_array_equal(state.masks[0], masks[31])  # where the elite stood
    assert not (state.masks == origin).all(axis=1)[0]


def test_neighbours_that_are_no_better_are_forgotten():
    algorithm = build(n_neighbours=4)
    algorithm.tell(np.zeros(len(algorithm.ask())))
    masks = algorithm.ask()
    algorithm.tell(np.zeros(len(masks)))
    assert algorithm.state.history[-1]["n_adopted"] == 0
    members_now = {mask.tobytes() for mask in algorithm.state.masks}
    children = {mask.tobytes() for mask in masks[:29]}
    assert not members_now & ({mask.tobytes() for mask in masks[29:]} - children)


def test_each_origin_gets_its_share_of_neighbours():
    algorithm = build(n_neighbours=6, n_origins=3)
    algorithm.ask()
    algorithm.tell(np.arange(30.0))
    masks, best = algorithm.ask()[29:], algorithm.state.masks[[29, 28, 27]]
    for number, mask in enumerate(masks):
        assert (mask != best[number % 3]).sum() <= 2


def test_features_are_added_by_weight_only():
    weights = np.r_[np.ones(8), np.zeros(32)]
    algorithm = build(n_neighbours=20, weights=weights, moves=("add",))
    algorithm.tell(members(algorithm.ask()))
    added = algorithm.ask()[29:] & ~algorithm.state.best_mask
    assert added.any()
    assert not added[:, 8:].any()


def test_bounds_hold_for_neighbours():
    rng = np.random.default_rng(0)
    box = toolbox(20, rng)
    box.register("repair", operators.repair_size, min_features=4, max_features=5, rng=rng)
    inner = Generational(box, rng=rng, population_size=12)
    algorithm = Memetic(inner, rng=rng, n_neighbours=15)
    for _ in range(6):
        sizes = algorithm.ask().sum(axis=1)
        assert ((sizes >= 4) & (sizes <= 5)).all()
        algorithm.tell(members(algorithm.ask()))


def test_with_several_objectives_a_neighbour_must_dominate():
    algorithm = make("memetic_nsga2")
    fitness = fit_for(algorithm, rugged)
    for _ in range(12):
        before, masks = algorithm.state, algorithm.ask()
        n_own = len(masks) - len(algorithm._origins)
        scores = fitness(masks)
        better = {
            int(origin)
            for origin, score in zip(algorithm._origins, scores[n_own:], strict=True)
            if (score >= before.scores[origin]).all() and (score > before.scores[origin]).any()
        }
        algorithm.tell(scores)
        assert algorithm.state.history[-1]["n_adopted"] <= len(better)


def test_it_climbs_where_children_cannot():
    rng = np.random.default_rng(0)
    box = toolbox(40, rng)
    box.register("mutate", lambda mask: (mask,))

    def climb(algorithm):
        return evolve(algorithm, members, n_generations=60).best_score

    alone = climb(Generational(box, rng=rng, population_size=8, crossover_probability=0.0))
    inner = Generational(box, rng=rng, population_size=8, crossover_probability=0.0)
    assert climb(Memetic(inner, rng=rng, n_neighbours=10)) == 20 > alone


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"every": 0}, "every"),
        ({"n_neighbours": 0}, "n_neighbours"),
        ({"n_origins": 0}, "n_origins"),
        ({"moves": ()}, "the number of moves must be a whole number, at least 1, got 0"),
        ({"moves": ("turn",)}, "moves must be one of add, drop, swap; got 'turn'"),
    ],
)
def test_bad_settings(settings, rule):
    with pytest.raises(InputError, match=rule):
        build(**settings)


def test_weights_that_do_not_fit_give_one_sentence():
    algorithm = build(weights=[1.0, 2.0])
    algorithm.tell(members(algorithm.ask()))
    with pytest.raises(InputError, match=r"weights must hold one value a feature, shape \(40,\)"):
        algorithm.ask()


def test_nothing_is_memetic_twice():
    with pytest.raises(InputError, match="must not be memetic already"):
        Memetic(build(), rng=np.random.default_rng(0))


def test_a_state_of_another_algorithm_gives_one_sentence():
    with pytest.raises(InputError, match="the state must hold memetic_seen"):
        build().restore(make("generational").state)


EVEN = np.ones(10)


@pytest.fixture
def mask():
    return np.arange(10) < 4


@pytest.mark.parametrize(
    ("move", "dropped", "added"), [("drop", 1, 0), ("add", 0, 1), ("swap", 1, 1)]
)
def test_a_move_changes_as_much_as_it_says(move, dropped, added, mask, rng):
    for _ in range(50):
        neighbour = draw_neighbour(mask, move=move, weights=EVEN, rng=rng)
        assert (mask & ~neighbour).sum() == dropped
        assert (~mask & neighbour).sum() == added
    assert mask.tolist() == [True] * 4 + [False] * 6


def test_every_feature_can_be_dropped_or_added(mask, rng):
    changed = np.zeros(10, dtype=bool)
    for _ in range(300):
        changed |= mask ^ draw_neighbour(mask, move="swap", weights=EVEN, rng=rng)
    assert changed.all()


def test_features_are_added_by_weight(mask, rng):
    weights = np.r_[np.zeros(4), 1.0, 3.0, np.zeros(4)]
    added = [
        np.flatnonzero(~mask & draw_neighbour(mask, move="add", weights=weights, rng=rng)).item()
        for _ in range(2000)
    ]
    assert set(added) == {4, 5}
    assert abs(np.mean(np.array(added) == 5) - 0.75) < 0.05


@pytest.mark.parametrize(
    ("selected", "weights", "move"),
    [
        (0, EVEN, "drop"),
        (0, EVEN, "swap"),
        (10, EVEN, "add"),
        (10, EVEN, "swap"),
        (4, 0 * EVEN, "swap"),
    ],
)
def test_an_impossible_move_changes_nothing(selected, weights, move, rng):
    mask = np.arange(10) < selected
    np.testing.assert_array_equal(draw_neighbour(mask, move=move, weights=weights, rng=rng), mask)


def test_digests_tell_masks_apart_and_are_the_same_everywhere():
    masks = np.array([[bool(number >> bit & 1) for bit in range(12)] for number in range(4096)])
    digests = digest_masks(masks)
    assert digests.dtype == np.uint64
    assert np.unique(digests).size == 4096
    expected = hashlib.blake2b(bytes([0b10100000]), digest_size=8).digest()
    (digest,) = digest_masks(np.array([[True, False, True]])).tolist()
    assert digest == int.from_bytes(expected, "little")
