"""Try at random what must never do harm, count what held, and write the counts down.

Damages to any file of results and of the cache, signals to a process at any moment, texts as
configurations, hostile things in a results folder; each from a seed of its own.

    python -m tests.contracts.chaos --damages 1000 --signals 100 --texts 2000 --folders 200
"""

import argparse
import os
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

COLUMNS = ("tried", "held", "silent differences", "refused for good", "unexpected")
HEADING = """# Chaos: what was tried at random, and what held

    {command}

tries damages to single files of finished and of stopped results and of the cache of models, signals
(INT, TERM, HUP, KILL, STOP with CONT) at random moments to `vaega run` with one job and with two,
raw texts given to `vaega check`, and hostile things in a results folder (links, pipes, sockets,
files of a tebibyte of nothing, folders for files, names). A silent difference is shown or kept
without a word; refused for good is what no command goes on from; unexpected is any traceback, other
exit code, second sentence, hang, or worker that lives on.

| kind | seeds | {columns} |
|---|---|{rules}|
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for name in ("damages", "signals", "texts", "folders"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--seed", type=int, default=100, help="the first of each kind")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for each kind")
    parser.add_argument(
        "--table", type=Path, help="rows of kinds that are tried are replaced in it"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["VAEGA_TRUST"] = "tests"
    with TemporaryDirectory(prefix="chaos-") as folder:
        tallies = [
            _try(kind, getattr(arguments, kind), arguments, Path(folder) / kind)
            for kind in ("damages", "signals", "texts", "folders")
            if getattr(arguments, kind)
        ]
    if arguments.table is not None:
        write_table(arguments.table, tallies, arguments.seed)
    return int(any(tally.failures for tally in tallies))


def _try(kind, number, arguments, place):
    from tests.contracts.promises import Tally

    place.mkdir()
    os.environ["VAEGA_CACHE"] = str(place / "cache")
    trial, tally = _trial(kind, place), Tally(kind)
    began = said = time.monotonic()
    for seed in range(arguments.seed, arguments.seed + number):
        n_failures = len(tally.failures)
        tally.judge(trial, seed)
        for failure in tally.failures[n_failures:]:
            print(failure, flush=True)
        now = time.monotonic()
        if now - said > 60:
            print(tally.sentence, flush=True)
            if arguments.table is not None:  # a call that is stopped has tried what it has tried
                write_table(arguments.table, [tally], arguments.seed)
            said = now
        if now - began > 60 * arguments.minutes:
            break
    print(tally.sentence, flush=True)
    return tally


def _trial(kind, place):
    from tests.contracts import damage, hostile, interruptions, raw_yaml
    from vaega.core.kernels import ANNOUNCEMENT

    ANNOUNCEMENT.said = True
    if kind == "damages":
        return damage.DamagedResults(place).try_one
    if kind == "signals":
        return interruptions.InterruptedRuns(place).try_one
    if kind == "texts":
        return raw_yaml.RawTexts(place).try_one
    return partial(hostile.try_one, damage.DamagedResults(place))


def write_table(path, tallies, seed):
    """Write the counts; rows of kinds that were not tried now stay."""
    rows = _rows_of(path)
    for tally in tallies:
        last = seed + tally.counts["tried"] - 1
        counts = [str(tally.counts[column]) for column in COLUMNS]
        rows[tally.what] = [tally.what, f"{seed} to {last}", *counts]
    numbers = " ".join(f"{kind.upper()}={cells[2]}" for kind, cells in rows.items())
    heading = HEADING.format(
        command=f"make chaos {numbers} SEED={seed}",
        columns=" | ".join(COLUMNS),
        rules="|".join(["---:"] * len(COLUMNS)),
    )
    lines = [f"| {' | '.join(cells)} |" for cells in rows.values()]
    path.write_text(heading + "\n".join(lines) + "\n")


def _rows_of(path):
    lines = path.read_text().splitlines() if path.exists() else []
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0]: row for row in cells if row[0] != "kind"}


if __name__ == "__main__":
    sys.exit(main())
