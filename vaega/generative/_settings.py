"""Hyperparameters of the autoencoders: their checks, and presets of published networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch

from vaega.core.checks import check_choice, check_count, check_flag, check_number, check_positive
from vaega.core.devices import pick_device
from vaega.core.errors import InputError
from vaega.generative._kinds import check_enforcement
from vaega.generative._networks import LIKELIHOODS, NORMS, Likelihood, VariationalNetwork
from vaega.generative._training import (
    ANNEALINGS,
    LEARNED,
    PRECISIONS,
    Annealing,
    TrainingObjective,
    TrainingSettings,
)

CALIBRATIONS = ("matched", "heldout")

VALIDATIONS = ("auto", "split", "crossfit")

# Below this many rows one split holds out too few to validate by.
FEW_ROWS = 60


@dataclass(frozen=True)
class FitSettings:
    """Everything a fit needs beside rows, labels and seed; fields as the parameters of `VAE`."""

    network: type[VariationalNetwork]  # The class of what is trained
    sees_labels: bool  # Whether the network sees the class
    hidden: tuple[int, ...]
    latent: int | tuple[int, ...]
    norm: str | None
    output_norm: bool
    standardize: bool
    validation_fraction: float
    validation: str
    calibration: str
    bounds: bool | str  # Between which values generated rows stay
    rounding: bool  # Whether they keep to grids
    device: torch.device
    precision: str
    class_weight: Any
    balanced_batches: bool
    training: TrainingSettings

    @property
    def owner(self) -> str:
        """Name of the model, for errors."""
        return self.training.owner

    def is_crossed(self, n: int) -> bool:
        """Return whether `n` rows, or groups of rows, are split twice, with others held out."""
        return n < FEW_ROWS if self.validation == "auto" else self.validation == "crossfit"

    def network_sizes(self, n_features: int, n_classes: int) -> dict[str, Any]:
        """Return the arguments of `network` for data of this width."""
        conditions = {"n_conditions": n_classes} if self.sees_labels else {}
        return {
            "n_features": n_features,
            "hidden": self.hidden,
            "latent": self.latent,
            "norm": self.norm,
            "output_norm": self.output_norm,
            **conditions,
        }


def check_settings(model: Any) -> FitSettings:
    """Return the checked settings of an autoencoder."""
    owner = type(model).__name__
    bounds, rounding = check_enforcement(model, owner=owner)
    return FitSettings(
        network=model.network_class,
        sees_labels=model.sees_labels,
        hidden=_check_widths(model.hidden, "hidden", owner),
        latent=model._check_latent(model.latent, owner),
        norm=None if model.norm is None else check_choice(model.norm, "norm", NORMS, owner=owner),
        output_norm=check_flag(model.output_norm, "output_norm", owner=owner),
        standardize=check_flag(model.standardize, "standardize", owner=owner)
        and model.likelihood != "bernoulli",
        validation_fraction=_check_fraction(model.validation_fraction, owner),
        validation=check_choice(model.validation, "validation", VALIDATIONS, owner=owner),
        calibration=check_choice(model.calibration, "calibration", CALIBRATIONS, owner=owner),
        bounds=bounds,
        rounding=rounding,
        device=pick_device(model.device, owner=owner),
        precision=check_choice(model.precision, "precision", PRECISIONS, owner=owner),
        class_weight=_check_class_weight(model.class_weight, owner),
        balanced_batches=check_flag(model.balanced_batches, "balanced_batches", owner=owner),
        training=_check_training(model, owner),
    )


def _check_training(model: Any, owner: str) -> TrainingSettings:
    beta, free_bits = 0.0, 0.0
    annealing, n_draws = Annealing(), 1
    if model.network_class.stochastic:
        beta = check_positive(model.beta, "beta", owner=owner)
        free_bits = _check_free_bits(model.free_bits, owner)
        annealing = _check_annealing(model, owner)
        n_draws = check_count(model.n_draws, "n_draws", owner=owner)
    likelihood = find_likelihood(model.likelihood, owner=owner)
    min_batch_size = 2 if model.norm == "batch" else 1
    return TrainingSettings(
        objective=TrainingObjective(likelihood, beta, free_bits),
        learning_rate=check_positive(model.learning_rate, "learning_rate", owner=owner),
        batch_size=check_count(model.batch_size, "batch_size", owner=owner, minimum=min_batch_size),
        max_epochs=check_count(model.max_epochs, "max_epochs", owner=owner),
        patience=check_count(model.patience, "patience", owner=owner),
        sigma=_check_sigma(model.sigma, owner),
        n_draws=n_draws,
        annealing=annealing,
        owner=owner,
    )


def _check_annealing(model: Any, owner: str) -> Annealing:
    if model.annealing is not None:
        check_choice(model.annealing, "annealing", ANNEALINGS[1:], owner=owner)
    n_epochs = check_count(model.annealing_epochs, "annealing_epochs", owner=owner)
    n_cycles = check_count(model.n_cycles, "n_cycles", owner=owner)
    if n_cycles > n_epochs:
        rule = f"must be at most annealing_epochs, which is {n_epochs}"
        raise InputError.of(owner, "n_cycles", rule, n_cycles)
    return Annealing(model.annealing, n_epochs, n_cycles)


def _check_free_bits(value: Any, owner: str) -> float:
    if check_number(value, "free_bits", owner=owner) < 0.0:
        raise InputError.of(owner, "free_bits", "must be 0 or more nats", value)
    return float(value)


def check_latent(latent: Any, owner: str) -> int:
    """Return the dimensions of a latent space."""
    return check_count(latent, "latent", owner=owner)


def check_latent_layers(latent: Any, owner: str) -> tuple[int, ...]:
    """Return the dimensions of latent layers, the lowest first; n stands for (n, n // 2)."""
    if isinstance(latent, Integral):
        latent = (latent, check_count(latent, "latent", owner=owner, minimum=2) // 2)
    sizes = _check_widths(latent, "latent", owner)
    if len(sizes) < 2:
        raise InputError.of(owner, "latent", "must name two layers or more", latent)
    return sizes


def _check_widths(widths: Any, name: str, owner: str) -> tuple[int, ...]:
    if isinstance(widths, str) or not isinstance(widths, Sequence) or not widths:
        raise InputError.of(owner, name, "must be a tuple of one or more widths", widths)
    return tuple(check_count(width, f"each width in {name}", owner=owner) for width in widths)


def _check_fraction(value: Any, owner: str) -> float:
    if not check_positive(value, "validation_fraction", owner=owner) < 1.0:
        raise InputError.of(owner, "validation_fraction", "must be below 1", value)
    return float(value)


def _check_sigma(value: Any, owner: str) -> float | str:
    if isinstance(value, str):
        return str(check_choice(value, "sigma", ("heldout", *LEARNED), owner=owner))
    return check_positive(value, "sigma", owner=owner)


def _check_class_weight(value: Any, owner: str) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return check_choice(value, "class_weight", ("balanced",), owner=owner)
    if not isinstance(value, Mapping):
        rule = "must be None, 'balanced' or a mapping of label to weight"
        raise InputError.of(owner, "class_weight", rule, value)
    return {
        label: check_positive(weight, f"class_weight[{label!r}]", owner=owner)
        for label, weight in value.items()
    }


def find_likelihood(name: object, *, owner: str) -> Likelihood:
    """Return the likelihood of that name."""
    return LIKELIHOODS[check_choice(name, "likelihood", LIKELIHOODS, owner=owner)]


# Castillo's master's thesis: three hidden layers of widths H1, H2, H2, each Linear, batch norm and
# ReLU, a batch norm behind the last Linear too; squared error summed over features (without the
# half: sigma = 2 ** -0.5) plus the KL; stopped after ten epochs without a better one.
_THESIS: dict[str, Any] = {
    "norm": "batch",
    "output_norm": True,
    "likelihood": "gaussian",
    "sigma": 2**-0.5,
    "patience": 10,
}


def _thesis(h1: int, h2: int, latent: int, rate: float, epochs: int) -> dict[str, Any]:
    sizes = {"hidden": (h1, h2, h2), "latent": latent}
    return {**_THESIS, **sizes, "learning_rate": rate, "max_epochs": epochs}


PRESETS: dict[str, dict[str, Any]] = {
    "thesis": _thesis(346, 178, 108, 2.6927e-4, 2889),
    "thesis_leukemia": _thesis(346, 178, 108, 2.6927e-4, 2889),
    "thesis_madelon": _thesis(835, 308, 25, 1.5503766948351942e-4, 1364),
    "thesis_gisette": _thesis(3870, 2987, 18, 9.460907601722566e-4, 2739),
    "thesis_gcm": _thesis(358, 189, 35, 6.885024728547275e-4, 3613),
    "thesis_all": _thesis(434, 176, 35, 4.0148e-4, 949),
}


def find_preset(name: Any, *, owner: str) -> dict[str, Any]:
    """Return the parameters that a preset sets."""
    return dict(PRESETS[check_choice(name, "preset", PRESETS, owner=owner)])
