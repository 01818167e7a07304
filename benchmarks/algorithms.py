"""Which evolutionary algorithm has a use? All at the same number of distinct evaluations.

    VAEGA_DATA=path/to/npz python benchmarks/algorithms.py [--draws N] [--out FOLDER] [SET ...]

Each draw is a data set of its own (planted, few_rows) or a stratified split of the rows (leukemia,
gcm1363), and is the same for every algorithm. One search each, with the settings that the selector
gives the algorithm, is cut at exactly 2,000 different masks (500 in the short sets), whatever asked
for them: local moves and early stages count. The mask with the best inner objective among these is
judged by the search's own classifier on rows that the search never saw.

Writes algorithms.jsonl, a line for each finished search, algorithms.csv, a row for each set and
algorithm, and algorithms.md. A search that algorithms.jsonl holds is not repeated: delete its line
to have it run anew.
"""

import argparse
import json
import os
import platform
import time
import warnings
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vaega import GeneticSelector, load_dataset, make_madelon
from vaega.evolution import Callback

FOLDER = Path(__file__).parents[1] / "results" / "benchmarks"
BUDGET, SHORT = 2000, 500
ALPHA = 0.9
REFERENCE = "generational"
ALGORITHMS = {
    REFERENCE: {"algorithm": "generational"},
    "nsga2": {"algorithm": "nsga2"},
    "islands": {"algorithm": "islands"},
    "self_adaptive": {"algorithm": "self_adaptive"},
    "steady_state": {"algorithm": "steady_state"},
}
# mu + lambda, stages and a local search were compared with the others, showed no use and are gone:
# their searches stand in algorithms.jsonl.
# The mask that the selector takes from the front of nsga2, beside the one with the best objective.
FRONT = "nsga2, one standard error"
MEASURES = {
    "early": "objective at a quarter",
    "objective": "objective",
    "held_out": "held out",
    "features": "features",
    "recall": "recall",
}
NOTE = f"""\
Every search is cut at {BUDGET} different masks, 20 generations of 100 (islands: four of 25; steady
state: two steps of 50 a generation; mu + lambda: 50 + 100; multi-stage: ten generations, then a
fifth of the features; memetic: generational with ten neighbours of the best mask a generation), and
in the short sets at {SHORT}, 20 generations of 25 (4 x 6; 12; 12 + 25). "At a quarter" is after a
quarter of these masks. The short sets were added, with new draws, when steady state and
mu + lambda had been ahead at a quarter: is that of use to a search that ends there?

The objective is {ALPHA} of the balanced accuracy in five inner folds and {1 - ALPHA:.1f} of the
share of features left out; "held out" is the balanced accuracy of the search's classifier on rows
never seen. Means over the draws ± half of the 95 % interval; the seconds are medians, of whole
searches in one thread on a machine that others used too. "{FRONT}" is the
mask that the selector takes from the front of the same search at the end of its last generation,
which is up to a generation of masks past the budget.

The second table of a set has the paired differences from {REFERENCE}: mean, 95 % interval by
Student's t over the n draws, p of the same test after Holm over the rows of the table (0.001: or
less). A draw of planted or few_rows is a data set of its own. The splits of leukemia and gcm1363
overlap, so their intervals are of these rows and too narrow for new ones. Multi-stage and
{REFERENCE} are one search in the first ten generations.
"""


def madelon_draw(n_rows, n_features, n_test, draw):
    # Not the random states 0 to 2 and 10 to 12 of planted.py, on which settings were chosen.
    data = make_madelon(n_rows, n_features, n_test=n_test, random_state=100 + draw)
    return data.X, data.y, data.X_test, data.y_test, data.relevant


def gene_split(name, clip, draw):
    data = load_dataset(name).pooled()
    X, X_test, y, y_test = train_test_split(
        np.log2(np.clip(data.X, *clip)),
        data.y,
        test_size=1 / 3,
        stratify=data.y,
        random_state=draw,
    )
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test, None


PLANTED = "the planted problem, 1,400 rows to learn from, 500 features, 20 relevant; 5-NN"
FEW_ROWS = "after Madelon, 200 rows to learn from, 1,000 features, 20 relevant; 3-NN"
GCM = "126 of 190 rows to learn from, 1,363 features, 14 classes; ridge classifier"
NEW = 1000  # the short sets have draws of their own


def planted(draw):
    return madelon_draw(1400, 500, 600, draw)


def few_rows(draw):
    return madelon_draw(200, 1000, 1000, draw)


def leukemia(draw):
    return gene_split("leukemia", (100.0, 16000.0), draw)


def gcm1363(draw):
    return gene_split("gcm1363", (20.0, 16000.0), draw)


# Rows of a draw, first draw, classifier, different masks, draws, description.
SETS = {
    "planted": (planted, 0, KNeighborsClassifier(), BUDGET, 20, PLANTED),
    "few_rows": (few_rows, 0, KNeighborsClassifier(3), BUDGET, 60, FEW_ROWS),
    "leukemia": (
        leukemia,
        0,
        GaussianNB(),
        BUDGET,
        60,
        "48 of 72 rows to learn from, 7,129 features; Gaussian naive Bayes",
    ),
    "gcm1363": (gcm1363, 0, RidgeClassifier(), BUDGET, 60, GCM),
    "planted_short": (planted, NEW, KNeighborsClassifier(), SHORT, 20, PLANTED),
    "few_rows_short": (few_rows, NEW, KNeighborsClassifier(3), SHORT, 60, FEW_ROWS),
    "gcm1363_short": (gcm1363, NEW, RidgeClassifier(), SHORT, 60, GCM),
}


class Evaluations(Callback):
    """Follow the different masks of a search in the order in which they are asked for.

    Parameters
    ----------
    budget : int
        How many are followed.

    Attributes
    ----------
    best : list of float
        The best objective after each different mask.
    mask : numpy.ndarray of bool
        The mask that has it.
    """

    def __init__(self, budget):
        self.budget = budget

    def on_start(self, algorithm):
        self.best, self.mask, self.known = [], None, set()
        tell = algorithm.tell

        def tell_and_record(scores):
            self.record(algorithm.ask(), np.asarray(scores))  # the masks these scores are of
            tell(scores)

        algorithm.tell = tell_and_record

    def record(self, masks, scores):
        if scores.ndim == 2:  # nsga2: the metric and the share of features, negative
            scores = ALPHA * scores[:, 0] + (1 - ALPHA) * (1 + scores[:, 1])
        for mask, score in zip(masks, scores, strict=True):
            key = np.packbits(mask).tobytes()
            if key in self.known or len(self.best) == self.budget:
                continue
            self.known.add(key)
            if not self.best or score > self.best[-1]:
                self.mask = mask.copy()
                self.best.append(float(score))
            else:
                self.best.append(self.best[-1])


def measure(name, algorithm, draw):
    """Return a record for each mask that the search gives."""
    rows_of, first_draw, classifier, budget, *_ = SETS[name]
    X, y, X_test, y_test, relevant = rows_of(first_draw + draw)
    evaluations = Evaluations(budget)
    selector = GeneticSelector(
        classifier,
        scoring="balanced_accuracy",
        alpha=ALPHA,
        n_searches=1,
        n_generations=budget,
        max_evaluations=budget,
        callbacks=[evaluations],
        random_state=draw,
        **ALGORITHMS[algorithm],
    )
    started = time.perf_counter()
    selector.fit(X, y)
    seconds = time.perf_counter() - started
    best = evaluations.best
    assert len(best) == budget, f"{algorithm} on {name} ended after {len(best)} masks"
    masks = {algorithm: (evaluations.mask, best[budget // 4 - 1], best[-1])}
    if algorithm == "nsga2":
        support = selector.support_
        objective = ALPHA * selector.best_score_ + (1 - ALPHA) * (1 - support.mean())
        masks[FRONT] = (support, None, float(objective))
    records = []
    for label, (mask, early, objective) in masks.items():
        predicted = classifier.fit(X[:, mask], y).predict(X_test[:, mask])
        records.append(
            {
                "set": name,
                "algorithm": label,
                "draw": draw,
                "early": early,
                "objective": objective,
                "held_out": float(balanced_accuracy_score(y_test, predicted)),
                "features": int(mask.sum()),
                "recall": None if relevant is None else float(mask[relevant].mean()),
                "evaluations": int(selector.n_evaluations_),
                "seconds": round(seconds, 2),
            }
        )
    return records


def read_records(path):
    """Return the records of whole lines; a line that a kill cut is left out."""
    records = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def run_missing(path, names, draws):
    """Search what the file lacks, every algorithm on a draw before the next draw."""
    known = {(record["set"], record["algorithm"], record["draw"]) for record in read_records(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        for draw in range(draws or SETS[name][4]):
            for algorithm in ALGORITHMS:
                last = FRONT if algorithm == "nsga2" else algorithm
                if (name, last, draw) in known:
                    continue
                records = measure(name, algorithm, draw)
                text = "".join(f"{json.dumps(record)}\n" for record in records)
                with path.open("a", encoding="utf-8") as file:
                    file.write(text)
                print(text, end="", flush=True)


def half_width(values):
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))


def paired_p(differences):
    """The p-value of the paired t-test; 1 where nothing differs."""
    if not np.any(differences):
        return 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def holm(p_values):
    order = np.argsort(p_values)
    stepped = np.asarray(p_values)[order] * (len(order) - np.arange(len(order)))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def summarise(runs):
    """Return a row for each set and algorithm: means, and differences from the reference."""
    rows = []
    for name, part in runs.groupby("set", sort=False):
        wide = part.pivot_table(index="draw", columns="algorithm", values=list(MEASURES))
        complete = wide["held_out"].dropna().index  # the draws that every algorithm has
        wide = wide.loc[complete]
        for algorithm in part["algorithm"].unique():
            same = part[(part["algorithm"] == algorithm) & part["draw"].isin(complete)]
            row = {"set": name, "algorithm": algorithm, "draws": len(complete)}
            for measure_name in MEASURES:
                if algorithm not in wide.get(measure_name, pd.DataFrame()):
                    continue
                values = wide[measure_name][algorithm]
                differences = values - wide[measure_name][REFERENCE]
                row[measure_name] = values.mean()
                row[f"{measure_name}_half"] = half_width(values)
                if algorithm != REFERENCE:
                    row[f"{measure_name}_difference"] = differences.mean()
                    row[f"{measure_name}_difference_half"] = half_width(differences)
                    row[f"{measure_name}_p"] = paired_p(differences)
            row["seconds"] = same["seconds"].median()
            rows.append(row)
    table = pd.DataFrame(rows)
    for measure_name in MEASURES:
        for _, part in table.groupby("set"):
            p_values = part[f"{measure_name}_p"].dropna()
            table.loc[p_values.index, f"{measure_name}_p_holm"] = holm(p_values)
    return table


def markdown(heading, rows):
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def means_table(part, shown):
    rows = []
    for row in part.to_dict("records"):
        cells = [row["algorithm"]]
        for name in shown:
            digits = 1 if name == "features" else 3
            cells.append(
                f"{row[name]:.{digits}f} ± {row[f'{name}_half']:.{digits}f}"
                if pd.notna(row[name])
                else ""
            )
        rows.append([*cells, f"{row['seconds']:.1f}"])
    return markdown(["algorithm", *(MEASURES[name] for name in shown), "seconds"], rows)


def differences_table(part, shown):
    rows = []
    for row in part[part["algorithm"] != REFERENCE].to_dict("records"):
        cells = [row["algorithm"]]
        for name in shown:
            mean, half = row[f"{name}_difference"], row[f"{name}_difference_half"]
            digits = 1 if name == "features" else 3
            cells.append(
                f"{mean:+.{digits}f} [{mean - half:+.{digits}f}, {mean + half:+.{digits}f}] "
                f"p {max(row[f'{name}_p_holm'], 0.001):.3f}"
                if pd.notna(mean)
                else ""
            )
        rows.append(cells)
    return markdown(
        [f"less {REFERENCE}, [95 %], p by Holm", *(MEASURES[name] for name in shown)], rows
    )


def report(table, command):
    packages = ["vaega", "scikit-learn", "numpy", "deap"]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    text = (
        f"# Evolutionary algorithms at equal evaluations\n\n`{command}`, "
        f"{date.today().isoformat()}, Python {platform.python_version()}, {versions}, "
        f"{os.cpu_count()} cores of {platform.machine()}.\n\n{NOTE}"
    )
    for name, part in table.groupby("set", sort=False):
        shown = [measure_name for measure_name in MEASURES if part[measure_name].notna().any()]
        *_, budget, _, description = SETS[name]
        text += (
            f"\n## {name}\n\nn = {part['draws'].iloc[0]} draws, {budget} different masks: "
            f"{description}.\n\n"
            f"{means_table(part, shown)}\n{differences_table(part, shown)}"
        )
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SETS), metavar="SET")
    parser.add_argument("--draws", type=int, help="of each set, at least 2; 20 of planted, else 60")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    path = options.out / "algorithms.jsonl"
    warnings.simplefilter("ignore")  # of constant columns
    run_missing(path, options.names, options.draws)
    table = summarise(pd.DataFrame(read_records(path)))
    table.round(6).to_csv(options.out / "algorithms.csv", index=False)
    words = ["VAEGA_DATA=... python benchmarks/algorithms.py"]
    if options.draws:
        words.append(f"--draws {options.draws}")
    if options.names != list(SETS):
        words += options.names
    text = report(table, " ".join(words))
    (options.out / "algorithms.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
