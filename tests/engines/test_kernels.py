"""Kernels keep IEEE arithmetic and let other threads run; selected columns and sums are numpy's."""

import threading
import time

import numpy as np
import pytest
from numba import njit

from vaega.engines import _kernels as kernels
from vaega.engines._kernels import kernel, select, total


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


@pytest.mark.parametrize("n", [*range(20), 127, 128, 129, 136, 255, 257, 1000, 4097, 20_001])
def test_sums_are_numpys_to_the_bit(n, rng):
    values = rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, n)
    assert total(values) == values.sum()
    assert total(values) == np.stack([values, values]).sum(axis=1)[1]
