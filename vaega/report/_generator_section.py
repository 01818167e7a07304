"""Generated rows: how good they are, and where they lie among the real ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from vaega.core.tables import TextTable
from vaega.core.wording import decimals
from vaega.report._generator_figures import plot_rows, row_groups, row_points
from vaega.report._prediction_section import class_names
from vaega.report._results import Results
from vaega.report._section import Chart, Section, make_chart
from vaega.report._statistics import format_p_value


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
        _shown(ratio),
        _shown(test["accuracy"]),
        format_p_value(test["p_value"]),
        _shown(model["heldout"]) if model else "",
        f"{decimals(best['heldout'])} ({best['model']})" if model and best else "",
    ]


def draw_generated(results: Results) -> dict[str, Figure]:
    """Return the figure of real and generated rows of each arm, by name."""
    figures = {}
    for arm, record in results.generators.items():
        if "error" not in record:
            rows = row_points(record["points"], class_names(results.metrics.get(arm, [])))
            figures[f"rows_{arm}"] = plot_rows(rows, record["points"]["share"]).figure
    return figures  # type: ignore[return-value]


def _shown(value: float | None) -> str:
    return "" if value is None else decimals(value)
