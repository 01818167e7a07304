"""The plan of a results folder: its configuration, its runs, and from where it was started."""

from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from vaega.core.errors import ResultsError
from vaega.core.files import (
    check_links,
    plain,
    relative_path,
    write_json,
    write_text,
)
from vaega.core.records import digests_of, file_digest, read_record, write_record
from vaega.data._dataset import Dataset
from vaega.experiments.config import (
    ExperimentConfig,
    PlannedRuns,
    load_config,
    read_planned_runs,
)
from vaega.experiments.runs import Run, is_final


@dataclass(frozen=True)
class Origin:
    """From where an experiment was started."""

    beside: Path  # Folder of the configuration file, where relative paths of data are looked for
    started_in: Path  # Working folder, where they are looked for first
    command: str = ""  # The command that started it; empty where a program did


@dataclass(frozen=True)
class Plan:
    """What a results folder was begun with."""

    folder: Path  # ``results/NAME``
    config: ExperimentConfig  # The configuration, with the overrides that were given
    run_ids: tuple[str, ...]  # All runs, done or not
    origin: Origin  # From where it was started

    def load_dataset(self) -> Dataset:
        """Load the data as the first call did, wherever this one is made from."""
        started_in = self.origin.started_in
        with chdir(started_in if started_in.is_dir() else Path.cwd()):
            return self.config.dataset.load(beside=self.origin.beside)

    def check_runs(self, run_ids: Sequence[str]) -> None:
        """Check that the experiment would still do what it was begun with."""
        if set(run_ids) != set(self.run_ids):
            raise ResultsError(
                f"{self.folder}: cannot be resumed: the data, or the defaults of this version, "
                f"are not those that it was begun with; begin it anew with: {self.origin.command}"
            )


def write_plan(folder: Path, config: ExperimentConfig, runs: Sequence[Run], origin: Origin) -> None:
    """Write ``config.json`` (resolved), ``experiment.yaml`` (as given), command and plan.

    The plan, which holds the command and the digests of the other two, is last.
    """
    write_json(folder / "config.json", plain(config.model_dump(by_alias=True)))
    # YAML, since JSON has no infinity; what was set alone, since a default that is written out
    # is not always allowed beside the other keys.
    given = config.model_dump(by_alias=True, exclude_unset=True)
    write_text(folder / "experiment.yaml", yaml.safe_dump(given, sort_keys=False))
    if origin.command:
        write_text(folder / "command.txt", origin.command + "\n")
    content = {
        "runs": [run.id for run in runs],
        "dataset": runs[0].dataset,
        "beside": relative_path(origin.beside, folder),
        "started_in": relative_path(origin.started_in, folder),
        "command": origin.command,
        "files": digests_of(folder, ("config.json", "experiment.yaml")),
    }
    write_record(folder / "plan.json", content)


def is_planned(folder: Path, run_ids: Sequence[str]) -> bool:
    """Return whether a results folder holds the plan of these runs."""
    try:
        return bool(read_record(folder / "plan.json")["runs"] == list(run_ids))
    except (ResultsError, KeyError):
        return False


def read_plan(folder: Path) -> Plan:
    """Read what `write_plan` wrote."""
    run_ids, origin = _read_plan_file(folder)
    _check_as_written(folder, origin)
    config = _as_begun(load_config(folder / "experiment.yaml"), run_ids)
    return Plan(folder, config, run_ids, origin)


def read_planned(folder: Path) -> tuple[PlannedRuns, list[Run]]:
    """Read which runs an experiment has; nothing that its configuration names is imported.

    The runs come without the settings that each was resolved to.
    """
    run_ids, origin = _read_plan_file(folder)
    _check_as_written(folder, origin)
    planned = _as_begun(read_planned_runs(folder / "experiment.yaml"), run_ids)
    runs = [
        Run(run_id, "", one.arm, one.seed, {}, one.permutation, one.final)
        for run_id, one in zip(run_ids, planned.run_list(), strict=True)
    ]
    return planned, runs


_Begun = TypeVar("_Begun", ExperimentConfig, PlannedRuns)


def _as_begun(config: _Begun, run_ids: Sequence[str]) -> _Begun:
    """Leave out final runs that were planned by a version without them."""
    if not config.protocol.has_final_runs or any(map(is_final, run_ids)):
        return config
    protocol = config.protocol.model_copy(update={"final": False})
    return config.model_copy(update={"protocol": protocol})


def _read_plan_file(folder: Path) -> tuple[tuple[str, ...], Origin]:
    if not (folder / "plan.json").is_file():
        raise ResultsError(f"{folder}: is no results folder, it has no plan.json.")
    check_links(folder)
    try:
        content = read_record(folder / "plan.json")
        origin = Origin(
            beside=(folder / content["beside"]).resolve(),
            started_in=(folder / content["started_in"]).resolve(),
            command=content.get("command") or "vaega run",
        )
        run_ids = tuple(str(run_id) for run_id in content["runs"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"{folder}: cannot be resumed, its plan.json is damaged or of an earlier version; give "
            "the command that began it again."
        ) from error
    return run_ids, origin


def _check_as_written(folder: Path, origin: Origin) -> None:
    path = folder / "experiment.yaml"
    if read_record(folder / "plan.json").get("files", {}).get(path.name) != file_digest(path):
        what = "is not as it was written with the plan" if path.exists() else "cannot be read"
        raise ResultsError(f"{path}: {what}; begin the experiment anew with: {origin.command}")
