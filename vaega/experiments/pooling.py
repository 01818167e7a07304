"""Scores of predictions that are pooled over trials, where a trial holds out too few rows to score.

Leave-one-out tests a row a trial: neither an area under a curve nor a recall is to be had of it.
The metric is computed once, of what all final models of a run predicted of their own test rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer

from vaega.experiments.answers import Answers

if TYPE_CHECKING:
    from vaega.experiments.trial import TrialResult

# What stands below scores that are pooled.
POOLED_NOTE = (
    "Each row is predicted by a model that did not see it, and scores are of all predictions "
    "together. They have no interval: the models share nearly all of their rows, so that their "
    "errors are not independent."
)


def pool_trials(results: "Sequence[TrialResult]", metric: str) -> "list[TrialResult]":
    """Return the trials of a run with the scores of their predictions together.

    Parameters
    ----------
    results : sequence of TrialResult
        One a part of the rows; each row is predicted in one of them.
    metric : str
        scikit-learn's name of the metric.

    Returns
    -------
    list of TrialResult
        The held-out score and the Brier score of each are those of all; figures of classes stand
        in the first alone.
    """
    from vaega.experiments.trial import HELDOUT_REAL, class_figures

    together = pd.concat([one.predictions for one in results], ignore_index=True)
    shared: dict[str, Any] = {"heldout_score": pooled_score(together, metric), "is_pooled": True}
    rows = np.array([len(one.predictions) for one in results])
    briers = [one.brier for one in results if one.brier is not None]
    if len(briers) == len(results):
        shared["brier"] = float(np.average(briers, weights=rows))
    real: dict[str, float] = {}
    if results[0].predictions_real is not None:
        of_real = pd.concat([one.predictions_real for one in results], ignore_index=True)
        real = {HELDOUT_REAL: pooled_score(of_real, metric)}
    n_classes = int(together[["label", "prediction"]].to_numpy().max()) + 1
    labels, predicted = together["label"].to_numpy(), together["prediction"].to_numpy()
    classes = class_figures(labels, predicted, n_classes)
    return [
        replace(one, **shared, extra=one.extra | real, classes=[] if index else classes)
        for index, one in enumerate(results)
    ]


def pooled_score(predictions: pd.DataFrame, metric: str) -> float:
    """Return the metric of predictions, see `vaega.experiments.trial.predictions_of`."""
    rows, labels = np.arange(len(predictions))[:, None], predictions["label"].to_numpy()
    return float(get_scorer(metric)(Answers(predictions), rows, labels))
