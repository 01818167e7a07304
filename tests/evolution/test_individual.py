import copy
import multiprocessing
import random

import numpy as np
from deap import algorithms, base, tools

from vaega.evolution import operators
from vaega.evolution._state import Individual


def test_copies_are_independent_and_keep_the_fitness():
    first = Individual([True, False])
    first.fitness.values = (0.5,)
    second = copy.deepcopy(first)
    second[0] = False
    second.fitness.values = (0.7,)
    assert first.tolist() == [True, False]
    assert first.fitness.values == (0.5,)


def test_a_mask_given_is_copied():
    mask = np.zeros(3, dtype=bool)
    individual = Individual(mask)
    mask[0] = True
    assert not individual.any()


def test_travels_to_another_process_and_back():
    individual = Individual([True, False, True])
    individual.fitness.values = (0.25,)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        back = pool.apply(copy.copy, (individual,))
    assert isinstance(back, Individual)
    assert back.tolist() == [True, False, True]
    assert back.fitness.values == (0.25,)


def test_deaps_own_loop_solves_one_max():
    rng, toolbox = np.random.default_rng(0), base.Toolbox()
    random.seed(0)  # eaSimple draws from the global generator; ours does not
    toolbox.register("evaluate", lambda mask: (float(np.sum(mask)),))
    toolbox.register("mate", operators.crossover_two_point, rng=rng)
    toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.03, rng=rng)
    toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    population = [
        Individual(operators.init_bernoulli(30, fraction=0.3, rng=rng)) for _ in range(40)
    ]
    hall = tools.HallOfFame(1, similar=np.array_equal)
    algorithms.eaSimple(
        population, toolbox, cxpb=0.7, mutpb=0.5, ngen=40, halloffame=hall, verbose=False
    )
    assert hall[0].sum() == 30
