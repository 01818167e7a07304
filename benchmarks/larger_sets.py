"""The default selector on two sets that the rivals' suite has in small: gcm1363 and Madelon.

    VAEGA_DATA=path/to/npz python benchmarks/larger_sets.py [--jobs 2]

gcm1363 (190 rows, 14 classes): 20 splits, a third of the rows held out; the default with 3-NN, and
recursive elimination told its number of columns; a linear SVM and 3-NN on the columns, accuracy and
balanced accuracy. Intervals are Student's, corrected for the overlap of the splits (Nadeau and
Bengio 2003). Madelon, its 600 official training rows and 1,800 for the test, ten seeds: the default
with 5-NN and ``max_evaluations=3000``; precision is the share of selected columns that are of the
twenty which carry the classes. These are five and linear combinations of them, so that the other
columns explain more than half of their variance, and of the 480 probes less than a third.
Writes results/benchmarks/larger_sets.md.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rivals import CLASSIFIERS, interval_of, markdown, split_of
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vaega import GeneticSelector, load_dataset
from vaega.selection import rank_features

OUT = Path(__file__).parents[1] / "results" / "benchmarks" / "larger_sets.md"
METRICS = {"accuracy": accuracy_score, "balanced": balanced_accuracy_score}


def gcm(seed):
    """Return a record for each way on one split."""
    X, y, X_test, y_test = split_of("gcm1363", seed)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    fitted = GeneticSelector(CLASSIFIERS["3-NN"](), random_state=seed).fit(X, y)
    columns = np.flatnonzero(fitted.support_)
    ways = {"vaega, 3-NN": columns}
    ways["recursive elimination"] = rank_features("rfe", X, y, seed=seed)[: len(columns)]
    records = []
    for way, chosen in ways.items():
        record = {"way": way, "columns": len(chosen)}
        for label in ("SVM", "3-NN"):
            predicted = CLASSIFIERS[label]().fit(X[:, chosen], y).predict(X_test[:, chosen])
            record |= {f"{label}, {name}": of(y_test, predicted) for name, of in METRICS.items()}
        records.append(record)
    return records


def carriers(X):
    """Return which columns the others explain by more than half of their variance."""
    return 1.0 - 1.0 / np.diag(np.linalg.inv(np.corrcoef(X.T))) > 0.5


def madelon(seed):
    data = load_dataset("madelon")
    relevant = carriers(data.pooled().X)
    scaler = StandardScaler().fit(data.X)
    X, X_test = scaler.transform(data.X), scaler.transform(data.X_test)
    inside = KNeighborsClassifier(5)
    selector = GeneticSelector(inside, max_evaluations=3000, random_state=seed).fit(X, data.y)
    columns = np.flatnonzero(selector.support_)
    score = inside.fit(X[:, columns], data.y).score(X_test[:, columns], data.y_test)
    return {
        "held out": score, "columns": len(columns), "precision": relevant[columns].mean()
    }  # fmt: skip


def quietly(function, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    run = Parallel(n_jobs=options.jobs)
    splits = run(delayed(quietly)(gcm, seed) for seed in range(20))
    runs = pd.DataFrame([record for records in splits for record in records])
    figures = [name for name in runs if name not in ("way", "columns")]
    rows = []
    for way, part in runs.groupby("way", sort=False):
        row = {"way": way, "columns": f"{part['columns'].min()} to {part['columns'].max()}"}
        row |= {name: interval_of(part[name], 2, 1, False).lstrip("+") for name in figures}
        rows.append(row)
    seeds = pd.DataFrame(run(delayed(quietly)(madelon, seed) for seed in range(10)))
    seeds.loc["median"] = seeds.median()
    about = "\n\n".join(__doc__.split("\n\n")[2:]).strip()
    text = "\n\n".join(
        ["# The default selector on gcm1363 and Madelon", "`python benchmarks/larger_sets.py`",
         about, "## gcm1363, 20 splits", markdown(pd.DataFrame(rows)), "## Madelon, ten seeds",
         markdown(seeds.round(3).rename_axis("seed").reset_index()), ""]
    )  # fmt: skip
    OUT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
