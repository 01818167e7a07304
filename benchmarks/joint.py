"""Does it help to let selection and generation learn from each other? At equal evaluations.

    VAEGA_DATA=path/to/data python benchmarks/joint.py [--splits 12] [NAME ...]

Three ways with the same 3,000 masks asked for: one search on real rows; one with rows of a
conditional autoencoder of all features; and half of the masks before and half after the autoencoder
is fitted on the tenth of the features that the first half chose most often (select, generate,
select). Features are scored on held-out rows by a linear SVM and 3-NN that are fitted on real rows.
Kept split by split in results/benchmarks/joint.csv: a run that was stopped goes on. A fourth way
there, feedback from the search to the autoencoder, changed nothing and was removed.
"""

import argparse
import time
import warnings
from pathlib import Path

import pandas as pd
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from small_data import CLASSIFIERS, interval, markdown, rows_of, splits_of

from vaega import ConditionalVAE, GenerativeSampler, GeneticSelector, SelectGenerateSelect

RESULTS = Path("results/benchmarks")
NAMES = ("leukemia", "breast_cancer_40", "gcm1363")
SEARCH = {"n_searches": 1, "mutation": "filter_guided", "population_size": 100}


def sampler():
    return GenerativeSampler(ConditionalVAE(max_epochs=200, patience=20), n_per_class=50)


def ways(seed):
    """Yield the name of each way and its selector."""
    one = {**SEARCH, "random_state": seed}
    yield "real rows", GeneticSelector(KNeighborsClassifier(3), n_generations=30, **one)
    yield (
        "generated rows",
        GeneticSelector(KNeighborsClassifier(3), sampler=sampler(), n_generations=30, **one),
    )
    half = GeneticSelector(KNeighborsClassifier(3), n_generations=15, **SEARCH)
    yield (
        "select, generate, select",
        SelectGenerateSelect(half, sampler=sampler(), random_state=seed),
    )


def one_split(name, place, train, test):
    X, y, _ = rows_of(name)
    scaler = StandardScaler().fit(X[train])
    X_train, X_test = scaler.transform(X[train]), scaler.transform(X[test])
    records = []
    for way, selector in ways(place):
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            support = selector.fit(X_train, y[train]).support_
        record = {"dataset": name, "split": place, "way": way, "n_features": int(support.sum())}
        for label, classifier in CLASSIFIERS.items():
            fitted = classifier.fit(X_train[:, support], y[train])
            record[label] = fitted.score(X_test[:, support], y[test])
        record["optimism"] = selector.best_score_ - record["3-NN"]
        records.append({**record, "seconds": round(time.perf_counter() - started, 1)})
    return pd.DataFrame(records)


def tables_of(runs):
    rows, gains = [], []
    for (name, way), group in runs.groupby(["dataset", "way"], sort=False):
        scores = {label: interval(group[label]) for label in (*CLASSIFIERS, "optimism")}
        size, seconds = group["n_features"].mean(), group["seconds"].mean()
        rows.append(
            {"dataset": name, "way": way, "splits": len(group), "features": round(size, 1)}
            | scores
            | {"seconds": round(seconds, 1)}
        )
        plain = runs[(runs["dataset"] == name) & (runs["way"] == "generated rows")]
        if way == "select, generate, select" and len(plain) == len(group):
            paired = {
                label: interval(group[label].to_numpy() - pd.Series(plain[label].to_numpy()))
                for label in CLASSIFIERS
            }
            gains.append({"dataset": name, "way": way, **paired})
    return pd.DataFrame(rows), pd.DataFrame(gains)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--splits", type=int, default=12)
    options = parser.parse_args()
    path = RESULTS / "joint.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["dataset", "split"])
    done = set(zip(runs["dataset"], runs["split"], strict=True))
    for place in range(options.splits):
        for name in options.names:
            if (name, place) not in done:
                _, y, n_train = rows_of(name)
                records = one_split(name, place, *splits_of(y, n_train, options.splits)[place])
                runs = pd.concat([runs, records])
                runs.to_csv(path, index=False)
                print(records.to_string(index=False, header=False), flush=True)
    table, gains = tables_of(runs)
    intro = (
        "Selection and generation together: `VAEGA_DATA=... python benchmarks/joint.py`. Held-out "
        "accuracy, mean over splits ± half of the 95 % interval; optimism is the reported score "
        "less that of 3-NN. Below, paired differences from one search with generated rows.\n\n"
    )
    text = f"{markdown(table)}\n\n{markdown(gains)}\n"
    (RESULTS / "joint.md").write_text(intro + text)
    print(text)


if __name__ == "__main__":
    main()
