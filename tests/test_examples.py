"""Every script under examples/ runs by itself and prints something; few import torch.

Networks are trained for a few epochs here, which changes what is printed and nothing else.
"""

import subprocess
import sys
from pathlib import Path

import pytest

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
