"""Are generated rows calibrated, do they help or hurt naive Bayes, and who explains held-out rows?

    VAEGA_DATA=... python benchmarks/generators.py [--datasets leukemia] [--seeds 5] [--out FILE]

For each data set and seed, 30 % of the rows are held out by class; all else, standardisation
included, is fitted on the others. A CSV row each model: the within-class variance of 2,000
generated rows over that of the fit rows; balanced accuracy of Gaussian naive Bayes on the held-out
rows, fitted on real rows and on these with as many generated ones again, even over classes; the
held-out log density a column in nats (of rows whatever their class, standardised); seconds of the
fit. Two controls stand beside them: bootstrap rows, which know nothing new, and no rows but naive
Bayes with its variances smoothed as inner folds of the real rows choose. With ``--out`` a table of
means with 95 % intervals, corrected for splits that overlap (Nadeau and Bengio 2003), is written
beside the CSV file, as Markdown and as FILE_means.csv.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.naive_bayes import GaussianNB

from vaega import (
    VAE,
    Autoencoder,
    Bootstrap,
    ClassGaussian,
    ConditionalVAE,
    HierarchicalVAE,
    ProbabilisticPCA,
    load_dataset,
)
from vaega.data._preprocess import Preprocessor
from vaega.experiments.controls import REGULARISERS
from vaega.experiments.intervals import corrected_error
from vaega.generative._data import within_class_variance

MICROARRAY = [{"clip": [20, 16000]}, "log2", "standardize"]
DATASETS = {
    "leukemia": MICROARRAY,
    "madelon": ["standardize"],
    "gcm1363": MICROARRAY,
    "all_leukemia_yeoh6": MICROARRAY,
    "sklearn:breast_cancer": ["standardize"],
}
MODELS = {
    "VAE": VAE(),
    "ConditionalVAE": ConditionalVAE(),
    "HierarchicalVAE": HierarchicalVAE(),
    "Autoencoder": Autoencoder(),
    "ProbabilisticPCA": ProbabilisticPCA(),
    "ClassGaussian": ClassGaussian(),
}
BOOTSTRAP, REGULARISED = "bootstrap rows", "regularised alone"
KINDS = (*MODELS, BOOTSTRAP, REGULARISED)
GENERATED, TEST_SHARE = 2000, 0.3


def split(name, seed):
    data = load_dataset(name).pooled()
    parts = train_test_split(
        np.arange(len(data.y)), test_size=TEST_SHARE, stratify=data.y, random_state=seed
    )
    preparation = Preprocessor(DATASETS[name]).fit(data.X[parts[0]])
    X_fit, X_test = (preparation.transform(data.X[part]) for part in parts)
    varies = np.ptp(X_fit, axis=0) > 0
    return X_fit[:, varies], data.y[parts[0]], X_test[:, varies], data.y[parts[1]]


def naive_bayes(X_fit, y_fit, X_test, y_test):
    model = GaussianNB().fit(X_fit, y_fit)
    return balanced_accuracy_score(y_test, model.predict(X_test))


def evenly(y, n):
    labels = np.unique(y).tolist()
    return dict.fromkeys(labels, max(1, n // len(labels)))


def regularised(X_fit, y_fit, X_test, y_test):
    name, values, _ = REGULARISERS["GaussianNB"]
    tuned = GridSearchCV(GaussianNB(), {name: values}, cv=3, scoring="balanced_accuracy")
    return balanced_accuracy_score(y_test, tuned.fit(X_fit, y_fit).predict(X_test))


def control(kind, seed, X_fit, y_fit, X_test, y_test):
    """Return the balanced accuracy with bootstrap rows, or with none and the variances smoothed."""
    if kind == REGULARISED:
        return regularised(X_fit, y_fit, X_test, y_test)
    n = max(1, len(y_fit) // len(np.unique(y_fit)))
    both = Bootstrap(n_per_class=n, random_state=seed).fit_resample(X_fit, y_fit)
    return naive_bayes(*both, X_test, y_test)


def measure(name, seed, kind):
    X_fit, y_fit, X_test, y_test = split(name, seed)
    if kind not in MODELS:
        return {
            "dataset": name,
            "seed": seed,
            "model": kind,
            "variance_ratio": np.nan,
            "naive_bayes_real": naive_bayes(X_fit, y_fit, X_test, y_test),
            "naive_bayes_both": control(kind, seed, X_fit, y_fit, X_test, y_test),
            "heldout_density": np.nan,
            "seconds": np.nan,
        }
    start = time.perf_counter()
    model = clone(MODELS[kind]).set_params(random_state=seed).fit(X_fit, y_fit)
    seconds = time.perf_counter() - start
    shares = pd.Series(y_fit).value_counts(normalize=True)
    many = {label: max(2, round(GENERATED * share)) for label, share in shares.items()}
    drawn = model.sample(many, random_state=seed)
    ratio = pooled_variance(*drawn) / pooled_variance(X_fit, y_fit)
    rows, labels = model.sample(evenly(y_fit, len(y_fit)), random_state=seed + 1000)
    real = naive_bayes(X_fit, y_fit, X_test, y_test)
    both = naive_bayes(np.vstack([X_fit, rows]), np.append(y_fit, labels), X_test, y_test)
    density = model.score(X_test) / X_fit.shape[1] if hasattr(model, "score_samples") else np.nan
    return {
        "dataset": name,
        "seed": seed,
        "model": kind,
        "variance_ratio": ratio,
        "naive_bayes_real": real,
        "naive_bayes_both": both,
        "heldout_density": density,
        "seconds": seconds,
    }


def pooled_variance(X, y):
    return within_class_variance(X, np.unique(y, return_inverse=True)[1]).sum()


FIGURES = ("variance_ratio", "naive_bayes_real", "gain", "heldout_density", "seconds")


def means_of(runs):
    """Return the mean of each figure and half of its corrected interval, a line each model."""
    runs = runs.assign(gain=runs["naive_bayes_both"] - runs["naive_bayes_real"])
    lines = []
    for (dataset, kind), part in runs.groupby(["dataset", "model"], sort=False):
        line = {"dataset": dataset, "model": kind}
        for figure in FIGURES:
            values = part[figure].to_numpy(dtype=float)
            line[figure] = values.mean()
            if np.isfinite(values).all() and len(values) > 1:
                error = corrected_error(values, test_share=TEST_SHARE / (1.0 - TEST_SHARE))
                line[f"{figure}_half"] = stats.t.ppf(0.975, len(values) - 1) * error
        lines.append(line)
    return pd.DataFrame(lines)


def table(means):
    lines = [
        f"| dataset | model | {' | '.join(figure.replace('_', ' ') for figure in FIGURES)} |",
        "| --- | --- |" + " ---: |" * len(FIGURES),
    ]
    for line in means.to_dict("records"):
        cells = [
            "-" if np.isnan(line[name]) else f"{line[name]:.3f} ± {line[f'{name}_half']:.3f}"
            for name in FIGURES
        ]
        lines.append(f"| {line['dataset']} | {line['model']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS)
    parser.add_argument("--models", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a .csv file; its table goes to the .md beside it")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for dataset in options.datasets:
        for seed in range(options.seeds):
            for kind in options.models:
                rows.append(measure(dataset, seed, kind))
                cells = (v if isinstance(v, str) else round(v, 4) for v in rows[-1].values())
                print(*cells, sep=",", flush=True)
    runs = pd.DataFrame(rows)
    if options.out:
        runs.round(5).to_csv(options.out, index=False)
        kinds = "" if options.models == list(KINDS) else f" --models {options.models}"
        command = f"python benchmarks/generators.py --seeds {options.seeds}{kinds}"
        means = means_of(runs)
        means.round(4).to_csv(options.out.with_name(f"{options.out.stem}_means.csv"), index=False)
        about = "means over seeds and half of their corrected 95 % intervals"
        text = f"`{command}`: {about}.\n\n{table(means)}\n"
        options.out.with_suffix(".md").write_text(text)
    print(table(means_of(runs)))


if __name__ == "__main__":
    main()
