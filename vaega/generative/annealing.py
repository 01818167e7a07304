"""How much the KL weighs in each epoch."""

import math
from dataclasses import dataclass

ANNEALINGS = (None, "linear", "cyclical")


@dataclass(frozen=True)
class Annealing:
    """The KL's share of its full weight, epoch by epoch.

    "linear" climbs to the full weight over `n_epochs`. "cyclical" does so `n_cycles` times within
    `n_epochs`, each cycle climbing in its first half and staying in its second (Fu et al. 2019,
    Cyclical annealing schedule, NAACL). Afterwards, and without annealing, the weight is full.
    """

    kind: str | None = None
    n_epochs: int = 0  # After how many epochs the weight stays full
    n_cycles: int = 1  # Climbs within them; one for "linear"

    @property
    def length(self) -> int:
        """Epochs in which the weight may still be below the full one."""
        return 0 if self.kind is None else self.n_epochs

    def share(self, epoch: int) -> float:
        """Return the share of the full weight in an epoch, counted from 0; in (0, 1]."""
        if epoch >= self.length:
            return 1.0
        if self.kind == "linear":
            return (epoch + 1) / self.n_epochs
        cycle = self.n_epochs / self.n_cycles
        climb = math.ceil(cycle / 2)
        return min(1.0, (math.floor(epoch % cycle) + 1) / climb)
