"""Which runs are computed where: how processes are shared, what does not go together."""

import joblib
import pytest

from vaega.core.errors import InputError
from vaega.experiments.runner import ExecutionOptions


@pytest.mark.parametrize(
    ("options", "n_runs", "expected"),
    [
        (ExecutionOptions(jobs=1), 5, (1, 1)),
        (ExecutionOptions(jobs=2), 5, (2, 1)),
        (ExecutionOptions(jobs=2), 1, (1, 2)),
        (ExecutionOptions(jobs=7), 3, (3, 2)),
        (ExecutionOptions(jobs=8, parallel="runs"), 3, (3, 1)),
        (ExecutionOptions(jobs=8, parallel="runs"), 1, (1, 1)),
        (ExecutionOptions(jobs=8, parallel="fitness"), 3, (1, 8)),
        (ExecutionOptions(jobs=8), 0, (1, 8)),
    ],
)
def test_processes_are_shared(options, n_runs, expected):
    options.check()
    assert options.split(n_runs) == expected


def test_minus_one_is_all_cores():
    assert ExecutionOptions(jobs=-1).split(10**6) == (joblib.cpu_count(), 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ExecutionOptions(jobs=0), "--jobs: must be a whole number other than 0, got 0"),
        (ExecutionOptions(parallel="both"), "parallel must be"),
        (ExecutionOptions(backend="spark"), "backend must be"),
        (ExecutionOptions(scheduler="tcp://x:1"), "--scheduler: needs --backend dask"),
    ],
)
def test_what_does_not_go_together(options, words):
    with pytest.raises(InputError, match=words):
        options.check()
