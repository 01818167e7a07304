"""How long a quality report takes, by part: JSON lines, one a generator and size.

``python benchmarks/quality.py`` measures Golub's leukemia (38 x 7129; with $VAEGA_DATA, otherwise
made-up rows of that size) and two smaller sets. ``seconds`` leaves the generator's own fit out;
``seconds_with_fit`` has it.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine

from vaega import VAE, ProbabilisticPCA, measure_quality


def leukemia():
    folder = os.environ.get("VAEGA_DATA")
    if folder is None:
        rng = np.random.default_rng(0)
        y, t = np.repeat([0, 1], [27, 11]), np.repeat([0, 1], [20, 14])
        X, T = rng.normal(size=(38, 7129)), rng.normal(size=(34, 7129))
        X[:, :50] += y[:, None]
        T[:, :50] += t[:, None]
        return "made up", (X, y, T, t)
    with np.load(Path(folder) / "leukemia.npz", allow_pickle=False) as data:
        X, T = (np.log2(np.clip(data[f"X_{part}"], 20, 16000)) for part in ("train", "test"))
        return "leukemia", (X, data["y_train"], T, data["y_test"])


def halves(X, y):
    place = np.random.default_rng(0).permutation(len(y))
    fit, test = place[: len(y) // 2], place[len(y) // 2 :]
    return X[fit], y[fit], X[test], y[test]


def cases():
    name, rows = leukemia()
    yield name, rows, VAE(hidden=(346, 178), latent=108, random_state=0)
    yield name, rows, ProbabilisticPCA(random_state=0)
    yield "breast_cancer", halves(*load_breast_cancer(return_X_y=True)), VAE(random_state=0)
    yield "wine", halves(*load_wine(return_X_y=True)), VAE(random_state=0)


def measure(name, rows, model):
    X, y, X_test, y_test = rows
    start, cpu = time.perf_counter(), time.process_time()
    report = measure_quality(model, X, y, X_test=X_test, y_test=y_test)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    parts = {part: round(seconds, 3) for part, seconds in report.seconds.items()}
    return {
        "data": name,
        "generator": report.generator,
        "n_fit": report.n_fit,
        "n_heldout": report.n_heldout,
        "n_synthetic": report.n_synthetic,
        "n_features": report.n_features,
        "seconds": round(wall - parts["generator"], 3),
        "seconds_with_fit": round(wall, 3),
        "cpu_seconds_with_fit": round(cpu, 3),
        "parts": parts,
    }


def main():
    for case in cases():
        print(json.dumps(measure(*case)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
