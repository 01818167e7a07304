"""Configurations of the groups under each protocol, at each scale: overrides of one file."""

from typing import Any

import yaml

from vaega.experiments.arm_config import ArmConfig
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.reading import read_config
from vaega.thesis.groups import Group
from vaega.thesis.request import Request
from vaega.thesis.stand_ins import SOURCES, find_source

_SMALL_SEARCH = {
    "smoke": {"population_size": 6, "n_generations": 2},
    "small": {"population_size": 30, "n_generations": 8},
}
_SMALL_PRESELECT = {
    "smoke": {"n_searches": 1, "population_size": 6, "n_generations": 2, "keep": 60},
    "small": {"n_searches": 1, "population_size": 20, "n_generations": 5},
}
_SMALL_SEEDS = {"smoke": 2, "small": 3}
_SMOKE_NETWORK = {"hidden": [8, 4, 4], "latent": 2, "max_epochs": 3}
_SMOKE_AMOUNT, _SMOKE_EPOCHS = 30, 15
_SMOKE_TEST_SIZE = 0.95  # of Gisette's thousands of rows


def scaled_config(group: Group, protocol: str, request: Request) -> ExperimentConfig:
    """Return the configuration of a group under a protocol."""
    return read_config(group.file(), overrides_of(group, protocol, request))


def overrides_of(group: Group, protocol: str, request: Request) -> list[str]:
    """Return what a protocol and a scale change in the configuration of a group."""
    base = read_config(group.file())
    changes: dict[str, Any] = {"name": f"{group.name}_{protocol}"}
    changes["dataset.source"] = find_source(group.dataset)
    if group.stand_in_keep is not None and changes["dataset.source"] != SOURCES[group.dataset][0]:
        changes["search.preselect.keep"] = group.stand_in_keep
    arms = {name: arm for name, arm in base.arms.items() if arm.generator is not None}
    if protocol != "as-run":
        changes |= _of_protocol(base, group, protocol)
        arms = _own_arms(arms, honest=protocol == "honest")
        changes |= {f"arms.{name}": _content(arm) for name, arm in arms.items()}
    if request.scale != "full":
        changes |= _of_scale(base, arms, protocol, request.scale)
    if request.scale == "smoke" and group.dataset == "gisette":
        changes["protocol.test_size"] = _SMOKE_TEST_SIZE
    if request.n_runs is not None:
        changes["seeds"] = request.n_runs
    return [f"{key}={_text(value)}" for key, value in changes.items()]


def _of_protocol(base: ExperimentConfig, group: Group, protocol: str) -> dict[str, Any]:
    kept = {"outer", "test_size"} & base.protocol.model_fields_set
    section = {"kind": protocol} | {key: getattr(base.protocol, key) for key in sorted(kept)}
    if protocol == "as-described":
        return {"protocol": section}
    section["inner_folds"] = group.inner_folds
    return {"protocol": section, "fitness.random_state": None}


def _own_arms(arms: dict[str, ArmConfig], *, honest: bool) -> dict[str, ArmConfig]:
    """Return the arms with generators that never see a test row.

    Rows are decoder means, as in the thesis; "calibrated" ones carry the decoder's noise.
    """
    made: dict[str, ArmConfig] = {}
    for name, arm in arms.items():
        assert arm.generator is not None
        kind, given = arm.generator.kind, arm.generator.parameters()
        plain = given | {"noise": False}
        if kind == "conditional_vae":
            plain["source"] = "prior"  # as the text has it; a VAE's prior knows no classes
        made[name] = _arm({"kind": kind, **plain}, arm.amount)
        if honest:
            made["calibrated"] = _arm({"kind": kind, **given}, arm.amount)
            made["smote"] = _arm({"kind": "smote"}, arm.amount)
    return made


def _arm(generator: dict[str, Any], amount: int | None) -> ArmConfig:
    return ArmConfig.model_validate({"generator": generator, "amount": amount})


def _of_scale(
    base: ExperimentConfig, arms: dict[str, ArmConfig], protocol: str, scale: str
) -> dict[str, Any]:
    changes: dict[str, Any] = {"seeds": _SMALL_SEEDS[scale]}
    changes |= {f"search.{key}": value for key, value in _SMALL_SEARCH[scale].items()}
    if base.search.preselect is not None:
        own = _SMALL_PRESELECT[scale].items()
        changes |= {f"search.preselect.{key}": value for key, value in own}
    if scale != "smoke":
        return changes
    changes["fitness.max_iter"] = _SMOKE_EPOCHS
    if protocol == "honest":
        changes["protocol.inner_folds"] = 2
    for name, arm in arms.items():
        changes[f"arms.{name}.amount"] = _SMOKE_AMOUNT
        if arm.generator is not None and arm.generator.kind != "smote":
            own_network = _SMOKE_NETWORK.items()
            changes |= {f"arms.{name}.generator.{key}": value for key, value in own_network}
    return changes


def _content(arm: ArmConfig) -> dict[str, Any]:
    return arm.model_dump(exclude_unset=True)


def _text(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()
