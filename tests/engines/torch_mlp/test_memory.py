"""Masks are taken in chunks that fit, and what a device holds goes with the fold."""

import gc
import weakref

import numpy as np
import pytest
import torch

from vaega.core.errors import InputError
from vaega.data._folds import Fold
from vaega.engines._torch_mlp import OUT_OF_MEMORY, budget_of, keep, work_in_chunks

CPU = torch.device("cpu")


def chunks_of(masks, bytes_of, most=10**9):
    """Return the chunks that a device takes with memory for so many masks, and what it refused."""
    taken, refused = [], []

    def work(places):
        if len(places) > most:
            refused.append(len(places))
            raise OUT_OF_MEMORY("CUDA out of memory.")
        taken.append(places.tolist())

    work_in_chunks(masks, CPU, bytes_of, work, owner="test")
    return taken, refused


def test_every_mask_is_taken_once_and_the_widest_first(rng):
    masks = rng.random((100, 40)) < rng.random((100, 1))
    taken, refused = chunks_of(masks, lambda width: width * budget_of(CPU) // 200)
    order = np.concatenate(taken)
    assert sorted(order) == list(range(100))
    widths = masks.sum(axis=1)[order]
    assert (np.diff(widths) <= 0).all()
    assert not refused
    for chunk in taken:
        assert len(chunk) == 1 or len(chunk) * masks[chunk].sum(axis=1).max() <= 200


def test_a_chunk_that_does_not_fit_is_halved_and_later_ones_stay_small():
    taken, refused = chunks_of(np.ones((20, 3), dtype=bool), lambda width: 1, most=5)
    assert refused == [20, 10]
    assert [len(chunk) for chunk in taken] == [5, 5, 5, 5]


def test_not_even_one_mask_fits():
    with pytest.raises(InputError, match=r"^test: .* got too little on cpu for one of 3 features"):
        chunks_of(np.ones((4, 3), dtype=bool), lambda width: 1, most=0)


def test_other_errors_are_not_hidden():
    def work(places):
        raise RuntimeError("not about memory")

    with pytest.raises(RuntimeError, match="not about memory"):
        work_in_chunks(np.ones((4, 3), dtype=bool), CPU, lambda width: 1, work, owner="test")


def test_no_masks():
    assert chunks_of(np.ones((0, 3), dtype=bool), lambda width: 1) == ([], [])


def test_the_budget_of_a_cuda_device_is_most_of_what_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 300)
    assert budget_of(torch.device("cuda", 0)) == 840


def test_what_is_kept_goes_with_the_fold():
    X, y = np.zeros((2, 1)), np.array([0, 1])
    fold = Fold(X, y, X, y, np.arange(1), 2)
    rows = keep(fold, CPU, "rows", lambda: torch.zeros(3))
    assert keep(fold, CPU, "other", lambda: None) is None
    assert keep(fold, CPU, "rows", lambda: None) is rows
    known = weakref.ref(rows)
    del fold, rows
    gc.collect()
    assert known() is None
