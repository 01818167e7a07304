"""How well planted outliers are found: ROC AUC beside PyOD, scikit-learn's detectors and PCA.

    python benchmarks/anomaly.py [--seeds 5] [--only factors]

One row in twenty of each data set is made odd: every column shifted a little, all rows in the same
direction ("shifted"); its entries taken from as many other rows, so that columns are as ever and
their relations are not ("broken"); or a tenth of its columns taken from other rows and doubled
("part").
All detectors are fitted on all rows, standardised, without labels, with the settings they have by
default. PyOD is optional: pip install pyod (anywhere on PYTHONPATH).
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from vaega import VAE, ClassGaussian, ProbabilisticPCA, VAEOutlierDetector
from vaega.core.randomness import derive_rng

RESULTS = Path("results/benchmarks")
SHARE = 0.05


def factors(n, p, n_factors=5):
    def make(rng):
        loadings = rng.normal(size=(n_factors, p))
        return rng.normal(size=(n, n_factors)) @ loadings + rng.normal(size=(n, p))

    return make


def curved(rng):
    """Three coordinates, bent: no linear model of few components holds them."""
    z = rng.uniform(-2, 2, size=(1000, 3))
    waves = np.sin(z @ rng.normal(size=(3, 20)) + rng.uniform(0, 6, size=20))
    return waves + 0.1 * rng.normal(size=(1000, 20))


def breast_cancer(rng):
    X, y = load_breast_cancer(return_X_y=True)
    return X[y == 1][rng.permutation(357)[:300]]


DATA = {
    "factors 500 x 30": factors(500, 30),
    "curved 1000 x 20": curved,
    "breast_cancer 300 x 30": breast_cancer,
    "few rows 60 x 2000": factors(60, 2000),
}


def shifted(rows, rng):
    signs = rng.choice([-1.0, 1.0], size=rows.shape[1])
    return rows + 1.2 * signs


def broken(rows, rng, source):
    picked = rng.integers(len(source), size=rows.shape)
    return source[picked, np.arange(rows.shape[1])]


def part(rows, rng, source):
    columns = rng.permutation(rows.shape[1])[: max(1, rows.shape[1] // 10)]
    odd = rows.copy()
    odd[:, columns] = 2.0 * broken(rows, rng, source)[:, columns]
    return odd


def plant(X, kind, rng):
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    odd = rng.permutation(len(X))[: max(3, round(SHARE * len(X)))]
    makers = {
        "shifted": lambda rows: shifted(rows, rng),
        "broken": lambda rows: broken(rows, rng, X),
        "part": lambda rows: part(rows, rng, X),
    }
    planted = X.copy()
    planted[odd] = makers[kind](X[odd])
    is_odd = np.zeros(len(X), dtype=bool)
    is_odd[odd] = True
    return (planted - planted.mean(axis=0)) / planted.std(axis=0), is_odd


def ours(model, kind):
    def score(X, seed):
        detector = VAEOutlierDetector(model(), kind=kind, random_state=seed).fit(X)
        return -detector.score_samples(X)

    return score


def pca_residual(X, seed):
    pca = PCA(0.9, svd_solver="full").fit(X)
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)


def pyod(name):
    def score(X, seed):
        if name == "VAE":
            from pyod.models.vae import VAE as Detector
        else:
            from pyod.models.auto_encoder import AutoEncoder as Detector
        return Detector(random_state=seed, verbose=0, preprocessing=False).fit(X).decision_scores_

    return score


DETECTORS = {
    "VAE, combined": ours(VAE, "combined"),
    "VAE, likelihood": ours(VAE, "likelihood"),
    "VAE, reconstruction": ours(VAE, "reconstruction"),
    "VAE, latent": ours(VAE, "latent"),
    "ProbabilisticPCA, combined": ours(ProbabilisticPCA, "combined"),
    "ClassGaussian, combined": ours(ClassGaussian, "combined"),
    "PyOD VAE": pyod("VAE"),
    "PyOD AutoEncoder": pyod("AutoEncoder"),
    "IsolationForest": lambda X, seed: -IsolationForest(random_state=seed).fit(X).score_samples(X),
    "LocalOutlierFactor": lambda X, seed: -LocalOutlierFactor().fit(X).negative_outlier_factor_,
    "PCA, residual": pca_residual,
}


def available():
    try:
        import pyod  # noqa: F401
    except ImportError:
        print("PyOD is not installed, so that it is left out: pip install pyod", flush=True)
        return {name: score for name, score in DETECTORS.items() if not name.startswith("PyOD")}
    return DETECTORS


# The combined score was chosen with seeds 0 and 1.
FIRST_SEED = 10


def measure(detectors, data, seeds):
    for name in data:
        for kind in ("shifted", "broken", "part"):
            for seed in range(FIRST_SEED, FIRST_SEED + seeds):
                X, odd = plant(DATA[name](derive_rng(seed, name)), kind, derive_rng(seed, kind))
                for detector, score in detectors.items():
                    start = time.perf_counter()
                    auc = roc_auc_score(odd, score(X, seed))
                    seconds = time.perf_counter() - start
                    yield {
                        "data": name,
                        "outliers": kind,
                        "detector": detector,
                        "seed": seed,
                        "auc": round(float(auc), 4),
                        "seconds": round(seconds, 3),
                    }


def tabulate(records):
    frame = pd.DataFrame(records)
    frame["case"] = frame["data"] + ", " + frame["outliers"]
    groups = frame.groupby(["detector", "case"], sort=False)["auc"]
    text = groups.agg(lambda auc: f"{auc.mean():.3f} ± {auc.sem():.3f}")
    table = text.unstack("detector")
    table.loc["mean of all"] = frame.groupby("detector")["auc"].mean().map("{:.3f}".format)
    table.loc["seconds, median"] = (
        frame.groupby("detector")["seconds"].median().map("{:.2f}".format)
    )
    lines = ["| | " + " | ".join(table.columns) + " |", "|---" * (len(table.columns) + 1) + "|"]
    lines += [f"| {case} | " + " | ".join(row) + " |" for case, row in table.T.items()]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="data sets whose name begins so")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    data, records = [name for name in DATA if name.startswith(options.only)], []
    for record in measure(available(), data, options.seeds):
        print(json.dumps(record), flush=True)
        records.append(record)
    table = tabulate(records)
    print(table)
    if not options.only:
        RESULTS.mkdir(parents=True, exist_ok=True)
        note = (
            f"`python benchmarks/anomaly.py --seeds {options.seeds}`: ROC AUC of planted outliers,"
            " mean ± standard error over seeds.\n\n"
        )
        (RESULTS / "anomaly.md").write_text(f"# Planted outliers\n\n{note}{table}\n")


if __name__ == "__main__":
    main()
