"""The thesis's published reports of classifiers: tables 2.1, 2.2, 3.1 to 3.4 and 4.4 as facts.

From the thesis's public text (repository castillosebastian/thesis): ``reports/models.csv`` from
utnthesis/combined_model_performance.csv and chapter 2 (utnthesis/Chapters/Capitulo2_v2.qmd, commit
0742ee7f), ``reports/by_class.csv`` from chapters 2, 3 (Capitulo3_v2.qmd, commit 00fb121b) and 4
(Capitulo4_v2.qmd, commit 003e2160). Rounded as they are there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pandas as pd

from vaega.core.checks import check_choice, check_count
from vaega.thesis.published import GROUPS, Picture, ThesisTable

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


# Name -> "module:function", imported when it is asked for:
# ``function(name: str, request: Request) -> ThesisTable``. What it computes it keeps below
# ``request.out``, so that the same call again costs nothing.
TABLES: dict[str, str] = {
    "2.1": "vaega.thesis.chapter3:classical_models",
    "2.2": "vaega.thesis.chapter3:mlp_by_class",
    "3": "vaega.thesis.chapter3:real_and_synthetic",
    **{f"3.{number}": "vaega.thesis.chapter3:by_class" for number in (1, 2, 3, 4)},
    "4": "vaega.thesis.chapter4:final_populations",
    "4.1": "vaega.thesis.chapter4:networks",
    "4.2": "vaega.thesis.chapter4:gisette_sizes",
    "4.3": "vaega.thesis.chapter4:gcm_rows",
    "4.4": "vaega.thesis.chapter3:trained_and_tested_on_synthetic",
    "groups": "vaega.thesis.chapter4:by_group",
    "stability": "vaega.thesis.chapter4:stability",
    "frequencies": "vaega.thesis.chapter4:frequencies",
    "generators": "vaega.thesis.chapter4:generators",
    "paired": "vaega.thesis.chapter4:paired_differences",
}
# The same for figures: ``function(name: str, request: Request) -> Picture``.
PICTURES: dict[str, str] = {
    "3.5": "vaega.thesis.chapter3:accuracy_by_rows",
    "4.7": "vaega.thesis.chapter4:box_plots",
    "4.8": "vaega.thesis.chapter4:box_plots",
    "4.9": "vaega.thesis.chapter4:box_plots",
    "4.10": "vaega.thesis.chapter4:box_plots",
    "4.11": "vaega.thesis.chapter4:box_plots",
    "4.12": "vaega.thesis.chapter4:by_size",
    "4.13": "vaega.thesis.chapter4:by_size",
    "4.14": "vaega.thesis.chapter4:box_plots",
    "4.15": "vaega.thesis.chapter4:box_plots",
    "4.16": "vaega.thesis.chapter4:all_datasets",
    "4.17": "vaega.thesis.chapter4:all_datasets",
    "convergence": "vaega.thesis.chapter4:convergence",
}


def make_table(name: str, request: Request) -> ThesisTable:
    """Make a table of the thesis."""
    check_choice(name, "--table", sorted(TABLES), owner="reproduce thesis")
    return _find(TABLES[name])(name, request)


def make_picture(name: str, request: Request) -> Picture:
    """Make a figure of the thesis."""
    check_choice(name, "--figure", sorted(PICTURES), owner="reproduce thesis")
    return _find(PICTURES[name])(name, request)


def _find(place: str) -> Callable:
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)


@cache
def published_models() -> pd.DataFrame:
    """Return table 2.1: AUC for two classes, macro-F1 for GCM, of models tuned on all features."""
    return _read("models.csv")


@cache
def published_classes() -> pd.DataFrame:
    """Return the reports by class of the MLP: tables 2.2, 3.1 to 3.4 and 4.4."""
    return _read("by_class.csv", {"table": str, "label": str})


def published_value(table: str, trained_on: str, tested_on: str, label: str, column: str) -> float:
    """Return one cell of the reports by class."""
    lines = published_classes()
    found = lines[
        (lines["table"] == table)
        & (lines["trained_on"] == trained_on)
        & (lines["tested_on"] == tested_on)
        & (lines["label"] == label)
    ]
    return float(found[column].iloc[0]) if len(found) else float("nan")


def _read(name: str, types: dict[str, type] | None = None) -> pd.DataFrame:
    with (files("vaega.thesis") / "reports" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=types)
