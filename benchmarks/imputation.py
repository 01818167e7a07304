"""How well missing entries are filled in: errors beside scikit-learn's imputers.

    VAEGA_DATA=... python benchmarks/imputation.py [--seeds 3] [--only digits]

Entries of all rows are taken out: each with probability a fifth ("a fifth"), half of every row
("half"), or, in images, a square of 4 x 4 of the 8 x 8 pixels ("square"). Every imputer is fitted
on these rows with the settings of its defaults. Columns are standardised by what is left of them,
pixels, which have one unit, divided by the standard deviation of all; the error is the root mean
square over the missing entries in these units.
"""

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from anomaly import tabulate
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from vaega import VAE, ProbabilisticPCA, VAEImputer, load_dataset
from vaega.core.randomness import derive_rng
from vaega.data._preprocess import Preprocessor

RESULTS = Path("results/benchmarks")


def leukemia():
    data = load_dataset("leukemia").pooled()
    X = Preprocessor([{"clip": [20, 16000]}, "log2"]).fit_transform(data.X)
    return X[:, np.argsort(-X.var(axis=0))[:100]]


def table(load, n_rows=None):
    X = load(return_X_y=True)[0]
    return X[derive_rng(0, "rows").permutation(len(X))[:n_rows]]


DATA = {
    "digits 600 x 64": partial(table, load_digits, 600),
    "breast_cancer 300 x 30": partial(table, load_breast_cancer, 300),
    "diabetes 442 x 10": partial(table, load_diabetes),
    "wine 178 x 13": partial(table, load_wine),
    "leukemia 72 x 100": leukemia,
}


def a_fifth(X, rng):
    return rng.random(X.shape) < 0.2


def half(X, rng):
    return rng.random(X.shape).argsort(axis=1) < X.shape[1] // 2


def square(X, rng):
    corners = rng.integers(0, 5, size=(len(X), 2, 1))
    inside = (np.arange(8) >= corners) & (np.arange(8) < corners + 4)
    return (inside[:, 0, :, None] & inside[:, 1, None, :]).reshape(len(X), -1)


IMAGES = ("digits 600 x 64",)
GAPS = {"a fifth": a_fifth, "half": half, "square": square}
CASES = [(name, gaps) for name in DATA for gaps in GAPS if gaps != "square" or name in IMAGES]
IMPUTERS = {
    "VAE": lambda seed: VAEImputer(VAE(), random_state=seed),
    "ProbabilisticPCA": lambda seed: VAEImputer(ProbabilisticPCA(), random_state=seed),
    "KNNImputer": lambda seed: KNNImputer(),
    "IterativeImputer": lambda seed: IterativeImputer(random_state=seed),
    "mean": lambda seed: SimpleImputer(),
}


def measure(name, gaps, seed):
    X = DATA[name]()
    missing = GAPS[gaps](X, derive_rng(seed, name, gaps))
    holed = np.where(missing, np.nan, X)
    # A column whose remaining entries are all the same has no scale, and nobody can fill it in.
    varies = np.nanstd(holed, axis=0) > 0.0
    X, holed, missing = X[:, varies], holed[:, varies], missing[:, varies]
    shift, scale = np.nanmean(holed, axis=0), np.nanstd(holed, axis=0)
    if name in IMAGES:
        scale = np.nanstd(holed)
    X, holed = (X - shift) / scale, (holed - shift) / scale
    for imputer, make in IMPUTERS.items():
        start = time.perf_counter()
        filled = make(seed).fit_transform(holed)
        yield {
            "data": name,
            "gaps": gaps,
            "imputer": imputer,
            "seed": seed,
            "rmse": round(float(np.sqrt(np.square(filled - X)[missing].mean())), 4),
            "seconds": round(time.perf_counter() - start, 3),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="data sets whose name begins so")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    records = []
    for name, gaps in [case for case in CASES if case[0].startswith(options.only)]:
        for seed in range(options.seeds):
            for record in measure(name, gaps, seed):
                print(json.dumps(record), flush=True)
                records.append(record)
    frame = pd.DataFrame(records)
    frame["case"] = frame["data"] + ", " + frame["gaps"]
    text = tabulate(frame, "imputer", "rmse", "VAE")
    print(text)
    if not options.only:
        RESULTS.mkdir(parents=True, exist_ok=True)
        frame.drop(columns="case").to_csv(RESULTS / "imputation.csv", index=False)
        means = frame.groupby(["case", "imputer"], sort=False)["rmse"].agg(["mean", "std"])
        means.round(4).to_csv(RESULTS / "imputation_means.csv")
        note = (
            f"`python benchmarks/imputation.py --seeds {options.seeds}`: root mean square error of"
            " missing entries in standard deviations of their columns (digits: of all pixels),"
            " mean ± standard deviation over seeds; less is better. Differences: means over cases,"
            " each the mean of its seeds, with 95 % t intervals over cases, which stand for no"
            " population."
        )
        (RESULTS / "imputation.md").write_text(f"# Missing entries\n\n{note}\n\n{text}\n")


if __name__ == "__main__":
    main()
