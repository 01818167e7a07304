"""How the cost of the engines grows: each size doubled from a base case, and the memory they take.

    python benchmarks/fitness_scaling.py

Synthetic rows; one job. A row a classifier: the seconds of the base case, then by what factor they
grow when the masks, the rows, the active features, the classes or the folds are doubled. Networks
train for a fixed number of epochs here. Last the memory that scoring adds, in multiples of the
data and the population together.
"""

import time
import tracemalloc

import numpy as np
from fitness_throughput import CLASSIFIERS
from sklearn.base import clone
from sklearn.metrics import get_scorer

from vaega.data._splits import Fold
from vaega.fitness._cross_validated import CrossValidatedFitness

BASE = {"masks": 200, "rows": 100, "active": 50, "classes": 3, "folds": 2}
N_FEATURES, N_VALIDATE, N_REPEATS = 2000, 50, 5


def problem(masks, rows, active, classes, folds):
    rng = np.random.default_rng(0)
    made = []
    for _ in range(folds):
        X = rng.normal(size=(rows + N_VALIDATE, N_FEATURES))
        y = np.arange(len(X)) % classes
        made.append(Fold(X[:rows], y[:rows], X[rows:], y[rows:], np.arange(N_FEATURES), rows))
    population = np.zeros((masks, N_FEATURES), dtype=bool)
    for mask in population:
        mask[rng.choice(N_FEATURES, active, replace=False)] = True
    return made, population


def seconds(classifier, sizes):
    folds, population = problem(**sizes)
    fitness = CrossValidatedFitness(classifier, folds, get_scorer("accuracy"), engine="population")
    fitness(population[:2])
    taken = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        fitness(population)
        taken.append(time.perf_counter() - start)
    return float(np.min(taken))


def memory_share(classifier):
    folds, population = problem(**BASE)
    fitness = CrossValidatedFitness(classifier, folds, get_scorer("accuracy"), engine="population")
    data = sum(fold.X_fit.nbytes + fold.X_validate.nbytes for fold in folds) + population.nbytes
    tracemalloc.start()
    fitness(population)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / data


def main():
    print("classifier,base_seconds," + ",".join(f"{name}_x2" for name in BASE) + ",memory")
    for name, classifier in CLASSIFIERS.items():
        own = clone(classifier)
        if name == "mlp":
            own.set_params(max_iter=100, tol=0.0, n_iter_no_change=1000)
        base = seconds(own, BASE)
        grown = [seconds(own, {**BASE, size: 2 * BASE[size]}) / base for size in BASE]
        row = [f"{base:.4f}", *(f"{factor:.2f}" for factor in grown), f"{memory_share(own):.2f}"]
        print(name, *row, sep=",", flush=True)


if __name__ == "__main__":
    main()
