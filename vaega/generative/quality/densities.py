"""What a model's likelihood says of rows that it was fitted on and of rows that it was not."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from vaega.generative.quality.rows import ComparedRows


def measure_densities(model: Any, rows: ComparedRows, *, references: bool = True) -> pd.DataFrame:
    """Compare log likelihoods of fit rows and held-out rows, the model's and the references'.

    References are probabilistic PCA and the Gaussian of each class, fitted on the same rows in
    closed form: a model that is worth its training explains held-out rows as well as they do.
    """
    candidates = [] if not hasattr(model, "score_samples") else [model]
    if references:
        candidates += [
            other.fit(rows.X_fit, rows.y_fit)
            for other in _references()
            if type(other) is not type(model)
        ]
    table = [_row(candidate, rows) for candidate in candidates]
    return pd.DataFrame(table, columns=["model", "fit", "heldout", "gap", "auc"])


def membership_auc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the probability that a score from `inside` is above one from `outside`."""
    ranks = rankdata(np.concatenate([inside, outside]))[: len(inside)]
    n, m = len(inside), len(outside)
    return float((ranks.sum() - n * (n + 1) / 2) / (n * m))


def _references() -> list[Any]:
    from vaega.generative.closed_form import ClassGaussian, ProbabilisticPCA

    return [ProbabilisticPCA(random_state=0), ClassGaussian()]


def _row(model: Any, rows: ComparedRows) -> dict[str, object]:
    inside, outside = model.score_samples(rows.X_fit), model.score_samples(rows.X_test)
    width = int(rows.varies.sum())
    fit, heldout = float(inside.mean() / width), float(outside.mean() / width)
    return {
        "model": type(model).__name__,
        "fit": fit,
        "heldout": heldout,
        "gap": fit - heldout,
        "auc": membership_auc(inside, outside),
    }
