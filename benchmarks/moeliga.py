"""Selections of the sizes that MOELIGA keeps, on the two sets that both have, official parts.

    VAEGA_DATA=path/to/data python benchmarks/moeliga.py [--seeds 5]

MOELIGA (Vignolo and Gerard 2026, arXiv 2603.20934) evolves masks for a decision tree, with the
unweighted average recall of the classes as one objective, and keeps 30 features of leukemia and 22
of Madelon (its repository, ldvignolo/MOELIGA, other_methods). Here are the default selector of as
many features, its own size, and the strongest rankings, all on the training part; recalls are those
of four classifiers, fitted on the selection and scored on the official test part. A call that was
stopped goes on from results/benchmarks/moeliga_runs.csv.
"""

import argparse
import warnings
from pathlib import Path

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from vaega import GeneticSelector, load_dataset
from vaega.selection._rankers import rank_features

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
SIZES = {"leukemia": 30, "madelon": 22}
CLASSIFIERS = {
    "decision tree": DecisionTreeClassifier(random_state=0),
    "random forest": RandomForestClassifier(100, random_state=0),
    "naive Bayes": GaussianNB(),
    "3-NN": KNeighborsClassifier(3),
}


def supports_of(X, y, size, seed):
    """Yield the name of a selection and its columns."""
    options = {"scoring": "balanced_accuracy", "random_state": seed}
    # A vote takes a size; a single search, on many rows, is held to it by its bounds.
    held = {"consensus_size": size}
    if len(y) >= 300:
        held = {"min_features": size, "max_features": size}
    for classifier in ("decision tree", "3-NN"):
        for name, further in (("its own size", {}), (f"{size} features", held)):
            found = GeneticSelector(CLASSIFIERS[classifier], **options, **further).fit(X, y)
            yield f"vaega, {classifier} inside, {name}", found.get_support(indices=True)
    for ranker in ("f_classif", "relieff", "rfe"):
        yield f"{ranker}, {size} features", rank_features(ranker, X, y, seed=seed)[:size]


def run(name, size, seed):
    """Return a record of each way on one set with one seed."""
    data, rows = load_dataset(name), []
    scaler = StandardScaler().fit(data.X)
    X, X_test = scaler.transform(data.X), scaler.transform(data.X_test)
    for way, columns in supports_of(X, data.y, size, seed):
        record = {"data": name, "way": way, "seed": seed, "features": len(columns)}
        for label, classifier in CLASSIFIERS.items():
            predicted = classifier.fit(X[:, columns], data.y).predict(X_test[:, columns])
            record[label] = balanced_accuracy_score(data.y_test, predicted)
        rows.append(record)
    return rows


def means_of(runs):
    ways = runs.groupby(["data", "way"], sort=False)
    means = ways[["features", *CLASSIFIERS]].mean().reset_index()
    return means.assign(seeds=ways.size().to_numpy())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path = RESULTS / "moeliga_runs.csv"
    runs = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["data", "seed"])
    for name, size in SIZES.items():
        for seed in range(options.seeds):
            if ((runs["data"] == name) & (runs["seed"] == seed)).any():
                continue
            runs = pd.concat([runs, pd.DataFrame(run(name, size, seed))], ignore_index=True)
            runs.round(4).to_csv(path, index=False)
    means_of(runs).round(4).to_csv(RESULTS / "moeliga.csv", index=False)
    print(means_of(runs).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
