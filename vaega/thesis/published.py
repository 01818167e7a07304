"""What the thesis published: networks, groups of runs, reports of classifiers, and its data.

From the thesis's public text (repository castillosebastian/thesis), rounded as it is there.
``reports/models.csv`` is from utnthesis/combined_model_performance.csv and chapter 2
(utnthesis/Chapters/Capitulo2_v2.qmd, commit 0742ee7f), ``reports/by_class.csv`` from chapters 2, 3
(Capitulo3_v2.qmd, commit 00fb121b) and 4 (Capitulo4_v2.qmd, commit 003e2160): tables 2.1, 2.2, 3.1
to 3.4 and 4.4. ``facts/groups.csv`` and ``facts/runs.csv`` hold the runs of chapter 4.
"""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vaega.core.checks import check_choice
from vaega.core.errors import ConfigError, DataError
from vaega.data._dataset import Dataset
from vaega.data._sources import find_file, load_dataset
from vaega.experiments.intervals import (
    LEAST_RUNS,
    NONE,
    Interval,
    corrected_error,
    interval_around,
)
from vaega.experiments.shipped import shipped_folder

# Table 4.1: the networks (Capitulo4_v2.qmd, commit 003e2160), with the digits of the scripts.
NETWORKS: tuple[dict[str, Any], ...] = (
    {"dataset": "leukemia", "model": "VAE", "input": 7129, "layer_1": 346, "layer_2": 178,
     "latent": 108, "learning_rate": 2.6927e-4, "max_epochs": 2889},
    {"dataset": "madelon", "model": "VAE", "input": 500, "layer_1": 835, "layer_2": 308,
     "latent": 25, "learning_rate": 1.5503766948351942e-4, "max_epochs": 1364},
    {"dataset": "gisette", "model": "VAE", "input": 5000, "layer_1": 3870, "layer_2": 2987,
     "latent": 18, "learning_rate": 9.460907601722566e-4, "max_epochs": 2739},
    {"dataset": "gcm", "model": "CVAE", "input": 16063, "layer_1": 358, "layer_2": 189,
     "latent": 35, "learning_rate": 6.885024728547275e-4, "max_epochs": 3613},
    {"dataset": "all-leukemia", "model": "CVAE", "input": 12600, "layer_1": 434, "layer_2": 176,
     "latent": 35, "learning_rate": 4.0148e-4, "max_epochs": 949},
)  # fmt: skip
# Table 4.2: selected features in the last populations of Gisette.
GISETTE_SIZES = {
    "augmented": {"mean": 424.231, "sd": 17.796, "iqr": 8.0},
    "original": {"mean": 436.667, "sd": 14.355, "iqr": 21.5},
}
# Table 4.3: experiments on GCM by number of training rows.
GCM_EXPERIMENTS = {133: 20, 3129: 15, 1322: 4, 1323: 4, 1304: 2, 254: 2, 6106: 1}


@cache
def published_groups() -> pd.DataFrame:
    """Return settings and means of the groups of runs."""
    return _read("facts/groups.csv")


@cache
def published_runs() -> pd.DataFrame:
    """Return the runs."""
    groups = published_groups()[["dataset", "experiment_group", "arm"]]
    return groups.merge(_read("facts/runs.csv"), on="experiment_group", validate="one_to_many")


@cache
def published_models() -> pd.DataFrame:
    """Return table 2.1: AUC for two classes, macro-F1 for GCM, of models tuned on all features."""
    return _read("reports/models.csv")


@cache
def published_classes() -> pd.DataFrame:
    """Return the reports by class of the MLP: tables 2.2, 3.1 to 3.4 and 4.4."""
    return _read("reports/by_class.csv", {"table": str, "label": str})


def published_value(table: str, trained_on: str, tested_on: str, label: str, column: str) -> float:
    """Return one cell of the reports by class."""
    lines = published_classes()
    cell = lines[
        (lines["table"] == table)
        & (lines["trained_on"] == trained_on)
        & (lines["tested_on"] == tested_on)
        & (lines["label"] == label)
    ]
    return float(cell[column].iloc[0]) if len(cell) else float("nan")


def _read(path: str, types: dict[str, type] | None = None) -> pd.DataFrame:
    with (files("vaega.thesis") / path).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=types)


@dataclass(frozen=True)
class Group:
    """Runs with masks of one size on one dataset, real rows alone and augmented."""

    name: str  # Of the configuration, ``configs/thesis/NAME.yaml``
    dataset: str  # As the thesis names it
    size: str  # About how many features the last masks have, as the thesis says it
    original: tuple[str, ...]  # The published groups of each arm
    augmented: tuple[str, ...]  # The published groups of each arm
    inner_folds: int = 5  # Under the honest protocol
    # Features that the first selection leaves where a stand-in has fewer than the thesis's data
    stand_in_keep: int | None = None

    def published(self, arm: str) -> tuple[str, ...]:
        """Return the published groups of an arm; none for an arm of our own."""
        return {"original": self.original, "augmented": self.augmented}.get(arm, ())

    def file(self) -> Path:
        """Return the configuration."""
        return config_folder() / f"{self.name}.yaml"


def _read_groups() -> tuple[Group, ...]:
    with (files("vaega.thesis") / "facts/configurations.csv").open(encoding="utf-8") as file:
        return tuple(
            Group(
                **{key: row[key] for key in ("name", "dataset", "size")},
                original=tuple(row["original"].split()),
                augmented=tuple(row["augmented"].split()),
                inner_folds=int(row["inner_folds"]),
                stand_in_keep=int(row["stand_in_keep"]) if row["stand_in_keep"] else None,
            )
            for row in csv.DictReader(file)
        )


GROUPS = _read_groups()


def find_group(name: str) -> Group:
    """Return a group by its name."""
    for group in GROUPS:
        if group.name == name:
            return group
    known = ", ".join(group.name for group in GROUPS)
    raise ConfigError(f"reproduce thesis: group must be one of {known}; got {name!r}.")


def config_folder() -> Path:
    """Return the folder of the thesis's configurations."""
    return shipped_folder() / "thesis"


# By the thesis's name: what `load_dataset` is asked for, then what stands in where no file has it.
SOURCES: dict[str, tuple[str, ...]] = {
    "leukemia": ("leukemia",),
    "madelon": ("madelon",),
    "gisette": ("gisette", "gisette_surrogate"),
    "gcm": ("gcm", "gcm1363"),
    "all-leukemia": ("all_leukemia", "all_leukemia_yeoh6"),
}
# The network of each, of `vaega.generative._settings.PRESETS`
PRESETS = {name: f"thesis_{name.removesuffix('-leukemia')}" for name in SOURCES}


def find_source(name: str) -> str:
    """Return what to load for a dataset of the thesis."""
    sources = SOURCES[check_choice(name, "dataset", SOURCES, owner="reproduce thesis")]
    return next((source for source in sources if find_file(source) is not None), sources[0])


def load_thesis_dataset(name: str) -> Dataset:
    """Load a dataset of the thesis, or its stand-in."""
    found = _load(find_source(name), os.environ.get("VAEGA_DATA"), Path.cwd())
    if isinstance(found, DataError):
        raise found
    return found


@lru_cache(maxsize=8)
def _load(source: str, *where: Any) -> Dataset | DataError:
    """Load data once, and ask once for what is nowhere: all tables of a command want it."""
    try:
        return load_dataset(source)
    except DataError as error:
        return error


def stand_in_note(thesis_name: str, dataset_name: str) -> str | None:
    """Return the line that says which data were taken in place of which."""
    if dataset_name == SOURCES[thesis_name][0]:
        return None
    return (
        f"{dataset_name} stands in for the thesis's {thesis_name}: other columns, so figures "
        "compare in kind only."
    )


# What is compared: our column, and the published one.
MEASURES = {"accuracy": "population_accuracy", "n_features": "population_n_features"}


def compare_samples(published: Sequence[float], reproduced: Sequence[float]) -> dict[str, float]:
    """Compare the runs of two groups by their means."""
    theirs, ours = np.asarray(published, dtype=float), np.asarray(reproduced, dtype=float)
    figures = {
        "published": float(theirs.mean()) if len(theirs) else float("nan"),
        "published_sd": _spread(theirs),
        "published_n": len(theirs),
        **_describe(ours),
    }
    difference = figures["mean"] - figures["published"]
    error = np.hypot(_error(theirs), _error(ours))
    distance = difference / error if error > 0 else (0.0 if difference == 0 else float("nan"))
    return figures | {"difference": difference, "standard_errors": float(distance)}


def compare_group(runs: pd.DataFrame, groups: Sequence[str], measure: str) -> dict[str, float]:
    """Compare runs with published groups."""
    table = published_runs()
    theirs = table.loc[table["experiment_group"].isin(groups), MEASURES[measure]]
    return compare_samples(theirs.tolist(), runs[measure].tolist())


def generator_errors(compared: dict[str, float]) -> float:
    """Return a difference in standard errors that know of the generator.

    All runs of a published augmented group share one trained generator, runs here have one each.
    The published mean so carries what that one generator is worth, which its runs' spread does not
    show; it is estimated by what our runs vary more than theirs.
    """
    ours, theirs = compared["sd"] ** 2, compared["published_sd"] ** 2
    between = max(ours - theirs, 0.0)
    error = np.sqrt(ours / compared["n"] + theirs / compared["published_n"] + between)
    return float(compared["difference"] / error) if error > 0 else float("nan")


def quartile_range(values: Sequence[float]) -> float:
    """Return the distance between the quartiles, as the thesis reports it."""
    return float(stats.iqr(values)) if len(values) else float("nan")


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _error(values: np.ndarray) -> float:
    return _spread(values) / np.sqrt(len(values)) if len(values) > 1 else float("nan")


def _describe(values: np.ndarray, ends: Interval = NONE) -> dict[str, Any]:
    mean = float(values.mean()) if len(values) else float("nan")
    low, high = ends
    return {"mean": mean, "sd": _spread(values), "n": len(values), "low": low, "high": high}


def mean_beside(published: float, values: Sequence[float], *, test_share: float) -> dict[str, Any]:
    """Put the mean over splits, which share rows, beside a published figure."""
    runs, ends = np.asarray(values, dtype=float), NONE
    if len(runs) >= LEAST_RUNS:
        error = corrected_error(runs, test_share=test_share)
        ends = interval_around(float(runs.mean()), error, len(runs), bounded=True)
    figures, error = _describe(runs, ends), _error(runs)
    distance = float((figures["mean"] - published) / error) if error > 0 else float("nan")
    return {"published": published, **figures, "standard_errors": distance}
