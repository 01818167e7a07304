"""The final run of an arm: the same procedure on all rows, which leaves no row for a score.

It comes behind the runs that are scored: these say how well the procedure does on rows that it did
not see, this one what it selects when it may see all of them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vaega.selection._rankers import f_statistic

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.experiments.trial import TrialResult

NO_SCORE = (
    "The final run saw all rows, so that none is left for a score of its own: how well the "
    "procedure does is what the runs with test rows say. inner_score is of rows that took part in "
    "the selection."
)


def final_tables(result: "TrialResult", dataset: "Dataset") -> dict[str, pd.DataFrame]:
    """Return what a final run writes as CSV files, by their names."""
    votes = votes_table(result, dataset)
    selected = votes[votes["selected"]].drop(columns="selected")
    rows = rows_table(selected, dataset)
    return {"history": result.history, "votes": votes, "selected": selected, "rows": rows}


def votes_table(result: "TrialResult", dataset: "Dataset") -> pd.DataFrame:
    """Return all features, one row each.

    ``feature`` (its position), ``name``, ``frequency`` (share of the searches that voted for it; of
    the last population, where there was one search), ``selected``, and by each ranking of the
    search its rank from 1 as ``rank_RANKING``.
    """
    table = pd.DataFrame(
        {
            "feature": range(dataset.n_features),
            "name": list(dataset.feature_names),
            "frequency": result.frequencies,
        }
    )
    table["selected"] = table["feature"].isin(result.selected)
    for ranking in result.ranks:  # not of features that a first selection left out
        table[f"rank_{ranking}"] = result.ranks[ranking].astype("Int64").array
    return table


MOST_FEATURES, MOST_ROWS = 30, 300  # whose values are kept for figures


def rows_table(selected: pd.DataFrame, dataset: "Dataset") -> pd.DataFrame:
    """Return the values of the signature's first features, as they were given, one row a row.

    First are the features with the most votes, among equals those with the largest F statistic of
    these rows. Of many rows some are taken, spread evenly over each class. ``row`` (its position),
    ``label`` (its code), then a column a feature.
    """
    pooled = dataset.pooled()
    positions = selected["feature"].to_numpy(dtype=int)
    apart = f_statistic(pooled.X[:, positions], pooled.y)
    order = np.lexsort((-apart, -selected["frequency"].to_numpy(dtype=float)))[:MOST_FEATURES]
    by_class = np.argsort(pooled.y, kind="stable")
    n_taken = min(len(by_class), MOST_ROWS)
    taken = np.sort(by_class[np.linspace(0, len(by_class) - 1, n_taken).astype(int)])
    values = pooled.X[np.ix_(taken, positions[order])]
    table = pd.DataFrame(values, columns=selected["name"].to_numpy()[order])
    table.insert(0, "row", taken, allow_duplicates=True)
    table.insert(1, "label", pooled.y[taken], allow_duplicates=True)
    return table


def final_metrics(result: "TrialResult", dataset: "Dataset") -> dict[str, Any]:
    """Return the figures of a final run; no score is among them that is of rows it did not see."""
    return {
        "status": "done",
        "final": True,
        "statement": NO_SCORE,
        "n_rows": len(dataset.pooled().y),
        "n_columns": dataset.n_features,
        "n_features": len(result.selected),
        "inner_score": result.inner_score,
        "n_asked": result.n_asked,
        "n_distinct": result.n_distinct,
        "n_scored": result.n_scored,
        "n_searches": result.n_searches,
        "agreement": result.agreement,
        **result.extra,
        "warnings": result.warnings,
    }


def describe_final(metrics: Mapping[str, Any]) -> str:
    """Return what a final run came to, for a line of progress.

    >>> describe_final({"n_features": 1, "n_rows": 60})
    '1 feature on all 60 rows, no score of its own'
    """
    n = metrics["n_features"]
    features = "1 feature" if n == 1 else f"{n:,} features"
    return f"{features} on all {metrics['n_rows']} rows, no score of its own"
