"""Figure 3.5: accuracy of the MLP against the number of synthetic rows that train it."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from vaega.thesis.record import Picture
from vaega.thesis.reports import published_value
from vaega.thesis.request import Request
from vaega.thesis.sample_means import mean_beside
from vaega.thesis.synthetic_rows import FITNESS_ROWS, GENERATORS, TITLES
from vaega.thesis.synthetic_study import complete_tasks
from vaega.thesis.synthetic_tables import notes_of
from vaega.thesis.synthetic_task import rows_to_draw

SIZES = (190, 400, 3000, 6000)
_SMOKE_SIZES = (140, 210)
_SHAPE = (
    "Published: accuracy rises from 190 to 3000 rows (214 a class), where it equals that of real "
    "rows, and falls at 6000; the heights are in a picture only."
)


def accuracy_by_rows(name: str, request: Request) -> Picture:
    """Make figure 3.5: GCM, accuracy on real test rows by number of synthetic training rows."""
    sizes = _SMOKE_SIZES if request.scale == "smoke" else SIZES
    generators = [g for protocol in request.wanted_protocols() for g in GENERATORS[protocol]]
    drawn = {rows_to_draw(size): size for size in sizes}
    lines = complete_tasks("gcm", generators, list(drawn), request)
    return Picture(
        name,
        "MLP trained on synthetic rows: accuracy on real test rows, gcm",
        accuracy_rows(lines, drawn),
        draw_accuracies,
        (_SHAPE, *notes_of(lines, request)),
    )


def accuracy_rows(lines: pd.DataFrame, drawn: dict[int, int]) -> pd.DataFrame:
    """Return mean accuracies on real test rows by generator and number of training rows."""
    found = lines[(lines["label"] == "accuracy") & (lines["tested_on"] == "real")]
    synthetic = found[found["trained_on"] == "synthetic"]
    rows = []
    places: Any = synthetic.groupby(["dataset", "protocol", "generator", "n_drawn"], sort=False)
    for (dataset, protocol, generator, n_drawn), group in places:
        place = {"dataset": dataset, "protocol": protocol, "generator": TITLES[generator]}
        means = mean_beside(float("nan"), group["f1"].tolist())
        seen = {"fitness_rows": FITNESS_ROWS[protocol]}
        rows.append({**place, "n_training": drawn[n_drawn], **means, **seen})
    real = found[found["trained_on"] == "real"].drop_duplicates(["dataset", "seed"])
    if len(real):
        published = published_value("3.4", "real", "real", "accuracy", "f1")
        place = {"dataset": real["dataset"].iloc[0], "protocol": "", "generator": "real rows"}
        means = mean_beside(published, real["f1"].tolist())
        rows.append({**place, **means, "fitness_rows": FITNESS_ROWS[""]})
    return pd.DataFrame(rows)


def draw_accuracies(rows: pd.DataFrame) -> Figure:
    """Draw mean accuracies with their 95 % intervals, real rows as a line."""
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for generator, group in rows[rows["generator"] != "real rows"].groupby("generator", sort=False):
        means = group["mean"]
        reach = [(means - group["low"]).fillna(0.0), (group["high"] - means).fillna(0.0)]
        axes.errorbar(
            group["n_training"], means, yerr=reach, marker="o", capsize=3, label=str(generator)
        )
    for mean in rows[rows["generator"] == "real rows"]["mean"]:
        axes.axhline(mean, color="black", linestyle="--", label="real rows")
    axes.set(xscale="log", xlabel="synthetic training rows", ylabel="accuracy on real test rows")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.minorticks_off()
    if len(rows):
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
