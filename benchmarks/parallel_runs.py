"""What a second process brings to independent runs, as a JSON line: --jobs 2 against --jobs 1.

    python benchmarks/parallel_runs.py [N_RUNS [REPEATS]]

Both compute the same experiment through the command line, in turn; the results must be equal. On a
machine that others use, too, the seconds say little: those of the processors tell what starting two
processes and sharing the runs costs.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

CONFIG = """
name: runs
dataset: {source: "sklearn:breast_cancer"}
preprocess: [standardize]
protocol: {outer: holdout, inner_folds: 3, final: false}
fitness: {classifier: random_forest, n_estimators: 20}
search: {population_size: 20, n_generations: 8, n_searches: 1}
"""


def timed(folder, jobs, n_runs):
    results = folder / f"jobs-{jobs}"
    command = [sys.executable, "-m", "vaega.cli", "run", str(folder / "runs.yaml")]
    more = ["--results", str(results), "--jobs", str(jobs), "--set", f"seeds={n_runs}"]
    environment = {**os.environ, "VAEGA_CACHE": str(folder / "cache")}
    started, used = time.perf_counter(), processor_seconds()
    subprocess.run([*command, *more], check=True, capture_output=True, env=environment)
    seconds, used = time.perf_counter() - started, processor_seconds() - used
    table = pd.read_csv(results / "runs" / "runs.csv", dtype=str)
    own = [column for column in table if "seconds" in column or "memory" in column]
    return seconds, used, table.drop(columns=own)


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    given = [int(one) for one in sys.argv[1:]]
    n_runs, repeats = given + [16, 3][len(given) :]
    ratios, seconds, processors = [], {1: [], 2: []}, {1: [], 2: []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            folder, tables = Path(name), {}
            (folder / "runs.yaml").write_text(CONFIG)
            for jobs in (1, 2):
                elapsed, used, tables[jobs] = timed(folder, jobs, n_runs)
                seconds[jobs].append(elapsed)
                processors[jobs].append(used)
            assert tables[1].equals(tables[2])
            ratios.append(seconds[1][-1] / seconds[2][-1])
    result = {
        "runs": n_runs,
        "cores": os.cpu_count(),
        "load_before_a_minute": round(os.getloadavg()[0], 1),
        "seconds_of_one_job": [round(one, 1) for one in seconds[1]],
        "seconds_of_two_jobs": [round(one, 1) for one in seconds[2]],
        "processor_seconds_of_one_job": [round(one, 1) for one in processors[1]],
        "processor_seconds_of_two_jobs": [round(one, 1) for one in processors[2]],
        "ratios": [round(one, 2) for one in ratios],
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
