import threading

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info, threadpool_limits

from vaega.core.threads import one_thread


def blas():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def test_threads_that_overlap_do_not_lift_each_others_limit():
    np.ones((2, 2)) @ np.ones((2, 2))  # BLAS is loaded
    before = blas()
    inside, left, seen = threading.Barrier(2), threading.Event(), {}

    def leaves_first():
        with one_thread():
            inside.wait()
        left.set()

    def leaves_last():
        with one_thread():
            inside.wait()
            left.wait()
            seen["inside"] = blas()

    threads = [threading.Thread(target=target) for target in (leaves_first, leaves_last)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"inside": {1}}
    assert blas() == before


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
