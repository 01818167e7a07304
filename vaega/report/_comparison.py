"""A comparison as tables for the terminal and as files for a paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.table import Table

from vaega.core.errors import InputError
from vaega.core.files import write_bytes, write_text
from vaega.report._figures import draw_ranks, plot_values, render
from vaega.report._results import TrialScores, read_trial_scores
from vaega.report._statistics import (
    ArmComparison,
    RankComparison,
    compare_arms,
    comparison_table,
    rank_arms,
)
from vaega.report._tables import latex_grid, latex_text, markdown_grid

_OFFICIAL = (
    "The test rows are the same in every run: intervals and tests say what other seeds would give, "
    "not what other rows would."
)
_OVERLAP = (
    "Splits share rows: intervals and tests have the variance corrected for that (Nadeau and "
    "Bengio 2003)."
)


@dataclass(frozen=True, eq=False)
class DatasetComparison:
    """The arms on one dataset.

    Attributes
    ----------
    dataset : str
        Its name.
    scores : pandas.DataFrame
        A row each seed and trial, a column each arm.
    comparisons : list of ArmComparison
        Pairs of arms.
    notes : list of str
        How the figures are to be read, a sentence each.
    """

    dataset: str
    scores: pd.DataFrame
    comparisons: list[ArmComparison]
    notes: list[str]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_experiments` found.

    Attributes
    ----------
    measure : str
        What was compared.
    datasets : list of DatasetComparison
    ranks : RankComparison or None
        Over datasets, where at least two have the same three arms.
    """

    measure: str
    datasets: list[DatasetComparison]
    ranks: RankComparison | None

    @property
    def table(self) -> pd.DataFrame:
        """All comparisons, one row each, the dataset first."""
        tables = [
            comparison_table(one.comparisons).assign(dataset=one.dataset) for one in self.datasets
        ]
        table = pd.concat(tables, ignore_index=True)
        return table[["dataset", *table.columns.drop("dataset")]]

    @property
    def means(self) -> pd.DataFrame:
        """Mean of each arm (columns) on each dataset (rows)."""
        return pd.DataFrame({one.dataset: one.scores.mean() for one in self.datasets}).T

    @property
    def sentences(self) -> list[str]:
        """What was found, in words: a sentence each comparison, and one over the datasets."""
        several = len(self.datasets) > 1
        found = [
            f"{one.dataset}: {pair.sentence}" if several else pair.sentence
            for one in self.datasets
            for pair in one.comparisons
        ]
        return found if self.ranks is None else [*found, self.ranks.sentence]


def compare_experiments(
    folders: Sequence[Path],
    *,
    measure: str = "heldout_score",
    against: str | None = None,
    alpha: float = 0.05,
) -> Comparison:
    """Compare the arms of experiments in pairs of runs that share their splits.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        Results folders. Those of the same data and protocol are taken together; an arm that two of
        them have is named after its experiment.
    measure : str, default="heldout_score"
        A figure of the trials: "heldout_score", "inner_score", "optimism", "n_features", ...
    against : str, optional
        The arm with which the others are compared; all pairs when absent.
    alpha : float, default=0.05
        Chance of any false difference on a dataset.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        When a folder holds no results or comes twice, or there is nothing to compare.
    """
    _check_folders(folders)
    scores = [read_trial_scores(folder) for folder in folders]
    datasets = [_compare(group, measure, against, alpha) for group in _same_splits(scores, measure)]
    return Comparison(measure, datasets, _ranks(datasets, alpha))


def _check_folders(folders: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise InputError(f"compare: each folder must come once, got {folder} twice.")
        seen.add(folder.resolve())


def _same_splits(scores: Sequence[TrialScores], measure: str) -> Iterator[list[TrialScores]]:
    def splits(one: TrialScores) -> str:
        return repr((one.fingerprint, one.statement, sorted(one.protocol.items())))

    order = {splits(one): place for place, one in reversed(list(enumerate(scores)))}
    ranked = sorted(scores, key=lambda one: order[splits(one)])
    groups = [list(group) for _, group in groupby(ranked, key=splits)]
    alone = [group[0] for group in groups if _n_arms(group) < 2]
    if alone:
        others = "no other folder has the same data and protocol"
        raise InputError(
            f"{alone[0].name}: has one arm with finished runs, {alone[0].arms[0]!r}, and {others}."
        )
    yield from groups


def _n_arms(group: Sequence[TrialScores]) -> int:
    return sum(len(one.arms) for one in group)


def _compare(
    group: Sequence[TrialScores], measure: str, against: str | None, alpha: float
) -> DatasetComparison:
    table = _joined(group, measure)
    share = group[0].test_share
    comparisons = compare_arms(table, against=against, test_share=share, alpha=alpha)
    notes = [_OFFICIAL if share is None else _OVERLAP]
    if len(comparisons) > 1:
        notes.append(f"p: among {len(comparisons)} comparisons (Holm).")
    if group[0].statement:
        notes.append(group[0].statement)
    return DatasetComparison(group[0].dataset, table, comparisons, notes)


def _joined(group: Sequence[TrialScores], measure: str) -> pd.DataFrame:
    arms = [arm for one in group for arm in one.arms]
    tables = []
    for one in group:
        names = {arm: f"{one.name}/{arm}" if arms.count(arm) > 1 else arm for arm in one.arms}
        tables.append(one.by_pair(measure).rename(columns=names))
    return pd.concat(tables, axis=1).astype(float)


def _ranks(datasets: Sequence[DatasetComparison], alpha: float) -> RankComparison | None:
    # Datasets, not runs, are what is drawn: the same data twice would count twice.
    names = [one.dataset for one in datasets]
    shared = [arm for arm in datasets[0].scores if all(arm in one.scores for one in datasets)]
    if len(names) < 2 or len(set(names)) < len(names) or len(shared) < 3:
        return None
    means = pd.DataFrame({one.dataset: one.scores[shared].mean() for one in datasets}).T
    return rank_arms(means, alpha=alpha)


PAIR_HEADINGS = ("arms", "pairs", "difference", "95 %", "p", "A12", "effect")
ARM_HEADINGS = ("arm", "n", "mean", "median", "least", "most")
_KINDS = ("png", "svg", "pdf")


def arm_cells(one: DatasetComparison) -> list[list[str]]:
    """Return a row of text each arm, under `ARM_HEADINGS`."""
    return [
        [str(arm), str(len(values))]
        + [_figure(value) for value in (values.mean(), values.median(), values.min(), values.max())]
        for arm, values in ((arm, one.scores[arm].dropna()) for arm in one.scores)
    ]


def pair_cells(comparisons: Sequence[ArmComparison]) -> list[list[str]]:
    """Return a row of text each pair of arms, under `PAIR_HEADINGS`."""
    rows = []
    for found in comparisons:
        known = not np.isnan(found.low)
        interval = f"[{_figure(found.low)}, {_figure(found.high)}]" if known else ""
        rows.append(
            [
                f"{found.first} - {found.second}",
                str(found.n_pairs),
                f"{found.difference:+.3f}",
                interval,
                f"{found.adjusted_p_value:.3f}" if found.adjusted_p_value >= 1e-3 else "<0.001",
                f"{found.superiority:.2f}",
                found.effect,
            ]
        )
    return rows


def terminal_grid(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = ""
) -> Table:
    """Return cells as a table for a terminal."""
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, padding=0)
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "left" if place == 0 else "right"
        table.add_column(heading, justify=justify, no_wrap=place > 0)
    for row in rows:
        table.add_row(*row)
    return table


def as_markdown(found: Comparison, *, command: str) -> str:
    """Return a comparison as a Markdown page."""
    parts = [f"# Comparison: {found.measure}\n"]
    for one in found.datasets:
        parts.append(f"## {one.dataset}\n")
        parts.append(markdown_grid(ARM_HEADINGS, arm_cells(one)))
        parts.append(markdown_grid(PAIR_HEADINGS, pair_cells(one.comparisons)))
        said = [pair.sentence for pair in one.comparisons]
        parts.append("".join(f"- {line}\n" for line in [*said, *one.notes]))
    if found.ranks is not None:
        ranks = [[str(arm), f"{rank:.2f}"] for arm, rank in found.ranks.ranks.items()]
        parts.append("## Over datasets\n")
        parts.append(markdown_grid(["arm", "mean rank"], ranks))
        parts.append(f"- {found.ranks.sentence}\n")
    return "\n".join([*parts, f"Command: `{command}`\n"])


def as_latex(found: Comparison, *, command: str) -> str:
    """Return the pairs of a comparison as one LaTeX table (package booktabs)."""
    rows = [
        [one.dataset, *cells] for one in found.datasets for cells in pair_cells(one.comparisons)
    ]
    said = [f"% {latex_text(line)}\n" for line in found.sentences]
    grid = latex_grid(["dataset", *PAIR_HEADINGS], rows, left=(0, 1))
    return "".join([f"% {found.measure}; {command}\n", *said, grid])


def comparison_text(found: Comparison, kind: str, *, command: str) -> str:
    """Return a comparison as text."""
    if kind == "csv":
        return _csv(found.table)
    return (as_markdown if kind == "markdown" else as_latex)(found, command=command)


def draw_arms(found: Comparison) -> Figure:
    """Draw a box a dataset and arm, with one point a run."""
    n = len(found.datasets)
    width = max(3.2, 0.9 * max(one.scores.shape[1] for one in found.datasets) + 0.8)
    figure = Figure(figsize=(min(n, 3) * width, 3.4 * -(-n // 3)), layout="constrained")
    axes = figure.subplots(-(-n // 3), min(n, 3), squeeze=False).ravel()
    for ax, one in zip(axes, found.datasets, strict=False):
        plot_values(one.scores, ax, label=found.measure.replace("_", " "))
        ax.set_title(one.dataset, loc="left", fontsize=10)
    for ax in axes[n:]:
        ax.axis("off")
    return figure


def write_comparison(found: Comparison, folder: Path, *, command: str) -> list[Path]:
    """Write a comparison: CSV, Markdown, LaTeX, and figures as PNG, SVG and PDF."""
    texts = {
        "comparison.csv": _csv(found.table),
        "means.csv": _csv(found.means.rename_axis("dataset").reset_index()),
        "comparison.md": as_markdown(found, command=command),
        "comparison.tex": as_latex(found, command=command),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    figures = {"arms": draw_arms(found)}
    if found.ranks is not None:
        figures["ranks"] = draw_ranks(found.ranks)
    drawn = [f"{name}.{kind}" for name in figures for kind in _KINDS]
    for name in drawn:
        stem, kind = name.split(".")
        write_bytes(folder / name, render(figures[stem], kind))
    return [folder / name for name in (*texts, *drawn)]


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
