"""Kernels keep IEEE arithmetic and let other threads run."""

import threading
import time

from vaega.fitness.population.kernels.compiled import kernel


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


def test_dividing_by_zero_is_no_error():
    @kernel
    def divide(a, b):
        return a / b

    assert divide(1.0, 0.0) == float("inf")
