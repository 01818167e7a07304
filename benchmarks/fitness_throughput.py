"""How many masks a second a population engine scores, beside scikit-learn on the same masks.

    VAEGA_DATA=... python benchmarks/fitness_throughput.py [--cases mlp knn] [--jobs 2]

Prints a line of JSON a case: masks a second of both, the median of the ratios of all repeats (the
two take turns, so that a busy machine slows both), and how far the scores agree.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from vaega import load_dataset
from vaega.data._splits import Fold
from vaega.fitness._cross_validated import CrossValidatedFitness

THESIS = MLPClassifier((5, 3), activation="tanh", max_iter=3000)
CLASSIFIERS = {
    "mlp": THESIS,
    "logistic": LogisticRegression(max_iter=1000),
    "svm": LinearSVC(),
    "ridge": RidgeClassifier(),
    "lda": LinearDiscriminantAnalysis(),
    "naive_bayes": GaussianNB(),
    "centroid": NearestCentroid(),
    "knn": KNeighborsClassifier(),
}
# Data set, share of active features, and how many masks each engine gets: scikit-learn fits a
# network in a fifth of a second to one second, and the others in milliseconds.
PLACES = {
    "leukemia_10": ("leukemia", 0.10),
    "leukemia_0.5": ("leukemia", 0.005),
    "madelon_6": ("madelon", 0.06),
    "gcm1363_5": ("gcm1363", 0.05),
}


@dataclass(frozen=True)
class Case:
    name: str
    estimator: Any
    fold: Fold
    masks: np.ndarray


def official_fold(name: str) -> Fold:
    """Return the official partition, or every third row held out, standardised by the fit rows."""
    data = load_dataset(name)
    X, y, X_test, y_test = data.X, data.y, data.X_test, data.y_test
    if X_test is None:
        held_out = np.arange(len(y)) % 3 == 0
        X, y, X_test, y_test = X[~held_out], y[~held_out], X[held_out], y[held_out]
    scaler = StandardScaler().fit(X)
    columns = np.arange(X.shape[1])
    return Fold(scaler.transform(X), y, scaler.transform(X_test), y_test, columns, len(y))


def cases(chosen: list[str], n_masks: int) -> Iterator[Case]:
    for place, (name, share) in PLACES.items():
        fold = official_fold(name)
        masks = np.random.default_rng(0).random((n_masks, fold.X_fit.shape[1])) < share
        for kind in chosen:
            slow = kind == "mlp"
            own = masks[: max(n_masks // 8, 16)] if slow else masks
            yield Case(f"{kind}/{place}", CLASSIFIERS[kind], fold, own)


def timed(fitness: CrossValidatedFitness, masks: np.ndarray) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    scores = fitness.score_folds(masks)[:, 0]
    return time.perf_counter() - start, scores


def measure(case: Case, n_jobs: int, n_repeats: int) -> dict[str, Any]:
    scorer = get_scorer("accuracy")
    engines = {
        name: CrossValidatedFitness(case.estimator, [case.fold], scorer, n_jobs=n_jobs, engine=name)
        for name in ("population", "sklearn")
    }
    ratios, speeds = [], {name: [] for name in engines}
    for fitness in engines.values():  # workers started, kernels compiled or read from their cache
        timed(fitness, case.masks[: 2 * n_jobs])
    for _ in range(n_repeats):
        seconds, scores = {}, {}
        for name, fitness in engines.items():
            seconds[name], scores[name] = timed(fitness, case.masks)
            speeds[name].append(len(case.masks) / seconds[name])
        ratios.append(seconds["sklearn"] / seconds["population"])
    ours, theirs = scores["population"], scores["sklearn"]
    varied = min(ours.std(), theirs.std()) > 0
    return {
        "case": case.name,
        "engine": "population",
        "jobs": n_jobs,
        "masks": len(case.masks),
        "masks_per_second": round(float(np.median(speeds["population"])), 1),
        "sklearn_masks_per_second": round(float(np.median(speeds["sklearn"])), 1),
        "ratio": round(float(np.median(ratios)), 1),
        "ratios": [round(float(ratio), 1) for ratio in ratios],
        "agreement": {
            "equal_scores": round(float((ours == theirs).mean()), 4),
            "mean_difference": round(float((ours - theirs).mean()), 5),
            "rank_correlation": round(float(spearmanr(ours, theirs)[0]), 4) if varied else None,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cases", nargs="+", default=list(CLASSIFIERS), choices=CLASSIFIERS)
    parser.add_argument("--masks", type=int, default=640)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for case in cases(options.cases, options.masks):
        print(json.dumps(measure(case, options.jobs, options.repeats)), flush=True)


if __name__ == "__main__":
    main()
