"""What it costs or brings that generated rows keep the kind of their columns.

    VAEGA_DATA=... python benchmarks/column_kinds.py [--splits 8] [--out results/benchmarks]

Each split fits classifiers on standardised training rows with 100 generated rows of each class,
and scores them on the other 30 per cent. Rows are free; or kept as by default ("auto": whole
numbers and other grids, natural bounds); or between the least and the greatest value of the
training rows as well ("seen"). Counts are made up: negative binomial, as sequencing gives them, 30
of 800 columns with a shifted class. "impossible" is the share of their cells that no real row could
hold: negative, or between the whole numbers. Differences to free rows have their standard error
over splits.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vaega import VAE, ClassGaussian, GenerativeSampler, load_dataset
from vaega.core.randomness import derive_rng
from vaega.data import Preprocessor

N_PER_CLASS = 100
MODELS = {"VAE": VAE(), "ClassGaussian": ClassGaussian()}
CLASSIFIERS = {
    "naive Bayes": GaussianNB(),
    "3-NN": KNeighborsClassifier(3),
    "ridge": RidgeClassifier(),
}
FREE = {"enforce_min_max_values": False, "enforce_rounding": False}
SETTINGS = {
    "free": FREE,
    "auto": {"enforce_min_max_values": "auto", "enforce_rounding": True},
    "seen": {"enforce_min_max_values": True, "enforce_rounding": True},
}


def arrays(name):
    data = load_dataset(name).pooled()
    return Preprocessor([{"clip": [20, 16000]}, "log2"]).fit_transform(data.X), data.y


def counts(n=60, p=800):
    rng, y = derive_rng(5, "counts"), np.arange(n) % 2
    change = np.ones((2, p))
    change[1, :30] = rng.choice([2.0, 0.4], 30)
    mean = (rng.gamma(0.5, 8.0, size=p) + 0.1) * change[y] * rng.gamma(3.0, 1 / 3, size=(n, p))
    return rng.poisson(mean).astype(float), y


DATA = {
    "leukemia 72 x 7129": lambda: arrays("leukemia"),
    "gcm1363 190 x 1363": lambda: arrays("gcm1363"),
    "counts 60 x 800": counts,
}


def measure(X, y, n_splits):
    """Yield a record for each split, model, setting and classifier."""
    is_count = (np.rint(X) == X).all()
    splits = StratifiedShuffleSplit(n_splits, test_size=0.3, random_state=0).split(X, y)
    for split, (training, test) in enumerate(splits):
        scaler = StandardScaler().fit(X[training])
        rows, unseen = scaler.transform(X[training]), scaler.transform(X[test])
        for model, setting in [(model, setting) for model in MODELS for setting in SETTINGS]:
            sampler = GenerativeSampler(
                MODELS[model], n_per_class=N_PER_CLASS, random_state=split, **SETTINGS[setting]
            )
            X_fit, y_fit = sampler.fit_resample(rows, y[training])
            new = scaler.inverse_transform(X_fit[len(rows) :])
            off = (new < -1e-6) | (np.abs(new - np.rint(new)) > 1e-6)
            for name, classifier in CLASSIFIERS.items():
                predicted = classifier.fit(X_fit, y_fit).predict(unseen)
                yield {
                    "split": split,
                    "model": model,
                    "rows": setting,
                    "classifier": name,
                    "score": balanced_accuracy_score(y[test], predicted),
                    "impossible": off.mean() if is_count else np.nan,
                }


def summarise(runs):
    """Return the mean score of every way, and what it is ahead of free rows by."""
    keys = ["data", "model", "classifier"]
    free = runs.loc[runs["rows"] == "free", [*keys, "split", "score"]]
    runs = runs.merge(free, on=[*keys, "split"], suffixes=("", "_free"))
    runs["gain"] = runs["score"] - runs["score_free"]
    groups = runs.groupby([*keys, "rows"], sort=False)
    return groups.agg(
        score=("score", "mean"),
        gain=("gain", "mean"),
        error=("gain", "sem"),
        impossible=("impossible", "mean"),
    ).reset_index()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    records = []
    for name, load in DATA.items():
        print(name, flush=True)
        records += [{"data": name, **record} for record in measure(*load(), chosen.splits)]
    table = summarise(pd.DataFrame(records))
    chosen.out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(chosen.out / "column_kinds.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
