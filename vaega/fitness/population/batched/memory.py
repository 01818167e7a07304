"""The memory of a device: what stays there with a fold, and how many masks it takes at once."""

import gc
import threading
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch

from vaega.core.errors import InputError
from vaega.fitness.folds import Fold

Kept = TypeVar("Kept")

_SHARE = 0.6  # of the free memory: the estimates are rough, and others use the device too
_ON_CPU = 64 * 2**20  # bytes; more would leave the caches, and nothing would be faster
# torch before 2.5 knows it by its old name only.
OUT_OF_MEMORY: type[Exception] = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)

# Threads that shared a CUDA device would each count the free memory as theirs.
_ALONE = threading.Lock()

_KEPT: WeakKeyDictionary[Fold, dict[Hashable, Any]] = WeakKeyDictionary()


def keep(fold: Fold, device: torch.device, name: Hashable, make: Callable[[], Kept]) -> Kept:
    """Return what a device holds of a fold: made once, and dropped with the fold."""
    kept = _KEPT.setdefault(fold, {})
    key = (str(device), name)
    if key not in kept:
        kept[key] = make()
    return kept[key]


def budget_of(device: torch.device) -> int:
    """Return how many bytes the masks of one chunk may take."""
    if device.type != "cuda":
        return _ON_CPU
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(_SHARE * (free + unused))


def work_in_chunks(
    masks: np.ndarray,
    device: torch.device,
    bytes_of: Callable[[int], int],
    work: Callable[[np.ndarray], None],
    *,
    owner: str,
) -> None:
    """Do some work for all masks, in chunks that the device has memory for."""
    with _ALONE if device.type == "cuda" else nullcontext():
        _take_chunks(masks.sum(axis=1), device, bytes_of, work, owner)


def _take_chunks(
    widths: np.ndarray,
    device: torch.device,
    bytes_of: Callable[[int], int],
    work: Callable[[np.ndarray], None],
    owner: str,
) -> None:
    order = np.argsort(-widths, kind="stable")
    start, most = 0, len(widths)
    while start < len(order):
        fitting = budget_of(device) // max(bytes_of(int(widths[order[start]])), 1)
        size = int(min(max(fitting, 1), most))
        places = order[start : start + size]
        if _fits(work, places, device):
            start += size
        elif len(places) == 1:
            raise InputError(
                f"{owner}: the device must have memory for one mask at least, got too little on "
                f"{device} for one of {widths[places[0]]} features."
            )
        else:
            most = len(places) // 2


def _fits(work: Callable[[np.ndarray], None], places: np.ndarray, device: torch.device) -> bool:
    try:
        work(places)
    except OUT_OF_MEMORY:
        fits = False
    else:
        fits = True
    if not fits and device.type == "cuda":  # only now has the error let go of its frames
        gc.collect()
        torch.cuda.empty_cache()
    return fits
