"""Do the q values and intervals of the table of features keep what they promise?

    python benchmarks/gene_table.py [--draws 20] [--table]

Cohorts as `examples/cohort.py` makes them, 60 patients x 3,000 genes in correlated modules, of
which nine differ by a shift, in standard deviations; such cohorts with permuted labels, and
independent noise, 40 x 300 (five times as many draws), where every selection is false. All genes
with a q value of at most a level are selected: by error control (stability selection, what the
table calls q), and by Welch's t test with Benjamini and Hochberg's correction, its strongest simple
rival; "not corrected" takes p values of at most 0.001.

False: share of the selected genes that do not differ, 0 where nothing is selected; promised is that
its mean is at most the level. Any: share of the draws in which something is selected. Power: share
of the nine that are. Found: of all genes and draws, how often the 95 % interval of the difference
of means, and of the difference in standard deviations, holds the true one; "selected": of the
genes with a q value of at most 0.2, whose effects are too large on average (the winner's curse),
with the mean of |g| over the truth. Means over draws, ± Student's 95 %. Writes
results/benchmarks/gene_table.csv, a row a draw and way, and gene_table.md.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from error_control import interval
from rivals import markdown

from vaega.selection._effects import benjamini_hochberg, class_effects, stability_q_values

FOLDER = Path(__file__).parents[1] / "results" / "benchmarks"
sys.path.append(str(Path(__file__).parents[1] / "examples"))
import cohort  # noqa: E402

NOISE = "noise, 40 x 300"
SHIFTS = {"shift 1.2": 1.2, "shift 0.9": 0.9, "permuted labels": None, NOISE: None}
LEVELS = (0.1, 0.2)
COUNTED = 0.2  # level of the selected genes whose intervals are looked at


def one(name, seed):
    """Return a row a way of one draw."""
    if SHIFTS[name] is not None:
        cohort.SHIFT = SHIFTS[name]
    X, responds, matters = cohort.make_cohort(seed, permuted=SHIFTS[name] is None)
    if name == NOISE:
        rng = np.random.default_rng(seed)
        X, responds, matters = rng.normal(size=(40, 300)), np.arange(40) % 2, matters[:300]
    if SHIFTS[name] is None:
        matters = np.zeros(len(matters), dtype=bool)  # to these labels
    y = responds.astype(int)
    started = time.perf_counter()
    effects = class_effects(X, y)
    between = time.perf_counter()
    q_values, _ = stability_q_values(X, y, seed=seed)
    seconds = {"error control": time.perf_counter() - between, "t test": between - started}
    ways = {"error control": q_values, "t test": benjamini_hochberg(effects["p_value"].to_numpy())}
    chosen = {(way, level): ways[way] <= level for way in ways for level in LEVELS}
    chosen["not corrected", 0.001] = effects["p_value"].to_numpy() <= 0.001
    truth = _truth(X, responds, matters, name)
    held = {f"{kind} found": _holds(effects, kind, truth) for kind in ("difference", "g")}
    clear = (q_values <= COUNTED) & (truth != 0.0)
    held |= {
        "selected found": _holds(effects[clear], "difference", truth[clear]),
        "selected |g|": (effects["g"][clear] / truth[clear]).mean(),
    }
    return [
        {
            "cohort": name, "seed": seed, "way": way, "level": level, "selected": int(mask.sum()),
            "false": (mask & ~matters).sum() / max(mask.sum(), 1), "any": float(mask.any()),
            "power": (mask & matters).sum() / cohort.N_TRUE,
            "seconds": seconds.get(way, np.nan), **held,
        }
        for (way, level), mask in chosen.items()
    ]  # fmt: skip


def _truth(X, responds, matters, name):
    """Return the true difference of each gene, in standard deviations, which are 1."""
    if SHIFTS[name] is None:
        return np.zeros(len(matters))
    signs = np.where(np.cumsum(matters) % 2, 1.0, -1.0)
    return SHIFTS[name] * signs * matters


def _holds(effects, kind, truth):
    ends = ("low", "high") if kind == "difference" else ("g_low", "g_high")
    low, high = (effects[end] for end in ends)
    return float(((low <= truth) & (truth <= high)).mean()) if len(effects) else np.nan


def report(runs, command):
    """Return the tables as Markdown."""
    rows, covered = [], []
    for (name, way, level), part in runs.groupby(["cohort", "way", "level"], sort=False):
        false, power = interval(part["false"]), interval(part["power"])
        selected, some = f"{part['selected'].mean():.1f}", f"{part['any'].mean():.2f}"
        power = power if SHIFTS[name] is not None else ""
        rows.append((name, way, level, len(part), selected, false, some, power))
    for name, part in runs[runs["way"] == "t test"].drop_duplicates(["cohort", "seed"]).groupby(
        "cohort", sort=False
    ):  # fmt: skip
        figures = part[["difference found", "g found", "selected found", "selected |g|"]].mean()
        covered.append((name, *("" if np.isnan(one) else f"{one:.3f}" for one in figures)))
    columns = ["cohort", "way", "level", "draws", "selected", "false", "any", "power"]
    more = ["cohort", "difference found", "g found", "selected: found", "selected: |g| / true"]
    tables = [pd.DataFrame(rows, columns=columns), pd.DataFrame(covered, columns=more)]
    seconds = runs.groupby("way")["seconds"].mean().dropna()
    cost = "; ".join(f"{way} {mean:.2f} s" for way, mean in seconds.items())
    about = "\n\n".join(__doc__.split("\n\n")[2:]).strip()
    body = "\n\n".join(map(markdown, tables))
    return (
        f"# The table of features\n\n`{command}`\n\n{about}\n\n{body}\n\nA cohort takes {cost}.\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--table", action="store_true", help="write the table alone")
    options = parser.parse_args()
    path = FOLDER / "gene_table.csv"
    if not options.table:
        rows = []
        for name in SHIFTS:
            for seed in range(options.draws * (5 if name == NOISE else 1)):
                rows += one(name, seed)
                print(f"{name}, draw {seed + 1}", flush=True)
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.4f")
    runs = pd.read_csv(path)
    text = report(runs, f"python benchmarks/gene_table.py --draws {options.draws}")
    path.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
