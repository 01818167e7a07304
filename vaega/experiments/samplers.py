"""From the generator of an arm to an object with ``fit_resample``."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from vaega.core.errors import MissingExtraError
from vaega.experiments.config import ArmConfig


def share_amount(amount: int, n_classes: int) -> dict[int, int]:
    """Divide synthetic rows evenly over the classes; the first ones take what is left over.

    Parameters
    ----------
    amount : int
        Synthetic rows in all.
    n_classes : int
        Classes, coded 0 to n_classes - 1.

    Returns
    -------
    dict
        Rows to add for each class.

    Examples
    --------
    >>> share_amount(5, 2)
    {0: 3, 1: 2}
    """
    even, left = divmod(amount, n_classes)
    return {code: even + (code < left) for code in range(n_classes)}


def make_sampler(arm: ArmConfig, n_classes: int, *, device: str, cache: Any) -> Any:
    """Return the sampler of an arm, or None where the arm adds nothing.

    Parameters
    ----------
    arm : ArmConfig
        One of the section ``arms``.
    n_classes : int
        Classes of the dataset.
    device : {"auto", "cpu", "cuda"}
        Where autoencoders are trained.
    cache : path or "auto" or None
        Where trained autoencoders are kept.

    Returns
    -------
    sampler or None

    Raises
    ------
    InputError
        When a device is wanted that is not here, or SMOTE and imbalanced-learn is not installed.
    """
    if arm.generator is None or arm.amount is None:
        return None
    added = share_amount(arm.amount, n_classes)
    if arm.generator.kind == "smote":
        return _make_smote(added, arm.generator.parameters())
    from vaega.generative.autoencoders import VAE, ConditionalVAE
    from vaega.generative.compute import pick_device
    from vaega.generative.sampler import GenerativeSampler

    pick_device(device, owner="--device")
    kind = VAE if arm.generator.kind == "vae" else ConditionalVAE
    model = kind(device=device, **arm.generator.parameters())
    return GenerativeSampler(model, n_per_class=added, cache=cache)


def _make_smote(added: Mapping[int, int], parameters: dict[str, Any]) -> Any:
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError as error:
        raise MissingExtraError(
            owner="generator smote", package="imbalanced-learn", extra="compare"
        ) from error
    return SMOTE(sampling_strategy=partial(_totals, added=added), **parameters)


def _totals(y: np.ndarray, *, added: Mapping[int, int]) -> dict[Any, int]:
    labels, counts = np.unique(y, return_counts=True)
    return {
        label: int(count) + added.get(int(label), 0)
        for label, count in zip(labels.tolist(), counts, strict=True)
    }
