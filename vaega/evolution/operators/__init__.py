"""Genetic operators on masks: plain functions with DEAP's signatures and their own generator.

Every operator takes ``rng=numpy.random.Generator`` by keyword, works on lists and on numpy arrays,
changes its arguments in place and returns them, as DEAP's operators do::

    toolbox.register("mate", operators.crossover_two_point, rng=rng)
"""

from vaega.evolution.operators._crossover import (
    crossover_half_uniform,
    crossover_one_point,
    crossover_size_preserving,
    crossover_two_point,
    crossover_uniform,
)
from vaega.evolution.operators._initialisation import (
    init_bernoulli,
    init_filter_guided,
    init_fixed_size,
)
from vaega.evolution.operators._masks import keep_bounds, repair_bounds, repair_size
from vaega.evolution.operators._mutation import (
    mutate_balanced_flip,
    mutate_bitflip,
    mutate_filter_guided,
    mutate_swap,
)
from vaega.evolution.operators._selection import (
    select_rank,
    select_roulette,
    select_stochastic_universal,
    select_tournament,
    select_window,
)

__all__ = [
    "crossover_half_uniform",
    "crossover_one_point",
    "crossover_size_preserving",
    "crossover_two_point",
    "crossover_uniform",
    "init_bernoulli",
    "init_filter_guided",
    "init_fixed_size",
    "keep_bounds",
    "mutate_balanced_flip",
    "mutate_bitflip",
    "mutate_filter_guided",
    "mutate_swap",
    "repair_bounds",
    "repair_size",
    "select_rank",
    "select_roulette",
    "select_stochastic_universal",
    "select_tournament",
    "select_window",
]
