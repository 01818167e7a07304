import itertools

import numpy as np
import pytest

from vaega.fitness.folds import Fold
from vaega.fitness.objective import PenaltyObjective, WeightedObjective
from vaega.selection.search import SearchSettings, guide_weights, pareto_front, run_search


def search(fitness, objective, n_features=12, seed=0, **settings):
    return run_search(
        fitness,
        objective,
        SearchSettings(**settings),
        weights=np.full(n_features, 1 / n_features),
        rng=np.random.default_rng(seed),
    )


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
    assert result.n_asked == 20 + 5 * 19
    assert sum(asked) == result.n_distinct <= result.n_asked
    assert result.score == pytest.approx(result.mask.mean())


def test_the_guide_sees_real_fit_rows_only(two_clouds):
    X, y = two_clouds
    fold = Fold(X, y, X[:4], y[:4], np.arange(12), n_real=60)
    weights = guide_weights([fold], 12, "f_classif")
    assert weights.sum() == pytest.approx(1.0)
    assert set(np.argsort(weights)[-2:]) == {0, 1}
    assert weights.min() >= 0.5 / 12
    lying = Fold(np.vstack([X, -X]), np.r_[y, y], X[:4], y[:4], np.arange(12), n_real=60)
    np.testing.assert_array_equal(guide_weights([lying], 12, "f_classif"), weights)
    np.testing.assert_allclose(guide_weights([fold], 12, "none"), 1 / 12)


def test_the_guide_survives_constant_and_perfect_columns():
    y = np.repeat([0, 1], 5)
    X = np.column_stack([np.ones(10), y, np.arange(10.0)])
    weights = guide_weights([Fold(X, y, X, y, np.arange(3), n_real=10)], 3, "f_classif")
    assert np.isfinite(weights).all()
    assert weights[1] >= weights[2] > weights[0]


def test_the_front_has_no_beaten_mask(rng):
    masks = rng.random((200, 10)) < 0.5
    scores = rng.random(200)
    front = pareto_front(masks, scores)
    sizes = masks.sum(axis=1)
    for row in front.itertuples():
        assert not ((sizes <= row.n_features) & (scores > row.score)).any()
        assert len(row.mask) == row.n_features


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
        return run_search(
            function,
            PenaltyObjective(0.001),
            SearchSettings(population_size=16, n_generations=9),
            weights=np.full(30, 1 / 30),
            rng=np.random.default_rng(2),
            checkpoint=path,
        )

    whole = run(fitness, tmp_path / "whole.npz")
    with pytest.raises(Killed):
        run(dying, tmp_path / "killed.npz")
    resumed = run(fitness, tmp_path / "killed.npz")
    np.testing.assert_array_equal(resumed.mask, whole.mask)
    np.testing.assert_array_equal(resumed.frequencies, whole.frequencies)
    assert resumed.history.equals(whole.history)
    assert (resumed.n_asked, resumed.n_distinct) == (whole.n_asked, whole.n_distinct)


def test_a_damaged_checkpoint_is_said_and_the_search_starts_anew(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"nonsense")
    with pytest.warns(UserWarning, match="cannot be read as a checkpoint.*starts anew"):
        result = run_search(
            lambda masks: masks.mean(axis=1),
            PenaltyObjective(0.0),
            SearchSettings(n_generations=2),
            weights=np.full(8, 1 / 8),
            rng=np.random.default_rng(0),
            checkpoint=path,
        )
    assert result.mask.any()


def test_a_search_that_stagnated_stops_in_the_same_generation_after_a_resume(tmp_path):
    def run(path):
        return run_search(
            lambda masks: masks[:, :3].mean(axis=1).round(1),
            PenaltyObjective(0.0),
            SearchSettings(population_size=10, n_generations=40, patience=2),
            weights=np.full(20, 1 / 20),
            rng=np.random.default_rng(5),
            checkpoint=path,
        )

    first, again = run(tmp_path / "state.npz"), run(tmp_path / "state.npz")
    assert len(first.history) < 40
    assert again.history.equals(first.history)
    np.testing.assert_array_equal(again.mask, first.mask)
    assert (again.n_asked, again.n_distinct) == (first.n_asked, first.n_distinct)
