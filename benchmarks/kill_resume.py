"""Kill an experiment at random moments, resume it, compare with one that was left alone.

A call that ended before its moment is not counted and done again. Prints a line a kill, and at the end how many of the resumed experiments were equal, byte for byte:
every history.csv and selected.csv, and runs.csv without the column of seconds.

    python benchmarks/kill_resume.py --kills 50
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

CONFIG = """
name: killed
dataset: {source: "sklearn:wine"}
preprocess: [standardize]
protocol: {outer: holdout, inner_folds: 3}
arms:
  original: {}
  augmented: {generator: {kind: vae, hidden: [16], latent: 4, max_epochs: 5}, amount: 30}
fitness: {classifier: mlp, hidden_layer_sizes: [4], max_iter: 15}
search: {population_size: 8, n_generations: 5, n_searches: 2}
seeds: 1
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="vaega-kill-") as folder:
        n_equal = compare(Path(folder), arguments.kills, arguments.seed, arguments.jobs)
    print(f"{n_equal}/{arguments.kills} equal")
    return int(n_equal < arguments.kills)


def compare(folder, n_kills, seed, jobs):
    config = folder / "killed.yaml"
    config.write_text(CONFIG)
    started = time.monotonic()
    run(config, folder / "whole", jobs).wait()
    duration = time.monotonic() - started
    whole = contents(folder / "whole")
    print(f"uninterrupted: {duration:.1f} s, {len(whole[1])} files", flush=True)
    rng, n_equal = np.random.default_rng(seed), 0
    # One moment in each equal part of the duration, in random order.
    shares = (rng.permutation(n_kills) + rng.random(n_kills)) / n_kills
    for number, share in enumerate(shares, start=1):
        results = folder / f"kill-{number}"
        while not (states := kill_and_resume(config, results, jobs, share * duration, rng)):
            # It had ended before its moment came: the machine is quicker than it was.
            shutil.rmtree(results)
            duration *= 0.9
        equal = contents(results) == whole
        n_equal += equal
        answer = "equal" if equal else "DIFFERENT"
        print(f"{number:3d} killed {' and '.join(states)}: {answer}", flush=True)
    return n_equal


def kill_and_resume(config, results, jobs, moment, rng):
    """Kill the first call, and every third resume too; then let it end.

    Returns where each kill met it; nothing when the first call had ended by itself.
    """
    process, states = run(config, results, jobs), []
    moments = [moment, moment * rng.random()] if rng.random() < 1 / 3 else [moment]
    for seconds in moments:
        try:
            process.wait(timeout=seconds)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        states.append(f"after {seconds:.2f} s, {describe(results)}")
        process = go_on(config, results, jobs)
    if process.wait() != 0:
        raise SystemExit(f"the last call failed with code {process.returncode}")
    return states


def run(config, results, jobs):
    return start(results, "run", str(config), "--results", str(results), "--jobs", str(jobs))


def go_on(config, results, jobs):
    if (results / "killed" / "plan.json").exists():
        return start(results, "resume", str(results / "killed"), "--jobs", str(jobs))
    return run(config, results, jobs)  # killed before it had begun


def start(results, *arguments):
    # A cache of their own, so that autoencoders are trained, and killed in training, each time.
    return subprocess.Popen(
        [sys.executable, "-m", "vaega.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "VAEGA_CACHE": str(results / "cache")},
    )


def describe(results):
    folder = results / "killed"
    if not (folder / "plan.json").exists():
        return "in the start"
    n_done = len(list(folder.glob("runs/*/selected.csv")))
    n_open = len(list(folder.glob("runs/*/checkpoint/*/*.npz")))
    return f"{n_done} of 2 runs done" + (", a checkpoint" if n_open else "")


def contents(results):
    folder = results / "killed"
    runs = pd.read_csv(folder / "runs.csv", dtype=str).drop(columns="seconds").to_csv()
    files = [*folder.glob("runs/*/history.csv"), *folder.glob("runs/*/selected.csv")]
    return runs, {str(path.relative_to(folder)): path.read_bytes() for path in files}


if __name__ == "__main__":
    sys.exit(main())
