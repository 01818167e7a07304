import itertools

import numpy as np
import pytest

from vaega.fitness._memory import FitnessMemory, PenaltyObjective, WeightedObjective
from vaega.selection._search import SavedState, run_search
from vaega.selection._settings import SearchSettings


def search(fitness, objective, n_features=12, seed=0, saved=None, **settings):
    return run_search(
        FitnessMemory(fitness, n_features=n_features, objective=objective),
        SearchSettings(**settings).resolved(n_rows=1000, n_features=n_features),
        weights=np.full(n_features, 1 / n_features),
        seed=seed,
        saved=saved,
    )


def counts(result):
    return result.evaluations.n_asked, result.evaluations.n_distinct


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_of_twelve_features_is_that_of_brute_force(seed):
    values = np.random.default_rng(seed).normal(size=12)
    pairs = np.random.default_rng(seed + 100).normal(size=(12, 12)) / 3

    def fitness(masks):
        return masks @ values + np.einsum("mi,ij,mj->m", masks, pairs, masks)

    everything = np.array(list(itertools.product([False, True], repeat=12)))[1:]
    best = fitness(everything).max()
    result = search(fitness, PenaltyObjective(0.0), population_size=60, n_generations=40)
    assert result.score == pytest.approx(best)


def test_a_royal_road(rng):
    blocks = np.arange(64).reshape(8, 8)

    def fitness(masks):
        return masks[:, blocks].all(axis=2).mean(axis=1)

    result = search(
        fitness,
        PenaltyObjective(0.0),
        64,
        population_size=200,
        n_generations=80,
        initial_fraction=0.5,
        crossover="two_point",
        mutation="bitflip",
    )
    assert result.score == 1.0


def test_counts_and_best_score_belong_together():
    asked = []

    def fitness(masks):
        asked.append(len(masks))
        return masks.mean(axis=1)

    result = search(fitness, WeightedObjective(1.0), population_size=20, n_generations=6)
    counts = result.evaluations
    assert counts.n_asked == 20 + 5 * 19
    assert sum(asked) == counts.n_distinct <= counts.n_asked
    assert result.score == pytest.approx(result.mask.mean())


def test_a_search_resumes_from_its_checkpoint(tmp_path):
    def fitness(masks):
        return masks[:, :6].mean(axis=1) - masks[:, 6:].mean(axis=1)

    class Killed(Exception):
        pass

    calls = []

    def dying(masks):
        calls.append(1)
        if len(calls) == 5:
            raise Killed
        return fitness(masks)

    def run(function, path):
        return search(
            function,
            PenaltyObjective(0.001),
            30,
            seed=2,
            saved=SavedState(path),
            population_size=16,
            n_generations=9,
        )

    whole = run(fitness, tmp_path / "whole.npz")
    with pytest.raises(Killed):
        run(dying, tmp_path / "killed.npz")
    resumed = run(fitness, tmp_path / "killed.npz")
    np.testing.assert_array_equal(resumed.mask, whole.mask)
    np.testing.assert_array_equal(resumed.frequencies, whole.frequencies)
    assert resumed.history.equals(whole.history)
    assert counts(resumed) == counts(whole)


def test_a_damaged_checkpoint_is_said_and_the_search_starts_anew(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"nonsense")
    with pytest.warns(UserWarning, match="cannot be read as a checkpoint.*starts anew"):
        result = search(
            lambda masks: masks.mean(axis=1),
            PenaltyObjective(0.0),
            8,
            saved=SavedState(path),
            n_generations=2,
        )
    assert result.mask.any()


def test_a_search_that_stagnated_stops_in_the_same_generation_after_a_resume(tmp_path):
    def run(path):
        return search(
            lambda masks: masks[:, :3].mean(axis=1).round(1),
            PenaltyObjective(0.0),
            20,
            seed=5,
            saved=SavedState(path),
            population_size=10,
            n_generations=40,
            patience=2,
        )

    first, again = run(tmp_path / "state.npz"), run(tmp_path / "state.npz")
    assert len(first.history) < 40
    assert again.history.equals(first.history)
    np.testing.assert_array_equal(again.mask, first.mask)
    assert counts(again) == counts(first)


def test_a_checkpoint_of_another_search_is_not_taken(tmp_path):
    def fitness(masks):
        return masks.mean(axis=1)

    path = tmp_path / "state.npz"
    search(fitness, PenaltyObjective(0.0), saved=SavedState(path, "one"), n_generations=2)
    with pytest.warns(UserWarning, match="other settings or data. The search starts anew"):
        search(fitness, PenaltyObjective(0.0), saved=SavedState(path, "two"), n_generations=2)


def planted(masks):
    return masks[:, :4].mean(axis=1) - masks[:, 4:].mean(axis=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"algorithm": "steady_state", "n_generations": 60},
        {"algorithm": "nsga2", "choice": "best"},
        {"algorithm": "islands", "n_islands": 2, "population_size": 60},
        {"algorithm": "self_adaptive"},
        {"restart_after": 3},
        {"selection": "rank"},
        {"selection": "window"},
        {"selection": "stochastic_universal"},
        {"crossover": "half_uniform", "mutation": "filter_guided"},
        {"crossover": "size_preserving", "n_generations": 60},
        {"mutation": "swap"},
    ],
    ids=str,
)
def test_every_way_to_search_finds_what_is_planted_and_resumes(settings, tmp_path):
    settings = {"population_size": 40, "n_generations": 40, "initial_fraction": 0.1, **settings}
    whole = search(planted, PenaltyObjective(0.0), 40, seed=1, **settings)
    assert whole.mask[:4].sum() >= 3
    assert whole.mask[4:].sum() <= 2
    saved = SavedState(tmp_path / "state.npz")
    part = {**settings, "n_generations": settings["n_generations"] // 2}
    search(planted, PenaltyObjective(0.0), 40, seed=1, saved=saved, **part)
    resumed = search(planted, PenaltyObjective(0.0), 40, seed=1, saved=saved, **settings)
    np.testing.assert_array_equal(resumed.mask, whole.mask)
    assert resumed.history.equals(whole.history)
    assert counts(resumed) == counts(whole)


@pytest.mark.parametrize("algorithm", ["generational", "steady_state", "nsga2", "islands"])
def test_pinned_and_forbidden_features_and_sizes_hold_for_every_mask(algorithm):
    asked = []

    def fitness(masks):
        asked.append(masks.copy())
        return masks.mean(axis=1)

    bounds = {"pinned": (3, 17), "forbidden": (0, 9), "min_features": 3, "max_features": 6}
    search(
        fitness,
        WeightedObjective(1.0),
        30,
        algorithm=algorithm,
        population_size=20,
        n_generations=6,
        **bounds,
    )
    masks = np.concatenate(asked)
    assert masks[:, [3, 17]].all()
    assert not masks[:, [0, 9]].any()
    assert set(masks.sum(axis=1)) <= {3, 4, 5, 6}


@pytest.mark.parametrize(
    ("stop", "reached"),
    [
        ({"max_evaluations": 60}, lambda result: 60 <= result.evaluations.n_distinct < 100),
        ({"target": 0.2}, lambda result: len(result.history) < 40),
        ({"patience": 2}, lambda result: len(result.history) < 40),
        ({"max_seconds": 1e-6}, lambda result: len(result.history) == 1),
    ],
    ids=["evaluations", "target", "patience", "seconds"],
)
def test_a_search_stops_when_it_is_told_to(stop, reached):
    settings = {"population_size": 20, "n_generations": 40, "initial_fraction": 0.3}
    assert reached(search(planted, PenaltyObjective(0.0), 40, **settings, **stop))


def test_nsga2_takes_the_smallest_mask_within_a_standard_error():
    def fitness(masks):
        return np.minimum(masks.sum(axis=1), 3) / 3

    result = search(fitness, WeightedObjective(1.0), algorithm="nsga2", choice="one_standard_error")
    assert result.mask.sum() == 3
    knee = search(fitness, WeightedObjective(1.0), algorithm="nsga2", choice="knee")
    assert 1 <= knee.mask.sum() <= 3
