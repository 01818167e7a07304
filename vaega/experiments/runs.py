"""Runs: which ones an experiment has, what identifies each, and how a run can end.

A run's id is its arm, its seed and a digest of the settings that its result depends on. `FROZEN`
holds the settings that every digest contains, with their values of old: a setting that is added
later enters a digest only where it differs from its default, and one that is removed stays in it
with the value that did nothing. So results that exist keep their ids.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaega.core.files import canonical_json, fingerprint, plain, read_json
from vaega.experiments.old_names import in_digests, protocol_in_digests

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vaega.data._dataset import Dataset
    from vaega.experiments.config import ExperimentConfig


@dataclass(frozen=True)
class Run:
    """One run of an experiment: an arm and a seed, and all that they depend on."""

    id: str  # Arm, seed and a digest of the settings
    dataset: str  # Its name
    arm: str
    seed: int  # Of everything random in the run
    resolved: dict[str, Any]  # The resolved configuration, the dataset's fingerprint included
    permutation: int | None = None  # Which permutation of the labels; None for the labels as given
    final: bool = False  # Whether it is on all rows, and has no score of its own

    @property
    def is_scored(self) -> bool:
        """Whether its score is one of its arm: labels as given, and test rows."""
        return self.permutation is None and not self.final

    @property
    def title(self) -> str:
        """Arm and seed, for people."""
        if self.final:
            return f"{self.arm}, final"
        permuted = "" if self.permutation is None else f", permutation {self.permutation}"
        return f"{self.arm}, seed {self.seed}{permuted}"

    @property
    def group(self) -> str:
        """The arm, and what else is said of a run whose score is not the arm's."""
        if self.final:
            return f"{self.arm}, final"
        return self.arm if self.permutation is None else f"{self.arm}, labels permuted"


@dataclass(frozen=True)
class RunStatus:
    """How the attempt to complete a run ended."""

    locked: bool = False  # Another process holds the run: nothing was done
    stopped: bool = False  # The budget was spent: the run is left where it is
    n_asked: int = 0  # Masks that it asked for now

    @property
    def recorded(self) -> bool:
        """Whether the run has a result or a failure on disk."""
        return not (self.locked or self.stopped)


@dataclass(frozen=True, eq=False)
class RunResult:
    """What the computation of a run came to."""

    seconds: float = 0.0  # It took
    n_asked: int = 0  # Masks that it asked for now, not before a resume
    value: Any = None  # What the worker measured; None where it failed or was stopped
    error: str = ""  # Why it failed, in a sentence
    trace: str = ""  # The traceback of the failure
    stopped: bool = False  # The budget was spent
    # Versions and machine, where they are not those of the process that records
    environment: dict[str, Any] = field(default_factory=dict)
    # The most memory, in megabytes, that its process held meanwhile; None where unknown
    peak_memory: float | None = None


# By the path of the section: settings that are part of every digest, with the values that those
# have which a section no longer knows. Nothing is ever added there, changed or taken away.
FROZEN: dict[str, dict[str, Any]] = read_json(Path(__file__).with_name("frozen.json"))
_FINAL = "-final"  # in the id of a final run, where others have their seed
# What a single run's result does not depend on, or what is its own.
_NOT_SHARED = ("arms", "seeds", "description", "permutations", "tune")


def plan_runs(config: "ExperimentConfig", dataset: "Dataset") -> list[Run]:
    """Return every run of an experiment, in the order of `ExperimentConfig.run_list`."""
    resolved = plain(config.model_dump(by_alias=True, exclude=set(_NOT_SHARED)))
    identity = plain(_identity(config))
    for content in (resolved, identity):
        content["dataset"] = {**content["dataset"], "fingerprint": dataset.fingerprint}
    resolved["protocol"].pop("final", None)
    runs = []
    for arm, seed, permutation, final in config.run_list():
        name = f"{arm}-{seed:03d}"
        single: dict[str, Any] = {"arm": {"name": arm, **_arm_settings(config, arm)}, "seed": seed}
        if permutation is not None:
            name = f"{name}-null-{permutation:03d}"
            single["permutation"] = permutation
        if final:
            name = f"{arm}{_FINAL}"
            single["final"] = True
        run_id = f"{name}-{fingerprint(canonical_json({**identity, **single}))[:10]}"
        run = Run(run_id, dataset.name, arm, seed, {**resolved, **single}, permutation, final)
        runs.append(run)
    return runs


def is_final(run_id: str) -> bool:
    """Return whether an id is that of a final run."""
    return run_id.rpartition("-")[0].endswith(_FINAL)


def make_run(
    dataset: "Dataset", arm: str, seed: int, settings: dict[str, Any], *, label: str = ""
) -> Run:
    """Return a run of a study other than an experiment: it depends on rows, settings and seed."""
    about = {"name": dataset.name, "fingerprint": dataset.fingerprint}
    resolved = {"dataset": about, **settings, "seed": seed}
    digest = fingerprint(canonical_json(resolved))[:10]
    run_id = f"{dataset.name}-{arm}-{label}{seed:03d}-{digest}"
    return Run(run_id, dataset.name, arm, seed, resolved)


def _identity(config: "ExperimentConfig") -> dict[str, Any]:
    """Return the settings that the results of all arms depend on."""
    identity = _settings(config, "")
    for key in config.protocol.idle_keys():
        identity["protocol"].pop(key, None)
    identity["protocol"] = protocol_in_digests(identity["protocol"])
    return identity


def _settings(section: "BaseModel", path: str) -> dict[str, Any]:
    """Return the frozen settings of a section, and those that differ from their default."""
    settings = dict(FROZEN.get(path, {}))
    for name, info in type(section).model_fields.items():
        key, value = info.alias or name, getattr(section, name)
        if not path and key in _NOT_SHARED:
            continue
        if key not in settings and value == info.get_default(call_default_factory=True):
            continue
        settings[key] = value
        if hasattr(type(value), "model_fields"):
            parts = (path, key, getattr(value, "kind", "") if path else "")
            settings[key] = _settings(value, ".".join(part for part in parts if part))
    return settings | (section.model_extra or {})


def _arm_settings(config: "ExperimentConfig", arm: str) -> dict[str, Any]:
    """Return what an arm sets, and what the arm sets whose size it takes."""
    section = config.arms[arm]
    settings = in_digests(section.settings())
    if section.selector is not None and section.selector.size_of is not None:
        settings["size_of"] = in_digests(config.arms[section.selector.size_of].settings())
    return settings
