"""Work is repeated plainly on the CPU, and from a recorded graph on a CUDA device."""

from contextlib import contextmanager

import pytest
import torch

from vaega.engines._torch_mlp import OUT_OF_MEMORY, Repetition


def test_the_cpu_repeats_plainly():
    calls = []
    repeat = Repetition(lambda: calls.append(1), torch.device("cpu"))
    for _ in range(5):
        repeat()
    assert len(calls) == 5


class FakeStream:
    def wait_stream(self, other):
        pass


class FakeGraph:
    n_replays = 0

    def replay(self):
        self.n_replays += 1


@contextmanager
def nothing(*args, **settings):
    yield


def fake_cuda(monkeypatch, **more):
    fakes = {
        "device": nothing,
        "Stream": FakeStream,
        "current_stream": FakeStream,
        "stream": nothing,
        "graph": nothing,
        "CUDAGraph": FakeGraph,
    }
    for name, fake in (fakes | more).items():
        monkeypatch.setattr(torch.cuda, name, fake, raising=False)


def test_cuda_does_it_once_records_it_once_and_replays(monkeypatch):
    graphs, calls = [], []
    fake_cuda(monkeypatch, CUDAGraph=lambda: graphs.append(FakeGraph()) or graphs[-1])
    repeat = Repetition(lambda: calls.append(1), torch.device("cuda", 0))
    for _ in range(6):
        repeat()
    assert len(calls) == 2  # plainly, and while it is recorded
    assert [graph.n_replays for graph in graphs] == [5]


def test_a_recording_that_runs_out_of_memory_says_so(monkeypatch):
    @contextmanager
    def failing(*args, **settings):
        try:
            yield
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    def work():
        calls.append(1)
        if len(calls) > 1:
            raise OUT_OF_MEMORY("CUDA out of memory.")

    calls = []
    fake_cuda(monkeypatch, graph=failing)
    repeat = Repetition(work, torch.device("cuda", 0))
    repeat()
    with pytest.raises(OUT_OF_MEMORY):
        repeat()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_cuda_device_counts_as_the_cpu_does():
    total = torch.zeros((), device="cuda")
    repeat = Repetition(lambda: total.add_(1.0), torch.device("cuda", 0))
    for _ in range(6):
        repeat()
    assert float(total) == 6.0
