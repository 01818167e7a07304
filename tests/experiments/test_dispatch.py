"""Which runs are computed where: how processes are shared, what does not go together."""

import joblib
import pytest

from vaega.core.errors import InputError
from vaega.experiments.run import Means


@pytest.mark.parametrize(
    ("means", "n_runs", "expected"),
    [
        (Means(jobs=1), 5, (1, 1)),
        (Means(jobs=2), 5, (2, 1)),
        (Means(jobs=2), 1, (1, 2)),
        (Means(jobs=7), 3, (3, 2)),
        (Means(jobs=8, parallel="runs"), 3, (3, 1)),
        (Means(jobs=8, parallel="runs"), 1, (1, 1)),
        (Means(jobs=8, parallel="fitness"), 3, (1, 8)),
        (Means(jobs=8), 0, (1, 8)),
    ],
)
def test_processes_are_shared(means, n_runs, expected):
    means.check()
    assert means.split(n_runs) == expected


def test_minus_one_is_all_cores():
    assert Means(jobs=-1).split(10**6) == (joblib.cpu_count(), 1)


@pytest.mark.parametrize(
    ("means", "words"),
    [
        (Means(jobs=0), "--jobs: must be a whole number other than 0, got 0"),
        (Means(parallel="both"), "parallel must be"),
        (Means(backend="spark"), "backend must be"),
        (Means(scheduler="tcp://x:1"), "--scheduler: needs --backend dask"),
    ],
)
def test_what_does_not_go_together(means, words):
    with pytest.raises(InputError, match=words):
        means.check()
