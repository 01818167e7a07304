"""What kernels say when they are compiled."""

import os
import subprocess
import sys

CODE = """
import numpy as np
from vaega.core.kernels import largest_count, total
total(np.ones(3)), largest_count(np.ones((2, 3), dtype=bool))
"""
LINE = "vaega: compiling kernels, once on this machine\n"


def test_the_first_compilation_is_said_once_and_cached_kernels_say_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", CODE]
    said = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
        for _ in range(2)
    ]
    assert said == [LINE, ""]
