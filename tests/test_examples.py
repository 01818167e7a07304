"""Every script under examples/ runs by itself and prints something; few import torch.

Networks are trained for a few epochs here, which changes what is printed and nothing else.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from vaega import load_dataset

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
WITH_TORCH = {"digits_pictures.py"}  # about autoencoders
RUN = """
import runpy, sys
path, may = sys.argv.pop(1), sys.argv.pop(1)
if may == "may import torch":
    from vaega.generative._models import BaseAutoencoder
    fit = BaseAutoencoder.fit
    BaseAutoencoder.fit = lambda self, X, y=None: fit(self.set_params(max_epochs=10), X, y)
runpy.run_path(path, run_name="__main__")
assert may == "may import torch" or "torch" not in sys.modules, "torch was imported"
"""


def run(path, folder):
    may = "may import torch" if path.name in WITH_TORCH else "may not"
    command = [sys.executable, "-c", RUN, str(path), may]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_example_runs(path, tmp_path):
    done = run(path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not list(tmp_path.iterdir())  # it leaves nothing behind


def test_an_example_that_imports_torch_would_be_noticed(tmp_path):
    script = tmp_path / "heavy.py"
    script.write_text("import sys, types; sys.modules['torch'] = types.ModuleType('torch')")
    assert "torch was imported" in run(script, tmp_path).stderr


def test_the_cohort_is_written_and_read(tmp_path):
    script = Path(__file__).parents[1] / "examples" / "cohort.py"
    for name, more in (("cohort", []), ("permuted", ["--permuted"])):
        command = [sys.executable, str(script), f"{name}.csv", "--genes", "60", *more]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert f"vaega run {name}.yaml" in done.stdout
    cohort, permuted = (
        load_dataset(tmp_path / f"{name}.csv", target="response", ignore=["patient"])
        for name in ("cohort", "permuted")
    )
    assert cohort.X.shape == (60, 60)
    assert (cohort.X == permuted.X).all()
    assert sorted(cohort.y) == sorted(permuted.y)
    assert (cohort.y != permuted.y).any()
    assert sum(name.startswith("true") for name in cohort.feature_names) == 9
