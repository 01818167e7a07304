"""The report of an experiment: one self-contained HTML page, made from the results folder alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader
from matplotlib.artist import Artist

from vaega.core.errors import InputError
from vaega.core.figures import render, styles_of
from vaega.core.files import write_bytes, write_text
from vaega.core.tables import TextTable
from vaega.core.wording import counted, counted_mean, decimals, mean_count
from vaega.experiments.augmentation import EFFECTS
from vaega.experiments.config import statement_of
from vaega.experiments.intervals import is_bounded
from vaega.report._answer import answer
from vaega.report._comparison import DatasetComparison, compare_experiments, pair_table
from vaega.report._feature_table import (
    control_sentences,
    feature_section,
    features_text,
    read_selections,
)
from vaega.report._figures import (
    HELD_OUT,
    arm_points,
    draw_overview,
    plot_front,
    plot_history,
    plot_scores,
    plot_sizes,
    searching,
)
from vaega.report._generator_section import generator_section
from vaega.report._glossary import GLOSSARY
from vaega.report._prediction_section import class_section, prediction_section
from vaega.report._results import (
    CHANCE_NOTE,
    Results,
    candidates_of,
    failure_sentences,
    lead_sentences,
    pooled_sentences,
    read_results,
    summary_table,
)
from vaega.report._section import Chart, Section, make_chart
from vaega.report._signature import signature_section
from vaega.report._statistics import format_p_value


def write_report(folder: Path, results: Results | None = None) -> Path:
    """Write the page, ``features.csv`` and ``figures/overview`` from what is in the folder.

    `results` are its own, where these were read already.
    """
    results = results or read_results(folder)
    facts, comparison = results.facts, _comparison(folder)
    figure = draw_overview(
        arm_points(results.runs, results.summary),
        results.histories,
        label=HELD_OUT if _is_honest(results) else SEEN,
        constant=results.constant,
        axis=facts.metric.name,
        bounded=_is_bounded(results),
    )
    for kind in ("svg", "png", "pdf"):
        write_bytes(folder / "figures" / f"overview.{kind}", render(figure, kind))
    loader = PackageLoader("vaega.report", "templates")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    page = environment.get_template("report.html").render(
        name=results.config["name"],
        heading=facts.heading,
        metric=facts.metric.name,
        facts=facts.sentences(results.constant),
        answer=answer(results, comparison, _by_feature(results)),
        glossary=GLOSSARY,
        description=results.config.get("description", ""),
        statement=" ".join(
            [
                *pooled_sentences(results),
                *failure_sentences(results),
                *results.differences,
                statement_of(results.config),
            ]
        ),
        summary=replace(
            summary_table(results.summary, metric=facts.metric.name), notes=[_SUMMARY_NOTE]
        ),
        notes=results.notes,
        failures=_failures(results),
        pairs=_pairs(comparison),
        charts=run_charts(results),
        sections=further_sections(results),
        runs=_runs_table(results.runs, facts.metric.name),
        config=yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True),
        environment=results.environment,
        command=results.command,
    )
    write_text(folder / "report.html", page)
    features = features_text(results)
    if features is not None:
        write_text(folder / "features.csv", features)
    return folder / "report.html"


_SUMMARY_NOTE = (
    "Means over runs, one run a seed. The interval counts that splits share rows (Nadeau and "
    "Bengio 2003), or, on an official test part, draws its rows and the seeds anew; fewer than "
    f"five runs have none. {CHANCE_NOTE} Optimism is the inner score less the held-out score. "
    "Masks: different masks that a run scored."
)


def _by_feature(results: Results) -> list[str]:
    selections = read_selections(results)
    return [] if selections is None else control_sentences(selections)


def _comparison(folder: Path) -> DatasetComparison | None:
    try:
        return compare_experiments([folder]).datasets[0]
    except InputError:  # a single arm, or arms without a seed in common
        return None


def _pairs(comparison: DatasetComparison | None) -> Section | None:
    if comparison is None:
        return None
    sentences = [pair.sentence for pair in comparison.comparisons]
    return Section(f"Arms compared: {comparison.measure}", sentences, pair_table(comparison))


def _failures(results: Results) -> list[str]:
    failed = results.runs[results.runs["status"] != "done"]
    return [f"{row.arm}, seed {row.seed}: {row.status}" for row in failed.itertuples()]


# Columns of the table of runs, and how they are written.
_RUN_COLUMNS: dict[str, Callable[[Any], str]] = {
    "arm": str, "seed": str, "status": str, "heldout_score": decimals, "inner_score": decimals,
    "optimism": partial(decimals, signed=True), "n_features": mean_count,
    "n_distinct": partial(decimals, places=0), "seconds": partial(decimals, places=1),
}  # fmt: skip
# What they are called where not by their name; the scores are of the metric.
_RUN_HEADINGS = {
    "heldout_score": "held-out {}", "inner_score": "inner {}", "n_features": "features",
    "n_distinct": "masks",
}  # fmt: skip


def _runs_table(runs: pd.DataFrame, metric: str) -> TextTable:
    rows = [
        [
            "" if pd.isna(run.get(name)) else written(run[name])
            for name, written in _RUN_COLUMNS.items()
        ]
        for run in runs.to_dict("records")
    ]
    headings = [_RUN_HEADINGS.get(name, name).format(metric) for name in _RUN_COLUMNS]
    return TextTable(headings, rows)


SEEN = "test rows, seen"
# Generations that say their value under the pointer; the page must stay small.
MOST_TIPS = 120


def run_charts(results: Results) -> list[Chart]:
    """Draw the finished runs: scores, sizes, score against size, evolution of what searches."""
    done = results.runs[results.runs["status"] == "done"]
    if done.empty:
        return []
    held, label = ("held-out", HELD_OUT) if _is_honest(results) else (SEEN, SEEN)
    metric = results.facts.metric.name
    caption = f"{metric}: {held} filled, with the 95 % interval of the mean, inner hollow"
    options: dict[str, Any] = {"styles": styles_of(results.config["arms"])}
    scored = options | {"bounded": _is_bounded(results)}
    charts = [
        scores_chart(
            "scores",
            caption,
            done,
            label=label,
            summary=results.summary,
            constant=results.constant,
            axis=metric,
            **scored,
        ),
        _sizes_chart(done, **options),
        _front_chart(done, f"{held} {metric}", **scored),
    ]
    if histories := searching(results.histories):
        charts.append(_evolution_chart(histories, **options))
    return charts


def _is_honest(results: Results) -> bool:
    return bool(results.config["protocol"]["kind"] == "honest")


def _is_bounded(results: Results) -> bool:
    return is_bounded(results.config["fitness"]["metric"])


def scores_chart(
    name: str,
    caption: str,
    runs: pd.DataFrame,
    *,
    summary: pd.DataFrame | None = None,
    **options: Any,
) -> Chart:
    """Draw scores of runs by arm; every point says its value. `plot_scores` has the options."""
    points = arm_points(runs, summary)
    ax = plot_scores(points, **options)
    tips = [
        [f"{arm.arm}, seed {seed}: {column} {value:.4g}" for seed, value in pairs]
        for arm in points
        for column, pairs in (
            ("heldout score", zip(arm.seeds, arm.heldout, strict=True)),
            ("inner score", zip(arm.seeds, arm.inner, strict=True)),
        )
    ]
    return make_chart(name, caption, ax, dict(zip(ax.collections, tips, strict=True)))


def _sizes_chart(runs: pd.DataFrame, **options: Any) -> Chart:
    points = arm_points(runs)
    ax = plot_sizes(points, **options)
    tips = [
        [
            f"{arm.arm}, seed {seed}: n features {n:.4g}"
            for seed, n in zip(arm.seeds, arm.n_features, strict=True)
        ]
        for arm in points
    ]
    return make_chart(
        "sizes", "Selected features", ax, dict(zip(ax.collections, tips, strict=True))
    )


def _front_chart(runs: pd.DataFrame, label: str, **options: Any) -> Chart:
    ax = plot_front(runs, label=label, **options)
    tips = [
        [
            f"{arm}, seed {run['seed']}: {decimals(run['heldout_score'])} with "
            f"{counted_mean(run['n_features'], 'feature')}"
            for run in group.to_dict("records")
        ]
        for arm, group in runs.groupby("arm", sort=False)
    ]
    caption = f"Features against {label}: few and high are to the upper left"
    return make_chart("front", caption, ax, dict(zip(ax.collections, tips, strict=True)))


def _evolution_chart(histories: Mapping[str, pd.DataFrame], **options: Any) -> Chart:
    ax = plot_history(histories, **options)
    tips: dict[Artist, Sequence[str]] = {}
    for arm, table in histories.items():
        means = table.iloc[:: -(-len(table) // MOST_TIPS)].mean(axis=1)
        # Nothing is seen of these points; they say the value of the curve below the pointer.
        unseen = ax.scatter(means.index, means, s=16, alpha=0.0)
        tips[unseen] = [
            f"{arm}, generation {generation}: {value:.4g} in the mean of {table.shape[1]}"
            for generation, value in means.items()
        ]
    caption = "Evolution of the arms that search: mean over trials, band from minimum to maximum"
    return make_chart("evolution", caption, ax, tips)


def further_sections(results: Results) -> list[Section]:
    """Return the sections for which the results hold something."""
    makers: tuple[Callable[[Results], Section], ...] = (
        feature_section,
        figure_section,
        effect_section,
        prediction_section,
        class_section,
        signature_section,
        null_section,
        lead_section,
        gate_section,
        generator_section,
    )
    sections = [make(results) for make in makers]
    return [section for section in sections if section.table.rows or section.charts]


_FIGURE_COLUMNS = (
    "arm", "stability [95 %]", "precision", "recall", "Brier", "asked", "distinct", "reused",
    "memory, MB",
)  # fmt: skip


def figure_section(results: Results) -> Section:
    """Return stability, precision and recall of the features, Brier score, counts and memory.

    Columns that no arm has a figure for are left out.
    """
    rows = []
    for row in results.summary.to_dict("records"):
        runs = results.metrics.get(str(row["arm"]), [])
        rows.append(
            [
                str(row["arm"]),
                _interval(row["stability"], row["stability_low"], row["stability_high"]),
                *(_number(row[f"{name}_mean"]) for name in ("precision", "recall", "brier")),
                *(_mean(runs, name) for name in ("n_asked", "n_distinct", "n_reused")),
                _mean(runs, "peak_memory_mb"),
            ]
        )
    known = [i for i in range(len(_FIGURE_COLUMNS)) if any(row[i] for row in rows)]
    columns = [_FIGURE_COLUMNS[i] for i in known]
    rows = [[row[i] for i in known] for row in rows] if len(known) > 1 else []
    note = (
        "Stability is Nogueira's, with an interval that takes trials for independent draws; trials "
        "on the same or on overlapping rows agree by that alone, so that it says nothing of other "
        "patients, and fewer than five have none. Precision and recall are those of the "
        "selected features, where it is known which ones matter. Brier: squared error of the "
        "probabilities on the test rows, 0 at best; summed over the classes where they are more "
        "than two. Masks asked for, distinct among them, and reused; memory: the most that the "
        "process of a run held, without processes that it started."
    )
    title = "Selection, probabilities and cost"
    return Section(title, [], TextTable(columns, rows, notes=[note]))


def effect_section(results: Results) -> Section:
    """Return what generated rows do to the selection and to the final model, never added up."""
    return Section("What generated rows do", [], results.effects)


def null_section(results: Results) -> Section:
    """Return what the whole procedure scores when labels are permuted."""
    rows, sentences = [], []
    summary, metric = results.summary, results.facts.metric.name
    has_null = "p_value" in summary
    with_null = summary[summary["p_value"].notna()] if has_null else summary[:0]
    for row in with_null.to_dict("records"):
        scores = ("heldout_mean", "null_heldout_mean", "null_inner_mean")
        heldout, permuted, inner = (row[name] for name in scores)
        n, p = int(row["null_permutations"]), format_p_value(row["p_value"])
        stability = (row["stability"], row["null_stability"])
        figures = map(_number, (heldout, permuted, inner, *stability))
        rows.append([str(row["arm"]), f"{n} x {row['null_seeds']:.0f}", *figures, p])
        sentences.append(
            f"{row['arm']}: {decimals(heldout)} held out, against {decimals(permuted)} in the mean "
            f"of {counted(n, 'permutation')} of the labels (p = {p}), where the inner score is "
            f"{decimals(inner)}."
        )
    charts = []
    done = results.null[results.null["status"] == "done"] if rows else results.null
    if len(done):
        caption = f"{metric} with permuted labels: held-out filled, inner hollow; chance dotted"
        options: dict[str, Any] = {"styles": styles_of(results.config["arms"])}
        options |= {"label": "held-out", "bounded": _is_bounded(results), "axis": metric}
        options["constant"] = results.constant
        charts = [scores_chart("null", caption, done, **options)]
    note = (
        "All rows get each other's labels, test rows too, and everything is done again, selection "
        "and final model (Ojala and Garriga 2010). p is (r + 1) / (n + 1), where r of n "
        "permutations have at least the mean that the arm has over the same seeds; it cannot be "
        "below 1 / (n + 1). Inner score and stability on labels without meaning are what the "
        "procedure makes of chance; the latter is over the seeds of each permutation."
    )
    columns = (
        "arm", "permutations x seeds", "held-out", "permuted, held-out", "permuted, inner",
        "stability", "permuted, stability", "p",
    )  # fmt: skip
    return Section(
        f"Permuted labels: {metric}", sentences, TextTable(columns, rows, notes=[note]), charts
    )


def lead_section(results: Results) -> Section:
    """Return which ranking led the selections of each arm that voted, and among which."""
    rows = []
    for arm, runs in results.metrics.items():
        table = candidates_of(runs)
        for name, part in table.groupby("candidate", sort=False) if len(table) else ():
            figures = part[["n_features", "score", "gain", "gain_error"]].astype(float).mean()
            shares = [mean_count(figures["n_features"]), *map(_number, figures.iloc[1:])]
            rows.append([arm, str(name), *shares, str(int(part["leads"].sum()))])
    note = (
        "Rankings that competed on rows which a search did not see: the guide's rankers, their "
        "stack, the votes of the searches, and votes and stack together, each at its own size. The "
        "first one leads unless another is better by more than a standard error, which counts the "
        "overlap of the subsamples (Nadeau and Bengio 2003). Means over trials; gain: over the "
        "first; ±: standard error of a trial's gain."
    )
    columns = ("arm", "candidate", "features", "unseen score", "gain", "±", "led")
    sentences = lead_sentences(results.metrics)
    return Section("What led the selection", sentences, TextTable(columns, rows, notes=[note]))


def gate_section(results: Results) -> Section:
    """Return what was chosen where generator or amount is "auto", and among what."""
    rows, sentences, losses = [], [], set()
    for arm, runs in results.metrics.items():
        choices = [choice for run in runs for choice in run.get("gate", ())]
        if not choices:
            continue
        losses |= {str(choice["loss"]) for choice in choices}
        counts = Counter(_chosen_index(choice) for choice in choices)
        rows += _candidate_rows(arm, choices, counts)
        parts = [
            f"{_candidate(choices[0]['candidates'][index])} in {times}"
            for index, times in counts.most_common()
        ]
        sentences.append(f"{arm}: of {counted(len(choices), 'trial')}, {', '.join(parts)}.")
    note = (
        f"Chosen on inner folds of the training rows of each trial by the {' and '.join(losses)}: "
        "nothing added, or else the fewest rows, within one standard error of the best. Means over "
        "trials. Then what the rows do to that loss, below 0 where they help: features ranked on "
        "them too and classifier on real rows (selection), features ranked on real rows and "
        "classifier on both kinds (final model, which decides), both."
    )
    columns = (
        "arm", "candidate", "rows", "loss", "above the best", "selection", "final model", "both",
        "chosen",
    )  # fmt: skip
    return Section("Generator and amount chosen", sentences, TextTable(columns, rows, notes=[note]))


def _chosen_index(choice: Mapping[str, Any]) -> int:
    keys = ("generator", "settings", "amount")
    candidates = [{key: one[key] for key in keys} for one in choice["candidates"]]
    return candidates.index({key: choice[key] for key in keys})


def _candidate_rows(
    arm: str, choices: Sequence[Mapping[str, Any]], counts: Counter[int]
) -> list[list[str]]:
    rows = []
    for index, first in enumerate(choices[0]["candidates"]):
        same = [choice["candidates"][index] for choice in choices]
        means = [float(np.mean([one[key] for one in same])) for key in ("loss", "worse")]
        effects = [float(np.mean([one[key] for one in same])) for key in EFFECTS]
        figures = [*map(_number, means), *(decimals(effect, signed=True) for effect in effects)]
        name = _candidate({**first, "amount": 0})
        rows.append([arm, name, str(first["amount"]), *figures, str(counts[index])])
    return rows


def _candidate(candidate: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in candidate["settings"].items())
    generator = candidate["generator"]
    name = "nothing added" if generator == "none" else str(generator)
    name = f"{name} ({settings})" if settings else name
    return f"{name} with {candidate['amount']} rows" if candidate["amount"] else name


def _interval(value: Any, low: Any, high: Any) -> str:
    ends = "" if pd.isna(low) else f" [{decimals(low, 2)}, {decimals(high, 2)}]"
    return "" if pd.isna(value) else f"{decimals(value, 2)}{ends}"


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else decimals(value)


def _mean(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    known = [float(run[name]) for run in runs if run.get(name) is not None]
    return decimals(float(np.mean(known)), 0) if known else ""
