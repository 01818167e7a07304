"""What a fit says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FitReport:
    """The figures of one fit; all but the counts on the standardised scale.

    Attributes
    ----------
    n_training, n_heldout : int
        Rows that trained the weights; rows that stopped the training and calibrated the noise.
    n_epochs, best_epoch : int
        Epochs run; number of the kept one, from 1.
    heldout_elbo : float
        ELBO of the held-out rows with the calibrated sigma, nats per row.
    kl : float
        KL of the held-out rows, nats per row: what the latent space carries.
    sigma : float
        Root mean square of the decoder's sigma, calibrated on held-out residuals.
    noise : float
        Root mean square of the noise that `sample` adds.
    variance_ratio : float
        Within-class variance, summed over features, of a sample over that of the fit rows.

    Examples
    --------
    >>> report = FitReport(30, 8, 71, 31, -9810.2, 28.4, 0.96, 0.84, 1.0)
    >>> report.variance_ratio
    1.0
    """

    n_training: int
    n_heldout: int
    n_epochs: int
    best_epoch: int
    heldout_elbo: float
    kl: float
    sigma: float
    noise: float
    variance_ratio: float
