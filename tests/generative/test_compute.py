import threading

import pytest
import torch

from vaega.core.errors import InputError
from vaega.generative._fitted import one_thread, pick_device


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_count_comes_back(two_threads):
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_count_comes_back_after_an_error(two_threads):
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 2


def test_nested_blocks_stay_at_one(two_threads):
    with one_thread():
        with one_thread():
            pass
        assert torch.get_num_threads() == 1


def test_another_thread_inside_keeps_one(two_threads):
    entered, leave, seen = threading.Event(), threading.Event(), []

    def work():
        with one_thread():
            entered.set()
            leave.wait(10)
            seen.append(torch.get_num_threads())

    worker = threading.Thread(target=work)
    worker.start()
    entered.wait(10)
    with one_thread():
        pass
    leave.set()
    worker.join()
    assert seen == [1]


def test_auto_is_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto", owner="VAE").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto", owner="VAE").type == "cpu"


@pytest.mark.parametrize("device", ["gpu", "mps", 3.5, None])
def test_unknown_devices_are_one_sentence(device):
    with pytest.raises(InputError, match=r"^VAE: device must be 'auto', 'cpu' or 'cuda', got"):
        pick_device(device, owner="VAE")


def test_an_absent_device_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="is not there"):
        pick_device("cuda", owner="VAE")
