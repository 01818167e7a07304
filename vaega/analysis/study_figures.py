"""The picture of a study: values as they came, what mattered, and each parameter by itself."""

import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from vaega.analysis.figures import COLOURS

# Columns of a study's table that are no parameters.
_ABOUT = ("trial", "state", "value", "best", "seconds", "warnings", "error")


def parameters_of(table: pd.DataFrame) -> list[str]:
    """Return the names of the parameters that a study's table holds."""
    return [str(name) for name in table.columns if name not in _ABOUT]


def draw_study(table: pd.DataFrame, importances: pd.DataFrame, *, label: str) -> Figure:
    """Return the figure of a study."""
    names = parameters_of(table)
    n_axes = 1 + (len(importances) > 0) + len(names)
    n_columns = min(3, n_axes)
    n_rows = -(-n_axes // n_columns)
    figure = Figure(figsize=(4.0 * n_columns, 3.2 * n_rows), layout="constrained")
    axes = iter(figure.subplots(n_rows, n_columns, squeeze=False).ravel().tolist())
    draw_history(next(axes), table, label=label)
    if len(importances):
        draw_importances(next(axes), importances)
    for name in names:
        draw_slice(next(axes), table, name, label=label)
    for spare in axes:
        spare.remove()
    return figure


def study_png(table: pd.DataFrame, importances: pd.DataFrame, *, label: str) -> bytes:
    """Return the figure of `draw_study` as the bytes of a PNG file."""
    buffer = io.BytesIO()
    draw_study(table, importances, label=label).savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def study_table(table: pd.DataFrame, *, label: str, n_rows: int = 10) -> Table:
    """Return the best trials for a terminal."""
    names = parameters_of(table)
    shown = Table(box=box.SIMPLE, title=f"{len(table)} trials, the best first")
    for name in ("trial", label, *names):
        shown.add_column(name, justify="right")
    for _, row in table.sort_values("value", ascending=False).head(n_rows).iterrows():
        value = f"{row['value']:.4f}" if row["state"] == "done" else "failed"
        shown.add_row(str(row["trial"]), value, *(_short(row[name]) for name in names))
    return shown


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw_history(ax: Axes, table: pd.DataFrame, *, label: str) -> Axes:
    """Draw the value of each trial, and the best so far."""
    done = table[table["state"] == "done"]
    ax.plot(done["trial"], done["value"], "o", ms=4, color=COLOURS[0], label="trial")
    ax.step(table["trial"], table["best"], where="post", color=COLOURS[1], label="best so far")
    ax.set_xlabel("trial")
    ax.set_ylabel(label)
    ax.legend(frameon=False)
    return ax


def draw_importances(ax: Axes, importances: pd.DataFrame) -> Axes:
    """Draw the share of the values' variance that each parameter explains."""
    ordered = importances.sort_values("importance")
    ax.barh(ordered["parameter"], ordered["importance"], color=COLOURS[2])
    ax.set_xlabel("importance (fANOVA)")
    return ax


def draw_slice(ax: Axes, table: pd.DataFrame, name: str, *, label: str) -> Axes:
    """Draw the values over one parameter; later trials are darker."""
    done = table[table["state"] == "done"]
    values: Any = done[name]
    numeric = pd.api.types.is_numeric_dtype(values)
    if not numeric:
        values = values.astype(str)
    elif len(values) and values.min() > 0 and values.max() >= 10 * values.min():
        ax.set_xscale("log")
    shades = np.linspace(0.25, 1.0, len(done))
    # matplotlib takes one alpha a point, its types don't say so
    ax.scatter(values, done["value"], s=16, color=COLOURS[0], alpha=shades)  # type: ignore[arg-type]
    ax.set_xlabel(name)
    ax.set_ylabel(label)
    return ax
