"""What each answer to noisy scores changes, at equal fits of the classifier.

    python benchmarks/noise.py [--seeds 40] [--fits 6000]

Two data sets on which inner scores are noisy: 60 rows of two Gaussian classes that differ in 10 of
200 features, and the same with labels that mean nothing. One search each, stopped at so many fits
(a mask on a fold); the selected features are judged by Gaussian naive Bayes, fitted on the 60 rows,
on 2,000 rows that the search never saw. Optimism is the reported score less that one; random labels
have both classes equally often, so that chance is 0.5. The default has its own number of fits; a
filter reports no score and has none.

Racing and fresh folds were compared too, changed nothing and were removed
(results/benchmarks/noise_removed.md).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.naive_bayes import GaussianNB

from vaega import GeneticSelector
from vaega.evolution import Callback
from vaega.selection import rank_features

RESULTS = Path("results/benchmarks")
SHIFT = 0.8  # of a standard deviation, in each relevant feature
WAYS = {
    "plain": {"elite": 1},
    "confirm, best of 10": {"confirm": 10, "choice": "best"},
    "confirm, one standard error": {"confirm": 10},
    "confirm, lower bound": {"confirm": 10, "choice": "lower_bound"},
    "vote of 10": {"n_searches": 10, "population_size": 20, "n_generations": 6},
    "the default": {},
    "F, best 10": 10,
    "F, best 30": 30,
}


class StopAtFits(Callback):
    """Stop before the fits that are left for the search run out."""

    def __init__(self, n_fits):
        self.n_fits = n_fits

    def on_generation(self, algorithm):
        return algorithm.state.history[-1]["n_asked"] * 5 >= self.n_fits


def settings_of(way, n_fits):
    """Return the settings of a way; confirmation needs fits of its own."""
    settings = {"n_searches": 1, "population_size": 50, "n_generations": 1000, **WAYS[way]}
    if "confirm" in settings:
        n_fits -= settings["confirm"] * 3 * 5
    callbacks = [] if settings["n_searches"] > 1 else [StopAtFits(n_fits)]
    return {**settings, "callbacks": callbacks}


def select(way, X, y, seed, n_fits):
    """Return the features of a way, the score that it reports, and its fits."""
    if isinstance(WAYS[way], int):  # a filter of the size that is right, or of three times as many
        support = np.zeros(X.shape[1], dtype=bool)
        support[rank_features("f_classif", X, y, seed=seed)[: WAYS[way]]] = True
        return support, np.nan, 0
    settings = settings_of(way, n_fits) if WAYS[way] else {}
    selector = GeneticSelector(GaussianNB(), random_state=seed, **settings).fit(X, y)
    return selector.support_, selector.best_score_, selector.n_fits_


def one(way, signal, seed, n_fits):
    rng = np.random.default_rng(seed)
    y, relevant = rng.integers(0, 2, size=2060), np.arange(200) < 10
    X = rng.normal(size=(2060, 200)) + SHIFT * y[:, None] * relevant
    if not signal:
        y = np.concatenate([rng.permutation(np.arange(n) % 2) for n in (60, 2000)])
    few, fresh = slice(0, 60), slice(60, None)
    support, inner, fits = select(way, X[few], y[few], seed, n_fits)
    model = GaussianNB().fit(X[few][:, support], y[few])
    heldout = model.score(X[fresh][:, support], y[fresh])
    return {
        "way": way, "labels": "real" if signal else "random", "seed": seed,
        "n_fits": fits, "inner": inner, "heldout": heldout,
        "n_features": int(support.sum()), "precision": relevant[support].mean(),
    }  # fmt: skip


def interval(values):
    if values.isna().any():
        return ""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ± {half:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--fits", type=int, default=6000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    tasks = [
        delayed(one)(way, signal, seed, options.fits)
        for way in WAYS
        for signal in (True, False)
        for seed in range(options.seeds)
    ]
    records = []
    for record in Parallel(n_jobs=options.jobs, return_as="generator")(tasks):
        records.append(record)
        print(json.dumps(record), flush=True)
    runs = pd.DataFrame(records)
    RESULTS.mkdir(parents=True, exist_ok=True)
    runs.to_csv(RESULTS / "noise.csv", index=False)
    lines = ["| labels | way | fits | held out | reported | optimism | features | precision |"]
    lines.append("|" + "---|" * 8)
    for (labels, way), group in runs.groupby(["labels", "way"], sort=False):
        optimism = group["inner"] - group["heldout"]
        cells = [
            labels, way, f"{group['n_fits'].mean():.0f}", interval(group["heldout"]),
            interval(group["inner"]), interval(optimism), f"{group['n_features'].mean():.1f}",
            interval(group["precision"]) if labels == "real" else "",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    command = f"python benchmarks/noise.py --seeds {options.seeds} --fits {options.fits}"
    text = "\n".join([f"Answers to noisy scores at equal fits: `{command}`.", "", *lines, ""])
    (RESULTS / "noise.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
