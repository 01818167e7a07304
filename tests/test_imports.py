"""The architecture: imports point one way, light packages stay light, start-up stays quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vaega

SOURCE = Path(vaega.__file__).parent
# Each package may import those below it and itself; the three of level 2 don't know each other.
LEVELS = {
    "core": 0,
    "data": 1,
    "evolution": 2,
    "engines": 2,
    "fitness": 3,
    "generative": 2,
    "selection": 4,
    "experiments": 5,
    "report": 6,
    "thesis": 7,
    "cli": 8,
    "__main__": 9,
}
WITHOUT_TORCH = ("core", "data", "evolution", "engines", "fitness", "selection", "report")


def _modules():
    return [path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"]


def _package(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    package = _package(path)
    for module in _imported(path):
        parts = module.split(".")
        if parts[0] != "vaega" or len(parts) == 1 or parts[1] == package:
            continue
        assert LEVELS[parts[1]] < LEVELS[package], f"{path} imports {module}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_generators_and_what_names_devices_import_torch(path):
    if _package(path) in WITHOUT_TORCH and path.stem not in ("devices", "_torch_mlp"):
        assert not [name for name in _imported(path) if name.split(".")[0] == "torch"]


@pytest.mark.parametrize(
    "statement",
    [
        "import vaega",
        "import vaega.cli",
        "from vaega import operators",
        "from vaega import GeneticSelector",
        "from vaega import load_dataset; load_dataset('sklearn:iris')",
    ],
)
def test_torch_stays_out(statement):
    code = f"import sys; {statement}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_vaega_imports_nothing_heavy():
    code = "import sys, vaega; print([m for m in ('numpy', 'sklearn', 'deap') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout.strip() == b"[]"


def test_status_and_its_table_start_without_what_only_runs_need():
    code = (
        "import sys, vaega.cli.app, vaega.experiments.status, vaega.core.terminal; "
        "print([m for m in ('sklearn', 'scipy.stats', 'scipy.special') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout.strip() == b"[]"


def test_every_public_name_loads():
    for name in vaega.__all__:
        assert getattr(vaega, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Vae'"):
        _ = vaega.Vae


FORBIDDEN = (
    "import pickle",
    "joblib.load",
    "torch.load",
    "np.random.seed",
    "torch.manual_seed(",
    "yaml.unsafe_load",
)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_is_unpickled_and_no_global_seed_is_set(path):
    text = path.read_text(encoding="utf-8")
    assert not [word for word in FORBIDDEN if word in text]
