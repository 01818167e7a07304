"""What a reader asked of ``vaega reproduce thesis``: data, protocols and scale, and where to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vaega.core.checks import check_choice, check_count
from vaega.thesis.groups import GROUPS

SCALES = ("smoke", "small", "full")
PROTOCOLS = ("as-run", "as-described", "honest")
DATASETS = ("leukemia", "madelon", "gisette", "gcm", "all-leukemia")


def _silent(line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Request:
    """What to reproduce, and with how much effort."""

    # Folder of the runs, tables and figures; what is finished in it is not computed again
    out: Path
    datasets: tuple[str, ...] = ()  # Of `DATASETS`, as the thesis names them; empty for all
    protocols: tuple[str, ...] = ()  # Of `PROTOCOLS`; empty for all
    # Seconds, minutes, or the thesis's population, generations and number of runs
    scale: str = "small"
    jobs: int = 1  # Processes; -1 is one a core
    device: str = "auto"  # Where autoencoders are trained
    n_runs: int | None = None  # Runs a group, in place of the scale's
    # Groups of chapter 4, by the names of their configurations; empty for all
    groups: tuple[str, ...] = ()
    # Whether to show the runs of chapter 4 that are finished, and to run nothing
    finished: bool = False
    tell: Callable[[str], None] = _silent  # Is given a line of progress

    def __post_init__(self) -> None:
        owner = "reproduce thesis"
        check_choice(self.scale, "--scale", SCALES, owner=owner)
        for name in self.datasets:
            check_choice(name, "--dataset", DATASETS, owner=owner)
        for name in self.protocols:
            check_choice(name, "--protocol", PROTOCOLS, owner=owner)
        for name in self.groups:
            check_choice(name, "--group", [group.name for group in GROUPS], owner=owner)
        if self.n_runs is not None:
            check_count(self.n_runs, "--runs", owner=owner)

    def wants(self, dataset: str) -> bool:
        """Return whether a dataset was asked for, by the thesis's name for it."""
        return not self.datasets or dataset in self.datasets

    def wanted_protocols(self) -> tuple[str, ...]:
        """Return the protocols asked for, in the order of `PROTOCOLS`."""
        return tuple(name for name in PROTOCOLS if not self.protocols or name in self.protocols)
