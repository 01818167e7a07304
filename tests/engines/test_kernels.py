"""Kernels keep IEEE arithmetic and let other threads run; selected columns and sums are numpy's."""

import threading
import time

import numpy as np
import pytest
from numba import njit

from vaega.core import kernels
from vaega.core.kernels import (
    PANEL,
    add_rows,
    argmax_of_sums,
    invert,
    invert_trace,
    kernel,
    mirror,
    multiply,
    multiply_transposed_part,
    multiply_upper,
    padded,
    select,
    solve,
    substitute_back,
    substitute_forward,
    total,
    triangulate,
)


@kernel
def count(n):
    total = 0.0
    for i in range(n):
        total += 1.0 / (1.0 + i)
    return total


def test_a_kernel_releases_the_lock_of_the_interpreter():
    count(10)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (count(300_000_000), done.set()))
    thread.start()
    turns = 0
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    thread.join()
    assert turns > 5


def test_without_a_folder_to_write_to_it_is_compiled_anyway(monkeypatch):
    def refuse(*_, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(kernels, "njit", refuse)
    assert kernel(count.py_func)(1) == 1.0


def test_dividing_by_zero_is_no_error():
    @kernel
    def divide(a, b):
        return a / b

    assert divide(1.0, 0.0) == float("inf")


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 100, 128, 1000])
def test_places_are_those_of_numpy(share, n, rng):
    mask = rng.random(n) < share
    indices = np.empty(n, dtype=np.int64)
    count = select(mask, indices)
    np.testing.assert_array_equal(indices[:count], np.flatnonzero(mask))


@pytest.mark.parametrize("n", [*range(20), 127, 128, 129, 136, 255, 257, 1000, 4097, 8193, 20_001])
def test_sums_are_numpys_to_the_bit(n, rng):
    values = rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, n)
    assert total(values) == values.sum()
    assert total(values) == np.stack([values, values]).sum(axis=1)[1]


DTYPES = [np.float32, np.float64]


def multiply_rows(out, a, b, chosen):
    n_vectors = a.shape[1] * a.itemsize // 64
    multiply_transposed_part(out, 0, *out.shape, a, 0, n_vectors, b, chosen, 0)


def counting(n_terms):
    return np.arange(n_terms)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 6, 14])
@pytest.mark.parametrize("n_terms", [0, 1, 7, 100])
@pytest.mark.parametrize("n_columns", [1, 40, 150])
def test_it_is_numpys_product(dtype, n_rows, n_terms, n_columns, rng):
    width = padded(n_columns, dtype)
    a = rng.normal(size=(n_rows, n_terms)).astype(dtype)
    b = rng.normal(size=(n_terms, width)).astype(dtype)
    out = np.full((n_rows, width), np.nan, dtype)
    multiply(out, a, counting(n_terms), b, counting(n_terms))
    np.testing.assert_allclose(out, a @ b, atol=2e2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_indices_choose_terms_of_each_side(dtype, rng):
    X = np.zeros((50, padded(20, dtype)), dtype)
    X[:, :20] = rng.normal(size=(50, 20))
    chosen = np.flatnonzero(rng.random(50) < 0.4)
    gram = np.zeros((20, X.shape[1]), dtype)
    multiply(gram, X.T, chosen, X, chosen)
    np.testing.assert_allclose(gram, (X[chosen].T @ X[chosen])[:20], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_element_does_not_depend_on_what_is_computed_beside_it(dtype, rng):
    a = rng.normal(size=(11, 90)).astype(dtype)
    b = rng.normal(size=(90, padded(200, dtype))).astype(dtype)
    whole = np.empty((11, b.shape[1]), dtype)
    multiply(whole, a, counting(90), b, counting(90))
    for rows, lanes in ((3, 1), (1, 2), (7, 5)):
        width = lanes * padded(1, dtype)
        part = np.empty((rows, width), dtype)
        multiply(part, a[:rows], counting(90), b[:, :width], counting(90))
        np.testing.assert_array_equal(part, whole[:rows, :width])


def test_the_sum_has_the_order_of_the_index():
    # 1e16 + 1 - 1e16 is 0 or 1, by the order.
    a, b = np.ones((1, 3)), np.zeros((3, 8))
    b[:, 0] = [1e16, 1.0, -1e16]
    out = np.empty((1, 8))
    multiply(out, a, counting(3), b, counting(3))
    assert out[0, 0] == 0.0
    multiply(out, a, counting(3), b, np.array([0, 2, 1]))
    assert out[0, 0] == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_left", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("n_terms", [1, 16, 100])
def test_inner_products_are_numpys(dtype, n_left, n_terms, rng):
    width, n_right = padded(n_terms, dtype), padded(30, dtype)
    a, b = np.zeros((n_left, width), dtype), np.zeros((60, width), dtype)
    a[:, :n_terms] = rng.normal(size=(n_left, n_terms))
    b[:, :n_terms] = rng.normal(size=(60, n_terms))
    chosen = rng.integers(0, 60, n_right)
    out = np.full((n_left, n_right), np.nan, dtype)
    multiply_rows(out, a, b, chosen)
    np.testing.assert_allclose(out, a @ b[chosen].T, atol=2e2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_inner_product_does_not_depend_on_its_neighbours(dtype, rng):
    a = rng.normal(size=(7, padded(90, dtype))).astype(dtype)
    b = rng.normal(size=(40, a.shape[1])).astype(dtype)
    whole = np.empty((7, padded(40, dtype)), dtype)
    chosen = np.resize(counting(40), whole.shape[1])
    multiply_rows(whole, a, b, chosen)
    for row in range(7):
        part = np.empty((1, whole.shape[1]), dtype)
        multiply_rows(part, a[row : row + 1], b, chosen)
        np.testing.assert_array_equal(part[0], whole[row])


@pytest.mark.parametrize("n", [1, 8, 15, 16, 31, 50, 108])
def test_the_upper_half_and_its_mirror_image_are_the_product(n, rng):
    a, out = np.zeros((20, -(-n // 8) * 8)), np.full((n, -(-n // 8) * 8), np.nan)
    a[:, :n] = rng.normal(size=(20, n))
    terms = rng.permutation(20)[:12]
    multiply_upper(out, a[:, :n].T, terms, a, terms)
    expected = a[terms].T @ a[terms]
    np.testing.assert_allclose(np.triu(out), np.triu(expected[:n]), atol=1e-13)
    mirror(out, n)
    np.testing.assert_allclose(out, expected[:n], atol=1e-13)


def system_of(size, n_sides, rng):
    rows = rng.normal(size=(size, size + 5))
    matrix, sides = rows @ rows.T + np.eye(size), rng.normal(size=(size, n_sides))
    width = padded(size + n_sides, float)
    system = np.zeros((size, width))
    system[:, :size], system[:, size : size + n_sides] = np.triu(matrix), sides
    scaled, spare = np.zeros((size, width)), np.zeros((PANEL, width))
    floor = triangulate(system, scaled, spare, np.arange(size), size, width)
    return matrix, sides, system, scaled, floor


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 25, 64])
@pytest.mark.parametrize("n_sides", [1, 2, 9])
def test_solutions_are_those_of_numpy(size, n_sides, rng):
    matrix, sides, system, scaled, _ = system_of(size, n_sides, rng)
    expected, steps = np.linalg.solve(matrix, sides), np.arange(size)
    solution = np.zeros((size, padded(n_sides, float)))
    solution[:, :n_sides] = system[:, size : size + n_sides]
    substitute_back(system, solution, steps, size)
    np.testing.assert_allclose(solution[:, :n_sides], expected, atol=1e-12)
    solution[:, :n_sides] = sides
    substitute_forward(scaled, solution, steps, 0, size)
    substitute_back(system, solution, steps, size)
    np.testing.assert_allclose(solution[:, :n_sides], expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 25, 64])
def test_bounds_are_below_the_least_eigenvalue(size, rng):
    matrix, _, system, scaled, floor = system_of(size, 1, rng)
    values = np.linalg.eigvalsh(matrix)
    trace = invert_trace(system, scaled, np.arange(size), size)
    np.testing.assert_allclose(trace, (1.0 / values).sum(), rtol=1e-10)
    assert 0.0 < floor < values[0] + 1e-12
    assert floor <= 1.0 / trace + 1e-12


def test_what_is_not_positive_definite_is_told():
    system = np.zeros((2, 8))
    system[:, :2] = [[1.0, 2.0], [2.0, 1.0]]
    scaled, spare = np.zeros((2, 8)), np.zeros((PANEL, 8))
    assert triangulate(system, scaled, spare, np.arange(2), 2, 8) == -1.0


SIZES = [1, 2, 15, 16, 17, 40, 41, 50, 108]


def definite(n, rng, size, fill):
    rows = rng.normal(size=(n, n))
    matrix = np.full((size, size), fill)
    matrix[:n, :n] = rows @ rows.T + np.eye(n)
    return matrix


@pytest.mark.parametrize("n", SIZES)
def test_a_system_is_solved(n, rng):
    size = -(-(n + 1) // 8) * 8
    system = definite(n, rng, size, np.nan)
    system[:n, n] = rng.normal(size=n)
    expected = np.linalg.solve(system[:n, :n], system[:n, n])
    x = np.empty(n)
    assert solve(system, n, x, np.empty((size, size)))
    np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", SIZES)
def test_an_inverse_whatever_stands_around(n, rng):
    size = -(-n // 16) * 16
    matrix = definite(n, rng, size, 7.0)
    expected = np.linalg.inv(matrix[:n, :n])
    assert invert(matrix, n, np.empty((size + 32, size)))
    np.testing.assert_allclose(matrix[:n, :n], expected, rtol=1e-6, atol=1e-8)
    assert (matrix[n:] == 0.0).all()
    assert (matrix[:, n:] == 0.0).all()


@pytest.mark.parametrize("n", [2, 50])
def test_no_pivot_no_answer(n):
    size = -(-(n + 1) // 16) * 16
    system = np.zeros((size, size))
    system[:n, :n] = -np.eye(n)
    assert not solve(system, n, np.empty(n), np.empty((size, size)))
    assert not invert(system, n, np.empty((size + 32, size)))
    system[:n, :n] = np.nan
    assert not solve(system, n, np.empty(n), np.empty((size, size)))


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
    for mask, sums in zip(masks, totals, strict=True):
        np.testing.assert_array_equal(sums, np.cumsum(terms[mask], axis=0)[-1])


def test_no_sum_depends_on_the_other_masks(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 8))
    together, alone = np.empty((9, 8)), np.empty((1, 8))
    gathered(masks, terms, together)
    for row in range(9):
        gathered(masks[row : row + 1], terms, alone)
        np.testing.assert_array_equal(alone[0], together[row])
