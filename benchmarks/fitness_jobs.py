"""What a second process brings to the fitness of one population, as JSON lines.

    python benchmarks/fitness_jobs.py

Both cases score the same masks in turn in the same run; the scores must be equal to the bit.
"""

import json
import statistics
import time

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from vaega import make_madelon
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

REPEATS = 3
CASES = {
    "10-NN, 2000 rows, 25 of 500 features": (KNeighborsClassifier(10), 2000),
    "Gaussian NB, 200 rows, 25 of 500 features": (GaussianNB(), 200),
}


def timed(fitness, masks):
    started = time.perf_counter()
    scores = fitness(masks)
    return time.perf_counter() - started, scores


def measure(case, classifier, n_rows):
    data = make_madelon(n_rows, 500)
    folds = prepare_folds(data.X, data.y, list(StratifiedKFold(5).split(data.X, data.y)), seed=0)
    masks = np.random.default_rng(0).random((100, 500)) < 0.05
    scorer, ratios = get_scorer("balanced_accuracy"), []
    one = CrossValidatedFitness(classifier, folds, scorer)
    with CrossValidatedFitness(classifier, folds, scorer, n_jobs=2) as two:
        two(masks[:8])  # start the processes
        for _ in range(REPEATS):
            alone, expected = timed(one, masks)
            shared, scores = timed(two, masks)
            assert (scores == expected).all()
            ratios.append(alone / shared)
    rate = round(len(masks) / alone, 1)
    ratio = round(statistics.median(ratios), 2)
    print(json.dumps({"case": case, "masks_per_second": rate, "two_jobs_ratio": ratio}), flush=True)


def main():
    for case, (classifier, n_rows) in CASES.items():
        measure(case, classifier, n_rows)


if __name__ == "__main__":
    main()
