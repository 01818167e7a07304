"""Devices are named in one way, and a missing one is said in one sentence."""

import pytest
import torch

from vaega.core.devices import pick_device
from vaega.core.errors import InputError


def test_auto_is_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto", owner="VAE").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto", owner="VAE").type == "cpu"


def test_devices_that_are_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device in ("cpu", "cuda", "cuda:1", torch.device("cuda", 0)):
        assert pick_device(device, owner="VAE") == torch.device(device)


@pytest.mark.parametrize("device", ["gpu", "mps", "", 3.5, None, "cuda:x"])
def test_unknown_devices_are_one_sentence(device):
    with pytest.raises(InputError, match=r"^VAE: device must be 'auto', 'cpu' or 'cuda', got"):
        pick_device(device, owner="VAE")


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_an_absent_device_is_one_sentence(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match=r"^VAE: device '.*' is not there"):
        pick_device(device, owner="VAE")
