"""How many masks a second the perceptron scores on a device, beside its kernels on the CPU.

    VAEGA_DATA=... python benchmarks/gpu_fitness.py [--device cuda] [--masks 640]

Prints a line of JSON a case: masks a second of both on the same masks, each on one CPU core, the
ratio, and how far the scores agree. The first, untimed call compiles kernels, brings the rows to
the device and sets up its libraries.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from fitness_throughput import Case, cases
from sklearn.metrics import get_scorer

from vaega.core.devices import pick_device
from vaega.core.threads import one_thread
from vaega.engines._registry import EngineSpec, match, score_fold


def timed(work: Callable[[], np.ndarray], n_repeats: int) -> tuple[float, np.ndarray]:
    seconds = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        scores = work()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), scores


def measure(case: Case, device: torch.device, n_repeats: int) -> dict[str, Any]:
    kernels = match(case.estimator, get_scorer("accuracy"))
    assert isinstance(kernels, EngineSpec)
    batched, seeds = replace(kernels, device=str(device)), np.arange(len(case.masks))

    def scores(spec: EngineSpec, n_masks: int | None = None) -> np.ndarray:
        return score_fold(spec, case.fold, case.masks[:n_masks], seeds[:n_masks]).scores

    for spec in (kernels, batched):
        scores(spec, 2)
    here, theirs = timed(lambda: scores(kernels), n_repeats)
    there, ours = timed(lambda: scores(batched), n_repeats)
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    return {
        "case": case.name,
        "engine": "batched",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "masks": len(case.masks),
        "masks_per_second": round(len(case.masks) / there, 1),
        "kernel_masks_per_second": round(len(case.masks) / here, 1),
        "ratio": round(here / there, 3),
        "agreement": {
            "uncertain": int(np.isnan(ours).sum()),
            "kernel_uncertain": int(np.isnan(theirs).sum()),
            "equal_scores": round(float((ours == theirs)[both].mean()), 4),
            "mean_difference": round(float((ours - theirs)[both].mean()), 5),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--masks", type=int, default=640, help="networks get an eighth of these")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    device = pick_device(options.device, owner="gpu_fitness")
    with one_thread():
        for case in cases(["mlp"], options.masks):
            print(json.dumps(measure(case, device, options.repeats)), flush=True)


if __name__ == "__main__":
    main()
