"""The rows that networks are trained and judged on."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Samples:
    """The rows of networks. The first length is 1 where all masks have the same.

    Parameters
    ----------
    X : torch.Tensor of shape (n_masks, n_columns, n_rows)
    targets : torch.Tensor of shape (n_masks or 1, n_outputs, n_rows)
        1 for the class of a row, 0 for others.
    weights : torch.Tensor of shape (n_masks or 1, n_rows)
    """

    X: Tensor
    targets: Tensor
    weights: Tensor

    def pick(self, places: Tensor) -> "Samples":
        """Return some rows of each mask.

        Parameters
        ----------
        places : torch.Tensor of int64, shape (n_masks, n_picked)

        Returns
        -------
        Samples

        Examples
        --------
        >>> import torch
        >>> X, ones = torch.tensor([[[5.0, 6.0, 7.0]]]), torch.ones((1, 1, 3))
        >>> Samples(X, ones, ones[0]).pick(torch.tensor([[2, 0]])).X
        tensor([[[7., 5.]]])
        """
        n_masks = len(places)

        def along(values: Tensor) -> Tensor:
            shape = (n_masks, *values.shape[1:-1])
            index = places.reshape(n_masks, *(1 for _ in shape[1:]), -1).expand(*shape, -1)
            return values.expand(*shape, -1).gather(-1, index)

        return Samples(along(self.X), along(self.targets), along(self.weights))

    def keep(self, rows: Tensor) -> "Samples":
        """Return the rows of some masks.

        Parameters
        ----------
        rows : torch.Tensor of int64

        Returns
        -------
        Samples

        Examples
        --------
        >>> import torch
        >>> X, ones = torch.tensor([[[5.0]], [[6.0]]]), torch.ones((1, 1, 1))
        >>> Samples(X, ones, ones[0]).keep(torch.tensor([1])).X
        tensor([[[6.]]])
        """
        kept = [
            values[rows] if len(values) == len(self.X) else values
            for values in (self.X, self.targets, self.weights)
        ]
        return Samples(*kept)
