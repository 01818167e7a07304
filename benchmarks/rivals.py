"""The default selector against the strongest simple rivals, on real sets and on fresh draws.

    VAEGA_DATA=path/to/npz python benchmarks/rivals.py [--draws 10] [--jobs 2] [SET ...]
    python benchmarks/rivals.py --small         # three sets of fresh draws, a few minutes
    python benchmarks/rivals.py --table         # the tables again, nothing is computed

A draw is a data set of its own (families) or a split of the rows (real sets), the same for every
way. Each way selects on the training rows alone; a linear SVM, ridge, 3-NN, Gaussian naive Bayes
with its smoothing tuned on inner folds, and the thesis's network (5 and 3 units) are then fitted on
its columns and scored by balanced accuracy on rows that it never saw.

Rankings come at a size of their own, by which a linear SVM does best on five inner folds, and at
the size that the default chose in the same draw. Of one default fit three selections are scored:
what it selects, and what its guide alone and its votes alone would have selected.

Writes results/benchmarks/rivals.csv, a row a draw and way, which a run that was stopped goes on
from, and rivals.md. Boruta, IPSS (two classes, at most 3,000 columns) and sklearn-genetic-opt take
part where the packages `boruta`, `ipss` and `sklearn-genetic-opt` are installed; the last one
searches with as many fits of 3-NN as the default, minutes a fit, on the first draw alone and at
most 3,000 columns.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import ElasticNetCV, MultiTaskElasticNetCV, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, StratifiedShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from vaega import GeneticSelector, load_dataset, make_madelon
from vaega.selection import nogueira, rank_features

FOLDER = Path(__file__).parents[1] / "results" / "benchmarks"
CLASSIFIERS = {
    "SVM": lambda: SVC(kernel="linear", max_iter=100_000),
    "ridge": RidgeClassifier,
    "3-NN": lambda: KNeighborsClassifier(3, algorithm="brute"),
    "NB": lambda: GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2, 0.1, 1.0, 10.0]}, cv=3),
    "network": lambda: MLPClassifier((5, 3), max_iter=300, random_state=0),
}
RANKINGS = {
    "F": "f_classif", "mRMR": "mrmr", "ReliefF": "relieff", "extra trees": "extra_trees",
    "ridge RFE": "rfe", "SVM weights": "linear_svm",
}  # fmt: skip
SIZES = (5, 10, 20, 35, 50, 75, 100, 150, 250)
INSIDE = {"3-NN": CLASSIFIERS["3-NN"], "ridge": RidgeClassifier}
DEFAULT = "vaega, 3-NN"
# Of real sets: source, values below and above which are clipped (then log2), training rows (None:
# two thirds).
REAL = {
    "leukemia": ("leukemia", (100.0, 16000.0), None),
    "gcm1363": ("gcm1363", (20.0, 16000.0), None),
    "Yeoh": ("all_leukemia_yeoh6", (20.0, np.inf), None),
    "madelon, 200 rows": ("madelon", None, 200),
    "mnist49, 60 rows": ("mnist49", None, 60),
    "mnist49, 200 rows": ("mnist49", None, 200),
    "breast cancer, 40 rows": ("sklearn:breast_cancer", None, 40),
    "wine, 40 rows": ("sklearn:wine", None, 40),
    "digits, 80 rows": ("sklearn:digits", None, 80),
}
FAMILIES = {
    f"{kind}, {n} x {p}": (kind, n, p)
    for kind, n, ps in (
        ("linear sparse", 60, (500, 3000)),
        ("correlated blocks", 60, (500, 3000)),
        ("14 classes", 140, (500, 3000)),
        ("XOR", 200, (200, 1000)),
        ("heavy tails", 80, (500, 3000)),
        ("noise", 60, (500, 3000)),
    )
    for p in ps
}
SMALL = ["linear sparse, 60 x 500", "14 classes, 140 x 500", "XOR, 200 x 200"]
FRESH = 10_000  # draws of the families are not those on which constants were tuned
N_TEST = 1000
MOST_KEPT = 60  # columns of a selection that are kept, for its stability over draws of a real set


def family(kind, n, p, draw):
    """Return a data set of its own: X, y, X_test, y_test."""
    if kind == "XOR":
        data = make_madelon(n, p, n_test=N_TEST, random_state=FRESH + draw)
        return data.X, data.y, data.X_test, data.y_test
    rng = np.random.default_rng([FRESH + draw, n, p, *kind.encode()])
    total = n + N_TEST
    X, y = rng.normal(size=(total, p)), np.arange(total) % 2
    if kind == "linear sparse":
        chosen = rng.permutation(p)[:15]
        signal = X[:, chosen] @ (rng.choice([-1, 1], 15) * rng.uniform(0.5, 1.5, 15))
        y = (signal + 0.5 * signal.std() * rng.normal(size=total) > 0).astype(int)
    elif kind == "correlated blocks":  # of ten; in eight of them five columns shift
        X = np.sqrt(0.6) * np.repeat(rng.normal(size=(total, p // 10)), 10, axis=1) + 0.4**0.5 * X
        blocks = rng.permutation(p // 10)[:8]
        shifted = (blocks[:, None] * 10 + np.arange(5)).ravel()
        X[:, shifted] += 0.55 * y[:, None] * np.repeat(rng.choice([-1, 1], 8), 5)
    elif kind == "14 classes":
        y = np.arange(total) % 14
        means = 1.6 * rng.normal(size=(14, 60)) * (rng.random((14, 60)) < 0.3)
        X[:, rng.permutation(p)[:60]] += means[y]
    elif kind == "heavy tails":
        X = rng.standard_t(2, size=(total, p))
        X[:, rng.permutation(p)[:20]] += y[:, None] * rng.choice([-1, 1], 20)
    order = rng.permutation(total)
    order = np.concatenate([order[y[order] == label][: n // len(set(y))] for label in set(y)])
    test = np.setdiff1d(np.arange(total), order)
    return X[order], y[order], X[test], y[test]


def split_of(name, draw):
    """Return the training and the test rows of a split of a real set."""
    source, clip, n_train = REAL[name]
    data = load_dataset(source).pooled()
    X = data.X if clip is None else np.log2(np.clip(data.X, *clip))
    sizes = {"test_size": 1 / 3} if n_train is None else {"train_size": n_train, "test_size": None}
    splitter = StratifiedShuffleSplit(1, random_state=draw, **sizes)
    train, test = next(splitter.split(X, data.y))
    return X[train], data.y[train], X[test[:2000]], data.y[test[:2000]]


def rows_of(name, draw):
    rows = split_of(name, draw) if name in REAL else family(*FAMILIES[name], draw)
    scaler = StandardScaler().fit(rows[0])
    return scaler.transform(rows[0]), rows[1], scaler.transform(rows[2]), rows[3]


def tuned_size(kind, X, y, seed):
    """Return the size at which a linear SVM does best on five inner folds."""
    sizes = [size for size in SIZES if size <= X.shape[1]]
    folds = StratifiedKFold(min(5, np.bincount(np.unique(y, return_inverse=True)[1]).min()))
    scores = np.zeros(len(sizes))
    for fit, validate in folds.split(X, y):
        order = rank_features(kind, X[fit], y[fit], seed=seed)
        for index, size in enumerate(sizes):
            model = CLASSIFIERS["SVM"]().fit(X[fit][:, order[:size]], y[fit])
            predicted = model.predict(X[validate][:, order[:size]])
            scores[index] += balanced_accuracy_score(y[validate], predicted)
    return sizes[int(scores.argmax())]


def l1_columns(X, y):
    """Return what an L1-penalised linear SVM keeps, its strength tuned on inner folds."""
    model = LinearSVC(penalty="l1", dual=False, max_iter=3000)
    search = GridSearchCV(model, {"C": np.logspace(-2, 1, 7)}, cv=3)
    return np.flatnonzero(np.any(search.fit(X, y).best_estimator_.coef_ != 0.0, axis=0))


def elastic_net_columns(X, y):
    """Return what an elastic net on indicators of the classes keeps, tuned on inner folds."""
    targets = (y[:, None] == np.unique(y)).astype(float)
    if targets.shape[1] == 2:
        model = ElasticNetCV(l1_ratio=0.5, cv=3, alphas=30).fit(X, targets[:, 1])
    else:
        model = MultiTaskElasticNetCV(l1_ratio=0.5, cv=3, alphas=30).fit(X, targets)
    return np.flatnonzero(np.any(np.atleast_2d(model.coef_) != 0.0, axis=0))


def boruta_columns(X, y, seed):
    """Return what Boruta confirms or, where it confirms nothing, leaves open."""
    from boruta import BorutaPy

    forest = RandomForestClassifier(max_depth=5, class_weight="balanced")
    fitted = BorutaPy(forest, n_estimators=100, max_iter=50, random_state=seed).fit(X, y)
    return np.flatnonzero(fitted.support_ if fitted.support_.any() else fitted.support_weak_)


def rival_search_columns(X, y, seed, n_masks):
    """Return what sklearn-genetic-opt finds, scoring as many masks as the default."""
    import random

    from sklearn_genetic import GAFeatureSelectionCV

    random.seed(seed)  # the package draws from the global states
    np.random.seed(seed)  # noqa: NPY002
    size = 50
    search = GAFeatureSelectionCV(
        CLASSIFIERS["3-NN"](), cv=5, population_size=size, generations=n_masks // size - 1,
        n_jobs=1, verbose=False,
    )  # fmt: skip
    return np.flatnonzero(search.fit(X, y).support_)


def ipss_columns(X, y):
    from ipss import ipss

    return np.array(ipss(X, y, selector="l1", target_fp=1)["selected_features"], dtype=int)


def default_fits(X, y, seed):
    """Yield a way, its columns, seconds, leader and fits: the default, its parts, ablations."""
    for label, make in INSIDE.items():
        started = time.perf_counter()
        fitted = GeneticSelector(make(), random_state=seed).fit(X, y)
        seconds = time.perf_counter() - started
        support = np.flatnonzero(fitted.support_)
        yield f"vaega, {label}", support, seconds, fitted.led_by_, fitted.n_fits_
        for name in ("stack", "votes", "votes and guide") if len(fitted.candidates_) else ():
            sizes = fitted.candidates_.set_index("candidate")["n_features"]
            columns = np.flatnonzero(fitted.ranks_[name] <= sizes[name])
            yield f"{name}, {label}", columns, 0.0, "", 0
    for label, settings in (("no guide", {"guide": "none"}), ("guide F", {"guide": "f_classif"})):
        started = time.perf_counter()
        fitted = GeneticSelector(INSIDE["3-NN"](), random_state=seed, **settings).fit(X, y)
        seconds = time.perf_counter() - started
        yield f"vaega, 3-NN, {label}", np.flatnonzero(fitted.support_), seconds, fitted.led_by_, 0


def selections(X, y, seed):
    """Yield the name of each way, its columns, its seconds, and what led."""
    yield "all columns", np.arange(X.shape[1]), 0.0, ""
    size, n_masks = X.shape[1], 0
    for way, columns, seconds, led_by, n_fits in default_fits(X, y, seed):
        if way == DEFAULT:
            size, n_masks = len(columns), n_fits // 5
        yield way, columns, seconds, led_by
    yield "random, our size", np.random.default_rng(seed).permutation(X.shape[1])[:size], 0.0, ""
    for way, kind in RANKINGS.items():
        started = time.perf_counter()
        order = rank_features(kind, X, y, seed=seed)
        yield f"{way}, our size", order[:size], time.perf_counter() - started, ""
        for fixed in (50, 150):
            yield f"{way}, {fixed}", order[:fixed], 0.0, ""
        if kind != "extra_trees":  # ten times the seconds of all others
            own = tuned_size(kind, X, y, seed)
            yield way, order[:own], time.perf_counter() - started, ""
    rivals = {
        "L1": lambda: l1_columns(X, y),
        "elastic net": lambda: elastic_net_columns(X, y),
        "Boruta": lambda: boruta_columns(X, y, seed),
    }
    if X.shape[1] <= 3000:
        if len(np.unique(y)) == 2:
            rivals["IPSS"] = lambda: ipss_columns(X, y)
        if seed == 0:
            rivals["sklearn-genetic-opt"] = lambda: rival_search_columns(X, y, seed, n_masks)
    for way, select in rivals.items():
        started = time.perf_counter()
        try:
            yield way, select(), time.perf_counter() - started, ""
        except ImportError:
            continue


def one_draw(name, draw):
    X, y, X_test, y_test = rows_of(name, draw)
    records = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for way, columns, seconds, led_by in selections(X, y, draw):
            record = {"set": name, "draw": draw, "way": way, "size": len(columns)}
            record |= {"n_columns": X.shape[1], "columns": ""}
            for label, make in CLASSIFIERS.items():
                if len(columns):
                    predicted = make().fit(X[:, columns], y).predict(X_test[:, columns])
                    record[label] = balanced_accuracy_score(y_test, predicted)
                else:
                    record[label] = 1.0 / len(np.unique(y))
            if name in REAL and len(columns) <= MOST_KEPT:
                record["columns"] = " ".join(map(str, np.sort(columns)))
            records.append({**record, "seconds": round(seconds, 2), "led_by": led_by})
    return pd.DataFrame(records)


# Tables -------------------------------------------------------------------------------------------


def cells_of(runs, ways):
    """Return the mean score of each way (columns) in each cell of set and classifier (rows)."""
    long = runs[runs["way"].isin(ways)].melt(
        ["set", "draw", "way"], list(CLASSIFIERS), "classifier", "score"
    )
    return long.groupby(["set", "classifier", "way"])["score"].mean().unstack("way")[ways]


def summary_of(runs, ways):
    """Return ranks and regrets, what the default has more, wins and losses, stability, size, time.

    The default's lead in rank and score: means over sets of means over classifiers, with Student's
    interval over the sets.
    """
    cells = cells_of(runs, ways)
    ranks = cells.rank(axis=1, ascending=False)
    regret = (-cells).add(cells.max(axis=1), axis=0)
    ahead = cells[DEFAULT].to_numpy()[:, None] - cells.to_numpy()
    of_way = runs.groupby("way")
    table = pd.DataFrame(
        {
            "mean rank": ranks.mean().round(2),
            "mean regret": regret.mean().round(3),
            "worst regret": regret.max().round(3),
            "worst but network": regret.drop("network", level="classifier").max().round(3),
            "default's lead, ranks": _lead_over_sets(ranks.rsub(ranks[DEFAULT], axis=0) * -1, 1),
            "default's lead, score": _lead_over_sets(cells.rsub(cells[DEFAULT], axis=0), 3),
            "default ahead": (ahead > 0.002).sum(axis=0),
            "behind": (ahead < -0.002).sum(axis=0),
            "stability": stability_of(runs).reindex(ways).round(2),
            "median size": of_way["size"].median().reindex(ways),
            "seconds": of_way["seconds"].mean().round(2).reindex(ways),
        }
    )
    statistic = stats.friedmanchisquare(*cells.to_numpy().T)
    k, n = len(ways), cells.shape[0]
    critical = stats.studentized_range.ppf(0.95, k, np.inf) / 2**0.5 * (k * (k + 1) / 6 / n) ** 0.5
    note = (
        f"{n} cells of set and classifier; Friedman p = {statistic.pvalue:.1e}, mean ranks differ "
        f"(Nemenyi, 0.05) from {critical:.2f} on. Cells share rows, so both are too bold."
    )
    return table.sort_values("mean rank").rename_axis("way").fillna(""), note


def _lead_over_sets(leads, digits):
    """Return the mean lead over each way, with its interval over the sets; "" for the default."""
    by_set = leads.groupby("set").mean()
    half = stats.t.ppf(0.975, len(by_set) - 1) * by_set.sem()
    text = [
        f"{mean:+.{digits}f} ± {width:.{digits}f}"
        for mean, width in zip(by_set.mean(), half, strict=True)
    ]
    return pd.Series(text, by_set.columns).where(by_set.columns != DEFAULT, "")


def stability_of(runs):
    """Return Nogueira's stability of each way over the draws of a real set, mean over the sets.

    Of selections of at most `MOST_KEPT` columns, where three draws at least have them.
    """
    found = {}
    for (name, way), part in runs[runs["columns"] != ""].groupby(["set", "way"]):
        chosen = [np.array(text.split(), dtype=int) for text in part["columns"]]
        if len(chosen) > 2:
            masks = np.zeros((len(chosen), int(part["n_columns"].iloc[0])), dtype=bool)
            for mask, columns in zip(masks, chosen, strict=True):
                mask[columns] = True
            found.setdefault(way, {})[name] = nogueira(masks)
    return pd.DataFrame(found).mean()


def partial_of(runs, ways):
    """Return how the default does beside ways that take part in some draws, in these draws."""
    rows = []
    for way in ways:
        draws = runs.loc[runs["way"] == way, ["set", "draw"]]
        part = runs.merge(draws, on=["set", "draw"])
        cells = cells_of(part, [DEFAULT, way])
        ahead = cells[DEFAULT] - cells[way]
        own = part[part["way"] == way]
        rows.append(
            {
                "way": way, "draws": len(draws), "its score": round(cells[way].mean(), 3),
                "default's lead": _lead_over_sets(cells.rsub(cells[DEFAULT], axis=0), 3)[way],
                "default ahead": int((ahead > 0.002).sum()), "behind": int((ahead < -0.002).sum()),
                "median size": own["size"].median(), "seconds": round(own["seconds"].mean(), 1),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def interval_of(differences, n_train, n_test, independent):
    """Return mean and half of the 95 % interval: Student's, corrected where draws overlap."""
    n = len(differences)
    if n < 5:
        return f"{differences.mean():+.3f}"
    overlap = 0.0 if independent else n_test / n_train
    error = differences.std(ddof=1) * (1.0 / n + overlap) ** 0.5
    return f"{differences.mean():+.3f} ± {stats.t.ppf(0.975, n - 1) * error:.3f}"


def paired_of(runs, way, rival):
    """Return, set by set, a way less a rival, mean over the classifiers, with its interval."""
    rows = []
    for name, part in runs.groupby("set", sort=False):
        wide = part.assign(score=part[list(CLASSIFIERS)].mean(axis=1)).pivot_table(
            index="draw", columns="way", values="score"
        )
        if way in wide and rival in wide:
            # A third is held out, but where a number of rows is given the rest of many is.
            gain = interval_of((wide[way] - wide[rival]).dropna(), 2, 1, name in FAMILIES)
            rows.append({"set": name, "draws": len(wide), f"{way} less {rival}": gain})
    return pd.DataFrame(rows)


def per_set(runs, ways):
    """Return the mean score over the classifiers of each way, set by set, with its interval."""
    mean = runs.assign(score=runs[list(CLASSIFIERS)].mean(axis=1))
    of_draws = {
        key: interval_of(part["score"], 2, 1, key[0] in FAMILIES).lstrip("+")
        for key, part in mean.groupby(["set", "way"], sort=False)
    }
    scores = pd.Series(of_draws).rename_axis(["set", "way"]).unstack("way")
    return scores.loc[runs["set"].unique(), [way for way in ways if way in scores]].reset_index()


def markdown(table):
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table.to_numpy()]
    return "\n".join(lines)


def report(runs, command):
    """Return the tables as Markdown."""
    complete = runs["set"].unique()
    everywhere = runs.groupby("way")["set"].nunique() == len(complete)
    ways = [way for way in runs["way"].unique() if everywhere[way]]
    parts = ("stack", "votes", "no guide", "guide F")
    own = [way for way in ways if "our size" not in way and not any(p in way for p in parts)]
    equal = [DEFAULT, *(way for way in ways if "our size" in way)]
    ablation = [way for way in ways if way.startswith("vaega") or any(p in way for p in parts)]
    chosen_on = (
        "Constants of the default were chosen on other draws of the families and on other splits "
        "of the real sets (five folds), which favours it a little."
    )
    about = __doc__.split("\n\n")[2]
    lines = [
        "# The default selector and its rivals",
        "",
        f"`{command}`",
        "",
        about,
        "",
        chosen_on,
        "",
    ]
    for title, chosen in (
        ("At their own size", own),
        ("At equal size", equal),
        ("Ablations", ablation),
    ):
        table, note = summary_of(runs, chosen)
        lines += [f"## {title}", "", markdown(table.reset_index()), "", note, ""]
    partial = [way for way in runs["way"].unique() if not everywhere[way]]
    if partial:
        lines += ["## Ways that take part in some draws alone", ""]
        lines += [markdown(partial_of(runs, partial)), ""]
    lines += ["## What the searches add", ""]
    for label in INSIDE:
        table = paired_of(runs, f"votes and guide, {label}", f"stack, {label}")
        lines += [markdown(table), ""]
    shown = [DEFAULT, "vaega, ridge", "ridge RFE", "F", "mRMR", "F, 50", "ridge RFE, 50", "L1",
             "elastic net", "Boruta", "all columns", "random, our size"]  # fmt: skip
    lines += [
        "## Set by set, mean over the five classifiers",
        "",
        markdown(per_set(runs, shown)),
        "",
    ]
    led = runs[runs["way"].isin([f"vaega, {label}" for label in INSIDE])]
    counts = led.groupby(["way", "led_by"]).size().unstack(fill_value=0).reset_index()
    return "\n".join([*lines, "## What led", "", markdown(counts), ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", default=[*REAL, *FAMILIES])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="three small families, four draws")
    parser.add_argument("--table", action="store_true", help="write the tables alone")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    names, draws = (SMALL, 4) if options.small else (options.names, options.draws)
    path = options.out / ("rivals_small.csv" if options.small else "rivals.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    known = pd.read_csv(path, keep_default_na=False) if path.exists() else pd.DataFrame()
    done = set(zip(known["set"], known["draw"], strict=True)) if len(known) else set()
    tasks = [(name, draw) for draw in range(draws) for name in names if (name, draw) not in done]
    if options.table:
        tasks = []
    finished = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
        delayed(one_draw)(*task) for task in tasks
    )
    for number, records in enumerate(finished, start=1):
        records.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4f")
        first = records.iloc[0]
        print(f"[{number}/{len(tasks)}] {first['set']}, draw {first['draw']}", flush=True)
    runs = pd.read_csv(path, keep_default_na=False)
    text = report(runs, f"python benchmarks/rivals.py --draws {runs['draw'].max() + 1}")
    path.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
