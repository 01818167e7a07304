from dataclasses import replace

import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.evolution._evolution import Callback
from vaega.experiments.config import SearchConfig
from vaega.experiments.open_search import (
    OpenSearch,
    _redrawn,
    breeding_of,
    check_open_search,
    mean_metric,
)
from vaega.fitness._memory import FitnessMemory, PenaltyObjective, WeightedObjective
from vaega.selection._settings import SearchSettings

N = 30
SETTINGS = SearchSettings(
    n_searches=1,
    guide="none",
    population_size=20,
    n_generations=12,
    initial_fraction=0.2,
    crossover="two_point",
    mutation="bitflip",
).resolved(n_rows=500, n_features=N)
AS_RUN, AS_DESCRIBED = breeding_of("as-run"), breeding_of("as-described")


def memory():
    return FitnessMemory(lambda masks: masks[:, :5].mean(axis=1), n_features=N)


def evolve(breeding, seed=0, settings=SETTINGS, **more):
    search = OpenSearch(WeightedObjective(0.5), settings, breeding, seed, **more)
    return search.run(memory(), digest="rows")


def test_same_seed_same_masks():
    np.testing.assert_array_equal(evolve(AS_RUN).masks, evolve(AS_RUN).masks)
    assert evolve(AS_RUN).masks.tolist() != evolve(AS_RUN, 1).masks.tolist()


def test_without_mutation_no_feature_is_new():
    class First(Callback):
        def on_generation(self, algorithm):
            if algorithm.state.generation == 1:
                self.union = algorithm.state.masks.any(axis=0)

    first = First()
    state = evolve(AS_RUN, callbacks=(first,))
    assert not (state.masks.any(axis=0) & ~first.union).any()


def test_with_mutation_some_are():
    first = []

    class Watch(Callback):
        def on_generation(self, algorithm):
            first.append(algorithm.state.masks.any(axis=0))

    evolve(AS_DESCRIBED, callbacks=(Watch(),), settings=replace(SETTINGS, initial_fraction=0.02))
    assert any((later & ~first[0]).any() for later in first[1:])


def test_the_elite_stays():
    class Watch(Callback):
        def __init__(self):
            self.best = []

        def on_generation(self, algorithm):
            self.best.append(algorithm.state.scores.max())

    watch = Watch()
    evolve(AS_RUN, callbacks=(watch,))
    assert len(watch.best) == 12
    assert watch.best == sorted(watch.best)


def test_redrawn_parents_come_from_one_pool_of_winners(rng):
    asked = []

    def select(individuals, k):
        asked.append(k)
        return [individuals[0], individuals[2]] * (k // 2)

    drawn = _redrawn(list(range(6)), 50, select=select, rng=rng)
    assert asked == [6]
    assert len(drawn) == 50
    assert set(drawn) == {0, 2}


def test_a_killed_search_goes_on_to_the_same_bits(tmp_path):
    class Kill(Callback):
        def on_generation(self, algorithm):
            if algorithm.state.generation == 7:
                raise KeyboardInterrupt

    whole = evolve(AS_DESCRIBED)
    with pytest.raises(KeyboardInterrupt):
        evolve(AS_DESCRIBED, callbacks=(Kill(),), folder=tmp_path)
    resumed = evolve(AS_DESCRIBED, folder=tmp_path)
    np.testing.assert_array_equal(resumed.masks, whole.masks)
    assert list(resumed.history) == list(whole.history)


@pytest.mark.parametrize("objective", [WeightedObjective(0.7), PenaltyObjective(0.02)])
def test_the_metric_behind_an_objective(objective, rng):
    masks, metric = rng.random((6, N)) < 0.3, rng.random(6)
    value, sizes = objective(metric, masks).mean(), masks.sum(axis=1).mean()
    assert mean_metric(value, sizes, objective, N) == pytest.approx(metric.mean())
    assert np.isnan(mean_metric(0.5, 3, WeightedObjective(0.0), N))


def test_settings_of_our_own_searches_are_refused():
    plain = {"n_searches": 1, "guide": "none"}
    with pytest.raises(InputError, match=r"search\.confirm has no effect with protocol as-run"):
        check_open_search("as-run", SearchConfig(confirm=3, **plain))
    with pytest.raises(InputError, match=r"search\.guide must be none with protocol as-run"):
        check_open_search("as-run", SearchConfig(n_searches=1))
    check_open_search("as-run", SearchConfig(**plain))
