"""Where and on how many threads a model computes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vaega.core.errors import InputError

# Sums are split over threads, so their last bits depend on how many there are: always the same.
THREADS = 1

_lock = threading.Lock()
_inside = 0
_before = THREADS


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on `THREADS` threads, so that the bits don't depend on the process around.

    The count that was there before comes back when the last of the threads inside leaves.
    """
    global _inside, _before  # noqa: PLW0603 - torch's own setting is one per process
    with _lock:
        if not _inside:
            _before = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                torch.set_num_threads(_before)


def pick_device(device: Any, *, owner: str) -> torch.device:
    """Return the torch device that `device` names."""
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise InputError(f"{owner}: device must be 'auto', 'cpu' or 'cuda', got {device!r}.")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"{owner}: device {device!r} is not there, torch finds no such CUDA device."
        )
    return found
