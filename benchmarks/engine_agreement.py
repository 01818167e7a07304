"""How far the scores of the population engines are those of scikit-learn, on real data.

    VAEGA_DATA=... python benchmarks/engine_agreement.py [--classifiers ridge mlp] [--masks 150]

For each classifier and data set, random masks from one column to 30 % on three inner folds. Prints
a row each: pairs of mask and fold, how many the engine left to scikit-learn, how many of its own
scores differ, their mean difference and rank correlation. For the multilayer perceptron also the
rank correlation of scikit-learn with itself under another seed: what its own randomness allows.
"""

import argparse
import sys

import numpy as np
from fitness_throughput import CLASSIFIERS
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold

from vaega import load_dataset
from vaega.data._preprocess import Preprocessor
from vaega.engines._registry import EngineSpec, match, score_fold
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

# Source, and rows at most: scikit-learn fits thousands of networks here.
DATASETS = {
    "leukemia": 72,
    "madelon": 600,
    "gcm1363": 190,
    "all_leukemia_yeoh6": 248,
    "sklearn:breast_cancer": 300,
    "sklearn:wine": 178,
    "sklearn:digits": 300,
}
HEADER = (
    "classifier",
    "dataset",
    "pairs",
    "left",
    "different",
    "mean_difference",
    "rank",
    "itself",
)


def folds_of(name, n_rows):
    data = load_dataset(name).pooled()
    chosen = np.sort(np.random.default_rng(0).permutation(len(data.y))[:n_rows])
    X, y = data.X[chosen], data.y[chosen]
    splits = StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)
    return prepare_folds(X, y, list(splits), preparation=Preprocessor(["standardize"]), seed=0)


def masks_of(folds, n_masks):
    # A mask of constant columns alone is an error of scikit-learn's, not a score.
    moving = np.flatnonzero(np.all([np.ptp(fold.X_fit, axis=0) > 0 for fold in folds], axis=0))
    rng, n_features = np.random.default_rng(1), folds[0].X_fit.shape[1]
    shares = np.geomspace(1 / n_features, 0.3, n_masks)
    masks = rng.random((n_masks, n_features)) < shares[:, None]
    masks[np.arange(n_masks), rng.choice(moving, n_masks)] = True
    return masks


def compare(name, dataset, folds, masks, n_jobs):
    classifier, scorer = CLASSIFIERS[name], get_scorer("accuracy")
    if name == "mlp":
        classifier = clone(classifier).set_params(random_state=0)

    def scores(engine, **settings):
        clone_of = clone(classifier).set_params(**settings)
        fitness = CrossValidatedFitness(clone_of, folds, scorer, n_jobs=n_jobs, engine=engine)
        return fitness.score_folds(masks)

    theirs = scores("sklearn")
    spec = match(classifier, scorer)
    assert isinstance(spec, EngineSpec)
    seeds = np.zeros(len(masks), dtype=int)
    ours = np.stack([score_fold(spec, fold, masks, seeds).scores for fold in folds], axis=1)
    certain = ~np.isnan(ours)
    full = np.where(certain, ours, theirs)
    different = ours[certain] != theirs[certain]
    itself = ""
    if name == "mlp":
        itself = f"{rank(scores('sklearn', random_state=1), theirs):.3f}"
    return (
        name,
        dataset,
        ours.size,
        int((~certain).sum()),
        int(different.sum()),
        f"{(full - theirs).mean():+.5f}",
        f"{rank(full, theirs):.4f}",
        itself,
    )


def rank(a, b):
    return spearmanr(a.mean(axis=1), b.mean(axis=1))[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--classifiers", nargs="+", default=list(CLASSIFIERS), choices=CLASSIFIERS)
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS)
    parser.add_argument("--masks", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folds", type=int, default=3, help="of three, how many are used")
    options = parser.parse_args()
    print(",".join(HEADER), flush=True)
    for dataset in options.datasets:
        folds = folds_of(dataset, DATASETS[dataset])[: options.folds]
        masks = masks_of(folds, options.masks)
        for name in options.classifiers:
            print(*compare(name, dataset, folds, masks, options.jobs), sep=",", flush=True)


if __name__ == "__main__":
    sys.exit(main())
