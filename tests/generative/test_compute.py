import threading

import pytest
import torch

from vaega.generative._state import one_torch_thread


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_count_comes_back(two_threads):
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_count_comes_back_after_an_error(two_threads):
    with pytest.raises(RuntimeError), one_torch_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 2


def test_nested_blocks_stay_at_one(two_threads):
    with one_torch_thread():
        with one_torch_thread():
            pass
        assert torch.get_num_threads() == 1


def test_another_thread_inside_keeps_one(two_threads):
    entered, leave, seen = threading.Event(), threading.Event(), []

    def work():
        with one_torch_thread():
            entered.set()
            leave.wait(10)
            seen.append(torch.get_num_threads())

    worker = threading.Thread(target=work)
    worker.start()
    entered.wait(10)
    with one_torch_thread():
        pass
    leave.set()
    worker.join()
    assert seen == [1]
