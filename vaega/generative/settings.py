"""The settings of a fit, checked: what the constructor stored, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaega.core.checks import check_choice, check_count, check_positive
from vaega.core.errors import InputError
from vaega.generative.compute import pick_device
from vaega.generative.networks import NORMS
from vaega.generative.training import TrainingSettings

CALIBRATIONS = ("matched", "heldout")


@dataclass(frozen=True)
class FitSettings:
    """Everything a fit needs beside rows, labels and seed; fields as the parameters of `VAE`.

    Examples
    --------
    >>> from vaega.generative.autoencoders import VAE
    >>> settings = check_settings(VAE(hidden=[8], latent=2), conditional=True)
    >>> settings.network_sizes(30, 3)["n_conditions"]
    3
    """

    owner: str
    conditional: bool
    hidden: tuple[int, ...]
    latent: int
    norm: str | None
    output_norm: bool
    standardize: bool
    validation_fraction: float
    calibration: str
    device: torch.device
    training: TrainingSettings

    def network_sizes(self, n_features: int, n_classes: int) -> dict[str, Any]:
        """Return the arguments of `Network` for data of this width."""
        return {
            "n_features": n_features,
            "hidden": self.hidden,
            "latent": self.latent,
            "norm": self.norm,
            "output_norm": self.output_norm,
            "n_conditions": n_classes if self.conditional else 0,
        }


def check_settings(model: Any, *, conditional: bool) -> FitSettings:
    """Return the checked settings of an autoencoder.

    Parameters
    ----------
    model : estimator
        Anything with the parameters of `VAE` as attributes.
    conditional : bool
        Whether the networks see the label.

    Returns
    -------
    FitSettings

    Raises
    ------
    InputError
        For the first parameter that breaks its rule.

    Examples
    --------
    >>> from vaega.generative.autoencoders import VAE
    >>> check_settings(VAE(latent=0), conditional=False)
    Traceback (most recent call last):
    vaega.core.errors.InputError: VAE: latent must be a whole number, at least 1, got 0.
    """
    owner = type(model).__name__
    return FitSettings(
        owner=owner,
        conditional=conditional,
        hidden=_check_widths(model.hidden, owner),
        latent=check_count(model.latent, "latent", owner=owner),
        norm=None if model.norm is None else check_choice(model.norm, "norm", NORMS, owner=owner),
        output_norm=_check_flag(model.output_norm, "output_norm", owner),
        standardize=_check_flag(model.standardize, "standardize", owner),
        validation_fraction=_check_fraction(model.validation_fraction, owner),
        calibration=check_choice(model.calibration, "calibration", CALIBRATIONS, owner=owner),
        device=pick_device(model.device, owner=owner),
        training=_check_training(model, owner),
    )


def _check_training(model: Any, owner: str) -> TrainingSettings:
    return TrainingSettings(
        learning_rate=check_positive(model.learning_rate, "learning_rate", owner=owner),
        batch_size=check_count(model.batch_size, "batch_size", owner=owner, minimum=2),
        max_epochs=check_count(model.max_epochs, "max_epochs", owner=owner),
        patience=check_count(model.patience, "patience", owner=owner),
        beta=check_positive(model.beta, "beta", owner=owner),
        sigma=_check_sigma(model.sigma, owner),
    )


def _check_widths(hidden: Any, owner: str) -> tuple[int, ...]:
    if isinstance(hidden, str) or not isinstance(hidden, Sequence) or not hidden:
        raise InputError(f"{owner}: hidden must be a tuple of one or more widths, got {hidden!r}.")
    return tuple(check_count(width, "each width in hidden", owner=owner) for width in hidden)


def _check_flag(value: Any, name: str, owner: str) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{owner}: {name} must be True or False, got {value!r}.")
    return bool(value)


def _check_fraction(value: Any, owner: str) -> float:
    if not check_positive(value, "validation_fraction", owner=owner) < 1.0:
        raise InputError(f"{owner}: validation_fraction must be below 1, got {value!r}.")
    return float(value)


def _check_sigma(value: Any, owner: str) -> float | None:
    if isinstance(value, str):
        check_choice(value, "sigma", ("heldout",), owner=owner)
        return None
    return check_positive(value, "sigma", owner=owner)
