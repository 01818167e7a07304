"""What a search costs beside the scores of its masks, and what whole default fits cost.

    VAEGA_DATA=... python benchmarks/search_overhead.py > results/benchmarks/search_overhead.md

Searches: one on 38 x 7,129 (leukemia, standardised; once clipped and as logarithms, where many
classes have no spread in a gene), 3 folds, first masks of 5 % of the genes, one generation of 4,000
masks or thirty of 100, with vaega's engines and with scikit-learn one mask after the other. Medians
of `--times` searches (one with scikit-learn, of 100 masks); the search's own share is what is left
without the evaluations: operators, memory, records, guide. Of the thesis's network, whose training
takes most, fewer masks, at 10 and 0.5 % of the genes.

Fits: ``GeneticSelector(classifier)`` on real rows, one process, with the peak of its memory.
"""

import argparse
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from rivals import markdown
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from vaega import GeneticSelector, load_dataset
from vaega.fitness import CrossValidatedFitness

CLIP = 100.0, 16000.0
CLASSIFIERS = {
    "Gaussian naive Bayes": GaussianNB(),
    "nearest centroid": NearestCentroid(),
    "ridge": RidgeClassifier(),
    "LDA": LinearDiscriminantAnalysis(),
    "3-NN": KNeighborsClassifier(3),
}
NETWORK = MLPClassifier((5, 3), activation="tanh", max_iter=3000)
FEW = 100  # masks that scikit-learn scores
FITS = ("3-NN", "Gaussian naive Bayes")
SIZES = ("72 x 7129", "60 x 50000")


def leukemia(*, clipped: bool = False, pooled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    data = load_dataset("leukemia")
    data = data.pooled() if pooled else data
    X = np.log2(np.clip(data.X, *CLIP)) if clipped else np.asarray(data.X, dtype=float)
    X = X[:, X.std(axis=0) > 0.0]
    return StandardScaler().fit_transform(X), data.y


class Watch:
    """Measures how long all evaluations of a search take."""

    def __init__(self) -> None:
        self.seconds, self._evaluate = 0.0, CrossValidatedFitness.evaluate

    def __enter__(self) -> "Watch":
        def evaluate(fitness: CrossValidatedFitness, masks: np.ndarray) -> object:
            start = time.perf_counter()
            result = self._evaluate(fitness, masks)
            self.seconds += time.perf_counter() - start
            return result

        CrossValidatedFitness.evaluate = evaluate  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *reason: object) -> None:
        CrossValidatedFitness.evaluate = self._evaluate  # type: ignore[method-assign]


def search(
    estimator: object, X: np.ndarray, y: np.ndarray, n_masks: int, n: int, **options: object
) -> tuple[float, float]:
    """Return the seconds of a search of `n` generations, and those of its evaluations."""
    settings: dict[str, object] = {"initial_fraction": 0.05, "cv": 3, "random_state": 0}
    settings |= {
        "guide": "f_classif",
        "n_searches": 1,
        "population_size": n_masks,
        "n_generations": n,
        **options,
    }
    with Watch() as watch:
        start = time.perf_counter()
        GeneticSelector(clone(estimator), **settings).fit(X, y)
        return time.perf_counter() - start, watch.seconds


def row_of(
    name: str, n_masks: int, n: int, times: int, run: Callable[..., tuple[float, float]]
) -> dict[str, object]:
    """Return how long a search takes a mask, beside scikit-learn's way."""
    run(FEW, 1)  # compiles
    whole, scores = np.median([run(n_masks, n) for _ in range(times)], axis=0)
    few = min(FEW, n_masks)
    one_by_one = run(few, 1, engine="sklearn")[0] / few
    a_mask = whole / (n_masks * n)
    return {
        "search": name,
        "masks": f"{n} x {n_masks}",
        "us a mask": round(1e6 * a_mask, 1),
        "scikit-learn": round(1e6 * one_by_one),
        "ratio": round(one_by_one / a_mask, 1),
        "own share": round(1.0 - scores / whole, 2),
    }


def searches(times: int) -> pd.DataFrame:
    rows = []
    for clipped in (False, True):
        X, y = leukemia(clipped=clipped)
        for name, estimator in CLASSIFIERS.items():
            if clipped and name != "Gaussian naive Bayes":
                continue
            run = partial(search, estimator, X, y)
            label = f"{name}, clipped" if clipped else name
            for n_masks, n in ((4000, 1), (100, 30)):
                rows.append(row_of(label, n_masks, n, times, run))
    X, y = leukemia()
    for share in (0.1, 0.005):
        run = partial(search, NETWORK, X, y, initial_fraction=share)
        rows.append(row_of(f"the thesis's network, {100 * share:g} %", 500, 1, 1, run))
    return pd.DataFrame(rows)


def fit(name: str, size: str, times: int) -> None:
    """Print the seconds of default fits, and by how many times the data memory grew."""
    if size == SIZES[0]:
        X, y = leukemia(clipped=True, pooled=True)
    else:
        n, p = map(int, size.split(" x "))
        X, y = np.random.default_rng(0).normal(size=(n, p)), np.arange(n) % 2
        X[y == 1, :20] += 1.0
    GeneticSelector(CLASSIFIERS[name], random_state=0).fit(X[:, :300], y)  # compiles
    before, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    for _ in range(times):
        start = time.perf_counter()
        GeneticSelector(CLASSIFIERS[name], random_state=0).fit(X, y)
        seconds.append(time.perf_counter() - start)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(np.median(seconds), grown / X.nbytes)


def fits(times: int) -> pd.DataFrame:
    rows = []
    for size in SIZES:
        for name in FITS:
            command = [sys.executable, __file__, "--fit", name, size, "--times", str(times)]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, memory = map(float, out.split())
            row = {"rows": size, "classifier": name, "seconds": round(seconds, 2)}
            rows.append({**row, "memory, times the data": round(memory, 1)})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument(
        "--fit", nargs=2, metavar=("CLASSIFIER", "SIZE"), help="one fit, for itself"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.fit:
        fit(*options.fit, options.times)
        return
    print("# What a search costs beside its scores\n")
    print(
        "`VAEGA_DATA=... python benchmarks/search_overhead.py`; the file says what is measured.\n"
    )
    print(markdown(searches(options.times)), "\n")
    print(markdown(fits(options.times)))


if __name__ == "__main__":
    main()
