"""Chapter 4, its tables: original against augmented masks, run by run on the same splits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import get_scorer

from vaega.core.errors import DataError
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data._preprocess import Preprocessor
from vaega.data._splits import Fold
from vaega.experiments.config import ExperimentConfig, load_config
from vaega.experiments.intervals import (
    LEAST_RUNS,
    NONE,
    Interval,
    corrected_error,
    heldout_interval,
    interval_around,
)
from vaega.experiments.protocols import make_protocol
from vaega.experiments.registry import classifier_of, make_arm_model
from vaega.fitness._cross_validated import CrossValidatedFitness
from vaega.generative._settings import find_preset
from vaega.report._comparison import EFFECTS
from vaega.report._statistics import compare_arms, comparison_table, holm
from vaega.selection._stability import nogueira_interval
from vaega.thesis.as_run_generator import AsRunGenerator
from vaega.thesis.groups import (
    KEY,
    OFFICIAL_SHARES,
    GroupRuns,
    Key,
    complete_groups,
    scaled_config,
    wanted_groups,
)
from vaega.thesis.protocols import described_fold, with_synthetic_rows
from vaega.thesis.published import (
    GCM_EXPERIMENTS,
    GISETTE_SIZES,
    MEASURES,
    NETWORKS,
    PRESETS,
    Group,
    compare_group,
    compare_samples,
    find_group,
    generator_errors,
    load_thesis_dataset,
    published_groups,
    quartile_range,
)
from vaega.thesis.reproduction import HELD_OUT, Request, ThesisTable

_HONEST = (
    "Under honest, accuracy and features are those of the final mask on test rows read once; under "
    "the others, means of the last population on the rows of the fitness, as the thesis has them."
)
_INTERVALS = (
    "low, high: 95 % interval of the mean, from five runs on. Where splits share rows it has the "
    "corrected variance (Nadeau and Bengio); on an official part it is drawn over test rows and "
    "seeds under honest, and says what other seeds would give on the same rows elsewhere."
)
_ERRORS = (
    "standard errors: difference of the means divided by its standard error, over runs. All runs "
    "of a published augmented group share one trained generator, runs here have one each: "
    "generator errors divide by a standard error that knows of it."
)
_NOT_RUN = "A row without a protocol is a published group that was not run here."


def by_group(name: str, request: Request) -> ThesisTable:
    """Make the table of all groups: accuracy and features, published and reproduced."""
    runs = complete_groups(request)
    rows = [
        {**whose, "measure": measure, **_compared(runs, part, whose, measure)}
        for whose, part in runs.by_arm()
        for measure in (*MEASURES, "all_features_accuracy")
        if part[measure].notna().any()
    ]
    run = set(runs.table["group"])
    rows += [row for group in _groups_of(request) if group.name not in run for row in _alone(group)]
    title = "Groups of runs: accuracy and number of features, published and reproduced"
    notes = (*runs.notes, _HONEST, _INTERVALS, _ERRORS, _NOT_RUN)
    return ThesisTable(name, title, pd.DataFrame(rows), notes, missing=runs.missing)


def _groups_of(request: Request) -> list[Group]:
    return list(dict.fromkeys(group for group, _ in wanted_groups(request)))


def _alone(group: Group) -> list[dict[str, Any]]:
    """Return what was published of a group that was not run."""
    whose = {"group": group.name, "dataset": group.dataset, "data": "", "size": group.size}
    nothing = pd.DataFrame({measure: [] for measure in MEASURES}, dtype=float)
    return [
        {**whose, "protocol": "", "arm": arm, "measure": measure}
        | compare_group(nothing, group.published(arm), measure)
        for arm in ("original", "augmented")
        if group.published(arm)
        for measure in MEASURES
    ]


def final_populations(name: str, request: Request) -> ThesisTable:
    """Make table 4: each dataset's runs of all sizes together, as chapter 4 sums them up."""
    runs = complete_groups(request)
    rows = []
    keys = ["dataset", "data", "protocol", "arm"]
    for key, part in _with_all_arms(runs.table).groupby(keys, sort=False):
        whose = dict(zip(keys, key, strict=True))
        groups = [
            one
            for group in part["group"].unique()
            for one in find_group(str(group)).published(str(whose["arm"]))
        ]
        for measure in MEASURES:
            compared = compare_group(part, groups, measure)
            iqr = quartile_range(part[measure].tolist())
            rows.append({**whose, "measure": measure, **compared, "iqr": iqr})
    run = set(runs.table["dataset"])
    alone = [group for group in _groups_of(request) if group.dataset not in run]
    for dataset in dict.fromkeys(group.dataset for group in alone):
        rows += _alone_together([group for group in alone if group.dataset == dataset])
    frame = pd.DataFrame(rows).drop(columns=["low", "high"], errors="ignore")
    title = "Last populations of chapter 4, all sizes of masks together"
    notes = (*runs.notes, _HONEST, _TOGETHER, _ERRORS, _NOT_RUN)
    return ThesisTable(name, title, frame, notes, missing=runs.missing)


_TOGETHER = (
    "Masks of several sizes are not draws of one kind: no interval. Where test rows are read once, "
    "arms are of the same groups and seeds."
)


def _with_all_arms(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out honest runs whose seed another arm of the dataset lacks: sums of like with like."""
    arms = table.groupby(["dataset", "protocol"])["arm"].transform("nunique")
    there = table.groupby(["group", "protocol", "seed"])["arm"].transform("nunique")
    return table[(there == arms) | ~table["protocol"].isin(HELD_OUT)]


def _alone_together(groups: Sequence[Group]) -> list[dict[str, Any]]:
    nothing = pd.DataFrame({measure: [] for measure in MEASURES}, dtype=float)
    whose = {"dataset": groups[0].dataset, "data": "", "protocol": ""}
    return [
        {**whose, "arm": arm, "measure": measure}
        | compare_group(nothing, [one for each in groups for one in each.published(arm)], measure)
        for arm in ("original", "augmented")
        for measure in MEASURES
    ]


def networks(name: str, request: Request) -> ThesisTable:
    """Make table 4.1: the networks, published and as presets."""
    rows = []
    for network in NETWORKS:
        if not request.wants(network["dataset"]):
            continue
        preset = find_preset(PRESETS[network["dataset"]], owner="table 4.1")
        ours = {"layer_1": preset["hidden"][0], "layer_2": preset["hidden"][1]}
        ours |= {key: preset[key] for key in ("latent", "learning_rate", "max_epochs")}
        same = all(network[key] == value for key, value in ours.items())
        rows.append({**network, **{f"preset_{key}": v for key, v in ours.items()}, "same": same})
    return ThesisTable(name, "Networks, published and as presets", pd.DataFrame(rows), decimals=8)


def gisette_sizes(name: str, request: Request) -> ThesisTable:
    """Make table 4.2: selected features of Gisette."""
    gisette, title = find_group("gisette"), "Selected features of Gisette"
    if gisette not in _groups_of(request):
        return ThesisTable(name, title, pd.DataFrame())
    runs = complete_groups(request, [gisette])
    parts = list(runs.by_arm())
    if not parts:
        nothing = pd.DataFrame({"n_features": []}, dtype=float)
        whose = {"group": "gisette", "protocol": ""}
        parts = [({**whose, "arm": arm}, nothing) for arm in GISETTE_SIZES]
    rows = []
    for whose, part in parts:
        sizes = part["n_features"].tolist()
        compared = compare_samples([], sizes)
        if sizes:
            compared |= _ends(runs, part, whose, "n_features")
        theirs = GISETTE_SIZES.get(str(whose["arm"]), {})
        rows.append(
            {
                **whose,
                **{f"published_{key}": value for key, value in theirs.items()},
                **{key: compared[key] for key in ("mean", "sd", "n", "low", "high")},
                "iqr": quartile_range(sizes),
            }
        )
    return ThesisTable(name, title, pd.DataFrame(rows), runs.notes, missing=runs.missing)


def gcm_rows(name: str, request: Request) -> ThesisTable:
    """Make table 4.3: experiments on GCM by number of training rows."""
    rows: list[dict[str, Any]] = [
        {"source": "published", "training_rows": n_rows, "experiments": count}
        for n_rows, count in GCM_EXPERIMENTS.items()
    ]
    runs = complete_groups(replace(request, datasets=("gcm",))) if request.wants("gcm") else None
    for (group, protocol, arm), part in runs.by_key() if runs else ():
        first = part.iloc[0]
        rows.append(
            {
                "source": f"{group}, {protocol}, {arm}",
                "training_rows": first["n_train"] + first["n_synthetic"],
                "synthetic_rows": first["n_synthetic"],
                "experiments": len(part),
            }
        )
    title, frame = "Runs on GCM by number of training rows", pd.DataFrame(rows).convert_dtypes()
    notes, missing = (runs.notes, runs.missing) if runs else ((), ())
    return ThesisTable(name, title, frame, notes, missing=missing)


# On which rows a mask of `as-run` is right
_PARTS = ("elite_accuracy", "elite_accuracy_real", "elite_accuracy_synthetic")
_SIGNATURE = (
    "whole: best masks whose accuracy is a whole number of the real test rows, and of real and "
    "synthetic ones together. elite: the best mask on all rows of the fitness, on the real, and on "
    "the synthetic ones among them; all features: on all rows, and on the real ones."
)


def signatures(name: str, request: Request) -> ThesisTable:
    """Make the table of what gives a protocol away: on which rows the best masks are right."""
    runs = complete_groups(request)
    rows = []
    known = replace(runs, table=runs.table[runs.table["elite_accuracy"].notna()])
    for whose, part in known.by_arm():
        row = {key: whose[key] for key in KEY} | {"n": len(part)}
        n_test, n_synthetic = int(part["n_test"].iloc[0]), _n_test_synthetic(part)
        row["test_rows"], row["synthetic_test_rows"] = n_test, n_synthetic
        row["whole_of_real"] = _count_whole(part["elite_accuracy"], n_test)
        row["whole_of_all"] = _count_whole(part["elite_accuracy"], n_test + n_synthetic)
        for measure in (*_PARTS, "all_features_accuracy", "all_features_accuracy_real"):
            ends = _ends(runs, part, whose, measure)
            figures = {"mean": float(part[measure].mean()), **ends}
            row |= {f"{measure}_{key}": value for key, value in figures.items()}
        rows.append(row)
    title = "Best masks and all features on real and on synthetic test rows"
    notes = (*runs.notes, _SIGNATURE, _INTERVALS)
    return ThesisTable(name, title, pd.DataFrame(rows), notes, missing=runs.missing)


def _n_test_synthetic(part: pd.DataFrame) -> int:
    """Return how many synthetic rows are tested on: the share that the three accuracies tell."""
    if part["elite_accuracy_synthetic"].isna().all():
        return 0
    group = find_group(str(part["group"].iloc[0]))
    share = load_config(group.file()).protocol.synthetic_test_share
    return int(np.floor(round(float(part["n_synthetic"].iloc[0]) * share, 9)))


def _count_whole(accuracies: pd.Series, n_rows: int) -> int:
    products = accuracies * n_rows
    return int((abs(products - products.round()) < 1e-3).sum())


def stability(name: str, request: Request) -> ThesisTable:
    """Make the table of the selections' stability over runs."""
    runs = complete_groups(request)
    rows = []
    for (group, protocol, arm), masks in runs.masks.items():
        counts, n = masks.sum(axis=0), len(masks)
        row: dict[str, Any] = {"group": group, "protocol": protocol, "arm": arm, "n": n}
        row |= {"ever_selected": int((counts > 0).sum()), "by_half": int((counts >= n / 2).sum())}
        rows.append(row | _nogueira(masks))
    title = "Stability of the selection over runs (Nogueira), and features selected at all"
    notes = (*runs.notes, _SHARED_ROWS)
    return ThesisTable(name, title, pd.DataFrame(rows), notes, missing=runs.missing)


_SHARED_ROWS = "low, high: over runs as they are, on the same or overlapping training rows."


def frequencies(name: str, request: Request) -> ThesisTable:
    """Make the table of the features that runs select most often."""
    runs = complete_groups(request)
    data = {key: str(part["data"].iloc[0]) for key, part in runs.by_key()}
    tables = []
    for key, masks in runs.masks.items():
        shares = masks.mean(axis=0)
        first = np.argsort(-shares, kind="stable")[:10]
        first = first[shares[first] > 0]
        top = {"name": runs.names[data[key]][first], "share_of_runs": shares[first]}
        tables.append(pd.DataFrame(dict(zip(KEY, key, strict=True)) | top))
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    title = "Features selected most often"
    return ThesisTable(name, title, rows, runs.notes, missing=runs.missing)


def _compared(
    runs: GroupRuns, part: pd.DataFrame, whose: dict[str, Any], measure: str
) -> dict[str, float]:
    groups = find_group(whose["group"]).published(whose["arm"])
    ends = _ends(runs, part, whose, measure)
    if measure in MEASURES:
        compared = compare_group(part, groups, measure) | ends
        shared = groups and whose["arm"] == "augmented" and whose["protocol"] == "as-run"
        errors = generator_errors(compared) if shared else float("nan")
        return compared | {"generator_errors": errors}
    # Published once a group: every run of it starts from the same rows.
    table = published_groups().set_index("experiment_group")
    theirs = table.loc[list(groups), measure].astype(float).tolist()
    compared = compare_samples(theirs, part[measure].dropna().tolist()) | ends
    return compared | {"generator_errors": float("nan")}


def _ends(
    runs: GroupRuns, part: pd.DataFrame, whose: dict[str, Any], measure: str
) -> dict[str, float]:
    key = (str(whose["group"]), str(whose["protocol"]), str(whose["arm"]))
    low, high = mean_ends(part[measure].dropna(), key, runs, measure)
    return {"low": low, "high": high}


def mean_ends(values: pd.Series, key: Key, runs: GroupRuns, measure: str) -> Interval:
    """Return the 95 % interval of a mean over runs; none below five."""
    group, protocol, _ = key
    n, bounded, share = len(values), measure != "n_features", test_share_of(group, protocol)
    if n < LEAST_RUNS:
        return NONE
    if share is not None:
        error = corrected_error(values, test_share=share)
    elif protocol == "honest" and measure == "accuracy":
        if len(runs.predictions.get(key, ())) != n:
            return NONE  # of an earlier version, which kept no predictions
        tables = [
            pd.DataFrame({"label": label, "prediction": predicted})
            for label, predicted, *_ in runs.predictions[key]
        ]
        metric = load_config(find_group(group).file()).fitness.metric
        scores = [np.array([value]) for value in values]
        return heldout_interval(scores, tables, metric=str(metric), test_share=None)
    else:
        error = float(stats.sem(values))
    return interval_around(float(values.mean()), error, n, bounded=bounded)


def test_share_of(group: str, protocol: str) -> float | None:
    """Return test rows over training rows where splits share rows; none for an official part."""
    found = find_group(group)
    settings = load_config(found.file()).protocol
    size = settings.test_size
    if settings.outer == "official":
        if protocol != "honest-pooled":
            return None
        size = OFFICIAL_SHARES[found.dataset]
    return size / (1.0 - size)


def _nogueira(masks: np.ndarray) -> dict[str, float]:
    if len(masks) < 2 or not 0 < masks.sum() < masks.size:
        return {"nogueira": float("nan"), "low": float("nan"), "high": float("nan")}
    stability = nogueira_interval(masks)
    return {"nogueira": stability.value, "low": stability.low, "high": stability.high}


_GROUPS = ("leukemia_001", "madelon")
_N_SEEDS = {"smoke": 2, "small": 5, "full": 20}
_WHAT = (
    "epochs: until ten passed without a better loss of the test rows; label_1: share of synthetic "
    "rows with the second label; sd: mean over features of the standard deviation of synthetic "
    "rows, 1 for real training rows; accuracies: of the thesis's classifier on all features, "
    "trained on real and 70 % of the synthetic rows."
)
_STATEMENT = (
    "Protocol as-run: the generator is stopped on the test rows and drawn around them, and 30 % of "
    "its rows are among the rows on which fitness is computed."
)


def generators(name: str, request: Request) -> ThesisTable:
    """Make the table of the generators of ``as-run``, those of two classes."""
    rows, missing = [], []
    for group in map(find_group, _GROUPS):
        if not request.wants(group.dataset):
            continue
        try:
            rows += _of_group(group, request)
        except DataError as error:
            missing.append(f"{group.name}: not run: {error}")
    title, notes = "Generators as the public code trained them", (_STATEMENT, _WHAT, *missing)
    said = () if rows else tuple(missing)
    return ThesisTable(name, title, pd.DataFrame(rows), notes, missing=said)


def _of_group(group: Group, request: Request) -> list[dict[str, object]]:
    config = scaled_config(group, "as-run", request)
    dataset = load_thesis_dataset(group.dataset)
    trial = next(iter(make_protocol(config.protocol).trials(dataset, 0)))
    columns = np.arange(dataset.n_features)
    fold = described_fold(trial, columns, Preprocessor(list(config.preprocess)), None)
    arm, rows = config.arms["augmented"], []
    assert arm.n_synthetic is not None
    model = AsRunGenerator.of(
        make_arm_model(arm, device=request.device), dataset.n_classes, device=request.device
    )
    fit, test = (fold.X_fit, fold.y_fit), (fold.X_validate, fold.y_validate)
    for number in range(_N_SEEDS[request.scale]):
        request.tell(f"{group.name}, generator {number}")
        made = model.draw(*fit, *test, arm.n_synthetic, seed=derive_seed(number, "generator"))
        labels = 1 - made.y if config.protocol.exchange_labels else made.y
        share = config.protocol.synthetic_test_share
        both = with_synthetic_rows(fold, made.X, labels, test_share=share)
        whose = {"dataset": group.dataset, "data": dataset.name, "generator": number}
        figures = {
            "epochs": made.epochs,
            "label_1": float(made.y.mean()),
            "sd": float(made.X.std(axis=0).mean()),
        }
        rows.append(whose | figures | _accuracies(config, both, len(trial.y_test)))
    return rows


def _accuracies(config: ExperimentConfig, fold: Fold, n_real: int) -> dict[str, object]:
    fitness = config.fitness
    parts = {
        "all_rows": slice(None),
        "real_rows": slice(n_real),
        "synthetic_rows": slice(n_real, None),
    }
    accuracies: dict[str, object] = {}
    for name, part in parts.items():
        X, y = fold.X_validate[part], fold.y_validate[part]
        tested = replace(fold, X_validate=X, y_validate=y)
        scorer = get_scorer(fitness.metric)
        with CrossValidatedFitness(classifier_of(fitness), [tested], scorer) as score:
            mask = np.ones((1, int(fold.columns.max()) + 1), dtype=bool)
            accuracies[f"accuracy_{name}"] = float(score(mask)[0])
    return accuracies


_PAIRED_NOTE = (
    "augmented: decoder means of the thesis's network, as the thesis made rows; calibrated: the "
    "same network with the decoder's noise; smote: as many rows of SMOTE."
)
_EFFECTS = (
    "effect, where test rows are read once: on the selection (the arm's features against those of "
    "original, both final models of real rows), on the final model (the same features, with "
    "generated rows and without), and both together, which is the difference of the arms."
)
_HOW = (
    "difference: mean over the same seeds. On an official part its interval is drawn over test "
    "rows and seeds under honest, and Wilcoxon's p says only what other seeds would give on the "
    "same rows; where splits share rows both have the corrected variance. Adjusted p: Holm within "
    "group, protocol, measure and effect; p over all: within protocol, measure and effect."
)


def paired_differences(name: str, request: Request) -> ThesisTable:
    """Make the table of paired differences between arms and original."""
    runs = complete_groups(request)
    tables = [
        _paired_rows(str(group), str(protocol), part, runs, effect)
        for (group, protocol), part in runs.table.groupby(["group", "protocol"], sort=False)
        for effect in (*EFFECTS[::-1], "elite_accuracy_real", "n_features")
        if part["arm"].nunique() > 1
    ]
    tables = [table for table in tables if len(table)]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if len(rows):
        family = rows.groupby(["protocol", "measure", "effect"])["p_value"]
        rows["p_over_all"] = family.transform(_holm_of_known)
        rows = rows.drop(columns="p_value")
    title = "Arms against original, in pairs over the same seeds"
    notes = (*runs.notes, _PAIRED_NOTE, _EFFECTS, _HOW)
    return ThesisTable(name, title, rows, notes, missing=runs.missing)


def _holm_of_known(p_values: pd.Series) -> pd.Series:
    known = p_values.dropna()
    return pd.Series(holm(known), index=known.index).reindex(p_values.index)


def _paired_rows(
    group: str, protocol: str, part: pd.DataFrame, runs: GroupRuns, effect: str
) -> pd.DataFrame:
    scores = _effect_scores(part, effect)
    if scores is None or scores.shape[1] < 2:
        return pd.DataFrame()
    share = test_share_of(group, protocol)
    table = comparison_table(compare_arms(scores, against="original", test_share=share))
    table = table.rename(columns={"first": "arm"})
    table = table.drop(columns=["second", "first_mean", "second_mean"])
    if protocol == "honest" and share is None and effect in EFFECTS:
        for index, arm in table["arm"].items():
            ends = _ends_over_rows(runs, (group, protocol, str(arm)), effect)
            table.loc[index, ["low", "high"]] = ends
    measure = "accuracy" if effect in EFFECTS else effect
    whose = {"group": group, "protocol": protocol, "measure": measure}
    whose["effect"] = effect if effect in EFFECTS else "together"
    return pd.concat([pd.DataFrame([whose] * len(table)), table], axis=1)


def _effect_scores(part: pd.DataFrame, effect: str) -> pd.DataFrame | None:
    """Return scores by seed and arm whose differences to original are the effect."""

    def by_arm(column: str) -> pd.DataFrame:
        return part.pivot(index="seed", columns="arm", values=column)[list(part["arm"].unique())]

    if effect not in EFFECTS:
        return by_arm(effect).dropna(axis=1, how="all")
    scores = by_arm("accuracy")
    if effect == "together":
        return scores
    if part["heldout_real"].isna().all():
        return None
    real = by_arm("heldout_real").dropna(axis=1, how="all")
    if effect == "selection":
        return real.drop(columns="original", errors="ignore").assign(original=scores["original"])
    return (scores - real).dropna(axis=1, how="all").assign(original=0.0)


def _ends_over_rows(runs: GroupRuns, key: Key, effect: str) -> Interval:
    """Return the interval of a paired difference on an official part: other test rows and seeds."""
    base = (key[0], key[1], "original")
    if key not in runs.predictions or base not in runs.predictions:
        return NONE
    arm, original = runs.predictions[key], runs.predictions[base]
    n = min(len(arm), len(original))  # seeds go from 0 up in every arm
    right = arm[:n, 1:] == arm[:n, :1]  # of the final model, and of that of real rows
    right_there = original[:n, 1] == original[:n, 0]
    first, second = {
        "together": (right[:, 0], right_there),
        "selection": (right[:, -1], right_there),
        "final model": (right[:, 0], right[:, -1]),
    }[effect]
    return difference_ends(first.astype(float) - second)


_N_DRAWS = 400


def difference_ends(differences: np.ndarray) -> Interval:
    """Return the interval of a mean of differences (n_seeds, n_rows), by drawing seeds and rows."""
    n_seeds, n_rows = differences.shape
    if n_seeds < LEAST_RUNS:
        return NONE
    rng = derive_rng(0, "differences")
    draws = []
    for _ in range(_N_DRAWS):
        seeds, rows = rng.integers(n_seeds, size=n_seeds), rng.integers(n_rows, size=n_rows)
        draws.append(differences[seeds][:, rows].mean())
    error = float(np.std(draws, ddof=1))
    return interval_around(float(differences.mean()), error, n_rows, bounded=False)
