"""Few rows: the default selector against simple rivals, on held-out rows.

    VAEGA_DATA=path/to/data python benchmarks/small_data.py [--splits 20] [--jobs 2] [NAME ...]

Repeated held-out thirds (or a fixed number of training rows). Every way selects on the training
rows alone; a linear SVM and 3-NN are then fitted on its features and scored on the held-out rows.
Rows of the table are means over splits with 95 % intervals. Results are kept split by split in
results/benchmarks/small_data.csv: a run that was stopped goes on.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.feature_selection import f_classif
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from vaega import GeneticSelector, load_dataset

RESULTS = Path("results/benchmarks")
# Source, values below and above which are clipped (then log2), training rows (None: two thirds).
DATASETS = {
    "leukemia": ("leukemia", (100.0, 16000.0), None),
    "gcm1363": ("gcm1363", (20.0, 16000.0), None),
    "breast_cancer_40": ("sklearn:breast_cancer", None, 40),
    "wine_40": ("sklearn:wine", None, 40),
    "digits_80": ("sklearn:digits", None, 80),
}
USUAL = {
    "n_searches": 1,
    "guide": "none",
    "mutation": "balanced_flip",
    "population_size": 100,
    "n_generations": 30,
}
CLASSIFIERS = {"linear SVM": SVC(kernel="linear"), "3-NN": KNeighborsClassifier(3)}


def rows_of(name):
    source, clip, n_train = DATASETS[name]
    data = load_dataset(source).pooled()
    X = data.X if clip is None else np.log2(np.clip(data.X, *clip))
    return X, data.y, n_train


def splits_of(y, n_train, n_splits):
    sizes = {"test_size": 1 / 3} if n_train is None else {"train_size": n_train}
    return list(StratifiedShuffleSplit(n_splits, random_state=0, **sizes).split(y, y))


def selections(X, y, seed):
    """Yield the name of each way, its features, and the seconds it took."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strength = np.nan_to_num(f_classif(X, y)[0], nan=0.0, neginf=0.0)
    for way, settings in (("vaega, default", {}), ("single unguided GA", USUAL)):
        started = time.perf_counter()
        selector = GeneticSelector(KNeighborsClassifier(3), random_state=seed, **settings)
        support = selector.fit(X, y).support_
        yield way, np.flatnonzero(support), time.perf_counter() - started
        if not settings:
            size = int(support.sum())
            yield "F-test, same size", np.argsort(-strength, kind="stable")[:size], 0.0
            drawn = np.random.default_rng(seed).permutation(X.shape[1])[:size]
            yield "random, same size", drawn, 0.0
    yield "all features", np.arange(X.shape[1]), 0.0


def one_split(name, place, train, test):
    X, y, _ = rows_of(name)
    scaler = StandardScaler().fit(X[train])
    X_train, X_test = scaler.transform(X[train]), scaler.transform(X[test])
    records = []
    for way, features, seconds in selections(X_train, y[train], place):
        record = {"dataset": name, "split": place, "way": way, "n_features": len(features)}
        for label, classifier in CLASSIFIERS.items():
            fitted = classifier.fit(X_train[:, features], y[train])
            predicted = fitted.predict(X_test[:, features])
            record[label] = float((predicted == y[test]).mean())
            record[f"{label}, balanced"] = balanced_accuracy_score(y[test], predicted)
        records.append({**record, "seconds": round(seconds, 1)})
    return pd.DataFrame(records)


def interval(values):
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ± {half:.3f}"


def table_of(runs):
    rows = []
    for (name, way), group in runs.groupby(["dataset", "way"], sort=False):
        rows.append(
            {
                "dataset": name,
                "way": way,
                "splits": len(group),
                "features": round(group["n_features"].mean(), 1),
                **{label: interval(group[label]) for label in CLASSIFIERS},
                "seconds": round(group["seconds"].mean(), 1),
            }
        )
    return pd.DataFrame(rows)


def differences_of(runs):
    """Mean of the paired differences of the default from each rival."""
    wide = runs.pivot_table(index=["dataset", "split"], columns="way", values=list(CLASSIFIERS))
    rows = []
    for name, part in wide.groupby(level=0):
        for way in runs["way"].unique()[1:]:
            gains = {
                label: interval(part[label]["vaega, default"] - part[label][way])
                for label in CLASSIFIERS
            }
            rows.append({"dataset": name, "default less": way, **gains})
    return pd.DataFrame(rows)


def markdown(table):
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table.to_numpy()]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(DATASETS))
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    path = RESULTS / "small_data.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["dataset", "split"])
    done = set(zip(known["dataset"], known["split"], strict=True))
    tasks = []
    for name in options.names:
        _, y, n_train = rows_of(name)
        for place, (train, test) in enumerate(splits_of(y, n_train, options.splits)):
            if (name, place) not in done:
                tasks.append(delayed(one_split)(name, place, train, test))
    finished = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(tasks)
    for records in finished:
        known = pd.concat([known, records]).sort_values(["dataset", "split"], kind="stable")
        known.to_csv(path, index=False)
        print(records.to_string(index=False, header=False), flush=True)
    text = f"{markdown(table_of(known))}\n\n{markdown(differences_of(known))}\n"
    print(text)
    command = "VAEGA_DATA=... python benchmarks/small_data.py"
    intro = (
        f"Few rows, held out: `{command}`. Accuracy on held-out rows, mean over splits ± half of "
        "the 95 % interval; the search scores masks with 3-NN. Below, paired differences.\n\n"
    )
    (RESULTS / "small_data.md").write_text(intro + text)


if __name__ == "__main__":
    main()
