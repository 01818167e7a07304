"""The results of classical models as tables: one row a task, one a model, one a class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vaega.core.files import canonical_json, write_text
from vaega.experiments.baselines.evaluation import STATEMENT
from vaega.experiments.baselines.models import MODELS
from vaega.experiments.baselines.runner import BaselineTask
from vaega.experiments.store import Store

_SCORES = (
    "metric",
    "score",
    "score_low",
    "score_high",
    "inner_score",
    "train_score",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "n_train",
    "n_test",
    "n_candidates",
    "n_failed_candidates",
)
COLUMNS = (
    "dataset",
    "model",
    "seed",
    "split",
    "status",
    *_SCORES,
    "seconds",
    "parameters",
    "error",
)
METRICS = {"roc_auc": "AUC", "f1_macro": "macro-F1"}


def tabulate_tasks(store: Store, tasks: Sequence[BaselineTask]) -> pd.DataFrame:
    """Return one row a task, of what the tasks recorded."""
    rows = []
    for task in tasks:
        metrics = store.metrics(task.run.id)
        if metrics is None:
            continue
        place = {"dataset": task.run.dataset, "model": task.run.arm, "seed": task.run.seed}
        parameters = canonical_json(metrics["parameters"]) if "parameters" in metrics else ""
        rows.append({**metrics, **place, "split": task.settings.split, "parameters": parameters})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def tabulate_classes(store: Store, tasks: Sequence[BaselineTask]) -> pd.DataFrame:
    """Return one row a task and class: precision, recall, F1, support."""
    rows = []
    for task in tasks:
        place = {"dataset": task.run.dataset, "model": task.run.arm, "seed": task.run.seed}
        metrics = store.metrics(task.run.id) or {}
        rows += [{**place, **line} for line in metrics.get("by_class", ())]
    columns = ["dataset", "model", "seed", "label", "precision", "recall", "f1", "support"]
    return pd.DataFrame(rows, columns=columns)


def summarise_tasks(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a dataset and model: means over the seeds that are done."""
    done = table[table["status"] == "done"]
    rows = []
    for (dataset, model), group in done.groupby(["dataset", "model"], sort=False):
        one = len(group) == 1
        rows.append(
            {
                "dataset": dataset,
                "model": model,
                "metric": group["metric"].iloc[0],
                "n": len(group),
                "score": group["score"].mean(),
                "sd": group["score"].std(),
                "score_low": group["score_low"].iloc[0] if one else float("nan"),
                "score_high": group["score_high"].iloc[0] if one else float("nan"),
                **{name: group[name].mean() for name in _MEANS},
            }
        )
    columns = ["dataset", "model", "metric", "n", "score", "sd", "score_low", "score_high", *_MEANS]
    return pd.DataFrame(rows, columns=columns)


_MEANS = ("inner_score", "accuracy", "macro_f1", "seconds")


def comparison_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """Return models by datasets as text: mean, and its spread over seeds or test rows."""
    order = [name for name in MODELS if name in set(summary["model"])]
    cells = {"model": [MODELS[name].title for name in order]}
    for dataset, group in summary.groupby("dataset", sort=False):
        heading = f"{dataset} ({METRICS[group['metric'].iloc[0]]})"
        found = {str(row["model"]): _cell(row) for _, row in group.iterrows()}
        cells[heading] = [found.get(name, "") for name in order]
    return pd.DataFrame(cells)


def _cell(row: pd.Series) -> str:
    if row["n"] > 1:
        return f"{row['score']:.3f} ± {row['sd']:.3f}"
    return f"{row['score']:.3f} [{row['score_low']:.3f}, {row['score_high']:.3f}]"


def as_markdown(table: pd.DataFrame) -> str:
    """Return a table of text as Markdown, the first column to the left."""
    rule = ["---", *["---:"] * (table.shape[1] - 1)]
    lines = [list(map(str, table.columns)), rule, *table.astype(str).values.tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_baselines(
    folder: Path,
    tasks: Sequence[BaselineTask],
    unloaded: Mapping[str, str],
    *,
    command: str,
) -> pd.DataFrame:
    """Write the tables of what was computed."""
    store = Store(folder)
    table, classes = tabulate_tasks(store, tasks), tabulate_classes(store, tasks)
    write_text(folder / "baselines.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "by_class.csv", classes.to_csv(index=False, lineterminator="\n"))
    text = _markdown(store, table, classes, unloaded, command)
    write_text(folder / "baselines.md", text)
    return table


def _markdown(
    store: Store,
    table: pd.DataFrame,
    classes: pd.DataFrame,
    unloaded: Mapping[str, str],
    command: str,
) -> str:
    parts = ["# Classical models on all features\n", f"`{command}`\n", f"{STATEMENT}\n"]
    parts += [
        "One seed: score on the test rows and 95 % interval over resamples of them. Several: mean "
        "± standard deviation over splits.\n",
        as_markdown(comparison_cells(summarise_tasks(table))),
        f"{_versions(store)} Seeds: {_list(table['seed'])}. Computing took "
        f"{table['seconds'].sum():.0f} s in all.\n",
        *_class_reports(table, classes),
        _failures(table, unloaded),
    ]
    return "\n".join(part for part in parts if part)


def _versions(store: Store) -> str:
    for path in sorted((store.folder / "runs").glob("*/environment.json")):
        found = pd.read_json(path, typ="series")
        packages = ", ".join(f"{k} {found['packages'][k]}" for k in ("scikit-learn", "numpy"))
        return f"vaega {found['vaega']}, {packages}."
    return ""


def _list(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(set(values.tolist())))


def _class_reports(table: pd.DataFrame, classes: pd.DataFrame) -> list[str]:
    """Return the report by class of the best model of each multi-class dataset, and of the MLP."""
    parts = []
    summary = summarise_tasks(table)
    for dataset, group in summary[summary["metric"] == "f1_macro"].groupby("dataset", sort=False):
        best = str(group["model"].iloc[int(np.argmax(group["inner_score"]))])
        for name in dict.fromkeys([best, "mlp"]):
            lines = classes[(classes["dataset"] == dataset) & (classes["model"] == name)]
            if len(lines):
                parts.append(f"## {dataset} by class: {MODELS[name].title}\n")
                parts.append(as_markdown(class_cells(lines)))
    return parts


def class_cells(lines: pd.DataFrame) -> pd.DataFrame:
    """Return a report by class as text, means over seeds."""
    means = lines.groupby("label", sort=False)[["precision", "recall", "f1", "support"]].mean()
    texts = {name: [f"{value:.2f}" for value in means[name]] for name in means.columns[:3]}
    support = [f"{value:g}" for value in means["support"]]
    return pd.DataFrame({"label": means.index.tolist(), **texts, "support": support})


def _failures(table: pd.DataFrame, unloaded: Mapping[str, str]) -> str:
    failed = table[table["status"] == "failed"]
    lines = [
        f"- {row['dataset']}, {MODELS[str(row['model'])].title}, seed {row['seed']}: {row['error']}"
        for _, row in failed.iterrows()
    ]
    lines += [f"- {source}: not loaded: {why}" for source, why in unloaded.items()]
    return "## What failed\n\n" + "\n".join(lines) + "\n" if lines else ""
