"""How many masks a second an engine on a device scores, beside the compiled engine on the CPU.

    VAEGA_DATA=... python benchmarks/gpu_fitness.py [--device cuda] [--cases mlp knn] [--masks 640]

Prints a line of JSON a case: masks a second of both on the same masks, each on one CPU core, the
ratio, and how far the scores agree. The first, untimed call compiles kernels, brings the rows to
the device and sets up its libraries.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
from fitness_throughput import CLASSIFIERS, Case, cases
from sklearn.metrics import get_scorer

from vaega.core.threads import one_thread
from vaega.engines._metrics import score_responses
from vaega.engines._registry import Plan, available, recognise, resolve_device, score_fold


def score_on_device(plan: Plan, case: Case, seeds: np.ndarray, device: torch.device) -> np.ndarray:
    module = import_module(f"vaega.engines.{plan.engine}")
    answers = module.respond(
        plan.classifier, case.fold, case.masks, need=plan.metric.need, seeds=seeds, device=device
    )
    return score_responses(plan.metric, case.fold, answers)


def timed(work: Callable[[], np.ndarray], n_repeats: int) -> tuple[float, np.ndarray]:
    seconds = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        scores = work()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), scores


def measure(case: Case, device: torch.device, n_repeats: int) -> dict[str, Any] | None:
    plan = recognise(case.estimator, get_scorer("accuracy"))
    if not isinstance(plan, Plan) or not available(plan.engine):
        return None
    seeds, few = np.arange(len(case.masks)), Case("", case.estimator, case.fold, case.masks[:2])
    score_on_device(plan, few, seeds[:2], device)
    score_fold(plan, few.fold, few.masks, seeds[:2])
    here, compiled = timed(lambda: score_fold(plan, case.fold, case.masks, seeds).scores, n_repeats)
    there, batched = timed(lambda: score_on_device(plan, case, seeds, device), n_repeats)
    both = ~np.isnan(batched) & ~np.isnan(compiled)
    ours, theirs = batched[both], compiled[both]
    return {
        "case": case.name,
        "engine": "batched",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "masks": len(case.masks),
        "masks_per_second": round(len(case.masks) / there, 1),
        "compiled_masks_per_second": round(len(case.masks) / here, 1),
        "ratio": round(here / there, 3),
        "agreement": {
            "undecided": int(np.isnan(batched).sum()),
            "compiled_undecided": int(np.isnan(compiled).sum()),
            "equal_scores": round(float((ours == theirs).mean()), 4) if both.any() else None,
            "mean_difference": round(float((ours - theirs).mean()), 5) if both.any() else None,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cases", nargs="+", default=list(CLASSIFIERS), choices=CLASSIFIERS)
    parser.add_argument("--masks", type=int, default=640, help="networks get a twentieth of these")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    device = resolve_device(options.device, owner="gpu_fitness") or torch.device("cpu")
    with one_thread():
        for case in cases(options.cases, options.masks):
            result = measure(case, device, options.repeats)
            if result is not None:
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
