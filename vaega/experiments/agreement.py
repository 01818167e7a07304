"""How far the selections of an arm agree, from what its runs recorded."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaega.selection.stability import StabilityEstimate, nogueira_interval


def read_masks(folder: Path, metrics: Mapping[str, Any]) -> np.ndarray | None:
    """Return what each trial of a run selected."""
    if metrics.get("n_columns") is None:
        return None
    masks = np.zeros((len(metrics["trials"]), int(metrics["n_columns"])), dtype=bool)
    try:
        with (folder / "selected.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                masks[int(row["trial"]), int(row["feature"])] = True
    except (OSError, LookupError, ValueError, TypeError):
        return None
    return masks


def measure_agreement(masks: Sequence[np.ndarray | None]) -> StabilityEstimate | None:
    """Return Nogueira's stability over all trials of an arm."""
    known = [one for one in masks if one is not None]
    if len({one.shape[1] for one in known}) != 1:
        return None
    trials = np.concatenate(known)
    if len(trials) < 2 or not trials.any() or trials.all():
        return None
    return nogueira_interval(trials)
