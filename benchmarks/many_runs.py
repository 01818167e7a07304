"""What a results folder of many runs costs: its status, and its tables while runs end.

One run is computed, and copied under the names of the others. Status reads every file of every run
and compares its digest; its command is timed as a whole process, with the start of Python. Tables
are made anew while runs end, at most once in twenty-one times as long as they take.

    python benchmarks/many_runs.py --runs 10000
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from vaega import load_dataset
from vaega.core.records import digests_of, read_record, write_record
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.experiments.runs import Run
from vaega.experiments.status import read_status
from vaega.experiments.store import Store

CONFIG = {
    "name": "many",
    "dataset": {"source": "sklearn:wine"},
    "protocol": {"inner_folds": 2, "final": False},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 4, "n_generations": 2, "n_searches": 1},
    "seeds": 1,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=10_000)
    n_runs = parser.parse_args().runs
    with TemporaryDirectory(prefix="vaega-many-") as place:
        ids = fill(Path(place), n_runs)
        folder = Path(place) / "many"
        print("| what | runs | wall seconds | processor seconds |\n|---|---:|---:|---:|")
        command = [sys.executable, "-m", "vaega", "status", str(folder)]
        for _ in range(2):  # the second time the files are in memory
            tell("read_status", n_runs, lambda: read_status(folder))
            tell("vaega status", n_runs, lambda: subprocess.check_output(command))
        some = ids[: n_runs // 5]
        runs = [Run(one, "wine", "original", seed, {}) for seed, one in enumerate(some)]
        tell("tables", len(runs), lambda: Store(folder).tabulate(runs, intervals=False))


def tell(what, n_runs, work):
    wall, processor = time.perf_counter(), used()
    work()
    wall, processor = time.perf_counter() - wall, used() - processor
    print(f"| {what} | {n_runs} | {wall:.2f} | {processor:.2f} |", flush=True)


def used():
    """Return the seconds that this process and those which it waited for had a processor."""
    of = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in of)


def fill(place, n_runs):
    """Compute one run and copy it; return the names of all."""
    run_experiment(make_config(CONFIG), load_dataset("sklearn:wine"), place)
    folder = place / "many"
    (run,) = (folder / "runs").iterdir()
    contents = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    ids = [f"original-{seed:03d}-{run.name[-10:]}" for seed in range(n_runs)]
    for one in ids:
        (folder / "runs" / one).mkdir(exist_ok=True)
        for name, content in contents.items():
            (folder / "runs" / one / name).write_bytes(content)
    given = yaml.safe_load((folder / "experiment.yaml").read_text()) | {"seeds": n_runs}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(given))
    plan = read_record(folder / "plan.json") | {"runs": ids}
    plan["files"] = digests_of(folder, ("config.json", "experiment.yaml"))
    write_record(folder / "plan.json", plan)
    return ids


if __name__ == "__main__":
    main()
