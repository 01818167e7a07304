"""The thesis's published runs of chapter 4, as facts.

From the public repositories castillosebastian/thesis (utnthesis/experiments_results.csv and kin)
and castillosebastian/ealab: ``facts/groups.csv`` has the settings and means of 26 groups of runs,
``facts/runs.csv`` the 363 runs. Figures as published, rounded as they are there; names in English.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

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
    return _read("groups.csv")


@cache
def published_runs() -> pd.DataFrame:
    """Return the runs."""
    groups = published_groups()[["dataset", "experiment_group", "arm"]]
    return groups.merge(_read("runs.csv"), on="experiment_group", validate="one_to_many")


def _read(name: str) -> pd.DataFrame:
    with (files("vaega.thesis") / "facts" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)
