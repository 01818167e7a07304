"""Predictions of the test rows: their curves, their mistakes, how far probabilities hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaega.core.figures import styles_of
from vaega.core.tables import TextTable
from vaega.experiments.intervals import overlap_share
from vaega.report._curves import (
    GRID,
    PRECISION_RECALL,
    ROC,
    Curve,
    CurveKind,
    calibration_table,
    confusion_shares,
    draw_confusions,
    mean_curve,
    plot_calibration,
    plot_curves,
    recalls_of,
    trials_of,
)
from vaega.report._results import Results
from vaega.report._section import Chart, Section, make_chart

_EVERY = 10  # points of a curve, one says its value
_COLUMNS = ("arm", "accuracy", "balanced accuracy", "ROC AUC", "average precision")


def prediction_section(results: Results) -> Section:
    """Return curves of what models predicted of the test rows, calibration, confusion."""
    curves = {kind: curves_of(results, kind) for kind in (ROC, PRECISION_RECALL)}
    pooled = results.is_pooled
    rows = [
        [arm, *_rates(tables, pooled=pooled), *(_area(of.get(arm)) for of in curves.values())]
        for arm, tables in results.predictions.items()
        if tables
    ]
    known = [i for i in range(len(_COLUMNS)) if any(row[i] for row in rows)]
    of_trials = (
        "Means over trials, of rows that the models did not see. Bands hold 95 % at each point and "
        "count what trials share; fewer than five trials have none."
    )
    of_all = "Means over runs, of the predictions of all trials together."
    note = (
        f"{of_all if pooled else of_trials} Beside an arm's name: the area, and of precision and "
        "recall the average precision. Dotted: scores without meaning."
    )
    table = TextTable(
        [_COLUMNS[i] for i in known], [[row[i] for i in known] for row in rows], notes=[note]
    )
    charts = [_curve_chart(results, kind, by_arm) for kind, by_arm in curves.items() if by_arm]
    charts += [*_calibration_charts(results), *_confusion_charts(results)]
    sentences = _without_scores(results, curves[ROC])
    return Section("Predictions of the test rows", sentences, table, charts)


def draw_predictions(results: Results) -> dict[str, Figure]:
    """Return the figures of predictions by name."""
    styles, figures = styles_of(results.config["arms"]), {}
    for name, kind in (("roc", ROC), ("precision_recall", PRECISION_RECALL)):
        if curves := curves_of(results, kind):
            figures[name] = plot_curves(curves, kind, styles=styles).figure
    if tables := _calibrations(results):
        figures["calibration"] = plot_calibration(tables, styles=styles).figure
    if shares := _confusions(results):
        figures["confusion"] = draw_confusions(shares, _shown_names(results))
    return figures  # type: ignore[return-value]


def class_names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the classes that runs recorded; their codes where they recorded none."""
    for run in runs:
        if run.get("class_names"):
            return [str(name) for name in run["class_names"]]
    return [f"class {code}" for code in range(1000)]


def curves_of(results: Results, kind: CurveKind) -> dict[str, Curve]:
    """Return the mean curve of each arm whose classifier scores the classes."""
    share = overlap_share(results.config["protocol"])
    curves = {
        arm: mean_curve(tables, kind, test_share=share, pooled=results.is_pooled)
        for arm, tables in results.predictions.items()
    }
    return {arm: curve for arm, curve in curves.items() if curve is not None}


def _rates(tables: Sequence[pd.DataFrame], *, pooled: bool) -> list[str]:
    """Return accuracy and balanced accuracy, means over trials."""
    trials = trials_of(tables, pooled=pooled)
    right = [float((one["label"] == one["prediction"]).mean()) for one in trials]
    balanced = [float(np.mean(recalls_of(one))) for one in trials]
    return [f"{np.mean(right):.3f}", f"{np.mean(balanced):.3f}"]


def _area(curve: Curve | None) -> str:
    return "" if curve is None else f"{curve.area:.3f}"


def _without_scores(results: Results, curves: Mapping[str, Curve]) -> list[str]:
    given = [arm for arm, tables in results.predictions.items() if tables]
    calibrated = _calibrations(results)
    missing = {
        "scores of the classes, so that there is no curve": curves,
        "probabilities, so that there is no calibration": calibrated,
    }
    without = {what: [arm for arm in given if arm not in known] for what, known in missing.items()}
    return [
        f"{', '.join(arms)}: the classifier gives no {what}."
        for what, arms in without.items()
        if arms
    ]


def _curve_chart(results: Results, kind: CurveKind, curves: Mapping[str, Curve]) -> Chart:
    ax = plot_curves(curves, kind, styles=styles_of(results.config["arms"]))
    of = "of the predictions of all trials" if results.is_pooled else "mean over trials"
    caption = f"{kind.name} curve of {_meant(results)}, {of}"
    return make_chart(kind.name, caption, ax, _curve_tips(ax, kind, curves))


def _meant(results: Results) -> str:
    names = _shown_names(results)
    if len(names) == 2:
        return f"class {names[1]}"
    return "each class against the others, mean over classes"


def _curve_tips(
    ax: Axes, kind: CurveKind, curves: Mapping[str, Curve]
) -> dict[Artist, Sequence[str]]:
    tips: dict[Artist, Sequence[str]] = {}
    for arm, curve in curves.items():
        some = slice(None, None, _EVERY)
        # Nothing is seen of these points; they say the value of the curve below the pointer.
        unseen = ax.scatter(GRID[some], curve.mean[some], s=16, alpha=0.0)
        tips[unseen] = [
            f"{arm}: {kind.y} {curve.mean[i]:.2f}{_ends(curve, i)} at {kind.x} {GRID[i]:.2f}"
            for i in range(0, len(GRID), _EVERY)
        ]
    return tips


def _ends(curve: Curve, i: int) -> str:
    return f" [{curve.low[i]:.2f}, {curve.high[i]:.2f}]" if np.isfinite(curve.low[i]) else ""


def _calibrations(results: Results) -> dict[str, pd.DataFrame]:
    tables = {arm: calibration_table(given) for arm, given in results.predictions.items()}
    return {arm: table for arm, table in tables.items() if len(table)}


def _calibration_charts(results: Results) -> list[Chart]:
    tables = _calibrations(results)
    if not tables:
        return []
    ax = plot_calibration(tables, styles=styles_of(results.config["arms"]))
    tips = [
        [
            f"{arm}: {row.observed:.2f} observed where {row.predicted:.2f} was predicted, "
            f"{row.n} {'row' if row.n == 1 else 'rows'}"
            for row in table.itertuples()
        ]
        for arm, table in tables.items()
    ]
    names = _shown_names(results)
    whose = f"class {names[1]}" if len(names) == 2 else "the class that was predicted"
    caption = f"Calibration: observed share of {whose} by its predicted probability, all trials"
    by_arm = dict(zip(ax.collections, tips, strict=True))
    return [make_chart("calibration", caption, ax, by_arm)]


def _shown_names(results: Results) -> list[str]:
    """Return the names of the classes that rows have or were predicted as."""
    tables = [table for of_arm in results.predictions.values() for table in of_arm]
    codes = [int(table[["label", "prediction"]].to_numpy().max()) for table in tables]
    names = class_names([run for runs in results.metrics.values() for run in runs])
    return names[: max(codes, default=-1) + 1]


def _confusions(results: Results) -> dict[str, np.ndarray]:
    n = len(_shown_names(results))
    tables = {arm: given for arm, given in results.predictions.items() if given}
    return {arm: confusion_shares(given, n) for arm, given in tables.items()}


def _confusion_charts(results: Results) -> list[Chart]:
    shares, names = _confusions(results), _shown_names(results)
    if not shares:
        return []
    figure, tips = draw_confusions(shares, names), {}
    for ax, (arm, of_arm) in zip(figure.axes, shares.items(), strict=True):
        for row, (name, given) in enumerate(zip(names, of_arm, strict=True)):
            # Nothing is seen of this bar; it says what became of the class below the pointer.
            (bar,) = ax.barh(row, len(names), left=-0.5, height=1.0, alpha=0.0)
            tips[bar] = [f"{arm}: rows of {name} as {_taken_as(given, names)}"]
    caption = "Confusion: share of each class's rows by predicted class, all trials"
    return [make_chart("confusion", caption, figure.axes[0], tips)]


def _taken_as(shares: np.ndarray, names: Sequence[str]) -> str:
    first = [i for i in np.argsort(-np.nan_to_num(shares), kind="stable")[:3] if shares[i] > 0]
    return ", ".join(f"{names[i]} {100 * shares[i]:.0f} %" for i in first) or "nothing"


def class_section(results: Results) -> Section:
    """Return precision, recall and F1 of each class on the test rows, means over trials."""
    rows = []
    for arm, runs in results.metrics.items():
        table = pd.DataFrame([figures for run in runs for figures in run.get("classes", ())])
        names = class_names(runs)
        for code in sorted(set(table["code"])) if len(table) else ():
            group = table[table["code"] == code]
            means = group[["precision", "recall", "f1"]].mean()
            shown = ["" if pd.isna(mean) else f"{mean:.3f}" for mean in means]
            rows.append([arm, names[code], f"{group['n_rows'].mean():.0f}", *shown])
    note = "Of the models on their test rows, means over trials; rows of the class in a trial."
    columns = ("arm", "class", "rows", "precision", "recall", "F1")
    return Section("Classes", [], TextTable(columns, rows, notes=[note]), folded=True)
