"""What a model of the cache costs, beside training it, as JSON lines.

    python benchmarks/model_cache.py [--rows 38] [--columns 7129]

Claim: a hit at 38 x 7129 with the hidden widths 346 and 178 takes under 50 ms, half
of them for the SHA-256 of 21 MB. The first use of a model that was found puts its networks together
in float64, and is printed beside.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from vaega import VAE, FitWarning
from vaega.generative._cache import ModelCache
from vaega.generative._entries import check_about
from vaega.generative._storage import WEIGHTS, read_weights, restore_model

REPEATS = 25


def timed(action):
    wall, cpu = [], []
    for _ in range(REPEATS):
        started = time.perf_counter(), time.process_time()
        action()
        wall.append(1e3 * (time.perf_counter() - started[0]))
        cpu.append(1e3 * (time.process_time() - started[1]))
    return {
        "best_ms": round(min(wall), 2),
        "median_ms": round(statistics.median(wall), 2),
        "median_cpu_ms": round(statistics.median(cpu), 2),
    }


def make_model():
    return VAE((346, 178), 108, max_epochs=3, random_state=0)


def show(case, **figures):
    print(json.dumps({"case": case, **figures}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=38)
    parser.add_argument("--columns", type=int, default=7129)
    size = parser.parse_args()
    X = np.random.default_rng(0).normal(size=(size.rows, size.columns))
    y = np.arange(size.rows) % 2
    warnings.simplefilter("ignore", FitWarning)
    with tempfile.TemporaryDirectory() as folder:
        cache = ModelCache(folder)
        started = time.perf_counter()
        fitted = cache.fit(make_model(), X, y)
        show("miss, 3 epochs", ms=round(1e3 * (time.perf_counter() - started), 1))
        key = cache.key(make_model(), X, y)
        entry = Path(folder) / key
        digest = json.loads((entry / "model.json").read_text())["weights_sha256"]
        size_mb = (entry / WEIGHTS).stat().st_size / 1e6
        show("hit", megabytes=round(size_mb, 1), **timed(lambda: cache.fit(make_model(), X, y)))
        show("  of it: key of rows and settings", **timed(lambda: cache.key(make_model(), X, y)))
        show(
            "  of it: weights checked and mapped",
            **timed(lambda: read_weights(entry / WEIGHTS, digest)),
        )
        show("  of it: card of the entry", **timed(lambda: check_about(entry, key)))
        show(
            "hit and first use",
            **timed(lambda: cache.fit(make_model(), X, y).sample({0: 1}, random_state=0)),
        )
        show("not lazy", **timed(lambda: restore_model(make_model(), entry)))
        again = cache.fit(make_model(), X, y)
        same = np.array_equal(again.transform(X), fitted.transform(X))
        show("same bits as when it was trained", same=bool(same))


if __name__ == "__main__":
    main()
