"""How well unusual rows are found: ROC AUC beside PyOD, scikit-learn's detectors and PCA.

    VAEGA_DATA=... python benchmarks/anomaly.py [--seeds 5] [--only digit]

Unseen classes: detectors are fitted on 70 % of the rows of all other classes, standardised, and
score the other 30 % and the rows of the class that they never saw. Planted outliers: one row in
twenty is made odd (every column shifted a little, all rows in the same direction: "shifted";
entries taken from as many other rows, so that columns are as ever and their relations are not:
"broken"; a tenth of the columns taken from other rows and doubled: "part"), and detectors are
fitted on all rows.

What the detector combines by default was chosen on the cases of `CHOICE` alone; the others show
what came of it. All have the settings of their defaults. PyOD is optional: pip install pyod.
"""

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from vaega import VAE, ClassGaussian, ProbabilisticPCA, VAEOutlierDetector, load_dataset
from vaega.core.randomness import derive_rng
from vaega.data._preprocess import Preprocessor

RESULTS = Path("results/benchmarks")
SHARE = 0.05
DEFAULT = "VAE, combined"
MOST_ROWS = 1000  # Of the usual rows that fit a detector, and of the odd ones that it scores


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


def benign(rng):
    X, y = load_breast_cancer(return_X_y=True)
    return X[y == 1][rng.permutation(357)[:300]]


PLANTED = {
    "factors 500 x 30": factors(500, 30),
    "curved 1000 x 20": curved,
    "breast_cancer 300 x 30": benign,
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


def plant(data, kind, seed):
    """Return rows to fit, rows to score, which are the same, and which of these are odd."""
    X, rng = PLANTED[data](derive_rng(seed, data)), derive_rng(seed, kind)
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
    planted = (planted - planted.mean(axis=0)) / planted.std(axis=0)
    return planted, planted, is_odd


def microarray():
    data = load_dataset("leukemia").pooled()
    return Preprocessor([{"clip": [20, 16000]}, "log2"]).fit_transform(data.X), data.y


def images():
    data = load_dataset("mnist49").pooled()
    return data.X, data.y


def unseen(load, label, seed):
    """Return fit rows of the other classes, rows to score, and which of these are of `label`."""
    X, y = load()
    rng = derive_rng(seed, "split")
    usual, odd = (rng.permutation(np.flatnonzero(mask)) for mask in (y != label, y == label))
    usual, odd = usual[: round(MOST_ROWS / 0.7)] if len(usual) > 2000 else usual, odd[:MOST_ROWS]
    n_fit = round(0.7 * len(usual))
    scaler = StandardScaler().fit(X[usual[:n_fit]])
    scored = np.concatenate([usual[n_fit:], odd])
    is_odd = np.arange(len(scored)) >= len(usual) - n_fit
    return scaler.transform(X[usual[:n_fit]]), scaler.transform(X[scored]), is_odd


digits, wine = partial(load_digits, return_X_y=True), partial(load_wine, return_X_y=True)
tumours = partial(load_breast_cancer, return_X_y=True)
CHOICE = {
    **{f"digit {d}": partial(unseen, digits, d) for d in range(5)},
    "wine 0": partial(unseen, wine, 0),
    **{
        f"{data}, {kind}": partial(plant, data, kind)
        for data in ("factors 500 x 30", "curved 1000 x 20")
        for kind in ("shifted", "broken", "part")
    },
}
UNSEEN = {
    **{f"digit {d}": partial(unseen, digits, d) for d in range(5, 10)},
    "wine 1": partial(unseen, wine, 1),
    "wine 2": partial(unseen, wine, 2),
    "malignant among benign": partial(unseen, tumours, 0),
    "MNIST 9 among 4": partial(unseen, images, 1),
    "AML among ALL": partial(unseen, microarray, 1),
}
PLANTED_CASES = {
    f"{data}, {kind}": partial(plant, data, kind)
    for data in PLANTED
    for kind in ("shifted", "broken", "part")
}
# What is planted to show is drawn with other seeds than what was planted to choose.
GROUPS = {"choice": (CHOICE, 0), "unseen": (UNSEEN, 0), "planted": (PLANTED_CASES, 10)}


def ours(model, kinds):
    """Return what scores rows by one fit: the detector's default, and each of its parts."""

    def scores(fit_rows, rows, seed):
        detector = VAEOutlierDetector(model(), random_state=seed).fit(fit_rows)
        yield "combined", -detector.score_samples(rows)
        for kind in kinds:
            if kind != "likelihood and latent":
                yield kind, detector._of(kind, rows)
                continue
            units = []
            for part in ("likelihood", "latent"):
                low, median, high = np.percentile(detector._of(part, fit_rows), [25, 50, 75])
                units.append((detector._of(part, rows) - median) / (high - low))
            yield kind, np.max(units, axis=0)

    return scores


def rival(score):
    def scores(fit_rows, rows, seed):
        yield "", score(fit_rows, rows, seed)

    return scores


def local_factor(fit_rows, rows, seed):
    if fit_rows is rows:
        return -LocalOutlierFactor().fit(rows).negative_outlier_factor_
    return -LocalOutlierFactor(novelty=True).fit(fit_rows).score_samples(rows)


def pca_residual(fit_rows, rows, seed):
    pca = PCA(0.9, svd_solver="full").fit(fit_rows)
    return np.square(rows - pca.inverse_transform(pca.transform(rows))).sum(axis=1)


def pyod(name):
    def score(fit_rows, rows, seed):
        if name == "VAE":
            from pyod.models.vae import VAE as Detector
        else:
            from pyod.models.auto_encoder import AutoEncoder as Detector
        detector = Detector(random_state=seed, verbose=0, preprocessing=False).fit(fit_rows)
        return detector.decision_function(rows)

    return score


PARTS = ("reconstruction", "latent", "likelihood", "likelihood and latent")
DETECTORS = {
    "VAE": ours(VAE, PARTS),
    "ProbabilisticPCA": ours(ProbabilisticPCA, ("likelihood",)),
    "ClassGaussian": ours(ClassGaussian, ("likelihood",)),
    "PyOD VAE": rival(pyod("VAE")),
    "PyOD AutoEncoder": rival(pyod("AutoEncoder")),
    "IsolationForest": rival(
        lambda fit_rows, rows, seed: (
            -IsolationForest(random_state=seed).fit(fit_rows).score_samples(rows)
        )
    ),
    "LocalOutlierFactor": rival(local_factor),
    "OneClassSVM": rival(
        lambda fit_rows, rows, seed: -OneClassSVM().fit(fit_rows).score_samples(rows)
    ),
    "PCA, residual": rival(pca_residual),
}


def available(group):
    if group == "choice":
        return {"VAE": DETECTORS["VAE"]}
    try:
        import pyod  # noqa: F401
    except ImportError:
        print("PyOD is not installed, so that it is left out: pip install pyod", flush=True)
        return {name: scores for name, scores in DETECTORS.items() if not name.startswith("PyOD")}
    return DETECTORS


def measure(group, seeds, only):
    cases, first = GROUPS[group]
    for case in [name for name in cases if name.startswith(only)]:
        for seed in range(first, first + seeds):
            fit_rows, rows, odd = cases[case](seed)
            for name, scores in available(group).items():
                start = time.perf_counter()
                for kind, score in scores(fit_rows, rows, seed):
                    yield {
                        "group": group,
                        "case": case,
                        "detector": f"{name}, {kind}" if kind else name,
                        "seed": seed,
                        "auc": round(float(roc_auc_score(odd, score)), 4),
                        "seconds": round(time.perf_counter() - start, 3),
                    }


def tabulate(frame, by, value, default):
    """Return a Markdown table, a line each case; differences are those of means over seeds."""
    groups = frame.groupby(["case", by], sort=False)[value]
    mean, spread = groups.mean().unstack(by, sort=False), groups.std().unstack(by, sort=False)
    text = mean.map("{:.3f}".format) + spread.map(" ± {:.3f}".format)
    text.loc["mean of all"] = mean.mean().map("{:.3f}".format)
    text.loc[f"{default}, less it"] = [
        difference(mean[default] - mean[name]) if name != default else "" for name in mean
    ]
    seconds = frame.groupby(by)["seconds"].median()
    text.loc["seconds, median"] = [f"{seconds[name]:.2f}" for name in mean]
    lines = ["| | " + " | ".join(mean) + " |", "|---" + "|---:" * mean.shape[1] + "|"]
    lines += [f"| {case} | " + " | ".join(cells) + " |" for case, cells in text.T.items()]
    return "\n".join(lines)


def difference(values):
    """Return mean and 95 % t interval over cases."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.sem()
    return f"{values.mean():+.3f} [{values.mean() - half:+.3f}, {values.mean() + half:+.3f}]"


TITLES = {
    "choice": "Cases that the default was chosen on",
    "unseen": "Unseen classes, which took no part in the choice",
    "planted": "Planted outliers",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    records = []
    for group in GROUPS:
        for record in measure(group, options.seeds, options.only):
            print(json.dumps(record), flush=True)
            records.append(record)
    frame = pd.DataFrame(records)
    tables = [
        f"## {TITLES[group]}\n\n{tabulate(part, 'detector', 'auc', DEFAULT)}"
        for group, part in frame.groupby("group", sort=False)
    ]
    print("\n\n".join(tables))
    if not options.only:
        RESULTS.mkdir(parents=True, exist_ok=True)
        frame.to_csv(RESULTS / "anomaly.csv", index=False)
        note = (
            f"`python benchmarks/anomaly.py --seeds {options.seeds}`: ROC AUC, mean ± standard"
            " deviation over seeds. Differences: means over the cases of a table, each the mean of"
            " its seeds, with 95 % t intervals over cases, which stand for no population. Seconds"
            " of fit and scores; those of the VAE's kinds add up, as they share one fit."
        )
        (RESULTS / "anomaly.md").write_text(
            "\n\n".join(["# Unusual rows: detectors compared", note, *tables]) + "\n"
        )


if __name__ == "__main__":
    main()
