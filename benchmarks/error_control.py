"""Does ``consensus_size="error_control"`` keep what it promises, and what does that cost?

    python benchmarks/error_control.py [--sets 70] [--jobs 2] [--table]

Fresh draws of two classes: noise, on which every selection is false; columns of which ten differ by
a shift, in standard deviations; correlated blocks of ten columns, in eight of which five columns
differ by 1. One false selection is allowed in expectation, of IPSS (Melikechi and Miller, 2025)
too; knockoffs (Gaussian, Ledoit-Wolf, lasso coefficients) promise a share of false selections of
0.2 instead, and select nothing where one false column would be too many. IPSS and knockoffs take
part where the packages `ipss` and `knockpy` are installed.

False: selected columns that do not differ (in brackets those that are not in a block that does
either). Power: share of the columns that differ which are selected. Intervals are Student's over
the sets. Writes results/benchmarks/error_control.csv, a row a set and way, which a run that was
stopped goes on from, and error_control.md.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rivals import markdown
from scipy import stats
from sklearn.naive_bayes import GaussianNB

from vaega import GeneticSelector

FOLDER = Path(__file__).parents[1] / "results" / "benchmarks"
SETS = {  # rows, columns, shift, columns of a block
    "noise, 60 x 200": (60, 200, 0.0, 1),
    "noise, 60 x 1000": (60, 1000, 0.0, 1),
    "noise in blocks, 60 x 1000": (60, 1000, 0.0, 10),
    "shift 0.8, 60 x 200": (60, 200, 0.8, 1),
    "shift 1.2, 60 x 200": (60, 200, 1.2, 1),
    "shift 0.8, 200 x 1000": (200, 1000, 0.8, 1),
    "blocks, 60 x 500": (60, 500, 1.0, 10),
}


def rows_of(name, number):
    """Return X, y, which columns differ, and which are of a block of which some differ."""
    n, p, shift, width = SETS[name]
    rng = np.random.default_rng([number, *name.encode()])
    X, y = rng.normal(size=(n, p)), rng.permutation(np.arange(n) % 2)
    differs = np.zeros(p, dtype=bool)
    if width > 1:
        X = 0.4**0.5 * X + 0.6**0.5 * np.repeat(rng.normal(size=(n, p // width)), width, axis=1)
    if shift:
        columns = np.arange(10)
        if width > 1:
            columns = (rng.permutation(p // width)[:8, None] * width + np.arange(5)).ravel()
        differs[columns] = True
    X += shift * y[:, None] * differs
    return X, y, differs, np.repeat(differs.reshape(-1, width).any(axis=1), width)


def by_vaega(guide):
    def select(X, y, seed):
        settings = {"consensus_size": "error_control", "guide": guide, "random_state": seed}
        return np.flatnonzero(GeneticSelector(GaussianNB(), **settings).fit(X, y).support_)

    return select


def by_ipss(selector):
    def select(X, y, seed):
        from ipss import ipss

        np.random.seed(seed)  # noqa: NPY002 - the package draws from the global state
        found = ipss(X, y, selector=selector, target_fp=1)["selected_features"]
        return np.array(found, dtype=int)

    return select


def by_knockoffs(X, y, seed):
    from knockpy import KnockoffFilter

    np.random.seed(seed)  # noqa: NPY002 - the package draws from the global state
    method = KnockoffFilter(
        ksampler="gaussian", fstat="lasso", knockoff_kwargs={"choldate_warning": False}
    )
    chosen = method.forward(X=X, y=y.astype(float), fdr=0.2, shrinkage="ledoitwolf")
    return np.flatnonzero(chosen)


WAYS = {
    "vaega": by_vaega("auto"),
    "vaega, guide F": by_vaega("f_classif"),
    "IPSS, l1": by_ipss("l1"),
    "IPSS, gradient boosting": by_ipss("gb"),
    "knockoffs": by_knockoffs,
}
# Sets, at most: of noise the errors are rare, of the others fewer tell the ways apart.
MOST = {"IPSS, l1": 34, "IPSS, gradient boosting": 34, "knockoffs": 20}
MOST_WITH_SIGNAL, MOST_COLUMNS = 34, {"knockoffs": 500}  # minutes a set beyond


def one(name, number):
    X, y, differs, near = rows_of(name, number)
    records = []
    for way, select in WAYS.items():
        if number >= MOST.get(way, np.inf) or X.shape[1] > MOST_COLUMNS.get(way, np.inf):
            continue
        started = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                columns = select(X, y, number)
        except ImportError:
            continue
        records.append(
            {
                "set": name, "number": number, "way": way, "selected": len(columns),
                "false": int((~differs[columns]).sum()), "far": int((~near[columns]).sum()),
                "power": differs[columns].sum() / max(differs.sum(), 1),
                "seconds": round(time.perf_counter() - started, 2),
            }
        )  # fmt: skip
    return pd.DataFrame(records)


def interval(values):
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.2f} ± {half:.2f}"


def report(runs, command):
    rows = []
    for (name, way), part in runs.groupby(["set", "way"], sort=False):
        false = interval(part["false"])
        if SETS[name][3] > 1 and SETS[name][2]:
            false += f" ({interval(part['far'])})"
        power = interval(part["power"]) if SETS[name][2] else ""
        nothing = f"{(part['selected'] == 0).mean():.2f}"
        cells = (name, way, len(part), false, power, nothing, f"{part['seconds'].mean():.1f}")
        rows.append(cells)
    columns = ["set", "way", "sets", "false", "power", "selects nothing", "seconds"]
    table = pd.DataFrame(rows, columns=columns).sort_values("set", key=_position, kind="stable")
    about = "\n\n".join(__doc__.split("\n\n")[2:])
    return f"# Error control\n\n`{command}`\n\n{about.strip()}\n\n{markdown(table)}\n"


def _position(names):
    return names.map(list(SETS).index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sets", type=int, default=70)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="write the table alone")
    options = parser.parse_args()
    path = FOLDER / "error_control.csv"
    known = pd.read_csv(path) if path.exists() else pd.DataFrame({"set": [], "number": []})
    done = set(zip(known["set"], known["number"], strict=True))
    most = {name: MOST_WITH_SIGNAL if SETS[name][2] else options.sets for name in SETS}
    tasks = [
        (name, k)
        for k in range(options.sets)
        for name in SETS
        if (name, k) not in done and k < most[name]
    ]
    run = Parallel(n_jobs=options.jobs, return_as="generator_unordered")
    for number, records in enumerate(
        run(delayed(one)(*task) for task in tasks if not options.table), start=1
    ):
        records.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4f")
        print(f"[{number}/{len(tasks)}] {records['set'].iloc[0]}", flush=True)
    text = report(pd.read_csv(path), f"python benchmarks/error_control.py --sets {options.sets}")
    path.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
