"""How far the selections of an arm agree, from what its runs recorded."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaega.selection.stability import StabilityEstimate, nogueira_interval


def read_masks(folder: Path, metrics: Mapping[str, Any]) -> np.ndarray | None:
    """Return what each trial of a run selected.

    Parameters
    ----------
    folder : pathlib.Path
        Of the run, with ``selected.csv``.
    metrics : mapping
        Of the run.

    Returns
    -------
    numpy.ndarray of bool, shape (n_trials, n_features), or None
        None where the run does not say among how many features it selected, or its table is gone.
    """
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
    """Return Nogueira's stability over all trials of an arm.

    Parameters
    ----------
    masks : sequence of (numpy.ndarray of bool, shape (n_trials, n_features), or None)
        One a run.

    Returns
    -------
    StabilityEstimate or None
        None where fewer than two trials are known, where runs have other numbers of features, and
        where all features are selected or none is.

    Examples
    --------
    >>> round(measure_agreement([np.eye(2, 4, dtype=bool), None]).value, 2)
    -0.33
    >>> measure_agreement([np.ones((2, 4), dtype=bool)]) is None
    True
    """
    known = [one for one in masks if one is not None]
    if len({one.shape[1] for one in known}) != 1:
        return None
    trials = np.concatenate(known)
    if len(trials) < 2 or not trials.any() or trials.all():
        return None
    return nogueira_interval(trials)
