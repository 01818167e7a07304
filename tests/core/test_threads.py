"""One thread in numeric libraries, warnings by thread, whatever overlaps."""

import threading
import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from vaega.core.threads import captured_warnings, one_thread, plain_warnings


def blas():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def set_blas(n_threads):
    """Set it in a thread that ends: a thread that lives keeps the others from setting theirs."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers

    def set_all():
        for library in libraries:
            library.set_num_threads(n_threads)

    thread = threading.Thread(target=set_all)
    thread.start()
    thread.join()


@pytest.fixture
def three_threads():
    """BLAS with three threads, however many the tests run with."""
    np.ones((2, 2)) @ np.ones((2, 2))  # BLAS is loaded
    (before,) = blas()
    set_blas(3)
    yield
    set_blas(before)


def test_threads_that_overlap_do_not_lift_each_others_limit(three_threads):
    assert blas() == {3}
    entered, left, ended, seen = *(threading.Event() for _ in range(3)), {}

    def leaves_first():
        with one_thread():
            entered.set()
            inside.wait()
        left.set()
        ended.wait()  # a thread that lives on must not keep the other from lifting the limit

    def leaves_last():
        entered.wait()
        with one_thread():
            inside.wait()
            left.wait()
            seen["inside"] = blas()

    inside = threading.Barrier(2)
    first, last = (threading.Thread(target=target) for target in (leaves_first, leaves_last))
    first.start()
    last.start()
    last.join()
    seen["after"] = blas()
    ended.set()
    first.join()
    assert seen == {"inside": {1}, "after": {3}}


def test_nested_blocks_restore_at_the_end():
    with threadpool_limits(3):
        with one_thread():
            with one_thread():
                assert blas() == {1}
            assert blas() == {1}
        assert blas() == {3}


def test_workers_in_threads_are_limited_by_the_one_that_waits():
    with threadpool_limits(3), one_thread():
        seen = Parallel(n_jobs=2, backend="threading")(delayed(limited)() for _ in range(8))
    assert seen == [{1}] * 8


def limited():
    with one_thread():
        return blas()


def test_first_lines_are_counted_by_category():
    with captured_warnings() as counted:
        for _ in range(3):
            warnings.warn("same\nmore", stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert counted == {"UserWarning: same": 3, "DeprecationWarning: old": 1}


def test_threads_count_their_own_and_leave_the_process_as_it_was():
    before = warnings.showwarning, list(warnings.filters)
    inside, done, counts = threading.Barrier(2), threading.Event(), {}

    def first():
        with captured_warnings() as counted:
            inside.wait()
            warnings.warn("first", stacklevel=1)
        counts["first"] = counted
        done.set()

    def second():
        with captured_warnings() as counted:
            inside.wait()
            done.wait()  # leaves after the other, which entered it
            warnings.warn("second", stacklevel=1)
        counts["second"] = counted

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"first": {"UserWarning: first": 1}, "second": {"UserWarning: second": 1}}
    assert (warnings.showwarning, list(warnings.filters)) == before
    with pytest.warns(UserWarning, match="shown again"):
        warnings.warn("shown again", stacklevel=1)


def test_warnings_of_other_threads_are_shown():
    thread = threading.Thread(target=lambda: warnings.warn("from outside", stacklevel=1))

    def other_thread_warns():
        with captured_warnings() as counted:
            thread.start()
            thread.join()
        assert not counted

    with pytest.warns(UserWarning, match="from outside"):
        other_thread_warns()


def test_a_swallowed_interrupt_interrupts():
    with pytest.raises(KeyboardInterrupt), captured_warnings():
        warnings.warn("Training interrupted by user.", stacklevel=1)


def test_a_warning_is_lines_that_do_not_command_the_terminal():
    with plain_warnings():
        text = warnings.formatwarning("gene \x1b[31m\nand more", UserWarning, "file", 1)
    assert text == "vaega: gene \\x1b[31m\nand more\n"
