"""What each epoch of a training left behind."""

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class History:
    """Lists with one entry an epoch; figures are means per row on the network's scale.

    Training figures are means over the epoch's steps; held-out ones belong to the weights at its
    end. `elbo` is the evidence lower bound in nats with the full weight of the KL, at the sigma of
    that epoch: `reconstruction`, the expected log density, less `kl` times beta. `error` is the
    likelihood's error summed over features: squared, absolute, or cross-entropy. `active_units`
    counts latent dimensions whose posterior means vary over the training rows (variance above 0.01;
    Burda, Grosse and Salakhutdinov 2016). `sigma` is the decoder's standard deviation, `kl_weight`
    the weight of the KL in the loss.

    Examples
    --------
    >>> history = History()
    >>> history.append(heldout_elbo=-9.5)
    >>> history.append(heldout_elbo=-9.9)
    >>> history.best_epoch
    0
    """

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
