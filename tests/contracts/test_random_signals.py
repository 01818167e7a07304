"""A signal at any moment: its exit code, no worker that lives on, and the same bits after a resume.

These are the first of what ``make chaos`` tries, see `tests.contracts.chaos`.
"""

import pytest

from tests.contracts.interruptions import InterruptedRuns

N_SIGNALS, SEED = 4, 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return InterruptedRuns(tmp_path_factory.mktemp("interrupted"))


@pytest.mark.parametrize("seed", range(SEED, SEED + N_SIGNALS))
def test_a_signal_costs_nothing(runs, seed):
    runs.try_one(seed)
