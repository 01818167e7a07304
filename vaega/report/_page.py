"""The report of an experiment: one self-contained HTML page, made from the results folder alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader
from matplotlib.artist import Artist

from vaega.core.errors import InputError
from vaega.core.figures import COLOURS, COLUMN_WIDTH, new_axes, render, styles_of
from vaega.core.files import write_bytes, write_text
from vaega.core.tables import TextTable
from vaega.experiments.augmentation import EFFECTS
from vaega.experiments.config import statement_of
from vaega.experiments.intervals import is_bounded
from vaega.report._comparison import DatasetComparison, compare_experiments, pair_table
from vaega.report._figures import (
    HELD_OUT,
    arm_points,
    draw_overview,
    plot_frequencies,
    plot_front,
    plot_history,
    plot_scores,
    plot_sizes,
    searching,
)
from vaega.report._generator_figures import plot_rows, row_groups, row_points
from vaega.report._prediction_section import class_names, class_section, prediction_section
from vaega.report._results import (
    CHANCE_NOTE,
    Results,
    candidates_of,
    chance_sentences,
    failure_sentences,
    lead_sentences,
    pooled_sentences,
    read_results,
    summary_table,
)
from vaega.report._section import Chart, Section, make_chart
from vaega.report._statistics import format_p_value


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/overview`` from what is in the folder."""
    results = read_results(folder)
    label = HELD_OUT if _is_honest(results) else SEEN
    figure = draw_overview(
        arm_points(results.runs, results.summary),
        results.histories,
        label=label,
        constant=results.constant,
        bounded=_is_bounded(results),
    )
    for kind in ("svg", "png", "pdf"):
        write_bytes(folder / "figures" / f"overview.{kind}", render(figure, kind))
    loader = PackageLoader("vaega.report", "templates")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    page = environment.get_template("report.html").render(
        name=results.config["name"],
        description=results.config.get("description", ""),
        statement=" ".join(
            [
                *chance_sentences(results.summary),
                *pooled_sentences(results),
                *failure_sentences(results),
                statement_of(results.config),
            ]
        ),
        summary=replace(summary_table(results.summary), notes=[_SUMMARY_NOTE]),
        notes=results.notes,
        failures=_failures(results),
        pairs=_pairs(folder),
        charts=run_charts(results),
        features=feature_charts(results),
        sections=further_sections(results),
        runs=_runs_table(results.runs),
        config=yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True),
        environment=results.environment,
        command=results.command,
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


_SUMMARY_NOTE = (
    "Means over runs, one run a seed. The interval counts that splits share rows (Nadeau and "
    "Bengio 2003), or, on an official test part, draws its rows and the seeds anew; fewer than "
    f"five runs have none. {CHANCE_NOTE} Optimism is the inner score less the held-out score. "
    "Masks: different masks that a run scored."
)


def _pairs(folder: Path) -> "Section | None":
    try:
        comparison: DatasetComparison = compare_experiments([folder]).datasets[0]
    except InputError:  # a single arm, or arms without a seed in common
        return None
    sentences = [pair.sentence for pair in comparison.comparisons]
    return Section("Arms compared", sentences, pair_table(comparison))


def _failures(results: Results) -> list[str]:
    failed = results.runs[results.runs["status"] != "done"]
    return [f"{row.arm}, seed {row.seed}: {row.status}" for row in failed.itertuples()]


# Columns of the table of runs, and how many decimals they have.
_RUN_COLUMNS = {
    "arm": None, "seed": None, "status": None, "heldout_score": 3, "inner_score": 3, "optimism": 3,
    "n_features": 1, "n_distinct": 0, "seconds": 1,
}  # fmt: skip


def _runs_table(runs: pd.DataFrame) -> TextTable:
    rows = [
        [_run_cell(run.get(name), decimals) for name, decimals in _RUN_COLUMNS.items()]
        for run in runs.to_dict("records")
    ]
    return TextTable([name.replace("_", " ") for name in _RUN_COLUMNS], rows)


def _run_cell(value: Any, decimals: int | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(value) if decimals is None else f"{value:.{decimals}f}"


SEEN = "test rows, seen"
# Features of each arm that the page shows, and letters of their names.
MOST_FEATURES, _MOST_LETTERS = 15, 26
# Generations that say their value under the pointer; the page must stay small.
MOST_TIPS = 120


def run_charts(results: Results) -> list[Chart]:
    """Draw the finished runs: scores, sizes, score against size, evolution of what searches."""
    done = results.runs[results.runs["status"] == "done"]
    if done.empty:
        return []
    held, label = ("held-out", HELD_OUT) if _is_honest(results) else (SEEN, SEEN)
    caption = f"Scores: {held} filled, with the 95 % interval of their mean, inner hollow"
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
            **scored,
        ),
        _sizes_chart(done, **options),
        _front_chart(done, f"{held} score", **scored),
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
            f"{arm}, seed {run.seed}: {run.heldout_score:.3f} with {run.n_features:g} features"
            for run in group.itertuples()
        ]
        for arm, group in runs.groupby("arm", sort=False)
    ]
    caption = "Size against score: few features and a high score are to the upper left"
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
    caption = "Evolution: mean over trials, band from the least to the most"
    return make_chart("evolution", caption, ax, tips)


def feature_charts(results: Results) -> list[Chart]:
    """Draw, for each arm, the features that its trials select most often."""
    charts = []
    for index, (arm, table) in enumerate(results.features.items()):
        stability = results.stability.get(arm)
        caption = "share of trials"
        if stability is not None:
            ends = (stability.value, stability.low, stability.high)
            caption += f"; stability {_interval(*ends)}"
        shown = table.head(MOST_FEATURES)
        names = shown["name"].astype(str)
        most = _MOST_LETTERS
        cut = [name if len(name) <= most else f"{name[: most - 1]}…" for name in names]
        ax = new_axes((COLUMN_WIDTH, 0.5 + 0.15 * max(2, len(shown))))
        colour = COLOURS[index % len(COLOURS)]
        plot_frequencies(shown.assign(name=range(len(cut))), ax, colour=colour)
        ax.set_yticks(range(len(cut)), cut[::-1])
        tips = [
            (f"{name}: selected in {100 * share:.0f} % of the trials of {arm}",)
            for name, share in zip(names, shown["share"], strict=True)
        ]
        bars = dict(zip(ax.patches, tips[::-1], strict=True))
        charts.append(make_chart(f"features-{index}", caption, ax, bars, title=arm))
    return charts


def further_sections(results: Results) -> list[Section]:
    """Return the sections for which the results hold something."""
    makers: tuple[Callable[[Results], Section], ...] = (
        figure_section,
        effect_section,
        prediction_section,
        class_section,
        null_section,
        lead_section,
        gate_section,
        generator_section,
    )
    return [section for section in (make(results) for make in makers) if section.table.rows]


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
    """Return what the whole procedure scores when training labels are permuted."""
    rows, sentences = [], []
    summary = results.summary
    has_null = "p_value" in summary
    with_null = summary[summary["p_value"].notna()] if has_null else summary[:0]
    for row in with_null.to_dict("records"):
        scores = ("heldout_mean", "null_heldout_mean", "null_inner_mean")
        heldout, permuted, inner = (row[name] for name in scores)
        n, p = f"{row['null_permutations']:.0f}", format_p_value(row["p_value"])
        stability = (row["stability"], row["null_stability"])
        figures = map(_number, (heldout, permuted, inner, *stability))
        rows.append([str(row["arm"]), f"{n} x {row['null_seeds']:.0f}", *figures, p])
        sentences.append(
            f"{row['arm']}: {heldout:.3f} held out, against {permuted:.3f} in the mean of "
            f"{n} {'permutation' if n == '1' else 'permutations'} of the labels (p = {p}), where "
            f"the inner score is {inner:.3f}."
        )
    charts = []
    done = results.null[results.null["status"] == "done"] if rows else results.null
    if len(done):
        caption = "Permuted labels: held-out filled, inner hollow"
        options: dict[str, Any] = {"styles": styles_of(results.config["arms"])}
        options |= {"label": "held-out", "bounded": _is_bounded(results)}
        charts = [scores_chart("null", caption, done, **options)]
    note = (
        "The training rows get each other's labels and everything is done again, search and final "
        "model; the test rows keep theirs (Ojala and Garriga 2010). p is (r + 1) / (n + 1), where "
        "r of n permutations have at least the mean that the arm has over the same seeds; it "
        "cannot be below 1 / (n + 1). Inner score and stability on labels without meaning are what "
        "a search finds in chance; the latter is over the seeds of each permutation."
    )
    columns = (
        "arm", "permutations x seeds", "held-out", "permuted, held-out", "permuted, inner",
        "stability", "permuted, stability", "p",
    )  # fmt: skip
    return Section("Permuted labels", sentences, TextTable(columns, rows, notes=[note]), charts)


def lead_section(results: Results) -> Section:
    """Return which ranking led the selections of each arm that voted, and among which."""
    rows = []
    for arm, runs in results.metrics.items():
        table = candidates_of(runs)
        for name, part in table.groupby("candidate", sort=False) if len(table) else ():
            figures = part[["n_features", "score", "gain", "gain_error"]].astype(float).mean()
            shares = [f"{figures['n_features']:.1f}", *map(_number, figures.iloc[1:])]
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
        sentences.append(f"{arm}: of {len(choices)} trials, {', '.join(parts)}.")
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
        figures = [*map(_number, means), *(f"{effect:+.3f}" for effect in effects)]
        name = _candidate({**first, "amount": 0})
        rows.append([arm, name, str(first["amount"]), *figures, str(counts[index])])
    return rows


def _candidate(candidate: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in candidate["settings"].items())
    generator = candidate["generator"]
    name = "nothing added" if generator == "none" else str(generator)
    name = f"{name} ({settings})" if settings else name
    return f"{name} with {candidate['amount']} rows" if candidate["amount"] else name


def generator_section(results: Results) -> Section:
    """Return how good synthetic rows are, and where they lie among the real ones."""
    rows, sentences = [], []
    charts: list[Chart] = []
    for arm, record in results.generators.items():
        if "error" in record:
            sentences.append(f"{arm}: cannot be measured: {record['error']}")
            continue
        rows.append(_generator_row(arm, record))
        fit = record["fit"] or {}
        sentences += [f"{arm}: {text}" for text in [*record["words"], *fit.get("remarks", [])]]
        names = class_names(results.metrics.get(arm, []))
        charts.append(_rows_chart(f"rows-{len(charts)}", arm, record["points"], names))
    note = (
        "Made from the fit rows of one inner split of the first run, compared with the validate "
        "rows of it, all of them training rows. Variance ratio: within classes, synthetic "
        "over real. Told apart: right answers of the better of two classifiers, 0.5 at best; the "
        "mean log likelihood of rows that the generator did not see, and that of the better closed "
        "form."
    )
    columns = (
        "arm", "generator", "variance ratio", "told apart", "p", "nats a column", "best reference",
    )  # fmt: skip
    return Section("Synthetic rows", sentences, TextTable(columns, rows, notes=[note]), charts)


def _rows_chart(name: str, arm: str, points: Mapping[str, Any], classes: Sequence[str]) -> Chart:
    rows = row_points(points, classes)
    ax = plot_rows(rows, points["share"])
    tips = [
        [f"{kind} row of {row.label}: {row.x:.3g}, {row.y:.3g}" for row in group.itertuples()]
        for (kind, _), group in row_groups(rows)
    ]
    space = "Rows"
    if points["space"] == "latent":
        space = f"Latent space of {points['dimensions']} dimensions"
    caption = f"{arm}. {space}: real rows filled, synthetic ones hollow, coloured by class"
    return make_chart(name, caption, ax, dict(zip(ax.collections, tips, strict=True)))


def _generator_row(arm: str, record: Mapping[str, Any]) -> list[str]:
    ratio = next(one["ratio"] for one in record["variances"] if one["rows"] == "synthetic")
    test = max(
        (one for one in record["two_sample"] if one["others"] == "synthetic"),
        key=lambda one: one["accuracy"],
    )
    densities = record["densities"]
    model = next((one for one in densities if one["model"] == record["name"]), None)
    references = [one for one in densities if one["model"] != record["name"]]
    best = max(references, key=lambda one: one["heldout"], default=None)
    return [
        arm,
        str(record["name"]),
        _number(ratio),
        _number(test["accuracy"]),
        format_p_value(test["p_value"]),
        _number(model["heldout"]) if model else "",
        f"{best['heldout']:.3f} ({best['model']})" if model and best else "",
    ]


def _interval(value: Any, low: Any, high: Any) -> str:
    ends = "" if pd.isna(low) else f" [{low:.2f}, {high:.2f}]"
    return "" if pd.isna(value) else f"{value:.2f}{ends}"


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.3f}"


def _mean(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    known = [float(run[name]) for run in runs if run.get(name) is not None]
    return f"{np.mean(known):.0f}" if known else ""
