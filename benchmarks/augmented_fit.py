"""What generated rows cost a selection, and whether training in the span of the rows is as good.

    VAEGA_DATA=path/to/npz python benchmarks/augmented_fit.py [--times 3] [--seeds 5]

Times: processor seconds of a default fit with 3-NN on leukemia (38 and 72 rows x 7,129), on real
rows and with `GenerativeSampler(VAE())`, which fits an autoencoder for each of sixty folds; and of
one autoencoder. "Columns" trains in all columns with torch at half the learning rate, as before; it
is timed once, and of 38 rows alone. Beside them, where they are installed, pythae's VAE (100
epochs, the same latent size) and TVAE (300 epochs, of the first 200 columns alone), as they come.

Quality, level or not: autoencoders in the span and, with the learning rate of before, in the
columns, on five sets whose columns outnumber the rows. Held-out log density a row, within-class
variance of generated over that of real rows, and balanced accuracy on rows that nothing saw, of
ridge, 3-NN and Gaussian naive Bayes, mean of the three: fitted on generated rows alone, and on real
and generated ones. Intervals are Student's, of the paired differences over splits (leukemia,
gcm1363, Yeoh: half of the rows held out, corrected for the overlap) or draws.

Writes results/benchmarks/augmented_fit.md.
"""

import argparse
import logging
import os
import tempfile
import time
import warnings
from contextlib import redirect_stderr, suppress
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from rivals import family, markdown
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vaega import VAE, GenerativeSampler, GeneticSelector, load_dataset
from vaega.generative import _models
from vaega.generative._span import Columns

OUT = Path(__file__).parents[1] / "results" / "benchmarks" / "augmented_fit.md"
CLIPS = {"leukemia": (100.0, 16000.0), "gcm1363": (20.0, 16000.0)}
CLIPS["all_leukemia_yeoh6"] = (20.0, np.inf)
FAMILIES = {"linear sparse, 60 x 500": ("linear sparse", 60, 500)}
FAMILIES["correlated blocks, 60 x 3000"] = ("correlated blocks", 60, 3000)
MOST_ROWS = 40  # generated of a class
FEW = 38


BEFORE = {"learning_rate": 1e-3, "patience": 40}  # the defaults of trainings in the columns
FEW_COLUMNS = 200  # that TVAE is timed with


def in_columns():
    """Return a context in which autoencoders are trained in all columns, by torch."""
    return patch.multiple(_models, frame_of=Columns, can_compile=lambda *arguments: False)


def timed(function, times):
    seconds = []
    for _ in range(times):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return float(np.median(seconds))


def times_of(times):
    data = load_dataset("leukemia")
    tables = {"38 x 7129": (data.X, data.y), "72 x 7129": (data.pooled().X, data.pooled().y)}
    rows = []
    for name, (values, y) in tables.items():
        X = np.log2(np.clip(values, *CLIPS["leukemia"]))

        def fit(sampler=None, X=X, y=y):
            selector = GeneticSelector(KNeighborsClassifier(3), sampler=sampler, random_state=0)
            selector.fit(X, y)

        def model(X=X, y=y, **settings):
            VAE(random_state=0, **settings).fit(X, y)

        def augmented(fit=fit, **settings):
            fit(GenerativeSampler(VAE(**settings), random_state=0))

        augmented()
        row = {"rows": name, "real rows": timed(fit, times), "with VAE": timed(augmented, times)}
        row["ratio"] = row["with VAE"] / row["real rows"]
        row["one VAE"] = timed(model, times)
        with in_columns():
            row["one VAE, columns"] = timed(partial(model, **BEFORE), 1)
            if len(y) == FEW:  # minutes
                row["with VAE, columns"] = timed(partial(augmented, **BEFORE), 1)
        row |= rivals_of(X)
        rows.append(row)
    return pd.DataFrame(rows).round(3).fillna("")


def rivals_of(X):
    """Return the seconds of autoencoders of other packages; none where they are not installed."""
    rows, seconds = StandardScaler().fit_transform(X).astype(np.float32), {}
    logging.disable(logging.CRITICAL)
    with suppress(ImportError), tempfile.TemporaryDirectory() as folder:
        from pythae.models import VAE as PythaeVAE
        from pythae.models import VAEConfig
        from pythae.pipelines import TrainingPipeline
        from pythae.trainers import BaseTrainerConfig

        network = PythaeVAE(VAEConfig(input_dim=rows.shape[1:], latent_dim=VAE().latent))
        settings = BaseTrainerConfig(
            folder, num_epochs=100, per_device_train_batch_size=len(rows), no_cuda=True
        )
        pipeline = TrainingPipeline(network, settings)
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            seconds["pythae"] = timed(lambda: pipeline(train_data=rows), 1)
    with suppress(ImportError):
        from ctgan import TVAE

        table = pd.DataFrame(rows[:, :FEW_COLUMNS]).add_prefix("x")
        seconds[f"TVAE, {FEW_COLUMNS} columns"] = timed(
            lambda: TVAE(embedding_dim=VAE().latent, batch_size=len(rows) // 10 * 10).fit(table), 1
        )
    logging.disable(logging.NOTSET)
    return seconds


def draws_of(name, n):
    """Yield training and test rows, standardised by the training rows."""
    for seed in range(n):
        if name in FAMILIES:
            X, y, X_test, y_test = family(*FAMILIES[name], seed)
        else:
            data = load_dataset(name).pooled()
            rows = np.log2(np.clip(data.X, *CLIPS[name]))
            split = StratifiedShuffleSplit(1, test_size=0.5, random_state=seed)
            train, test = next(split.split(rows, data.y))
            X, y, X_test, y_test = rows[train], data.y[train], rows[test], data.y[test]
        scaler = StandardScaler().fit(X)
        yield scaler.transform(X), y, scaler.transform(X_test), y_test


def figures_of(X, y, X_test, y_test, seed, **settings):
    started = time.process_time()
    model = VAE(random_state=seed, **settings).fit(X, y)
    seconds, report = time.process_time() - started, model.report_
    labels, counts = np.unique(y, return_counts=True)
    drawn = model.sample(dict.fromkeys(labels.tolist(), min(counts.max(), MOST_ROWS)),
                         random_state=seed)  # fmt: skip
    both = np.vstack([X, drawn[0]]), np.concatenate([y, drawn[1]])
    classifiers = RidgeClassifier(), KNeighborsClassifier(3), GaussianNB()
    scores = [
        np.mean(
            [balanced_accuracy_score(y_test, one.fit(*rows).predict(X_test)) for one in classifiers]
        )
        for rows in (drawn, both)
    ]
    return [report.heldout_log_likelihood, report.variance_ratio, *scores, seconds]


FIGURES = ["log density", "variance ratio", "generated alone", "real and generated", "seconds"]


def quality_of(n):
    rows = []
    for name in (*CLIPS, *FAMILIES):
        span, columns = [], []
        for seed, draw in enumerate(draws_of(name, n)):
            span.append(figures_of(*draw, seed))
            with in_columns():
                columns.append(figures_of(*draw, seed, **BEFORE))
            print(name, seed, np.round(span[-1], 3), np.round(columns[-1], 3), flush=True)
        span, columns = pd.DataFrame(span, columns=FIGURES), pd.DataFrame(columns, columns=FIGURES)
        overlap = 0.0 if name in FAMILIES else 1.0
        row = {"set": name}
        for figure in FIGURES[:-1]:
            gap = span[figure] - columns[figure]
            error = gap.std(ddof=1) * (1.0 / n + overlap) ** 0.5
            half, digits = stats.t.ppf(0.975, n - 1) * error, 0 if figure == "log density" else 3
            row[figure] = (
                f"{span[figure].mean():.{digits}f} ({gap.mean():+.{digits}f} ± {half:.{digits}f})"
            )
        row["seconds"] = f"{span['seconds'].median():.2f} ({columns['seconds'].median():.2f})"
        rows.append(row)
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    times = times_of(options.times)
    print(times.to_string(), flush=True)
    quality = quality_of(options.seeds)
    about = "\n\n".join(__doc__.split("\n\n")[2:-1])
    command = f"python benchmarks/augmented_fit.py --times {options.times} --seeds {options.seeds}"
    text = "\n\n".join(
        ["# Generated rows: what they cost, in the span and in the columns", f"`{command}`", about,
         "## Processor seconds", markdown(times),
         "## In the span, and in brackets the difference to the columns", markdown(quality), ""]
    )  # fmt: skip
    OUT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
