"""Files for a paper: tables as CSV, Markdown and LaTeX, figures as PNG, SVG and PDF."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from vaega.core.figures import render
from vaega.core.files import write_bytes, write_text
from vaega.core.tables import csv_text
from vaega.report._comparison import Comparison, comparison_text
from vaega.report._feature_table import draw_frequencies, features_text
from vaega.report._figures import draw_arms, draw_experiment, draw_ranks
from vaega.report._generator_section import draw_generated
from vaega.report._prediction_section import draw_predictions
from vaega.report._results import TEXT_FORMATS, Results, summary_text
from vaega.report._signature import draw_signatures

KINDS = ("png", "svg", "pdf")
_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv"}


def write_experiment(results: Results, folder: Path, *, command: str) -> list[Path]:
    """Write summary, features and figures of an experiment; return the files."""
    texts = {
        f"summary.{_SUFFIXES[kind]}": summary_text(results, kind, command=command)
        for kind in TEXT_FORMATS
    }
    features = features_text(results)
    if features is not None:
        texts["features.csv"] = features
    figures = {
        **draw_experiment(results),
        **draw_frequencies(results),
        **draw_predictions(results),
        **draw_signatures(results),
        **draw_generated(results),
    }
    return _write(folder, texts, figures)


def write_comparison(comparison: Comparison, folder: Path, *, command: str) -> list[Path]:
    """Write the tables and the figures of a comparison; return the files."""
    texts = {
        "comparison.csv": comparison_text(comparison, "csv", command=command),
        "means.csv": csv_text(comparison.means.rename_axis("dataset").reset_index()),
        "comparison.md": comparison_text(comparison, "markdown", command=command),
        "comparison.tex": comparison_text(comparison, "latex", command=command),
    }
    figures = {"arms": draw_arms(comparison)}
    if comparison.ranks is not None:
        figures["ranks"] = draw_ranks(comparison.ranks)
    return _write(folder, texts, figures)


def _write(folder: Path, texts: Mapping[str, str], figures: Mapping[str, Figure]) -> list[Path]:
    for name, text in texts.items():
        write_text(folder / name, text)
    drawn = [(f"{name}.{kind}", kind, figure) for name, figure in figures.items() for kind in KINDS]
    for name, kind, figure in drawn:
        write_bytes(folder / name, render(figure, kind))
    return [folder / name for name in (*texts, *(name for name, _, _ in drawn))]
