"""Whether two checkouts of vaega compute the same results, byte for byte.

    VAEGA_DATA=... python benchmarks/same_results.py OLD_CHECKOUT [NEW_CHECKOUT] --keep FOLDER

Runs four experiments with each checkout and prints a line for each: whether the ids of the runs,
runs.csv without its durations, and every history.csv and selected.csv are equal, or where they
first differ. There is no tolerance. Exits with 1 where anything differs.

With --keep, results are stored by the content of the checkout's code and configurations: the old
side is computed once, and an edited checkout is always computed anew. Each side trains its own
generators.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parents[1]
# Arguments of vaega; those of a configuration are relative to the checkout.
EXPERIMENTS = {
    "quickstart": ["run", "configs/quickstart.yaml"],
    "leukemia": ["run", "configs/leukemia.yaml", "--set", "seeds=2"],
    "madelon": ["run", "configs/madelon.yaml", "--set", "seeds=1"],
    "thesis": [
        *("reproduce", "thesis", "--table", "4", "--group", "leukemia_001"),
        *("--protocol", "as-run", "--scale", "small"),
    ],
}
KINDS = {"histories": "history.csv", "selections": "selected.csv"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("old", type=Path, nargs="?", default=HERE, help="default: this one")
    parser.add_argument("new", type=Path, nargs="?", default=HERE, help="default: this one")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--keep", type=Path, help="folder of results that are used again")
    parser.add_argument("--match", choices=["id", "identity"], default="id")
    parser.add_argument("--record-only", action="store_true", help="run the old side, then stop")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    n_different = 0
    with TemporaryDirectory(prefix="vaega-same-") as scratch:
        folder = (arguments.keep or Path(scratch)).resolve()
        for name in arguments.only:
            old = record(name, arguments.old.resolve(), folder, "old", arguments.jobs)
            if not arguments.record_only:
                new = record(name, arguments.new.resolve(), folder, "new", arguments.jobs)
                equal, line = compare(old, new, arguments.match)
                n_different += not equal
                print(f"{name}: {line}", flush=True)
    return int(n_different > 0)


def record(name, checkout, folder, side, jobs):
    """Run an experiment, or what is missing of it, and return the folder with its runs.csv."""
    # The safe path keeps the working folder, which may be another checkout, from being imported.
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
    check_import(checkout, environment)
    state = fingerprint(checkout)
    folder = folder / f"{side}-{state}"
    out, cache = folder / name, folder / "cache"
    command = [sys.executable, "-m", "vaega.cli", *EXPERIMENTS[name], "--device", "cpu"]
    command = [str(checkout / one) if one.endswith(".yaml") else one for one in command]
    command += ["--jobs", str(jobs), "--results" if "run" in command else "--out", str(out)]
    started = time.perf_counter()
    environment["VAEGA_CACHE"] = str(cache)
    process = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if fingerprint(checkout) != state:  # modules are imported on first use, so states may be mixed
        shutil.rmtree(out, ignore_errors=True)
        raise SystemExit(f"{checkout}: was edited while {name} ran")
    if process.returncode != 0:
        raise SystemExit(f"{name}, {side}: {' '.join(command)}\n{process.stdout}{process.stderr}")
    shutil.rmtree(cache, ignore_errors=True)  # gigabytes of models that are not needed again
    print(f"{name}, {side}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    (runs,) = out.rglob("runs.csv")
    return runs.parent


def check_import(checkout, environment):
    command = [sys.executable, "-c", "import vaega; print(vaega.__file__)"]
    process = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    imported = Path(process.stdout.strip())
    if not imported.is_relative_to(checkout):
        raise SystemExit(f"{checkout}: holds no vaega, Python imports {imported}")


def fingerprint(checkout):
    digest = hashlib.sha256()
    files = [*checkout.glob("vaega/**/*.py"), *checkout.glob("configs/**/*.yaml")]
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(checkout)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:10]


def compare(old, new, match):
    """Return whether two recordings are equal, and a line that says so or what differs first."""
    # Earlier checkouts have no final runs.
    final = all(any((folder / "runs").glob("*-final-*")) for folder in (old, new))
    runs = [runs_of(folder, match, final=final) for folder in (old, new)]
    differing = sorted(runs[0].keys() ^ runs[1].keys())
    pairs = [(runs[0][key], runs[1][key]) for key in sorted(runs[0].keys() & runs[1].keys())]
    found = [f"only one side has {key}" for key in differing[:1]]
    n_renamed = sum(a.name != b.name for a, b in pairs)
    ids = "DIFFERENT" if differing else f"matched, {n_renamed} renamed" if n_renamed else "equal"
    of_table = first_difference(old / "runs.csv", new / "runs.csv")
    found += [of_table] if of_table else []
    parts = [f"ids {ids}", f"runs.csv {'DIFFERENT' if of_table else 'equal'}"]
    n_runs = max(len(part) for part in runs)
    for kind, file in KINDS.items():
        of_kind = [first_difference(a / file, b / file) for a, b in pairs]
        n_equal = of_kind.count(None)
        count = f"{n_equal}" if n_equal == n_runs > 0 else f"only {n_equal} of {n_runs}"
        parts.append(f"{count} {kind} equal")
        found += [one for one in of_kind if one]
    equal = not found and n_runs > 0
    return equal, ", ".join(parts) + (f"; first: {found[0]}" if found else "")


def runs_of(folder, match, *, final):
    """Return the folders of the runs, by id or by dataset, arm and seed; final ones if wanted."""
    folders = [path for path in (folder / "runs").iterdir() if path.is_dir()]
    folders = [path for path in folders if final or "-final-" not in path.name]
    if match == "id":
        return {path.name: path for path in folders}
    runs = {}
    for path in folders:
        config = json.loads((path / "config.json").read_text())
        key = (config["dataset"]["source"], config["arm"]["name"], config["seed"])
        key += ("final",) if config.get("final") else ()
        if key in runs:
            raise SystemExit(f"{path}: is not the only run of {key}")
        runs[key] = path
    return runs


def first_difference(old, new):
    """Return the first difference of two tables less their durations, or None."""
    if not (old.is_file() and new.is_file()):
        return f"missing {new if old.is_file() else old}"
    (old_rows, old_dropped), (new_rows, new_dropped) = read_table(old), read_table(new)
    for number, rows in enumerate(zip_longest(old_rows, new_rows, fillvalue={}), start=1):
        for column in dict.fromkeys([*rows[0], *rows[1]]):
            values = [row.get(column, "nothing") for row in rows]
            if values[0] != values[1]:
                return f"{new}, line {number}, {column}: {values[0]} became {values[1]}"
    if list(old_rows[0]) != list(new_rows[0]):
        return f"{new}: the columns have another order"
    if not old_dropped | new_dropped and old.read_bytes() != new.read_bytes():
        return f"{new}: the same values, other bytes"
    return None


def read_table(path):
    """Return the rows, the header among them, without columns of durations, and the latter."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    dropped = {name for name in header if "seconds" in name or "memory" in name or "time" in name}
    table = [dict(zip(header, row, strict=True)) for row in [header, *rows]]
    return [{k: v for k, v in row.items() if k not in dropped} for row in table], dropped


if __name__ == "__main__":
    sys.exit(main())
