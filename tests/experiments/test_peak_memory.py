"""Peak memory: it grows with what is held."""

import numpy as np

from vaega.experiments.monitor import PeakMemory


def test_what_is_held_is_counted():
    watched = PeakMemory()
    before = watched.megabytes()
    held = np.ones(40_000_000)  # 320 MB, written to
    assert watched.megabytes() > before
    assert held[-1] == 1.0
