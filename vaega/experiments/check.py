"""The check of a configuration file: all that is wrong with it and its data, and the work ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaega.core.errors import ConfigError, InputError
from vaega.core.wording import counted
from vaega.data._dataset import Dataset, constant_columns
from vaega.data._sources import needs_network
from vaega.experiments.config import (
    DatasetConfig,
    ExperimentConfig,
    make_config,
    make_dataset_section,
    read_content,
)
from vaega.experiments.facts import Facts
from vaega.experiments.faults import find_faults, load_with_faults, repeated_parts
from vaega.experiments.workload import Workload, measure_workload


@dataclass(frozen=True)
class CheckedFile:
    """What was found in a configuration file and its data."""

    file: Path
    config: ExperimentConfig | None  # None where the file breaks the schema
    errors: tuple[InputError, ...] = ()  # What is wrong
    dataset: Dataset | None = None  # None where it was not opened
    workload: Workload | None = None  # None where something is wrong
    note: str = ""  # Why the data were not opened, where nothing is wrong with that

    @property
    def faults(self) -> list[str]:
        """A sentence on each thing that is wrong."""
        return [
            sentence
            for error in self.errors
            for sentence in (getattr(error, "faults", ()) or (str(error),))
        ]

    @property
    def sentences(self) -> list[str]:
        """What is to be known of a file without faults, the first sentence on the file itself."""
        assert self.config is not None
        config, source = self.config, self.config.dataset.source
        counts = f"{len(config.arms)} arms x {len(config.seed_list())} seeds"
        lines = [f"{self.file}: valid, {counts} on {source}"]
        if self.dataset is not None:
            lines.append(f"  data  {Facts.of(config, self.dataset).data_sentence}")
            notes = [*self.dataset.notes, _dull_columns(self.dataset)]
            notes.append(repeated_parts(config, self.dataset))
            lines += [f"  note  {note}" for note in notes if note]
        if self.workload is not None:
            first, *others = self.workload.sentences
            lines += [f"  work  {first}", *(f"        {line}" for line in others)]
        return [*lines, *([f"  note  {self.note}"] if self.note else [])]

    def record(self) -> dict[str, Any]:
        """Return the check as plain data."""
        assert self.config is not None
        record = {
            "file": str(self.file),
            "name": self.config.name,
            "dataset": self.config.dataset.source,
            "arms": list(self.config.arms),
            "seeds": self.config.seed_list(),
        }
        if self.workload is None:
            return record
        work = self.workload
        counts = {"runs": work.n_runs, "masks": work.n_masks, "seconds": round(work.seconds, 1)}
        return {**record, "work": counts}


def check_file(file: Path, overrides: Sequence[str] = (), *, open_data: bool = True) -> CheckedFile:
    """Read a configuration and, unless told not to, its data; what is wrong becomes a sentence."""
    try:
        content = read_content(file, overrides)
    except ConfigError as error:
        return CheckedFile(file, None, (error,))
    config: ExperimentConfig | None = None
    errors: list[InputError] = []
    try:
        config = make_config(content, origin=str(file))
    except ConfigError as error:
        errors.append(error)
    section = _dataset_section(content) if config is None else config.dataset
    if not open_data or section is None:
        return CheckedFile(file, config, tuple(errors))
    if needs_network(section.source):
        note = f"{section.source} comes from OpenML and is not opened here"
        return CheckedFile(file, config, tuple(errors), note=note)
    dataset, of_data = load_with_faults(section, beside=file.parent)
    if config is not None and dataset is not None:
        of_data += _faults_of_both(config, dataset)
    errors += [InputError(f"{file}: {error}") for error in of_data]
    if errors or config is None or dataset is None:
        return CheckedFile(file, config, tuple(errors), dataset)
    return CheckedFile(file, config, (), dataset, measure_workload(config, dataset))


def _faults_of_both(config: ExperimentConfig, dataset: Dataset) -> list[InputError]:
    """Return what is wrong with the data for this configuration."""
    return list(find_faults(config, dataset, seeds=config.seed_list()))


def _dull_columns(dataset: Dataset) -> str:
    """Say how many columns tell nothing, if any do."""
    n_dull = int(constant_columns(dataset.pooled().X).sum())
    what = f"{counted(n_dull, 'column')} of {dataset.n_features:,}"
    return f"{what} {'is' if n_dull == 1 else 'are'} constant or empty." if n_dull else ""


def _dataset_section(content: dict[str, Any]) -> DatasetConfig | None:
    """Return the section of the data from a file that has other faults, where it is valid."""
    try:
        return make_dataset_section(content.get("dataset", {}), origin="dataset")
    except ConfigError:
        return None
