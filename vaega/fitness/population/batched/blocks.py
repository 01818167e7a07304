"""The selected columns of many masks as one block: as many rows for each, filled up with zeros."""

import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Return a copy of an array on a device.

    Parameters
    ----------
    array : numpy.ndarray
    device : torch.device

    Returns
    -------
    torch.Tensor
        Of the same dtype, contiguous.

    Examples
    --------
    >>> to_device(np.arange(2.0), torch.device("cpu"))
    tensor([0., 1.], dtype=torch.float64)
    """
    return torch.tensor(np.ascontiguousarray(array), device=device)


def rows_by_column(X: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return rows transposed, with a column of zeros after the last.

    Parameters
    ----------
    X : numpy.ndarray, shape (n_rows, n_columns)
    dtype : torch.dtype
    device : torch.device

    Returns
    -------
    torch.Tensor of shape (n_columns + 1, n_rows)

    Examples
    --------
    >>> rows_by_column(np.array([[1.0, 2.0]]), torch.float64, torch.device("cpu")).ravel()
    tensor([1., 2., 0.], dtype=torch.float64)
    """
    columns = torch.zeros((X.shape[1] + 1, len(X)), dtype=dtype, device=device)
    columns[:-1] = to_device(X.T, device)
    return columns


def selected_columns(masks: np.ndarray) -> np.ndarray:
    """Return which columns each mask selects, filled up with the number of columns.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_columns)

    Returns
    -------
    numpy.ndarray of int64, shape (n_masks, most selected)
        Ascending.

    Examples
    --------
    >>> selected_columns(np.array([[False, True, False], [True, False, True]]))
    array([[1, 3],
           [0, 2]])
    """
    widths = masks.sum(axis=1)
    columns = np.full((len(masks), widths.max(initial=0)), masks.shape[1], dtype=np.int64)
    rows, own = np.nonzero(masks)
    columns[rows, np.arange(len(rows)) - np.repeat(np.cumsum(widths) - widths, widths)] = own
    return columns
