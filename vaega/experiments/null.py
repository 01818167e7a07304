"""The label-permutation null: what the whole procedure scores where there is nothing to learn."""

from dataclasses import replace

import numpy as np
import pandas as pd

from vaega.core.randomness import derive_rng
from vaega.experiments.protocols import Trial
from vaega.experiments.splitting import InnerSplits

NULL_COLUMNS = (
    "dataset",
    "arm",
    "seed",
    "permutation",
    "status",
    "heldout_score",
    "inner_score",
    "n_features",
    "seconds",
)
# What a summary gains where there is a null.
NULL_FIGURES = ("null_runs", "null_heldout_mean", "null_inner_mean", "p_value")


def permute_labels(trial: Trial, permutation: int) -> Trial:
    """Return a trial whose training rows have each other's labels.

    Search, choice of a generator and final model see nothing else; the test rows keep their own
    labels. Where all rows of a group have one label, groups exchange labels, not rows.
    """
    rng = derive_rng(trial.seed, "permuted labels", permutation)
    y = _exchanged(trial.y, trial.groups, rng)
    assert isinstance(trial.split, InnerSplits)  # of the honest protocol
    return replace(trial, y=y, split=replace(trial.split, y=y))


def _exchanged(y: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    if groups is None:
        return rng.permutation(y)
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    of_groups = y[first]
    if (of_groups[member] != y).any():  # labels differ within groups, so that rows exchange them
        return rng.permutation(y)
    labels: np.ndarray = rng.permutation(of_groups)[member]
    return labels


def p_value(score: float, null_scores: np.ndarray) -> float:
    """Return how often labels without meaning score as well, the actual ones counted among them."""
    null_scores = np.asarray(null_scores, dtype=float)
    return (int((null_scores >= score).sum()) + 1) / (len(null_scores) + 1)


def null_figures(runs: pd.DataFrame, nulls: pd.DataFrame) -> pd.DataFrame:
    """Return the null of each arm beside its runs.

    The mean held-out score of an arm's runs is compared with the scores of single permuted runs. A
    mean varies less than a single run does, so that p is rather too large than too small.
    """
    done = runs[runs["status"] == "done"]
    rows = []
    for arm, group in nulls[nulls["status"] == "done"].groupby("arm", sort=False):
        real = done.loc[done["arm"] == arm, "heldout_score"]
        if real.empty:
            continue
        scores = group["heldout_score"].to_numpy(dtype=float)
        figures = (
            len(group),
            float(scores.mean()),
            float(group["inner_score"].mean()),
            p_value(float(real.mean()), scores),
        )
        rows.append({"arm": arm, **dict(zip(NULL_FIGURES, figures, strict=True))})
    return pd.DataFrame(rows, columns=["arm", *NULL_FIGURES])
