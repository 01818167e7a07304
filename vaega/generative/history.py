"""What each epoch of a training left behind."""

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class History:
    """Lists with one entry an epoch; figures are means per row on the network's scale."""

    elbo: list[float] = field(default_factory=list)
    reconstruction: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    heldout_elbo: list[float] = field(default_factory=list)
    heldout_reconstruction: list[float] = field(default_factory=list)
    heldout_error: list[float] = field(default_factory=list)
    heldout_kl: list[float] = field(default_factory=list)
    active_units: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    kl_weight: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Number of the epoch, from 0, that was best on the held-out rows: where training ends."""
        return self.heldout_elbo.index(max(self.heldout_elbo))

    def append(self, **figures: float) -> None:
        """Add an epoch; figures that are not given are not recorded."""
        for item in fields(self):
            if item.name in figures:
                getattr(self, item.name).append(figures[item.name])
