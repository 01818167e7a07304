"""How long a wide table takes to be read, as JSON lines, beside pandas' own reader.

    python benchmarks/reading.py
    python benchmarks/reading.py --columns 20000 --rows 60

Claims: a table of 60 x 50,000 is read in seconds, linear in its columns, whether its numbers have
decimal points, decimal commas or gaps, whether genes are its columns or its rows, and a table of
text is refused as fast. Seconds are those of the processor, the least of three readings.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from vaega import load_dataset
from vaega.core.errors import DataError

REPEATS = 3


def write_tables(folder, n_rows, n_columns):
    """Write the same numbers in several ways, and yield what each is called."""
    cells = np.char.mod("%.3f", np.random.default_rng(0).random((n_rows, n_columns)))
    names = [f"cg{i}" for i in range(n_columns)]
    classes = [["a", "b"][i % 2] for i in range(n_rows)]
    gaps = np.where(np.random.default_rng(1).random(cells.shape) < 0.05, "NA", cells)
    ways = {
        "points": (cells, ","),
        "decimal commas": (np.char.replace(cells, ".", ","), ";"),
        "gaps": (gaps, ","),
        "text, refused": (np.char.add("t", cells), ","),
    }
    for way, (values, delimiter) in ways.items():
        lines = [delimiter.join([*row, label]) for row, label in zip(values, classes, strict=True)]
        header = delimiter.join([*names, "class"])
        yield way, write(folder / f"{way}.csv", [header, *lines]), {}
    rows = [",".join([name, *column]) for name, column in zip(names, cells.T, strict=True)]
    samples = [f"S{i}" for i in range(n_rows)]
    lines = [f"{sample},{label}" for sample, label in zip(samples, classes, strict=True)]
    labels = write(folder / "labels.csv", ["sample,class", *lines])
    genes = write(folder / "genes as rows.csv", [",".join(["gene", *samples]), *rows])
    yield "genes as rows", genes, {"labels": labels}


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def load(path, **options):
    try:
        load_dataset(path, **options)
    except DataError as error:
        if "must be numeric" not in str(error):
            raise


def seconds(read, *arguments, **options):
    taken = []
    for _ in range(REPEATS):
        started = time.process_time()
        read(*arguments, **options)
        taken.append(time.process_time() - started)
    return round(min(taken), 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--columns", type=int, nargs="+", default=[5_000, 50_000])
    given = parser.parse_args()
    for n_columns in given.columns:
        with tempfile.TemporaryDirectory() as folder:
            for way, path, options in write_tables(Path(folder), given.rows, n_columns):
                decimal = {"sep": ";", "decimal": ","} if way == "decimal commas" else {}
                record = {
                    "table": way,
                    "shape": f"{given.rows} x {n_columns}",
                    "vaega": seconds(load, path, **options),
                    "pandas": seconds(pd.read_csv, path, **decimal),
                }
                print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
