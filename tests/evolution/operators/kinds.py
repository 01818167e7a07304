"""What the tests of operators share: kinds of masks, and DEAP individuals with scores."""

import array

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from vaega.evolution._evolution import Individual, MaskFitness

# No example has a deadline: the machine may be busy with something else.
PROPERTY = settings(deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**20)
MASKS = st.lists(st.booleans(), min_size=1, max_size=40)
# Beyond 2,000 features draws take other ways than below.
LONG = 5000


def of_ints(mask):
    return [int(gene) for gene in mask]


def array_of_ints(mask):
    return np.array(mask, dtype=np.int64)


def array_of_floats(mask):
    return np.array(mask, dtype=float)


def compact(mask):
    return array.array("b", mask)


KINDS = [list, of_ints, np.array, array_of_ints, array_of_floats, compact, Individual]


class Scored:
    """Something with a fitness and no genes."""

    def __init__(self, *values):
        self.fitness = MaskFitness()
        self.fitness.values = values


def scored(scores):
    return [Scored(score) for score in scores]


def counts_of(individuals, chosen):
    places = {id(individual): place for place, individual in enumerate(individuals)}
    return np.bincount([places[id(one)] for one in chosen], minlength=len(individuals))


def shares_of(individuals, chosen):
    return counts_of(individuals, chosen) / len(chosen)
