"""Operators on whole populations do what those on one individual do."""

from collections import Counter
from functools import partial, wraps

import numpy as np
import pytest
from deap import base, tools
from scipy.stats import chi2_contingency

from vaega.evolution import Individual, operators
from vaega.evolution.algorithms import Generational
from vaega.evolution.algorithms._genetic import PopulationToolbox
from vaega.evolution.operators import _population as population
from vaega.evolution.operators._masks import draw_weighted

N_DRAWS = 6000
WEIGHTS = np.array([0.0, 1.0, 5.0, 0.5, 0.0, 0.2])
PAIR = np.array([[1, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 1]], dtype=bool)
MASK = np.array([1, 0, 0, 1, 0, 0], dtype=bool)


def assert_same_law(single, together):
    """Outcomes of two ways come as often, but for chance in one of ten thousand tests."""
    counts = [Counter(np.packbits(rows).tobytes() for rows in each) for each in (single, together)]
    outcomes = sorted(set(counts[0]) | set(counts[1]), key=lambda one: -counts[0][one])
    table = np.array([[each[outcome] for outcome in outcomes] for each in counts])
    table = np.column_stack([table[:, :40], table[:, 40:].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    assert table.shape[1] == 1 or chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize(
    "operator",
    [
        operators.crossover_one_point,
        operators.crossover_two_point,
        operators.crossover_uniform,
        partial(operators.crossover_uniform, swap_probability=0.2),
        operators.crossover_half_uniform,
        operators.crossover_size_preserving,
        partial(operators.crossover_size_preserving, swap_probability=0.8),
    ],
)
def test_crossovers_have_one_law(operator, rng):
    single = [np.array(operator(*PAIR.copy(), rng=rng)) for _ in range(N_DRAWS)]
    a, b = np.repeat(PAIR[:, None], N_DRAWS, axis=1)
    population.population_form(partial(operator, rng=rng))(a, b)
    assert_same_law(single, np.stack([a, b], axis=1))


@pytest.mark.parametrize(
    "operator",
    [
        partial(operators.mutate_bitflip, flip_probability=0.3),
        partial(operators.mutate_bitflip, flip_probability=0.01),
        partial(operators.mutate_balanced_flip, flip_probability=0.3),
        operators.mutate_swap,
        partial(operators.mutate_swap, n_swaps=9),
        partial(operators.mutate_filter_guided, flip_probability=0.4, weights=WEIGHTS),
        partial(operators.repair_bounds, min_features=4),
        partial(operators.repair_bounds, min_features=4, weights=WEIGHTS),
        partial(operators.repair_bounds, max_features=1),
        partial(operators.repair_bounds, max_features=2, pinned=[1], forbidden=[5]),
    ],
)
def test_mutations_and_repair_have_one_law(operator, rng):
    single = [np.array(operator(MASK.copy(), rng=rng)[0]) for _ in range(N_DRAWS)]
    together = np.repeat(MASK[None], N_DRAWS, axis=0)
    population.population_form(partial(operator, rng=rng))(together)
    assert_same_law(single, together)


@pytest.mark.parametrize(
    "operator",
    [
        partial(operators.select_tournament, tournament_size=3),
        operators.select_roulette,
        operators.select_stochastic_universal,
        partial(operators.select_rank, pressure=1.8),
        partial(operators.select_window, window_size=2),
    ],
)
def test_selections_are_those_of_individuals_to_the_bit(operator):
    masks = np.random.default_rng(1).random((12, 6)) < 0.5
    scores = np.linspace(0.0, 1.0, 12)
    individuals = [Individual(mask) for mask in masks]
    for individual, score in zip(individuals, scores, strict=True):
        individual.fitness.values = (score,)
    selected = operator(individuals, 9, rng=np.random.default_rng(0))
    form = population.population_form(partial(operator, rng=np.random.default_rng(0)))
    indices = form(masks, scores, 9)
    assert [individuals[index] is one for index, one in zip(indices, selected, strict=True)]
    np.testing.assert_array_equal(masks[indices], np.array(selected))


@pytest.mark.parametrize("weights", [None, WEIGHTS, np.array([1e-9, 1.0, 1e-9, 1.0, 0.0, 3.0])])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_free_positions_are_drawn_as_one_after_the_other(weights, count, rng):
    taken = np.array([0, 0, 1, 0, 0, 0], dtype=bool)
    single = np.zeros((N_DRAWS, 6), dtype=bool)
    for row in single:
        every = np.ones(6) if weights is None else weights
        row[draw_weighted(every, count, rng=rng, excluded=taken)] = True
    together = np.repeat(taken[None], N_DRAWS, axis=0)
    drawn = population.draw_free(together, np.full(N_DRAWS, count), rng=rng, weights=weights)
    assert len(np.unique(drawn)) == len(drawn)
    assert_same_law(single, together & ~taken)


def test_first_masks_are_drawn_by_weight_where_a_table_finds_the_columns(rng):
    weights, sizes = rng.gamma(0.5, size=50), np.full(4000, 3)
    masks = population.init_guided(weights, sizes, rng=rng)
    assert (masks.sum(axis=1) == 3).all()
    single = np.zeros(50)
    for _ in range(4000):
        single[draw_weighted(weights, 3, rng=rng)] += 1
    counts = np.array([masks.sum(axis=0), single])
    assert chi2_contingency(counts[:, counts.sum(axis=0) > 10]).pvalue > 1e-4


def test_each_mask_is_mutated_with_its_own_rate(rng):
    rates = np.repeat([0.0, 0.5, 1.0], 200)
    for operator, weights in [
        (operators.mutate_bitflip, {}),
        (operators.mutate_balanced_flip, {}),
        (operators.mutate_filter_guided, {"weights": np.ones(40)}),
    ]:
        masks = np.repeat((np.arange(40) < 10)[None], 600, axis=0)
        population.population_form(partial(operator, rng=rng, **weights))(
            masks, flip_probability=rates
        )
        left = masks[:, :10].mean(axis=1).reshape(3, 200)
        assert (left[0] == 1.0).all()
        assert (left[2] == 0.0).all()
        assert abs(left[1].mean() - 0.5) < 0.05


def test_rates_that_are_no_probabilities(rng):
    masks = np.zeros((2, 5), dtype=bool)
    form = population.population_form(partial(operators.mutate_bitflip, rng=rng))
    with pytest.raises(ValueError, match="flip_probability must be a probability"):
        form(masks, flip_probability=np.array([0.1, 1.5]))


def test_large_populations_are_varied_block_by_block(rng, monkeypatch):
    toolbox = base.Toolbox()
    toolbox.register("mate", operators.crossover_size_preserving, rng=rng)
    toolbox.register("mutate", operators.mutate_swap, n_swaps=2, rng=rng)
    monkeypatch.setattr(population, "_BLOCK_BYTES", 100)
    masks = rng.random((31, 20)) < 0.3
    before, sizes = masks.copy(), masks.sum(axis=1)
    pairs = np.arange(30).reshape(-1, 2)
    PopulationToolbox(toolbox).mate(masks, pairs)
    np.testing.assert_array_equal(masks.sum(axis=1), sizes)
    np.testing.assert_array_equal(masks[:30].reshape(-1, 2, 20).sum(axis=1),
                                  before[:30].reshape(-1, 2, 20).sum(axis=1))  # fmt: skip
    assert (masks[30] == before[30]).all()
    before = masks.copy()
    PopulationToolbox(toolbox).mutate(masks)
    assert (masks.sum(axis=1) == sizes).all()
    np.testing.assert_array_equal((masks != before).sum(axis=1), 2 * np.minimum(sizes, 2))


def test_what_decorates_an_operator_is_not_passed_over(rng):
    calls = []

    def counted(operator):
        @wraps(operator)
        def count(*arguments, **keywords):
            calls.append(operator.__name__)
            return operator(*arguments, **keywords)

        return count

    toolbox = base.Toolbox()
    toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.5, rng=rng)
    toolbox.decorate("mutate", counted)
    assert population.population_form(toolbox.mutate) is None
    PopulationToolbox(toolbox).mutate(np.zeros((7, 5), dtype=bool))
    assert calls == ["mutate_bitflip"] * 7


def test_operators_of_others_work_on_one_individual_at_a_time():
    rng, toolbox = np.random.default_rng(0), base.Toolbox()
    toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    toolbox.register("select", tools.selBest)
    toolbox.register("mate", lambda a, b: (b, a))
    toolbox.register("mutate", lambda mask: (Individual(~np.asarray(mask)),))  # a new object
    algorithm = Generational(toolbox, rng=rng, population_size=11)
    masks = algorithm.ask()
    scores = masks.mean(axis=1)
    algorithm.tell(scores)
    best = masks[np.argsort(-scores, kind="stable")[:10]]
    assert sorted(map(bytes, algorithm.ask())) == sorted(map(bytes, ~best))


def test_an_object_may_offer_a_form_for_populations(rng):
    class Mutation:
        def __call__(self, mask, *, rng):
            raise AssertionError("one at a time")

        def on_population(self, masks, *, rng):
            masks[:] = True

    toolbox = base.Toolbox()
    toolbox.register("mutate", Mutation(), rng=rng)
    masks = np.zeros((3, 4), dtype=bool)
    PopulationToolbox(toolbox).mutate(masks)
    assert masks.all()


def test_deaps_keywords_keep_the_form_for_populations(rng):
    masks = rng.random((6, 30)) < 0.3
    for operator, deaps, ours in [
        (operators.mutate_bitflip, {"indpb": 0.2}, {"flip_probability": 0.2}),
        (operators.crossover_uniform, {"indpb": 0.2}, {"swap_probability": 0.2}),
    ]:
        results = []
        for keywords in (deaps, ours):
            form = population.population_form(
                partial(operator, rng=np.random.default_rng(1), **keywords)
            )
            parts = [masks.copy() for _ in range(2 if "uniform" in operator.__name__ else 1)]
            form(*parts)
            results.append(parts)
        np.testing.assert_array_equal(*results)
    select = partial(operators.select_tournament, tournsize=2, fit_attr="effort", rng=rng)
    assert len(population.population_form(select)(masks, np.arange(6.0), 4)) == 4
