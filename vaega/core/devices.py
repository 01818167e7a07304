"""Torch devices by name: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one."""

from typing import TYPE_CHECKING, Any

from vaega.core.errors import InputError

if TYPE_CHECKING:
    import torch


def pick_device(device: Any, *, owner: str) -> "torch.device":
    """Return the torch device that `device` names; torch is imported here."""
    import torch

    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except (RuntimeError, TypeError):
        picked = None
    if picked is None or picked.type not in ("cpu", "cuda"):
        raise InputError.of(owner, "device", "must be 'auto', 'cpu' or 'cuda'", device)
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"{owner}: device {device!r} is not there, torch finds no such CUDA device.",
            owner=owner,
            key="device",
            value=device,
        )
    return picked
