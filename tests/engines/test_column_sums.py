"""Sums over the columns of masks, their classes and margins, beside numpy's."""

import numpy as np
import pytest

from vaega.engines._column_sums import add_rows, argmax_of_sums
from vaega.engines._linear_algebra import padded


def classified(masks, scores, offsets, bounds=None, rest=None):
    n_columns, _, n_rows = scores.shape
    parts = [scores.reshape(n_columns, -1)]
    parts += [part for part in (bounds, rest) if part is not None]
    own = np.concatenate(parts, axis=1)
    terms = np.zeros((n_columns, padded(own.shape[1], np.float64)))
    terms[:, : own.shape[1]] = own
    codes, margins = np.empty((len(masks), n_rows), np.int64), np.empty(len(masks))
    n_rest = 0 if rest is None else rest.shape[1]
    others = np.empty((len(masks), n_rest))
    argmax_of_sums(masks, terms, offsets, bounds is not None, codes, margins, others)
    return codes, margins, others


def expected(masks, scores, offsets, bounds=0.0):
    sums = np.einsum("mf,fci->mci", masks.astype(float), scores) + offsets[:, None]
    every = np.concatenate([np.zeros((len(masks), 1, scores.shape[2])), sums], axis=1)
    ordered = np.sort(every, axis=1)
    leads = np.maximum(ordered[:, -1] - ordered[:, -2] - 2.0 * bounds, 0.0)
    return every.argmax(axis=1), leads.min(axis=1)


@pytest.mark.parametrize("n_others", [1, 2, 13])
@pytest.mark.parametrize("n_rows", [1, 7, 64])
def test_classes_and_margins_are_those_of_numpy(n_others, n_rows, rng):
    scores, masks = rng.normal(size=(150, n_others, n_rows)), rng.random((20, 150)) < 0.2
    offsets, rest = rng.normal(size=n_others), rng.normal(size=(150, 4))
    codes, margins, others = classified(masks, scores, offsets, rest=rest)
    theirs, leads = expected(masks, scores, offsets)
    np.testing.assert_array_equal(codes, theirs)
    np.testing.assert_allclose(margins, leads, atol=1e-12)
    np.testing.assert_allclose(others, masks @ rest, atol=1e-12)


def test_what_rows_may_be_wrong_by_is_taken_off(rng):
    scores, masks = rng.normal(size=(150, 3, 9)), rng.random((20, 150)) < 0.2
    bounds = 0.01 * rng.random((150, 9))
    _, margins, _ = classified(masks, scores, np.zeros(3), bounds)
    _, leads = expected(masks, scores, np.zeros(3), masks @ bounds)
    assert (leads == 0.0).any()
    assert (leads > 0.0).any()
    np.testing.assert_allclose(margins, leads, atol=1e-12)


@pytest.mark.parametrize("n_others", [1, 2, 5])
def test_what_is_no_number_has_no_margin(n_others, rng):
    for index in range(n_others):
        scores = rng.normal(size=(3, n_others, 6))
        scores[1, index, 4] = np.nan
        masks = np.array([[True, True, False], [True, False, True]])
        _, margins, _ = classified(masks, scores, np.zeros(n_others))
        np.testing.assert_array_equal(np.isnan(margins), [True, False])


def gathered(masks, terms, totals):
    for row, mask in enumerate(masks):
        chosen = np.flatnonzero(mask)
        add_rows(totals, row, terms, chosen, len(chosen))


def test_sums_are_those_of_numpy(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 40))
    masks[0] = False
    totals = np.empty((9, 40))
    gathered(masks, terms, totals)
    np.testing.assert_allclose(totals, masks @ terms, atol=1e-12)
    assert (totals[0] == 0.0).all()


@pytest.mark.parametrize("n_terms", [8, 24, 64, 72, 120, 128, 136])
def test_sums_are_in_the_order_of_the_columns(n_terms, rng):
    masks, terms = rng.random((3, 90)) < 0.3, rng.normal(size=(90, n_terms))
    totals = np.empty((3, n_terms))
    gathered(masks, terms, totals)
    for mask, total in zip(masks, totals, strict=True):
        np.testing.assert_array_equal(total, np.cumsum(terms[mask], axis=0)[-1])


def test_no_sum_depends_on_the_other_masks(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 8))
    together, alone = np.empty((9, 8)), np.empty((1, 8))
    gathered(masks, terms, together)
    for row in range(9):
        gathered(masks[row : row + 1], terms, alone)
        np.testing.assert_array_equal(alone[0], together[row])
