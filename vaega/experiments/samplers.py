"""From the generator of an arm to an object with ``fit_resample``."""

from typing import Any

from vaega.experiments.arm_config import ArmConfig
from vaega.experiments.generators import (
    MODELS,
    SAMPLERS,
    drawing,
    make_model,
    make_plain_sampler,
)
from vaega.generative.smote import find_smote


def share_amount(amount: int, n_classes: int) -> dict[int, int]:
    """Divide synthetic rows evenly over the classes; the first ones take what is left over."""
    even, left = divmod(amount, n_classes)
    return {code: even + (code < left) for code in range(n_classes)}


def make_sampler(arm: ArmConfig, n_classes: int, *, device: str, cache: Any) -> Any:
    """Return the sampler of an arm, or None where the arm adds nothing."""
    if arm.generator is None or arm.amount is None:
        return None
    kind, given = arm.generator.kind, arm.generator.parameters()
    added = share_amount(arm.amount, n_classes)
    if kind == "smote":
        find_smote()
    if kind in SAMPLERS:
        return make_plain_sampler(kind, given, n_per_class=added)
    from vaega.generative.compute import pick_device
    from vaega.generative.sampler import GenerativeSampler

    pick_device(device, owner="--device")
    model = make_model(kind, given, device=device)
    return GenerativeSampler(model, n_per_class=added, cache=cache, **drawing(given))


def make_arm_model(arm: ArmConfig, *, device: str) -> Any:
    """Return the generative model of an arm, not fitted; None where it has none."""
    if arm.generator is None or arm.generator.kind not in MODELS:
        return None
    return make_model(arm.generator.kind, arm.generator.parameters(), device=device)
