"""A run's id is what it was: a setting added later enters it only where it is set."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from vaega.experiments.config import load_config
from vaega.experiments.runs import FROZEN, _identity, _settings, plan_runs

CONFIGS = Path(__file__).parents[2] / "configs"
RECORDED = {
    "all_leukemia_yeoh6.yaml": ("original-000-7e946d49d7", "fd6e44ec2933d305"),
    "gcm1363.yaml": ("original-000-6c53b6718d", "dd982a0ab3cae952"),
    "gcm1363_select_generate_select.yaml": ("original-000-72b05b8ff1", "b03d8956ba64931e"),
    "leukemia.yaml": ("original-000-b02b9ae764", "afe162e8f89141da"),
    "leukemia_mlp.yaml": ("original-000-a4eb9a352a", "157b701cdd55290f"),
    "madelon.yaml": ("original-000-7e83e5a7f4", "8db48896641d5da6"),
    "mnist49.yaml": ("original-000-6fd719efb5", "b9d1b874b0bdbab7"),
    "quickstart.yaml": ("original-000-e6cf745851", "d9cfc89dbf815199"),
    "thesis/all_180.yaml": ("original-000-d506aa3c7c", "49f94912f4ce4ac5"),
    "thesis/all_300.yaml": ("original-000-10dadb6b54", "4347cc2b062efbee"),
    "thesis/all_35.yaml": ("original-000-227abb52e7", "13f0f9244397a3f4"),
    "thesis/gcm_200.yaml": ("original-000-2305d12d78", "6916486b7b864413"),
    "thesis/gcm_45.yaml": ("original-000-9906be7fa7", "768b12de499c5634"),
    "thesis/gcm_450.yaml": ("original-000-6a8e4e46f4", "ad43e679b0d6fe65"),
    "thesis/gcm_750.yaml": ("original-000-5ed00de779", "a95e3f610c48cd41"),
    "thesis/gisette.yaml": ("original-000-21d2dfa000", "0f82e998bf2bdfe6"),
    "thesis/leukemia_0005.yaml": ("original-000-2824267f13", "24c79f887f7fb16f"),
    "thesis/leukemia_001.yaml": ("original-000-c4ecc5b920", "c994786aac91db19"),
    "thesis/leukemia_010.yaml": ("original-000-2452c06c65", "ed98ad25d593a4ec"),
    "thesis/madelon.yaml": ("original-000-60dfb04549", "5b92f77380d2f5f0"),
    "thesis/madelon_20.yaml": ("original-000-c59516f15c", "e05949b6ab60539a"),
}


@pytest.mark.parametrize("name", RECORDED)
def test_the_ids_of_what_vaega_brings_stay_the_same(name):
    config = load_config(CONFIGS / name)
    data = SimpleNamespace(fingerprint="0" * 64, name=config.name)
    ids = [run.id for run in plan_runs(config, data) if not run.final]  # final ones came later
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    assert (ids[0], digest) == RECORDED[name]


class Later(BaseModel):
    """A section of a later version: one setting is new, ``removed`` is no more."""

    kept: int = 1
    new: str = "off"


@pytest.fixture
def frozen(monkeypatch):
    monkeypatch.setitem(FROZEN, "later", {"kept": 1, "removed": False})


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (Later(), {"kept": 1, "removed": False}),
        (Later(new="off"), {"kept": 1, "removed": False}),
        (Later(kept=2), {"kept": 2, "removed": False}),
        (Later(new="on"), {"kept": 1, "removed": False, "new": "on"}),
    ],
    ids=["defaults", "default that is set", "another value", "a new setting"],
)
def test_what_is_in_a_digest(frozen, section, expected):
    assert _settings(section, "later") == expected


def test_keys_that_the_protocol_does_not_read_are_in_no_digest():
    assert "generators" not in _identity(load_config(CONFIGS / "madelon.yaml"))["protocol"]
    assert "inner_folds" not in _identity(load_config(CONFIGS / "thesis/madelon.yaml"))["protocol"]


def test_what_a_run_writes_down_is_its_whole_configuration():
    config = load_config(CONFIGS / "quickstart.yaml")
    (run, *_) = plan_runs(config, SimpleNamespace(fingerprint="0" * 64, name="x"))
    assert run.resolved["search"] == config.model_dump(mode="json")["search"]
    assert run.resolved["arm"]["name"] == run.arm
    assert run.resolved["dataset"]["fingerprint"] == "0" * 64
