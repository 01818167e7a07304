"""Rows on a device, as a training loop takes them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Rows on the device, with what belongs to each.

    Attributes
    ----------
    values : torch.Tensor of shape (n, n_features)
        On the network's scale; 0, the mean, where nothing was measured.
    condition : torch.Tensor of shape (n, n_conditions) or None
        One-hot; None for a network without condition.
    seen : torch.Tensor of shape (n, n_features) or None
        1 where an entry was measured, else 0; None when all were.
    weight : torch.Tensor of shape (n,) or None
        What a row counts in the loss; None when all count 1.

    Examples
    --------
    >>> Rows(torch.eye(3)).take(torch.tensor([2])).values
    tensor([[0., 0., 1.]])
    """

    values: Tensor
    condition: Tensor | None = None
    seen: Tensor | None = None
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_features(self) -> int:
        """Columns of a row."""
        return self.values.shape[1]

    def take(self, index: Tensor | slice) -> "Rows":
        """Return the rows that `index` names; those of a slice are not copied."""
        parts = (self.values, self.condition, self.seen, self.weight)
        return Rows(*(None if part is None else part[index] for part in parts))  # type: ignore[arg-type]

    def repeated(self, times: int) -> "Rows":
        """Return all rows, `times` one after the other."""
        if times == 1:
            return self
        return self.take(torch.arange(len(self), device=self.values.device).repeat(times))

    def total_weight(self) -> Tensor | float:
        """Return the sum of the rows' weights."""
        return float(len(self)) if self.weight is None else self.weight.sum()

    def sum_entries(self, entries: Tensor, *, by_feature: bool) -> Tensor:
        """Return the weighted sum of entries (n, n_features) that were seen: (), or (n_features,).

        Examples
        --------
        >>> rows = Rows(torch.zeros(2, 2), weight=torch.tensor([1.0, 3.0]))
        >>> rows.sum_entries(torch.ones(2, 2), by_feature=True)
        tensor([4., 4.])
        """
        if self.seen is not None:
            entries = entries * self.seen
        if self.weight is not None:
            entries = entries * self.weight[:, None]
        return entries.sum(dim=0) if by_feature else entries.sum()

    def count_entries(self, *, by_feature: bool) -> Tensor | float:
        """Return how many entries were seen, weighted, in all or of each feature."""
        if self.seen is None and self.weight is None:
            return float(len(self) * (1 if by_feature else self.n_features))
        return self.sum_entries(torch.ones_like(self.values), by_feature=by_feature)


def shuffled_batches(
    rows: Rows,
    batch_size: int,
    generator: torch.Generator,
    *,
    least: int = 2,
    chances: Tensor | None = None,
) -> Iterator[Rows]:
    """Yield `rows` in random order, in batches of nearly equal size.

    Parameters
    ----------
    rows : Rows
    batch_size : int
        Rows in a batch at most, except where only a batch smaller than `least` would keep to it:
        then one batch has a row more.
    generator : torch.Generator
        Of the rows' device.
    least : int, default=2
        Rows in a batch at least: one row has no variance for a batch norm.
    chances : torch.Tensor of shape (n,), optional
        Draw as many rows with replacement, each by its chance, instead of every row once.

    Yields
    ------
    Rows

    Examples
    --------
    >>> batches = shuffled_batches(Rows(torch.zeros(9, 1)), 4, torch.Generator().manual_seed(0))
    >>> [len(batch) for batch in batches]
    [3, 3, 3]
    """
    n_batches = min(math.ceil(len(rows) / batch_size), len(rows) // least)
    if n_batches == 1 and chances is None:
        yield rows  # the order within a batch says nothing
        return
    if chances is None:
        order = torch.randperm(len(rows), generator=generator, device=rows.values.device)
    else:
        order = torch.multinomial(chances, len(rows), replacement=True, generator=generator)
    for index in order.tensor_split(n_batches):  # one copy at a time
        yield rows.take(index)
