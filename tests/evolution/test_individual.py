"""A mask in the hands of DEAP: what a class of its own that holds numpy's array can do, it can."""

import array
import copy
import multiprocessing
import pickle
import random

import numpy as np
import pytest
from deap import algorithms, base, creator, tools

from tests.evolution.operators.kinds import of_ints
from vaega.core.errors import InputError
from vaega.evolution import Individual, operators
from vaega.evolution.algorithms import Generational

creator.create("ScoreAndSize", base.Fitness, weights=(1.0, -1.0))
creator.create("MaskOfTwo", Individual, fitness=creator.ScoreAndSize, rate=float)


def evaluate(mask):
    return float(mask[:5].sum()), float(mask.sum())


@pytest.fixture
def toolbox():
    random.seed(3)
    toolbox = base.Toolbox()
    toolbox.register("gene", random.randint, 0, 1)
    toolbox.register("individual", tools.initRepeat, creator.MaskOfTwo, toolbox.gene, 24)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    toolbox.register("evaluate", evaluate)
    toolbox.register("mate", tools.cxTwoPoint)
    toolbox.register("mutate", tools.mutFlipBit, indpb=0.05)
    toolbox.register("select", tools.selNSGA2)
    return toolbox


def scored(population):
    for individual in population:
        individual.fitness.values = evaluate(individual)
    return population


@pytest.mark.parametrize(
    "genes",
    [
        [True, False, True],
        (1, 0, 1),
        np.array([1.0, 0.0, 1.0]),
        array.array("b", [1, 0, 1]),
        (gene for gene in (1, 0, True)),
        range(2),
        [np.int8(1), np.bool_(False)],
    ],
)
def test_made_of_any_iterable(genes):
    individual = Individual(genes)
    assert individual.dtype == bool
    assert individual.ndim == 1
    assert not individual.fitness.valid


def test_made_as_deap_makes_individuals():
    cycled = tools.initCycle(Individual, [lambda: 1, lambda: 0], n=3)
    assert cycled.tolist() == [True, False] * 3
    assert tools.initIterate(Individual, lambda: [0, 1]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("genes", "got"),
    [
        (5, "got 5"),
        ({0, 1}, "got {0, 1}"),
        ({0: 1}, "got {0: 1}"),
        ("101", "got '101'"),
        (None, "got None"),
        ([0.2, 0.7], "got 0.2 at 0"),
        ([1, 2], "got 2 at 1"),
        ([0, np.nan], "got nan at 1"),
        ([[1, 0], [0, 1]], r"got \[1, 0\] at 0"),
        (["1", "0"], "got '1' at 0"),
        (np.ones((2, 2), bool), "at 0"),
    ],
)
def test_what_is_no_mask_is_refused(genes, got):
    with pytest.raises(InputError, match=f"^Individual: genes must be .*{got}"):
        Individual(genes)


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own bytes


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_class_and_attributes_survive(duplicate, toolbox):
    (first,) = scored(toolbox.population(1))
    first.rate, first.origin = 0.3, ["island", 2]
    second = duplicate(first)
    assert type(second) is creator.MaskOfTwo
    assert type(second.fitness) is creator.ScoreAndSize
    assert second.fitness.values == first.fitness.values
    assert (second.rate, second.origin) == (0.3, ["island", 2])
    second[0] = not second[0]
    del second.fitness.values
    assert second.tolist() != first.tolist()
    assert first.fitness.valid


def test_a_fitness_of_two_objectives_on_the_plain_class():
    first = Individual([1, 0])
    first.fitness = creator.ScoreAndSize()
    first.fitness.values = (0.5, 1.0)
    assert pickled(first).fitness.values == (0.5, 1.0)


def test_workers_of_a_pool_get_individuals(toolbox):
    population = scored(toolbox.population(3))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        back = pool.map(copy.copy, population)
    assert [one.fitness.values for one in back] == [one.fitness.values for one in population]


def test_slices_are_copies_so_that_no_gene_is_lost(toolbox):
    for crossover in (tools.cxOnePoint, tools.cxTwoPoint):
        for _ in range(30):
            a, b = toolbox.population(2)
            before = a.astype(int) + b
            crossover(a, b)
            np.testing.assert_array_equal(a.astype(int) + b, before)
    mask = Individual([1, 1, 1])
    part = mask[:2]
    part[0] = False
    assert mask.all()
    assert isinstance(part, Individual)


def test_deaps_crossover_in_our_loop_loses_no_gene():
    rng, toolbox = np.random.default_rng(0), base.Toolbox()
    random.seed(0)
    toolbox.register("initialize", operators.init_fixed_size, 40, size=20, rng=rng)
    toolbox.register("select", operators.select_tournament, tournsize=1, rng=rng)
    toolbox.register("mate", tools.cxTwoPoint)
    toolbox.register("mutate", lambda mask: (mask,))
    algorithm = Generational(toolbox, rng=rng, population_size=20, elite=0)
    for _ in range(3):
        parents = algorithm.ask()
        algorithm.tell(parents.sum(axis=1))
    # Pairs of children hold what pairs of parents held: the mean size can only drift by selection.
    assert 17 < algorithm.ask().sum(axis=1).mean() < 23


def test_comparisons_are_gene_by_gene_and_have_a_truth_value():
    a, b = Individual([1, 0, 1]), Individual([1, 0, 0])
    assert (a == b).tolist() == [True, True, False]
    assert (a != b).tolist() == [False, False, True]
    same, shorter = Individual([1, 0, 1]), Individual([1, 0])
    assert [bool(a == other) for other in (b, same, shorter)] == [False, True, False]
    assert [bool(a != other) for other in (b, same, shorter)] == [True, False, True]
    assert [a, b].index(b) == 1
    assert b in [a, b]
    assert (np.array([[1, 0, 1], [0, 0, 0]], bool) == a).shape == (2, 3)


def test_halls_of_fame_and_fronts_need_no_other_equality(toolbox):
    population = scored(toolbox.population(20))
    twins = [toolbox.clone(one) for one in population]
    hall, front = tools.HallOfFame(5), tools.ParetoFront()
    for _ in range(2):
        hall.update(population + twins)
        front.update(population + twins)
    assert len({one.tobytes() for one in hall}) == len(hall) == 5
    assert len({one.tobytes() for one in front}) == len(front)


def test_migration_on_a_ring(toolbox):
    demes = [scored(toolbox.population(6)) for _ in range(3)]
    best = tools.selBest(demes[0], 1)[0]
    tools.migRing(demes, 1, tools.selBest, replacement=tools.selWorst)
    assert any(one is best for one in demes[1])
    assert [len(deme) for deme in demes] == [6, 6, 6]


def test_history_knows_the_parents(toolbox):
    history = tools.History()
    toolbox.decorate("mate", history.decorator)
    toolbox.decorate("mutate", history.decorator)
    population = toolbox.population(4)
    history.update(population)
    child, other = (toolbox.clone(one) for one in population[:2])
    toolbox.mate(child, other)
    toolbox.mutate(child)
    assert history.genealogy_tree[5] == history.genealogy_tree[6] == (1, 2)
    assert history.genealogy_tree[7] == (5,)
    assert set(history.getGenealogy(child)) == {1, 2, 5, 7}


def test_checkpoints_of_deaps_recipe(toolbox):
    population = scored(toolbox.population(8))
    front = tools.ParetoFront()
    front.update(population)
    back = pickled({"population": population, "front": front})
    assert [one.tolist() for one in back["population"]] == [one.tolist() for one in population]
    assert [one.fitness for one in back["front"]] == [one.fitness for one in front]


@pytest.mark.parametrize("loop", ["eaSimple", "eaMuPlusLambda", "eaMuCommaLambda"])
def test_deaps_loops(loop, toolbox):
    arguments = {"cxpb": 0.5, "mutpb": 0.3, "ngen": 4, "verbose": False}
    if loop != "eaSimple":
        arguments |= {"mu": 10, "lambda_": 20}
    population = toolbox.population(10)
    last, _ = getattr(algorithms, loop)(population, toolbox, **arguments)
    assert all(type(one) is creator.MaskOfTwo and one.fitness.valid for one in last)


def test_lists_stay_equal_to_masks():
    assert Individual([1, 0]) == of_ints([True, False])
