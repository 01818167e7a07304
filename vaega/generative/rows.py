"""Rows on a device, as a training loop takes them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Rows on the device, with what belongs to each."""

    values: Tensor  # On the network's scale; 0, the mean, where nothing was measured
    condition: Tensor | None = None  # One-hot; None for a network without condition
    seen: Tensor | None = None  # 1 where an entry was measured, else 0; None when all were
    weight: Tensor | None = None  # What a row counts in the loss; None when all count 1

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
        """Return the weighted sum of observed entries (n, n_features): (), or (n_features,)."""
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
    """Yield `rows` in random order, in batches of nearly equal size."""
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
