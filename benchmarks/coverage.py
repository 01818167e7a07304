"""How often the intervals of held-out scores hold what they promise: 95 %.

    python benchmarks/coverage.py [--sets 200]

200 data sets of two normal classes in 40 columns, five of which tell them apart; the procedure
keeps the ten best of thirty columns that its seed draws, by F, and fits a classifier. "Splits": 100
rows, of which each seed holds out 30 %; what the interval is for is the procedure's mean score over
data sets and splits. "Official": 100 training rows, 40 test rows that all seeds see; what it is for
is the mean score over seeds on rows without end, with these training rows. "As independent" is
Student's interval of as many independent scores. Coverage of 200 sets has a standard error of 0.015
around 0.95.

Writes results/benchmarks/coverage.md.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from rivals import markdown
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split

from vaega.experiments.intervals import Answers, heldout_interval
from vaega.experiments.store import mean_interval

OUT = Path(__file__).parents[1] / "results" / "benchmarks" / "coverage.md"
N_COLUMNS, N_TELLING, N_DRAWN, N_KEPT = 40, 5, 30, 10
N_ROWS, N_TEST, N_ENDLESS, HELD_OUT = 100, 40, 4000, 0.3
METRICS = ("accuracy", "balanced_accuracy", "roc_auc")
SHIFTS = {"easy": 1.0, "hard": 0.4}
SEEDS = (5, 10)


def rows_of(n, shift, rng):
    y = np.arange(n) % 2
    X = rng.normal(size=(n, N_COLUMNS))
    X[:, :N_TELLING] += shift * y[:, None]
    return X, y


def predictions_of(train, test, seed):
    """Return what the procedure predicts of test rows."""
    (X, y), (X_test, y_test) = train, test
    drawn = np.random.default_rng(seed).choice(N_COLUMNS, N_DRAWN, replace=False)
    kept = drawn[np.argsort(-f_classif(X[:, drawn], y)[0])[:N_KEPT]]
    model = LogisticRegression().fit(X[:, kept], y)
    shares = model.predict_proba(X_test[:, kept])
    table = {"label": y_test, "prediction": model.predict(X_test[:, kept])}
    return pd.DataFrame(table | {f"probability_{k}": shares[:, k] for k in (0, 1)})


def score(predictions, metric):
    rows = np.arange(len(predictions))[:, None]
    return get_scorer(metric)(Answers(predictions), rows, predictions["label"].to_numpy())


def of_splits(shift, n_seeds, index):
    """Return the predictions of each seed on its own split, and on rows without end."""
    rng = np.random.default_rng([index, n_seeds])
    X, y = rows_of(N_ROWS, shift, rng)
    endless, held_out, truth = rows_of(N_ENDLESS, shift, rng), [], []
    for seed in range(n_seeds):
        parts = train_test_split(X, y, test_size=HELD_OUT, stratify=y, random_state=seed)
        train, test = (parts[0], parts[2]), (parts[1], parts[3])
        held_out.append(predictions_of(train, test, seed))
        truth.append(predictions_of(train, endless, seed))
    return held_out, truth


def of_official(shift, n_seeds, index):
    """Return the predictions of each seed on the test part, and on rows without end."""
    rng = np.random.default_rng([index, n_seeds, 1])
    train, test = rows_of(N_ROWS, shift, rng), rows_of(N_TEST, shift, rng)
    endless = rows_of(N_ENDLESS, shift, rng)
    return (
        [predictions_of(train, part, seed) for seed in range(n_seeds)] for part in (test, endless)
    )


def coverage_of(kind, shift, n_seeds, n_sets):
    """Return, by metric, how often the interval, and that of independent scores, is right."""
    draws = of_splits if kind == "splits" else of_official
    share = HELD_OUT / (1.0 - HELD_OUT) if kind == "splits" else None
    sets = [tuple(draws(shift, n_seeds, index)) for index in range(n_sets)]
    rows = []
    for metric in METRICS:
        scores = np.array([[score(one, metric) for one in held_out] for held_out, _ in sets])
        truths = np.array([[score(one, metric) for one in truth] for _, truth in sets]).mean(axis=1)
        if kind == "splits":
            truths[:] = truths.mean()  # of the procedure, whatever the data set
        held = independent = 0.0
        widths = []
        for values, truth, (held_out, _) in zip(scores, truths, sets, strict=True):
            low, high = heldout_interval(
                [np.array([value]) for value in values], held_out, metric=metric, test_share=share
            )
            held += float(low <= truth <= high)
            widths.append(high - low)
            _, low, high = mean_interval(values)
            independent += float(low <= truth <= high)
        rows.append(
            {
                "metric": metric,
                "mean": round(float(truths.mean()), 3),
                "coverage": round(held / n_sets, 3),
                "width": round(float(np.nanmean(widths)), 3),
                "as independent": round(independent / n_sets, 3),
            }
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sets", type=int, default=200)
    n_sets = parser.parse_args().sets
    warnings.simplefilter("ignore")
    rows = []
    for kind in ("splits", "official"):
        for name, shift in SHIFTS.items():
            for n_seeds in SEEDS:
                for row in coverage_of(kind, shift, n_seeds, n_sets):
                    rows.append({"test rows": kind, "data": name, "seeds": n_seeds, **row})
                    print(rows[-1], flush=True)
    table = markdown(pd.DataFrame(rows))
    about = "\n\n".join(__doc__.split("\n\n")[2:-1])
    command = f"python benchmarks/coverage.py --sets {n_sets}"
    OUT.write_text(f"# Do intervals hold what they promise\n\n`{command}`\n\n{about}\n\n{table}\n")


if __name__ == "__main__":
    main()
