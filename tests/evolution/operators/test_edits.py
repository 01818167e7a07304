"""Edits: the same on every kind of mask, in place, the genes' type kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evolution.operators.kinds import KINDS, MASKS, PROPERTY
from vaega.evolution._state import Individual
from vaega.evolution.operators._masks import (
    as_mask,
    assign,
    flip,
    flip_where,
    swap,
    swap_segment,
    swap_where,
)


def chosen_of(data, size):
    return np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, data=st.data())
def test_flips_and_assignments(kind, genes, data):
    before, chosen = np.array(genes), chosen_of(data, len(genes))
    positions = np.flatnonzero(chosen)
    for edit, argument, expected in [
        (flip, positions, before ^ chosen),
        (flip_where, chosen, before ^ chosen),
        (lambda mask, where: assign(mask, where, True), positions, before | chosen),
        (lambda mask, where: assign(mask, where, False), positions, before & ~chosen),
    ]:
        mask = kind(genes)
        edit(mask, argument)
        np.testing.assert_array_equal(as_mask(mask), expected)
        assert type(mask[0]) is type(kind(genes)[0])


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, data=st.data())
def test_swaps(kind, genes, data):
    other, chosen = chosen_of(data, len(genes)), chosen_of(data, len(genes))
    start = data.draw(st.integers(0, len(genes)))
    segment = np.arange(len(genes)) >= start
    for edit, arguments, swapped in [
        (swap, [np.flatnonzero(chosen)], chosen),
        (swap_where, [chosen], chosen),
        (swap_segment, [start, len(genes)], segment),
    ]:
        a, b = kind(genes), kind(other.tolist())
        edit(a, b, *arguments)
        np.testing.assert_array_equal(as_mask(a), np.where(swapped, other, genes))
        np.testing.assert_array_equal(as_mask(b), np.where(swapped, genes, other))


def test_reading_a_boolean_array_copies_nothing():
    individual = Individual([True, False])
    assert np.shares_memory(as_mask(individual), individual)
    assert type(as_mask(individual)) is np.ndarray


def test_an_array_and_a_list():
    a, b = np.array([True, True]), [False, False]
    swap_segment(a, b, 1, 2)
    swap_where(a, b, np.array([True, False]))
    assert a.tolist() == [False, False]
    assert [bool(gene) for gene in b] == [True, True]


def test_the_fitness_stays():
    individual, other = Individual([True, False]), Individual([False, True])
    individual.fitness.values = (0.5,)
    swap_where(individual, other, np.array([True, False]))
    flip(individual, np.array([1]))
    assert individual.fitness.values == (0.5,)
