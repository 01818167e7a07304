"""What a second process brings to independent runs, as a JSON line: --jobs 2 against --jobs 1.

    python benchmarks/parallel_runs.py [N_RUNS]

Both compute the same experiment through the command line, in turn; the results must be equal.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

REPEATS = 3
CONFIG = """
name: runs
dataset: {source: "sklearn:breast_cancer"}
preprocess: [standardize]
protocol: {outer: holdout, inner_folds: 3}
fitness: {classifier: random_forest, n_estimators: 20}
search: {population_size: 20, n_generations: 8, n_searches: 1}
"""


def timed(folder, jobs, n_runs):
    results = folder / f"jobs-{jobs}"
    command = [sys.executable, "-m", "vaega.cli", "run", str(folder / "runs.yaml")]
    more = ["--results", str(results), "--jobs", str(jobs), "--set", f"seeds={n_runs}"]
    environment = {**os.environ, "VAEGA_CACHE": str(folder / "cache")}
    started = time.perf_counter()
    subprocess.run([*command, *more], check=True, capture_output=True, env=environment)
    seconds = time.perf_counter() - started
    table = pd.read_csv(results / "runs" / "runs.csv", dtype=str)
    own = [column for column in table if "seconds" in column or "memory" in column]
    return seconds, table.drop(columns=own)


def main():
    n_runs, ratios, seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 16, [], {1: [], 2: []}
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as name:
            folder, tables = Path(name), {}
            (folder / "runs.yaml").write_text(CONFIG)
            for jobs in (1, 2):
                elapsed, tables[jobs] = timed(folder, jobs, n_runs)
                seconds[jobs].append(elapsed)
            assert tables[1].equals(tables[2])
            ratios.append(seconds[1][-1] / seconds[2][-1])
    result = {
        "runs": n_runs,
        "cores": os.cpu_count(),
        "load_before_a_minute": round(os.getloadavg()[0], 1),
        "seconds_of_one_job": [round(one, 1) for one in seconds[1]],
        "seconds_of_two_jobs": [round(one, 1) for one in seconds[2]],
        "ratios": [round(one, 2) for one in ratios],
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
