"""The floating-point format in which products are computed while training."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from vaega.core.checks import check_choice

PRECISIONS = ("auto", "float32", "bfloat16")

# With fewer weights, casting them costs more than the faster products save.
FEWEST_WEIGHTS = 500_000


def resolve_precision(
    precision: Any, device: torch.device, n_weights: int, *, owner: str
) -> torch.dtype:
    """Return the format of the products of a training step; losses are float32 in any case."""
    check_choice(precision, "precision", PRECISIONS, owner=owner)
    if precision == "auto":
        fast = n_weights >= FEWEST_WEIGHTS and multiplies_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for products of bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


def products_in(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which linear layers multiply in `dtype`."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
