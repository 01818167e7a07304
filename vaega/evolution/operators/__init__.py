"""Genetic operators on masks: plain functions with DEAP's signatures and their own generator.

Every operator takes ``rng=numpy.random.Generator`` by keyword, works on lists and on numpy arrays,
changes its arguments in place and returns them, as DEAP's operators do::

    toolbox.register("mate", operators.crossover_two_point, rng=rng)

The tables name those that a search is set to by name. Of what a search offers beside `rng` an
operator gets the arguments that its signature names.
"""

from collections.abc import Callable, Sequence
from typing import Any

from vaega.core.registry import Registry, can_be_called
from vaega.evolution.operators._selection import (
    select_rank,
    select_roulette,
    select_stochastic_universal,
    select_tournament,
    select_window,
)
from vaega.evolution.operators._variation import (
    crossover_half_uniform,
    crossover_one_point,
    crossover_size_preserving,
    crossover_two_point,
    crossover_uniform,
    init_bernoulli,
    init_filter_guided,
    init_fixed_size,
    keep_bounds,
    mutate_balanced_flip,
    mutate_bitflip,
    mutate_filter_guided,
    mutate_swap,
    repair_bounds,
    repair_size,
)

__all__ = [
    "CROSSOVERS",
    "MUTATIONS",
    "SELECTIONS",
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


def _takes(n_arguments: int, offered: Sequence[str]) -> Callable[[Any], bool]:
    """Return the check of an operator: it can be called with what a search offers."""

    def accepts(operator: Any) -> bool:
        if isinstance(operator, type):  # its instances are called, with themselves before
            return can_be_called(operator.__call__, n_arguments + 1, offered)
        return can_be_called(operator, n_arguments, offered)

    return accepts


def _registry(arguments: str, offered: Sequence[str], entries: dict[str, Any]) -> Registry:
    expected = f"a callable ({', '.join([arguments, '*, rng', *offered])})"
    return Registry(expected, _takes(len(arguments.split(", ")), offered), entries)


SELECTIONS = _registry(
    "individuals, k",
    ["tournament_size", "window_size"],
    {
        "tournament": select_tournament,
        "roulette": select_roulette,
        "window": select_window,
        "rank": select_rank,
        "stochastic_universal": select_stochastic_universal,
    },
)
CROSSOVERS = _registry(
    "a, b",
    [],
    {
        "one_point": crossover_one_point,
        "two_point": crossover_two_point,
        "uniform": crossover_uniform,
        "half_uniform": crossover_half_uniform,
        "size_preserving": crossover_size_preserving,
    },
)
MUTATIONS = _registry(
    "individual",
    ["flip_probability", "weights"],
    {
        "bitflip": mutate_bitflip,
        "balanced_flip": mutate_balanced_flip,
        "swap": mutate_swap,
        "filter_guided": mutate_filter_guided,
    },
)
