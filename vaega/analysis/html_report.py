"""The report of an experiment: one self-contained page, made from the results folder alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from vaega.analysis.charts.bars import frequency_chart
from vaega.analysis.charts.curves import curve_chart
from vaega.analysis.charts.dots import dot_chart, scatter_chart
from vaega.analysis.comparison import DatasetComparison, compare_experiments
from vaega.analysis.comparison_tables import PAIR_HEADINGS, pair_cells
from vaega.analysis.figures import arm_points, draw_overview, render
from vaega.analysis.report_sections import further_sections
from vaega.analysis.results_folder import Results, read_results
from vaega.analysis.tables import headings_of, summary_cells
from vaega.core.errors import InputError
from vaega.core.files import write_bytes, write_text
from vaega.experiments.protocols import statement_of

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
    loader = PackageLoader("vaega.analysis", "templates")
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
