"""vaega and sklearn-genetic-opt at the same number of different masks: JSON lines and a table.

    python benchmarks/peers.py [--seeds 5]

Each fit has a process of its own, and all share splits, inner folds and classifier: five nearest
neighbours, fitted on the selection and scored once on the 30 % of rows held out. Data: 2000 rows
and 500 features after Madelon, and scikit-learn's breast_cancer, standardized. The peer stops by
a callback after the generation in which it has scored as many different masks as vaega may; its
rows are its defaults, and the settings that its documentation offers for few features. Fits are
counted in the classifier itself, whoever asks for them.

Writes results/benchmarks/peers.csv, one row a run, and peers.md, one row an arm. Runs that the csv
holds already are not repeated while the sources of vaega are the same.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import random
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
from planted import (
    BUDGET,
    FOLDER,
    VOTE,
    code_of,
    describe_stability,
    half_width,
    make_planted,
    markdown,
    provenance,
    run_missing,
    stability_of,
)
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vaega import GeneticSelector

PEER = "sklearn-genetic-opt"
BRUTE = {"algorithm": "brute"}  # the same neighbours as a tree's, but sooner
INSTALL = f"peers: install the peer first, `pip install --no-deps {PEER} tqdm`."
N_FEATURES = {"planted": 500, "breast_cancer": 30}
NOTE = f"""\
Means over the seeds, with the half width of their 95 % interval by Student's t; features with
fewest and most; Nogueira's stability with its 95 % interval. Evaluations are different masks, as
each package counts them; fits are counted in the classifier and hold vaega's trials of sizes after
a vote and the peer's last fit. Every fit ran alone in its process, on a machine that others used
too, and vaega's rows at a quieter hour than the peer's: seconds are no comparison.

The sparse row is the best of nine combinations of `max_features`, `population_size`, both
probabilities and `algorithm`, by held-out accuracy on another draw of the planted data; vaega's
vote was chosen on other draws, too. Sparse is `algorithm="eaSimple"`, `crossover_probability=0.8`,
`mutation_probability=0.01` (1 / features, where they are fewer than 100), `max_features` of 20 but
at most half of all. In the peer the chance of a mask to be mutated is that of each feature to flip,
too: the default of 0.8 makes nearly the complement. The vote is
{", ".join(f"`{name}={value}`" for name, value in VOTE.items())}.
"""


class CountedNeighbors(KNeighborsClassifier):
    """Five nearest neighbours that know how often any of them was fitted."""

    n_fits = 0

    def fit(self, X, y):
        CountedNeighbors.n_fits += 1
        return super().fit(X, y)


def load(dataset):
    if dataset == "planted":
        planted = make_planted()
        return planted.X, planted.y
    return load_breast_cancer(return_X_y=True)


def split(dataset, seed):
    X, y = load(dataset)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    if dataset != "planted":
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    return X, X_test, y, y_test


def search_vaega(X, y, folds, seed, **settings):
    settings = {"max_evaluations": BUDGET, **settings}
    selector = GeneticSelector(CountedNeighbors(**BRUTE), cv=folds, random_state=seed, **settings)
    selector.fit(X, y)
    return selector.support_, selector.n_evaluations_


def search_peer(X, y, folds, seed, **settings):
    from sklearn_genetic import GAFeatureSelectionCV
    from sklearn_genetic.callbacks.base import BaseCallback

    class StopAtBudget(BaseCallback):
        def on_step(self, record=None, logbook=None, estimator=None):
            return len(estimator.fitness_cache) >= BUDGET

    random.seed(seed)  # the peer takes no seed and draws from the global generator
    selector = GAFeatureSelectionCV(CountedNeighbors(**BRUTE), cv=folds, verbose=False, **settings)
    with contextlib.redirect_stdout(io.StringIO()):
        selector.fit(X, y, callbacks=StopAtBudget())
    return np.asarray(selector.support_, dtype=bool), len(selector.fitness_cache)


def sparse(n_features):
    return {
        "algorithm": "eaSimple",
        "max_features": min(20, n_features // 2),
        "crossover_probability": 0.8,
        "mutation_probability": max(0.01, 1.0 / n_features),
        "generations": BUDGET,  # the callback stops it earlier
    }


def select(arm, X, y, folds, seed):
    if arm == "vaega, defaults":
        return search_vaega(X, y, folds, seed)
    if arm == "vaega, vote":
        return search_vaega(X, y, folds, seed, **VOTE)
    if arm == f"{PEER}, defaults":
        return search_peer(X, y, folds, seed)
    return search_peer(X, y, folds, seed, **sparse(X.shape[1]))


ARMS = ["vaega, defaults", "vaega, vote", f"{PEER}, defaults", f"{PEER}, sparse"]


def fit_once(dataset, arm, seed):
    X, X_test, y, y_test = split(dataset, seed)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y))
    before = peak_memory()
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        mask, n_evaluations = select(arm, X, y, folds, seed)
    seconds = time.perf_counter() - started
    n_fits = CountedNeighbors.n_fits
    fitted = KNeighborsClassifier(**BRUTE).fit(X[:, mask], y)
    return {
        "accuracy": round(float(fitted.score(X_test[:, mask], y_test)), 4),
        "features": int(mask.sum()),
        "evaluations": int(n_evaluations),
        "fits": n_fits,
        "seconds": round(seconds, 1),
        "peak_mib": round(peak_memory(), 1),
        "grown_mib": round(peak_memory() - before, 1),
        "warnings": len(warned),
        "selected": " ".join(map(str, np.flatnonzero(mask))),
    }


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(dataset, arm, seed, code):
    command = [sys.executable, __file__, "--one", dataset, arm, str(seed)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def table(runs):
    heading = "arm, accuracy, features, stability, evaluations, fits, seconds, peak MiB, warnings"
    rows = []
    for arm, own in runs.groupby("arm", sort=False):
        mean = own.mean(numeric_only=True)
        rows.append(
            [
                arm,
                f"{mean['accuracy']:.3f} ± {half_width(own['accuracy']):.3f}",
                f"{mean['features']:.1f} ({own['features'].min()} to {own['features'].max()})",
                describe_stability(
                    stability_of(own["selected"], N_FEATURES[own["dataset"].iloc[0]])
                ),
                f"{mean['evaluations']:.0f}",
                f"{mean['fits']:.0f}",
                f"{mean['seconds']:.1f}",
                f"{mean['peak_mib']:.0f} ({mean['grown_mib']:.0f} of the search)",
                f"{mean['warnings']:.0f}",
            ]
        )
    return markdown(heading.split(", "), rows)


def compare(n_seeds):
    codes = {arm: code_of(arm) for arm in ARMS}
    cases = [
        {"dataset": dataset, "arm": arm, "seed": seed, "code": codes[arm]}
        for dataset in N_FEATURES
        for seed in range(n_seeds)
        for arm in ARMS
    ]
    runs = run_missing(FOLDER / "peers.csv", cases, measure)
    packages = ["vaega", PEER, "scikit-learn", "numpy", "deap"]
    text = "# A peer side by side\n\n" + provenance(
        f"python benchmarks/peers.py --seeds {n_seeds}", packages
    )
    text += f"\n{NOTE}"
    for dataset, own in runs.groupby("dataset", sort=False):
        text += f"\n## {dataset}\n\n{table(own)}"
    (FOLDER / "peers.md").write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="splits, at least 2")
    parser.add_argument("--one", nargs=3, metavar=("DATASET", "ARM", "SEED"), help="a single fit")
    arguments = parser.parse_args()
    if importlib.util.find_spec("sklearn_genetic") is None:
        sys.exit(INSTALL)
    if arguments.one:
        dataset, arm, seed = arguments.one
        print(json.dumps(fit_once(dataset, arm, int(seed))))
    else:
        compare(arguments.seeds)


if __name__ == "__main__":
    main()
