"""``NUMBA_DISABLE_JIT=1``: everything works without kernels, slowly, and says so once."""

import os
import subprocess
import sys

import yaml

CONFIG = {
    "name": "slow",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "arms": {
        "vae": {
            "generator": {"kind": "vae", "hidden": [4], "latent": 2, "max_epochs": 3},
            "n_synthetic": 6,
        }
    },
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 4, "n_generations": 2, "n_searches": 1},
    "seeds": 1,
}
PLAIN = """
import sys
from vaega.cli import main
from vaega.generative import _models

class Refused:
    def __init__(self, *_):
        raise AssertionError("kernels were asked to train")

_models.CompiledTrainer = Refused
sys.exit(main(["run", "slow.yaml"]))
"""


def test_a_run_with_a_generator(tmp_path):
    (tmp_path / "slow.yaml").write_text(yaml.safe_dump(CONFIG))
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "VAEGA_CACHE": str(tmp_path / "cache")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "NUMBA_DISABLE_JIT" in line]
    assert said == [
        "vaega: NUMBA_DISABLE_JIT=1: kernels are not compiled; scikit-learn scores one mask after "
        "the other."
    ]
    assert len(list(tmp_path.glob("results/slow/runs/*/generator.json"))) == 1
