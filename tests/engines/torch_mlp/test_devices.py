"""Devices are named in one way, and a missing one is said in one sentence."""

import subprocess
import sys
from importlib import import_module

import pytest
import torch

from vaega.core.errors import InputError
from vaega.engines._registry import _ENGINES, _MODULES, available, resolve_device


def test_without_a_cuda_device_auto_means_the_compiled_engines(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") is None
    assert resolve_device("cpu") == torch.device("cpu")


def test_with_cuda_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match=r"fitness: device .* got 'cuda:2' with 2 CUDA devices\."):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_missing_device(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="with 0 CUDA devices"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["gpu", "mps", "", None, 1, "cuda:x"])
def test_what_is_no_device(device):
    with pytest.raises(InputError, match="got"):
        resolve_device(device)


def test_what_is_available_answers_as_its_compiled_engine_does():
    assert set(_ENGINES.values()) >= _MODULES
    for name in _MODULES:
        assert available(name)
        ours = import_module(f"vaega.engines.{name}")
        theirs = import_module(f"vaega.engines.{name}")
        for what in ("NEEDS", "WEIGHTS", "EXACT", "RANDOM", "accepts"):
            assert getattr(ours, what) is getattr(theirs, what)


def test_torch_is_imported_only_where_a_device_is_asked_for():
    code = (
        "import sys; import vaega.fitness._cross_validated, vaega.engines._mlp; "
        "from vaega.engines._registry import available; available('mlp'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
