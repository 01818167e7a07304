"""Settings of published networks, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch

from vaega.core.checks import check_choice, check_count, check_number, check_positive
from vaega.core.devices import pick_device
from vaega.core.errors import InputError
from vaega.generative._fitted import find_likelihood
from vaega.generative._networks import NORMS, HierarchicalNetwork, Network
from vaega.generative._training import (
    ANNEALINGS,
    LEARNED,
    PRECISIONS,
    Annealing,
    Objective,
    TrainingSettings,
)

CALIBRATIONS = ("matched", "heldout")
VALIDATIONS = ("auto", "split", "crossfit")

# Below this many rows one split holds out too few to judge by.
FEW_ROWS = 60


@dataclass(frozen=True)
class FitSettings:
    """Everything a fit needs beside rows, labels and seed; fields as the parameters of `VAE`."""

    kind: str  # Which network is trained
    hidden: tuple[int, ...]
    latent: int | tuple[int, ...]
    norm: str | None
    output_norm: bool
    standardize: bool
    validation_fraction: float
    validation: str
    calibration: str
    device: torch.device
    precision: str
    class_weight: Any
    balanced_batches: bool
    training: TrainingSettings

    @property
    def owner(self) -> str:
        """Who asks, for errors."""
        return self.training.owner

    @property
    def conditional(self) -> bool:
        """Whether the network sees the label."""
        return self.kind == "conditional"

    @property
    def architecture(self) -> type[Network] | type[HierarchicalNetwork]:
        """The class of the network."""
        return HierarchicalNetwork if self.kind == "hierarchical" else Network

    def crosses(self, n: int) -> bool:
        """Return whether `n` rows are split twice."""
        return n < FEW_ROWS if self.validation == "auto" else self.validation == "crossfit"

    def network_sizes(self, n_features: int, n_classes: int) -> dict[str, Any]:
        """Return the arguments of `architecture` for data of this width."""
        sizes = {
            "n_features": n_features,
            "hidden": self.hidden,
            "latent": self.latent,
            "norm": self.norm,
            "output_norm": self.output_norm,
        }
        if self.kind == "hierarchical":
            return sizes
        n_conditions = n_classes if self.conditional else 0
        return {**sizes, "n_conditions": n_conditions, "stochastic": self.kind != "autoencoder"}


def check_settings(model: Any) -> FitSettings:
    """Return the checked settings of an autoencoder."""
    owner, kind = type(model).__name__, model._kind
    return FitSettings(
        kind=kind,
        hidden=_check_widths(model.hidden, "hidden", owner),
        latent=_check_latent(model.latent, kind, owner),
        norm=None if model.norm is None else check_choice(model.norm, "norm", NORMS, owner=owner),
        output_norm=check_flag(model.output_norm, "output_norm", owner=owner),
        standardize=check_flag(model.standardize, "standardize", owner=owner)
        and model.likelihood != "bernoulli",
        validation_fraction=_check_fraction(model.validation_fraction, owner),
        validation=check_choice(model.validation, "validation", VALIDATIONS, owner=owner),
        calibration=check_choice(model.calibration, "calibration", CALIBRATIONS, owner=owner),
        device=pick_device(model.device, owner=owner),
        precision=check_choice(model.precision, "precision", PRECISIONS, owner=owner),
        class_weight=_check_class_weight(model.class_weight, owner),
        balanced_batches=check_flag(model.balanced_batches, "balanced_batches", owner=owner),
        training=_check_training(model, kind, owner),
    )


def _check_training(model: Any, kind: str, owner: str) -> TrainingSettings:
    beta, free_bits = 0.0, 0.0
    annealing, n_draws = Annealing(), 1
    if kind != "autoencoder":  # no latent noise, no KL
        beta = check_positive(model.beta, "beta", owner=owner)
        free_bits = _check_free_bits(model.free_bits, owner)
        annealing = _check_annealing(model, owner)
        n_draws = check_count(model.n_draws, "n_draws", owner=owner)
    least = 2 if model.norm == "batch" else 1
    return TrainingSettings(
        objective=Objective(find_likelihood(model.likelihood, owner=owner), beta, free_bits),
        learning_rate=check_positive(model.learning_rate, "learning_rate", owner=owner),
        batch_size=check_count(model.batch_size, "batch_size", owner=owner, minimum=least),
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
        raise InputError(
            f"{owner}: n_cycles must be at most annealing_epochs, which is {n_epochs}, "
            f"got {n_cycles}."
        )
    return Annealing(model.annealing, n_epochs, n_cycles)


def _check_free_bits(value: Any, owner: str) -> float:
    if check_number(value, "free_bits", owner=owner) < 0.0:
        raise InputError(f"{owner}: free_bits must be 0 or more nats, got {value!r}.")
    return float(value)


def _check_latent(latent: Any, kind: str, owner: str) -> int | tuple[int, ...]:
    if kind != "hierarchical":
        return check_count(latent, "latent", owner=owner)
    if isinstance(latent, Integral):
        latent = (latent, check_count(latent, "latent", owner=owner, minimum=2) // 2)
    sizes = _check_widths(latent, "latent", owner)
    if len(sizes) < 2:
        raise InputError(f"{owner}: latent must name two layers or more, got {latent!r}.")
    return sizes


def _check_widths(widths: Any, name: str, owner: str) -> tuple[int, ...]:
    if isinstance(widths, str) or not isinstance(widths, Sequence) or not widths:
        raise InputError(f"{owner}: {name} must be a tuple of one or more widths, got {widths!r}.")
    return tuple(check_count(width, f"each width in {name}", owner=owner) for width in widths)


def check_flag(value: Any, name: str, *, owner: str) -> bool:
    """Return `value` as a bool when it is one."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{owner}: {name} must be True or False, got {value!r}.")
    return bool(value)


def _check_fraction(value: Any, owner: str) -> float:
    if not check_positive(value, "validation_fraction", owner=owner) < 1.0:
        raise InputError(f"{owner}: validation_fraction must be below 1, got {value!r}.")
    return float(value)


def _check_sigma(value: Any, owner: str) -> float | str:
    if isinstance(value, str):
        return str(check_choice(value, "sigma", ("heldout", *LEARNED), owner=owner))
    return check_positive(value, "sigma", owner=owner)


def _check_class_weight(value: Any, owner: str) -> Any:
    if value is None or isinstance(value, str):
        return (
            None
            if value is None
            else check_choice(value, "class_weight", ("balanced",), owner=owner)
        )
    if not isinstance(value, Mapping):
        raise InputError(
            f"{owner}: class_weight must be None, 'balanced' or a mapping of label to weight, "
            f"got {value!r}."
        )
    return {
        label: check_positive(weight, f"class_weight[{label!r}]", owner=owner)
        for label, weight in value.items()
    }


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
