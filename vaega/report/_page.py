"""The report of an experiment: one self-contained page, made from the results folder alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from vaega.core.errors import InputError
from vaega.core.files import write_bytes, write_text
from vaega.experiments.protocols import statement_of
from vaega.report._charts import cloud_chart, curve_chart, dot_chart, frequency_chart, scatter_chart
from vaega.report._comparison import (
    PAIR_HEADINGS,
    DatasetComparison,
    compare_experiments,
    pair_cells,
)
from vaega.report._figures import arm_points, draw_overview, render
from vaega.report._results import Results, read_results
from vaega.report._tables import headings_of, summary_cells

FIGURE_HEADINGS = (
    "arm",
    "stability [95 %]",
    "precision",
    "recall",
    "Brier",
    "asked",
    "distinct",
    "reused",
    "memory, MB",
)
CLASS_HEADINGS = ("arm", "class", "rows", "precision", "recall", "F1")
NULL_HEADINGS = ("arm", "permutations", "held-out", "permuted, held-out", "permuted, inner", "p")
GATE_HEADINGS = ("arm", "candidate", "rows", "loss", "above the best", "chosen")
GENERATOR_HEADINGS = (
    "arm",
    "generator",
    "variance ratio",
    "told apart",
    "p",
    "nats a column",
    "best reference",
)


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page."""

    title: str  # Above it
    sentences: Sequence[str]  # What was found
    headings: Sequence[str]  # Its table
    rows: list[list[str]]  # Its table
    note: str  # How it is to be read
    charts: Sequence[tuple[str, Markup]] = ()  # Captions and drawings
    folded: bool = False  # Whether the reader opens it


def further_sections(results: Results) -> list[Section]:
    """Return the sections for which the results hold something."""
    makers: tuple[Callable[[Results], Section], ...] = (
        figure_section,
        class_section,
        null_section,
        gate_section,
        generator_section,
    )
    return [section for section in (make(results) for make in makers) if section.rows]


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
                *(_mean(runs, name, 0) for name in ("n_asked", "n_distinct", "n_reused")),
                _mean(runs, "peak_memory_mb", 0),
            ]
        )
    known = [place for place in range(len(FIGURE_HEADINGS)) if any(row[place] for row in rows)]
    return Section(
        "Selection, probabilities and cost",
        [],
        [FIGURE_HEADINGS[place] for place in known],
        [[row[place] for place in known] for row in rows] if len(known) > 1 else [],
        "Stability is Nogueira's, with its 95 % interval. Precision and recall are those of the "
        "selected features, where it is known which ones matter. Brier: squared error of the "
        "probabilities on the test rows, 0 at best; summed over the classes where they are more "
        "than two. Masks asked for, distinct among them, and reused; memory: the most that the "
        "process of a run held, without processes that it started.",
    )


def class_section(results: Results) -> Section:
    """Return precision, recall and F1 of each class on the test rows, means over trials."""
    rows = []
    for arm, runs in results.metrics.items():
        table = pd.DataFrame([figures for run in runs for figures in run.get("classes", ())])
        names = class_names(runs)
        for code in sorted(set(table["code"])) if len(table) else ():
            group = table[table["code"] == code]
            means = group[["precision", "recall", "f1"]].mean()
            rows.append([arm, names[code], f"{group['n_rows'].mean():.0f}", *map(_number, means)])
    return Section(
        "Classes",
        [],
        CLASS_HEADINGS,
        rows,
        "Of the final models on their test rows, means over trials; rows of the class in a trial.",
        folded=True,
    )


def null_section(results: Results) -> Section:
    """Return what the whole procedure scores when training labels are permuted."""
    rows, sentences = [], []
    summary = results.summary
    with_null = summary[summary["null_runs"].notna()] if "null_runs" in summary else summary[:0]
    for row in with_null.to_dict("records"):
        cells = [
            row[name]
            for name in ("heldout_mean", "null_heldout_mean", "null_inner_mean", "p_value")
        ]
        n_runs = f"{row['null_runs']:.0f}"
        rows.append([str(row["arm"]), n_runs, *map(_number, cells[:3]), _chance(cells[3])])
        sentences.append(
            f"{row['arm']}: {cells[0]:.3f} held out, against {cells[1]:.3f} in the mean of "
            f"{n_runs} {'run' if n_runs == '1' else 'runs'} on permuted labels (p = "
            f"{_chance(cells[3])}), where the inner score is {cells[2]:.3f}."
        )
    charts = []
    done = results.null[results.null["status"] == "done"] if rows else results.null
    if len(done):
        scores = ["heldout_score", "inner_score"]
        chart = dot_chart(done, scores, label="score", title="Scores on permuted labels by arm")
        charts = [("Permuted labels: held-out filled, inner hollow", chart)]
    return Section(
        "Permuted labels",
        sentences,
        NULL_HEADINGS,
        rows,
        "The training rows get each other's labels and everything is done again, search and final "
        "model; the test rows keep theirs (Ojala and Garriga 2010). p is (r + 1) / (n + 1), where "
        "r of n such runs score at least the mean of the arm; it cannot be below 1 / (n + 1). The "
        "inner score on labels without meaning is what a search finds in chance.",
        charts,
    )


def gate_section(results: Results) -> Section:
    """Return what was chosen where generator or amount is "auto", and among what."""
    rows, sentences, losses = [], [], set()
    for arm, runs in results.metrics.items():
        choices = [choice for run in runs for choice in run.get("gate", ())]
        if not choices:
            continue
        losses |= {str(choice["loss"]) for choice in choices}
        chosen = Counter(_place_of(choice) for choice in choices)
        rows += _candidate_rows(arm, choices, chosen)
        parts = [
            f"{_candidate(choices[0]['candidates'][place])} in {times}"
            for place, times in chosen.most_common()
        ]
        sentences.append(f"{arm}: of {len(choices)} trials, {', '.join(parts)}.")
    return Section(
        "Generator and amount chosen",
        sentences,
        GATE_HEADINGS,
        rows,
        f"Chosen on inner folds of the training rows of each trial by the {' and '.join(losses)}: "
        "nothing added, or else the fewest rows, within one standard error of the best. Means over "
        "trials.",
    )


def generator_section(results: Results) -> Section:
    """Return how good synthetic rows are, and where they lie among the real ones."""
    rows, sentences, charts = [], [], []
    for arm, found in results.generators.items():
        if "error" in found:
            sentences.append(f"{arm}: cannot be measured: {found['error']}")
            continue
        rows.append(_generator_row(arm, found))
        fit = found["fit"] or {}
        sentences += [f"{arm}: {words}" for words in [*found["words"], *fit.get("remarks", [])]]
        names = class_names(results.metrics.get(arm, []))
        points = found["points"]
        space = "Rows"
        if points["space"] == "latent":
            space = f"Latent space of {points['dimensions']} dimensions"
        caption = f"{arm}. {space}: real rows filled, synthetic ones hollow, coloured by class"
        charts.append((caption, cloud_chart(points, title=caption, classes=names)))
    return Section(
        "Synthetic rows",
        sentences,
        GENERATOR_HEADINGS,
        rows,
        "Made from the fit rows of one inner split of the first run, compared with the validate "
        "rows of it, all of them training rows. Variance ratio: within classes, synthetic "
        "over real. Told apart: right answers of the better of two classifiers, 0.5 at best; the "
        "mean log likelihood of rows that the generator did not see, and that of the better closed "
        "form.",
        charts,
    )


def class_names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the classes that runs recorded; their codes where they recorded none."""
    for run in runs:
        if run.get("class_names"):
            return [str(name) for name in run["class_names"]]
    return [f"class {code}" for code in range(1000)]


def _place_of(choice: Mapping[str, Any]) -> int:
    keys = ("generator", "settings", "amount")
    named = [{key: one[key] for key in keys} for one in choice["candidates"]]
    return named.index({key: choice[key] for key in keys})


def _candidate_rows(
    arm: str, choices: Sequence[Mapping[str, Any]], chosen: Counter[int]
) -> list[list[str]]:
    rows = []
    for place, first in enumerate(choices[0]["candidates"]):
        same = [choice["candidates"][place] for choice in choices]
        means = [float(np.mean([one[key] for one in same])) for key in ("loss", "worse")]
        name = _candidate({**first, "amount": 0})
        rows.append([arm, name, str(first["amount"]), *map(_number, means), str(chosen[place])])
    return rows


def _candidate(one: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in one["settings"].items())
    name = "nothing added" if one["generator"] == "none" else str(one["generator"])
    name = f"{name} ({settings})" if settings else name
    return f"{name} with {one['amount']} rows" if one["amount"] else name


def _generator_row(arm: str, found: Mapping[str, Any]) -> list[str]:
    ratio = next(one["ratio"] for one in found["variances"] if one["rows"] == "synthetic")
    told = max(
        (one for one in found["two_sample"] if one["others"] == "synthetic"),
        key=lambda one: one["accuracy"],
    )
    own = [one["heldout"] for one in found["densities"] if one["model"] == found["name"]]
    others = [one for one in found["densities"] if one["model"] != found["name"]]
    best = max(others, key=lambda one: one["heldout"], default=None)
    return [
        arm,
        str(found["name"]),
        _number(ratio),
        _number(told["accuracy"]),
        _chance(told["p_value"]),
        _number(own[0]) if own else "",
        f"{best['heldout']:.3f} ({best['model']})" if own and best else "",
    ]


def _interval(value: Any, low: Any, high: Any) -> str:
    return "" if pd.isna(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.3f}"


def _chance(value: Any) -> str:
    return "<0.001" if value < 0.0005 else _number(value)


def _mean(runs: Sequence[Mapping[str, Any]], name: str, decimals: int) -> str:
    known = [float(run[name]) for run in runs if run.get(name) is not None]
    return f"{np.mean(known):.{decimals}f}" if known else ""


# Features of each arm that the page shows.
MOST_FEATURES = 15
# Columns of the table of runs, and how many decimals they have.
_RUN_COLUMNS = {
    "arm": None,
    "seed": None,
    "status": None,
    "heldout_score": 3,
    "inner_score": 3,
    "optimism": 3,
    "n_features": 1,
    "n_distinct": 0,
    "seconds": 1,
}


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/overview`` from what is in the folder."""
    results = read_results(folder)
    figure = draw_overview(arm_points(results.runs), results.histories)
    for kind in ("svg", "png", "pdf"):
        write_bytes(folder / "figures" / f"overview.{kind}", render(figure, kind))
    compared = _compare(folder)
    page = _template().render(
        name=results.config["name"],
        description=results.config.get("description", ""),
        statement=statement_of(results.config),
        headings=headings_of(results.summary),
        rows=summary_cells(results.summary),
        pair_headings=PAIR_HEADINGS,
        pairs=[] if compared is None else pair_cells(compared.comparisons),
        sentences=[] if compared is None else [one.sentence for one in compared.comparisons],
        notes=[] if compared is None else compared.notes,
        charts=_charts(results),
        features=_feature_charts(results),
        sections=further_sections(results),
        run_headings=[name.replace("_", " ") for name in _RUN_COLUMNS],
        runs=_run_cells(results.runs),
        failures=_failures(results),
        config=yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True),
        environment=results.environment,
        command=results.command,
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _template() -> Any:
    loader = PackageLoader("vaega.report", "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True).get_template("report.html")


def _compare(folder: Path) -> DatasetComparison | None:
    try:
        return compare_experiments([folder]).datasets[0]
    except InputError:  # a single arm, or arms without a seed in common
        return None


def _charts(results: Results) -> list[tuple[str, Markup]]:
    done = results.runs[results.runs["status"] == "done"]
    if done.empty:
        return []
    scores = ["heldout_score", "inner_score"]
    held = "held-out" if results.config["protocol"]["kind"] == "honest" else "test rows, seen"
    labels = ("features", f"{held} score")
    return [
        (
            f"Scores: {held} filled, inner hollow; bars are means with their 95 % interval",
            dot_chart(done, scores, label="score", title="Scores of the runs by arm"),
        ),
        (
            "Selected features",
            dot_chart(
                done, ["n_features"], label="features", title="Sizes of the masks by arm", zero=True
            ),
        ),
        (
            "Size against score: few features and a high score are to the upper left",
            scatter_chart(done, x="n_features", y="heldout_score", labels=labels),
        ),
        (
            "Evolution: mean over trials, band from the least to the most",
            curve_chart(results.histories),
        ),
    ]


def _feature_charts(results: Results) -> list[tuple[str, str, Markup]]:
    """Return the name of each arm, what its selections agree in, and their bars."""
    charts = []
    for place, (arm, table) in enumerate(results.features.items()):
        found = results.stability.get(arm)
        words = ""
        if found is not None:
            words = f"stability {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        charts.append(
            (arm, words, frequency_chart(table.head(MOST_FEATURES), arm=arm, place=place))
        )
    return charts


def _run_cells(runs: pd.DataFrame) -> list[list[str]]:
    return [
        [_cell(run.get(name), decimals) for name, decimals in _RUN_COLUMNS.items()]
        for run in runs.to_dict("records")
    ]


def _cell(value: Any, decimals: int | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(value) if decimals is None else f"{value:.{decimals}f}"


def _failures(results: Results) -> Sequence[str]:
    failed = results.runs[results.runs["status"] != "done"]
    return [f"{row.arm}, seed {row.seed}: {row.status}" for row in failed.itertuples()]
