"""Kill an experiment at random moments, resume it, compare with one that was left alone.

Prints a line a kill, and at the end how many of the resumed experiments were equal, byte for byte:
every history.csv and selected.csv, and runs.csv without the column of seconds.

The moments are spread over the work: a kill comes a random part of a second after so many scores
were stored. Time alone would not do where other programs change how quick the machine is. A tenth
meets the start of the process, which has nothing to lose yet.

    python benchmarks/kill_resume.py --kills 50
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

CONFIG = """
name: killed
dataset: {source: "sklearn:wine"}
preprocess: [standardize]
protocol: {final: false, outer: holdout, inner_folds: 3}
arms:
  original: {}
  augmented: {generator: {kind: vae, hidden: [16], latent: 4, max_epochs: 5}, n_synthetic: 30}
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
    run(config, folder / "whole", jobs).wait()
    whole, n_scores = contents(folder / "whole"), count_scores(folder / "whole")
    print(f"uninterrupted: {n_scores} scores stored", flush=True)
    rng, n_equal = np.random.default_rng(seed), 0
    # One target in each equal part of the work, in random order; below 0 is the start.
    shares = (rng.permutation(n_kills) + rng.random(n_kills)) / n_kills
    for number, target in enumerate(np.interp(shares, [0, 0.1, 1], [-1, 0, n_scores]), start=1):
        results = folder / f"kill-{number}"
        states = kill_and_resume(config, results, jobs, target, rng)
        equal = contents(results) == whole
        n_equal += equal
        answer = "equal" if equal else "DIFFERENT"
        print(f"{number:3d} killed with {', then with '.join(states)}: {answer}", flush=True)
    return n_equal


def kill_and_resume(config, results, jobs, target, rng):
    """Kill the first call, and every third resume too; then let it end."""
    process, states = run(config, results, jobs), []
    for _ in range(1 + (rng.random() < 1 / 3)):
        wait_until_stored(process, results, target, rng)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            states.append(describe(results))
        else:
            states.append("nothing left to do")
        process = go_on(config, results, jobs)
        target += rng.random() * 20  # the second kill comes a little later
    if process.wait() != 0:
        raise SystemExit(f"the last call failed with code {process.returncode}")
    return states


def wait_until_stored(process, results, target, rng):
    if target < 0:
        time.sleep(3.0 * -target)
        return
    while process.poll() is None and count_scores(results) < target:
        time.sleep(0.01)
    time.sleep(0.5 * rng.random())


def count_scores(results):
    path = results / "killed" / "memory.sqlite3"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM scores").fetchone()[0]
    except sqlite3.OperationalError:  # not begun yet
        return -1


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
        return "nothing begun"
    n_done = len(list(folder.glob("runs/*/metrics.json")))
    n_open = len(list(folder.glob("runs/*/checkpoint/*/*.npz")))
    scores, searches = max(count_scores(results), 0), f"{n_open} searches saved"
    return f"{scores} scores, {searches}, {n_done} of 2 runs done"


def contents(results):
    folder = results / "killed"
    runs = pd.read_csv(folder / "runs.csv", dtype=str).drop(columns="seconds").to_csv()
    files = [*folder.glob("runs/*/history.csv"), *folder.glob("runs/*/selected.csv")]
    return runs, {str(path.relative_to(folder)): path.read_bytes() for path in files}


if __name__ == "__main__":
    sys.exit(main())
