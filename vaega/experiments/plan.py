"""The plan of an experiment in its results folder: all that it takes to go on with it."""

import os
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import yaml

from vaega.core.errors import ResultsError
from vaega.core.files import plain, read_json, write_json, write_text
from vaega.data.dataset import Dataset
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.loading import load_configured
from vaega.experiments.reading import read_config


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
            return load_configured(self.config.dataset, beside=self.origin.beside)

    def check_runs(self, run_ids: Sequence[str]) -> None:
        """Check that the experiment would still do what it was begun with."""
        if set(run_ids) != set(self.run_ids):
            raise ResultsError(
                f"{self.folder}: cannot be resumed: the data, or the defaults of this version, "
                f"are not those that it was begun with; begin it anew with: {self.origin.command}"
            )


def write_plan(
    folder: Path, config: ExperimentConfig, run_ids: Sequence[str], origin: Origin
) -> None:
    """Write ``config.json`` (resolved), ``experiment.yaml`` (as given), command and plan."""
    write_json(folder / "config.json", plain(config.model_dump(by_alias=True)))
    # YAML, since JSON has no infinity; what was set alone, since a default that is written out
    # is not always allowed beside the other keys.
    given = config.model_dump(by_alias=True, exclude_unset=True)
    write_text(folder / "experiment.yaml", yaml.safe_dump(given, sort_keys=False))
    if origin.command:
        write_text(folder / "command.txt", origin.command + "\n")
    places = {
        "beside": _relative(origin.beside, folder),
        "started_in": _relative(origin.started_in, folder),
    }
    write_json(folder / "plan.json", {"runs": list(run_ids), **places})


def is_planned(folder: Path, run_ids: Sequence[str]) -> bool:
    """Return whether a results folder holds the plan of these runs."""
    try:
        return bool(read_json(folder / "plan.json")["runs"] == list(run_ids))
    except (ResultsError, KeyError, TypeError):
        return False


def read_plan(folder: Path) -> Plan:
    """Read what `write_plan` wrote."""
    if not (folder / "plan.json").is_file():
        raise ResultsError(f"{folder}: is no results folder, it has no plan.json.")
    command_file = folder / "command.txt"
    try:
        content = read_json(folder / "plan.json")
        command = command_file.read_text(encoding="utf-8") if command_file.is_file() else ""
        origin = Origin(
            beside=(folder / content["beside"]).resolve(),
            started_in=(folder / content["started_in"]).resolve(),
            command=command.strip() or "vaega run",
        )
        run_ids = tuple(str(run_id) for run_id in content["runs"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"{folder}: cannot be resumed, its plan.json is damaged or of an earlier version; give "
            "the command that began it again."
        ) from error
    return Plan(folder, read_config(folder / "experiment.yaml"), run_ids, origin)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
