"""The selected columns of many masks as one block: as many rows for each, filled up with zeros."""

import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Return a copy of an array on a device."""
    return torch.tensor(np.ascontiguousarray(array), device=device)


def rows_by_column(X: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return rows transposed, with a column of zeros after the last."""
    columns = torch.zeros((X.shape[1] + 1, len(X)), dtype=dtype, device=device)
    columns[:-1] = to_device(X.T, device)
    return columns


def selected_columns(masks: np.ndarray) -> np.ndarray:
    """Return which columns each mask selects, filled up with the number of columns."""
    widths = masks.sum(axis=1)
    columns = np.full((len(masks), widths.max(initial=0)), masks.shape[1], dtype=np.int64)
    rows, own = np.nonzero(masks)
    columns[rows, np.arange(len(rows)) - np.repeat(np.cumsum(widths) - widths, widths)] = own
    return columns
