"""Which device computes, and which engines have a module for devices."""

from typing import TYPE_CHECKING, Any

from vaega.core.errors import InputError

if TYPE_CHECKING:
    import torch

_MODULES = frozenset({"mlp"})


def available(engine: str) -> bool:
    """Return whether an engine has a module for devices."""
    return engine in _MODULES


def resolve_device(device: Any, *, owner: str = "fitness") -> "torch.device | None":
    """Return the device that a setting names."""
    import torch

    if isinstance(device, str) and device == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else None
    try:
        found = torch.device(device) if isinstance(device, str) else None
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise InputError(
            f'{owner}: device must be "auto", "cpu", "cuda" or "cuda:<number>", got {device!r}.'
        )
    n_devices = torch.cuda.device_count() if found.type == "cuda" else 1
    if (found.index or 0) >= n_devices:
        raise InputError(
            f"{owner}: device must be one that torch finds, got {device!r} with {n_devices} CUDA "
            "devices."
        )
    return torch.device("cuda", found.index or 0) if found.type == "cuda" else found
