"""The rows that networks are trained and judged on."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Samples:
    """The rows of networks. The first length is 1 where all masks have the same."""

    X: Tensor
    targets: Tensor  # 1 for the class of a row, 0 for others
    weights: Tensor

    def pick(self, places: Tensor) -> "Samples":
        """Return some rows of each mask."""
        n_masks = len(places)

        def along(values: Tensor) -> Tensor:
            shape = (n_masks, *values.shape[1:-1])
            index = places.reshape(n_masks, *(1 for _ in shape[1:]), -1).expand(*shape, -1)
            return values.expand(*shape, -1).gather(-1, index)

        return Samples(along(self.X), along(self.targets), along(self.weights))

    def keep(self, rows: Tensor) -> "Samples":
        """Return the rows of some masks."""
        kept = [
            values[rows] if len(values) == len(self.X) else values
            for values in (self.X, self.targets, self.weights)
        ]
        return Samples(*kept)
