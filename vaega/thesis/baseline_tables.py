"""Tables 2.1 and 2.2: classical models on all features."""

from typing import Any

import pandas as pd

from vaega.core.errors import DataError
from vaega.experiments.baselines.evaluation import STATEMENT, BaselineSettings
from vaega.experiments.baselines.models import MODELS
from vaega.experiments.baselines.runner import complete_baselines
from vaega.experiments.baselines.tables import METRICS, tabulate_classes, tabulate_tasks
from vaega.experiments.store import Store
from vaega.thesis.provenance import describe_runs
from vaega.thesis.record import Table
from vaega.thesis.reports import published_models, published_value
from vaega.thesis.request import Request
from vaega.thesis.sample_means import mean_beside
from vaega.thesis.stand_ins import find_source, stand_in_note

# Chapter 2 has these; All-Leukemia came later.
_DATASETS = ("leukemia", "madelon", "gisette", "gcm")
_SMOKE_MODELS = ("extra_tree", "bernoulli_nb", "gaussian_nb")
# Hours on Gisette's 6,000 rows of 5,000 columns; the thesis left bagging out there.
_SLOW_ON_GISETTE = ("lda", "qda", "adaboost", "bagging", "gradient_boosting", "mlp")
_SLOW = "Scale small: models that take hours on gisette are left out there."
N_SPLITS = {"smoke": 1, "small": 1, "full": 5}
_SETTINGS = BaselineSettings("pooled")
_SMOKE_SETTINGS = BaselineSettings("pooled", n_folds=2, search_rows=100)
_POOLED = "As in the thesis, official parts are pooled and split anew, 80 to 20."
_INTERVAL = "low, high: 95 % interval of the mean over splits; with one split, over its test rows."
_NO_DATASET = f"reproduce thesis: --dataset must be one of {', '.join(_DATASETS)} for table 2.1."
_SMOKE = "Scale smoke: three quick models."


def classical_models(name: str, request: Request) -> Table:
    """Make table 2.1: AUC, or macro-F1 for GCM, of 18 models tuned on all features."""
    tables, notes = [], [STATEMENT, _POOLED, _INTERVAL]
    for thesis_name in (each for each in _DATASETS if request.wants(each)):
        try:
            table, _, said = _computed(thesis_name, _models(thesis_name, request), request)
        except DataError as error:
            notes.append(str(error))
            continue
        tables.append(table.assign(thesis_name=thesis_name))
        notes += said
    if not tables:
        raise DataError(" ".join(notes[3:]) or _NO_DATASET)
    notes += {"smoke": [_SMOKE], "small": [_SLOW]}.get(request.scale, [])
    found = pd.concat(tables)
    title = "Classical models on all features: AUC, macro-F1 for gcm"
    return Table(name, title, model_rows(found), tuple(notes))


def mlp_by_class(name: str, request: Request) -> Table:
    """Make table 2.2: precision, recall and F1 of the MLP on each class of GCM."""
    table, classes, notes = _computed("gcm", ("mlp",), request)
    title = "MLP on all features by class: gcm"
    return Table(name, title, class_rows(table, classes), (STATEMENT, _POOLED, *notes))


def model_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over splits beside table 2.1."""
    if table.empty:
        return pd.DataFrame()
    printed = published_models().set_index(["model", "dataset"])["test"]
    rows = []
    places: Any = table[table["status"] == "done"].groupby(
        ["thesis_name", "dataset", "model"], sort=False
    )
    for (thesis_name, dataset, model), found in places:
        place = {"dataset": dataset, "metric": METRICS[found["metric"].iloc[0]]}
        published = float(printed.get((model, thesis_name), float("nan")))
        means = mean_beside(published, found["score"].tolist())
        if len(found) == 1:
            means |= {"low": found["score_low"].iloc[0], "high": found["score_high"].iloc[0]}
        rows.append({**place, "model": MODELS[model].title, **means})
    return pd.DataFrame(rows)


def class_rows(table: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Return means over splits beside table 2.2."""
    if classes.empty:
        return pd.DataFrame()
    columns = ("precision", "recall", "f1")
    means = classes.groupby("label", sort=False)[[*columns, "support"]].mean()
    lines: list[dict[Any, Any]] = means.reset_index().to_dict("records")
    n_test = float(table["n_test"].mean())
    lines.append({"label": "accuracy", "f1": float(table["accuracy"].mean()), "support": n_test})
    macro = {column: float(means[column].mean()) for column in columns}
    lines.append({"label": "macro average", **macro, "support": n_test})
    rows = []
    for line in lines:
        row: dict[str, Any] = {"dataset": table["dataset"].iloc[0], "label": line["label"]}
        for column in columns:
            printed = published_value("2.2", "real", "real", line["label"], column)
            row |= {f"{column}_published": printed, column: line.get(column, float("nan"))}
        rows.append({**row, "support": line["support"], "n": len(table)})
    return pd.DataFrame(rows)


def _models(thesis_name: str, request: Request) -> tuple[str, ...]:
    if request.scale == "smoke":
        return _SMOKE_MODELS
    left_out = _SLOW_ON_GISETTE if (thesis_name, request.scale) == ("gisette", "small") else ()
    return tuple(name for name in MODELS if name not in left_out)


def _computed(
    thesis_name: str, models: tuple[str, ...], request: Request
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    folder, source = request.out / "runs" / "baselines", find_source(thesis_name)
    n_splits = request.n_runs or N_SPLITS[request.scale]
    tasks, unloaded = complete_baselines(
        [source],
        models,
        folder,
        settings=_SMOKE_SETTINGS if request.scale == "smoke" else _SETTINGS,
        seeds=range(n_splits),
        jobs=request.jobs,
        tell=request.tell,
    )
    if unloaded:
        raise DataError(unloaded[source])
    table = tabulate_tasks(Store(folder), tasks)
    folders = [Store(folder).run_folder(task.run.id) for task in tasks]
    notes = [
        stand_in_note(thesis_name, tasks[0].run.dataset) or "",
        f"{thesis_name}: {describe_runs(table, folders)}",
    ]
    notes += [
        f"{row['dataset']}, {MODELS[str(row['model'])].title}, seed {row['seed']}: {row['error']}"
        for _, row in table[table["status"] == "failed"].iterrows()
    ]
    return table, tabulate_classes(Store(folder), tasks), [note for note in notes if note]
