import threading
import warnings

import pytest

from vaega.core.threads import captured_warnings


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
