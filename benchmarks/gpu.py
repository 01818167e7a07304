"""What a device does for vaega, beside one core of the processor, as JSON lines.

    VAEGA_DATA=... python benchmarks/gpu.py [--device cuda] [--networks 200] [--masks 640]

A few minutes: autoencoders trained (38 x 7,129, the default widths, which train in the span of the
rows, and the thesis's, in the columns), a model read from the cache, the perceptron's engine on
populations of masks (its scores beside those of the kernels), and what it costs to bring rows to
the device and back. Every first call is untimed: it compiles kernels and sets up libraries. Each
line names the hardware; ``--device cpu`` tries the same path without a device, and claims nothing.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from fitness_throughput import Case, cases
from sklearn.metrics import get_scorer

from vaega import VAE
from vaega.core.devices import pick_device
from vaega.core.threads import one_thread
from vaega.engines._registry import EngineSpec, match, score_fold
from vaega.generative._registry import fit_model

N_ROWS, N_COLUMNS = 38, 7_129
WIDE = 20  # default networks for which one of the thesis's widths is trained


def synchronised(device: torch.device) -> float:
    """Return the time when all that was given to a device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(work: Callable[[], Any], n_repeats: int, device: torch.device) -> tuple[float, Any]:
    """Return the median seconds of some work, and what it returned last."""
    seconds = []
    for _ in range(n_repeats):
        start = synchronised(device)
        result = work()
        seconds.append(synchronised(device) - start)
    return float(np.median(seconds)), result


def name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def show(case: str, device: torch.device, **figures: Any) -> None:
    print(json.dumps({"case": case, "device": name_of(device), **figures}), flush=True)


def train(device: torch.device, n_networks: int) -> None:
    """Time autoencoders on the device and on the processor."""
    rng, y = np.random.default_rng(0), np.arange(N_ROWS) % 2
    X = rng.normal(size=(N_ROWS, 20)) @ rng.normal(size=(20, N_COLUMNS)) + rng.normal(
        size=(N_ROWS, N_COLUMNS)
    )
    kinds: dict[str, tuple[Callable[..., VAE], int]] = {
        "VAE, default": (VAE, n_networks),
        "VAE, thesis's widths": (
            partial(VAE.from_preset, "thesis", max_epochs=200),
            max(n_networks // WIDE, 1),
        ),
    }
    for kind, (make, n) in kinds.items():

        def fit(where: str, count: int, make: Callable[..., VAE] = make) -> None:
            for seed in range(count):
                make(device=where, random_state=seed).fit(X, y)

        for where in ("cpu", str(device)):
            fit(where, 1)
        there = timed(lambda: fit(str(device), n), 1, device)[0] / n  # noqa: B023
        few = max(n // 10, 1)  # the processor's are alike, and slow
        here = timed(lambda: fit("cpu", few), 1, device)[0] / few  # noqa: B023
        figures = {"ms": 1e3 * there, "cpu_ms": 1e3 * here, "ratio": here / there}
        show(kind, device, networks=n, **{name: round(x, 2) for name, x in figures.items()})
    with tempfile.TemporaryDirectory() as folder:
        model = VAE(device=str(device), random_state=0)
        fit_model(model, X, y, cache=folder)

        def read() -> Any:
            return fit_model(VAE(device=str(device), random_state=0), X, y, cache=folder)

        show("model from the cache", device, ms=round(1e3 * timed(read, 5, device)[0], 2))
    there, _ = timed(lambda: torch.as_tensor(X, device=device).cpu(), 20, device)
    figures = {"megabytes": X.nbytes / 1e6, "ms": 1e3 * there}
    show("rows there and back", device, **{name: round(x, 2) for name, x in figures.items()})


def measure(case: Case, device: torch.device, n_repeats: int) -> dict[str, Any]:
    """Return masks a second of an engine on the device and of its kernels, and their agreement."""
    kernels = match(case.estimator, get_scorer("accuracy"))
    assert isinstance(kernels, EngineSpec)
    batched, seeds = replace(kernels, device=str(device)), np.arange(len(case.masks))

    def scores(spec: EngineSpec, n_masks: int | None = None) -> np.ndarray:
        return score_fold(spec, case.fold, case.masks[:n_masks], seeds[:n_masks]).scores

    for spec in (kernels, batched):
        scores(spec, 2)
    here, theirs = timed(lambda: scores(kernels), n_repeats, device)
    there, ours = timed(lambda: scores(batched), n_repeats, device)
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    return {
        "masks": len(case.masks),
        "masks_per_second": round(len(case.masks) / there, 1),
        "kernel_masks_per_second": round(len(case.masks) / here, 1),
        "ratio": round(here / there, 3),
        "uncertain": int(np.isnan(ours).sum()),
        "kernel_uncertain": int(np.isnan(theirs).sum()),
        "equal_scores": round(float((ours == theirs)[both].mean()), 4),
        "mean_difference": round(float((ours - theirs)[both].mean()), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--masks", type=int, default=640, help="perceptrons get an eighth of these")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    device = pick_device(options.device, owner="gpu")
    with one_thread():
        train(device, options.networks)
        for case in cases(["mlp"], options.masks):
            show(case.name, device, **measure(case, device, options.repeats))


if __name__ == "__main__":
    main()
