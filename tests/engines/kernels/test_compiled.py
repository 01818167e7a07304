"""Kernels keep IEEE arithmetic and let other threads run."""

import threading
import time

from numba import njit

from vaega.engines import _compiled as compiled
from vaega.engines._compiled import kernel


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

    monkeypatch.setattr(compiled, "njit", refuse)
    assert kernel(count.py_func)(1) == 1.0


def test_dividing_by_zero_is_no_error():
    @kernel
    def divide(a, b):
        return a / b

    assert divide(1.0, 0.0) == float("inf")
