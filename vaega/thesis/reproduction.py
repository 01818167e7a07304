"""Reproducing the thesis: what is asked for, which function makes it, how it is written.

Tables and figures are made by functions of `vaega.thesis.chapter3`, `chapter4` and
`chapter4_figures`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import ResultsError
from vaega.core.figures import render
from vaega.core.files import write_bytes, write_text
from vaega.core.tables import TextTable, csv_text
from vaega.thesis.published import GROUPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaega.experiments.store import RunRecord


@dataclass(frozen=True, eq=False)
class ThesisTable:
    """A table of the thesis, published and reproduced side by side."""

    name: str  # As the thesis numbers it: "4.1"
    title: str  # What it shows, in a few words
    rows: pd.DataFrame  # One row a line; numbers as numbers, NaN where there is none
    # Lines under it: on which rows fitness was computed, which data stand in for which
    notes: tuple[str, ...] = ()
    decimals: int = 3  # Of numbers, where they are shown
    # Why data are not at hand, where nothing of ours could be put beside what was published
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ThesisFigure:
    """A figure of the thesis: what it shows, as rows, and how these are drawn."""

    name: str  # As the thesis numbers it: "4.7"
    title: str  # What it shows, in a few words
    rows: pd.DataFrame  # The points
    draw: Callable[[pd.DataFrame], "Figure"]  # From the rows to a matplotlib figure
    notes: tuple[str, ...] = ()  # As those of `ThesisTable`
    missing: tuple[str, ...] = ()


SCALES = ("smoke", "small", "full")
PROTOCOLS = ("as-run", "as-described", "honest", "honest-pooled")
HELD_OUT = ("honest", "honest-pooled")  # whose test rows are read once
DATASETS = ("leukemia", "madelon", "gisette", "gcm", "all-leukemia")


@dataclass(frozen=True)
class Request:
    """What to reproduce, and with how much effort."""

    # Folder of the runs, tables and figures; what is finished in it is not computed again
    out: Path
    datasets: tuple[str, ...] = ()  # Of `DATASETS`, as the thesis names them; empty for all
    protocols: tuple[str, ...] = ()  # Of `PROTOCOLS`; empty for all
    # Seconds, minutes, or the thesis's population, generations and number of runs
    scale: str = "small"
    jobs: int = 1  # Processes; -1 is one a core
    device: str = "auto"  # Where autoencoders are trained
    n_runs: int | None = None  # Runs a group, in place of the scale's
    # Groups of chapter 4, by the names of their configurations; empty for all
    groups: tuple[str, ...] = ()
    # Whether to show the runs of chapter 4 that are finished, and to run nothing
    finished: bool = False
    tell: Callable[[str], None] = lambda line: None  # Is given a line of progress

    def __post_init__(self) -> None:
        owner = "reproduce thesis"
        check_choice(self.scale, "--scale", SCALES, owner=owner)
        for name in self.datasets:
            check_choice(name, "--dataset", DATASETS, owner=owner)
        for name in self.protocols:
            check_choice(name, "--protocol", PROTOCOLS, owner=owner)
        for name in self.groups:
            check_choice(name, "--group", [group.name for group in GROUPS], owner=owner)
        if self.n_runs is not None:
            check_count(self.n_runs, "--runs", owner=owner)

    def wants(self, dataset: str) -> bool:
        """Return whether a dataset was asked for, by the thesis's name for it."""
        return not self.datasets or dataset in self.datasets

    def check_packages(self) -> None:
        """Ask for what runs need beyond vaega itself before the first of them, not after hours."""
        if not self.finished and set(HELD_OUT) & set(self.wanted_protocols()):
            from vaega.generative._samplers import find_smote

            find_smote()

    def wanted_protocols(self) -> tuple[str, ...]:
        """Return the protocols asked for, in the order of `PROTOCOLS`."""
        return tuple(name for name in PROTOCOLS if not self.protocols or name in self.protocols)


# Name -> "module:function", imported when it is asked for:
# ``function(name: str, request: Request) -> ThesisTable``. What it computes it keeps below
# ``request.out``, so that the same call again costs nothing.
TABLES: dict[str, str] = {
    "2.1": "vaega.thesis.chapter3:classical_models",
    "2.2": "vaega.thesis.chapter3:mlp_by_class",
    "3": "vaega.thesis.chapter3:real_and_synthetic",
    **{f"3.{number}": "vaega.thesis.chapter3:by_class" for number in (1, 2, 3, 4)},
    "4": "vaega.thesis.chapter4:final_populations",
    "4.1": "vaega.thesis.chapter4:networks",
    "4.2": "vaega.thesis.chapter4:gisette_sizes",
    "4.3": "vaega.thesis.chapter4:gcm_rows",
    "4.4": "vaega.thesis.chapter3:trained_and_tested_on_synthetic",
    "groups": "vaega.thesis.chapter4:by_group",
    "signatures": "vaega.thesis.chapter4:signatures",
    "stability": "vaega.thesis.chapter4:stability",
    "frequencies": "vaega.thesis.chapter4:frequencies",
    "generators": "vaega.thesis.chapter4:generators",
    "paired": "vaega.thesis.chapter4:paired_differences",
}
# The same for figures: ``function(name: str, request: Request) -> ThesisFigure``.
PICTURES: dict[str, str] = {
    "3.5": "vaega.thesis.chapter3:accuracy_by_rows",
    **{f"4.{number}": "vaega.thesis.chapter4_figures:box_plots" for number in range(7, 12)},
    **{f"4.{number}": "vaega.thesis.chapter4_figures:by_size" for number in (12, 13)},
    **{f"4.{number}": "vaega.thesis.chapter4_figures:box_plots" for number in (14, 15)},
    **{f"4.{number}": "vaega.thesis.chapter4_figures:all_datasets" for number in (16, 17)},
    "convergence": "vaega.thesis.chapter4_figures:convergence",
    "forest": "vaega.thesis.chapter4_figures:forest",
}


# What is made at the scale smoke where nothing is named: the smallest group of each dataset but
# Gisette, whose thousands of rows and columns alone take minutes; honest stands for honest-pooled.
_SMOKE_GROUPS = ("leukemia_0005", "madelon", "gcm_45", "all_35")
_SMOKE_DATASETS = ("leukemia", "madelon", "gcm", "all-leukemia")


def everything(request: Request) -> tuple[tuple[str, ...], tuple[str, ...], Request]:
    """Return all tables and figures, and the request; a tiny one at the scale smoke."""
    tables, figures = tuple(TABLES), tuple(PICTURES)
    if request.scale != "smoke" or request.datasets or request.groups:
        return tables, figures, request
    tables = tuple(name for name in tables if name != "3.3")  # Gisette's
    n_runs, protocols = request.n_runs or 1, request.protocols or PROTOCOLS[:3]
    tiny = replace(request, groups=_SMOKE_GROUPS, datasets=_SMOKE_DATASETS, n_runs=n_runs)
    return tables, figures, replace(tiny, protocols=protocols)


def make_table(name: str, request: Request) -> ThesisTable:
    """Make a table of the thesis."""
    check_choice(name, "--table", sorted(TABLES), owner="reproduce thesis")
    return _find(TABLES[name])(name, request)


def make_picture(name: str, request: Request) -> ThesisFigure:
    """Make a figure of the thesis."""
    check_choice(name, "--figure", sorted(PICTURES), owner="reproduce thesis")
    return _find(PICTURES[name])(name, request)


def _find(path: str) -> Callable:
    module, _, function = path.partition(":")
    return getattr(import_module(module), function)


# A column of every CSV that has results of several protocols.
FITNESS_ROWS = {
    "as-run": "test rows, and 30 % of the synthetic rows with two classes",
    "as-described": "test rows",
    "honest": "inner folds of the training rows",
    "honest-pooled": "inner folds of the training rows",
}
NOTHING = "–"


def write_table(table: ThesisTable, folder: Path, *, command: str) -> Path:
    """Write a table as CSV, Markdown and LaTeX."""
    stem = folder / f"table_{table.name}"
    write_text(stem.with_name(f"{stem.name}.csv"), as_csv(table.rows))
    write_text(stem.with_name(f"{stem.name}.tex"), as_latex(table))
    page = stem.with_name(f"{stem.name}.md")
    write_text(page, as_markdown(table, command=command))
    return page


def write_picture(picture: ThesisFigure, folder: Path, *, command: str) -> Path:
    """Write a figure as PNG and SVG, its points as CSV, and a page that says what it shows."""
    name = f"figure_{picture.name}"
    figure = picture.draw(picture.rows)
    said = [line for line in picture.notes if line.startswith("Protocol as-")]
    if said:
        lines = [part for line in said for part in wrap(line, 150)]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6)
    for kind in ("png", "svg"):
        write_bytes(folder / f"{name}.{kind}", render(figure, kind))
    write_text(folder / f"{name}.csv", as_csv(picture.rows))
    lines = [f"# Figure {picture.name}: {picture.title}", f"![{picture.title}]({name}.png)"]
    write_text(folder / f"{name}.md", _page(lines, picture.notes, command))
    return folder / f"{name}.png"


def as_csv(rows: pd.DataFrame) -> str:
    r"""Return rows as CSV; where there are protocols, with the rows of their fitness."""
    whose = "protocol" if "protocol" in rows else "source" if "source" in rows else None
    if whose is not None and "fitness_rows" not in rows:
        rows = rows.assign(fitness_rows=rows[whose].map(FITNESS_ROWS))
    return csv_text(rows)


def as_markdown(table: ThesisTable, *, command: str) -> str:
    """Return a table as a Markdown page."""
    grid = _text_table(table).markdown().rstrip("\n")
    return _page([f"# Table {table.name}: {table.title}", grid], table.notes, command)


def as_latex(table: ThesisTable) -> str:
    r"""Return a table as LaTeX, with the rules of the package booktabs."""
    comments = [f"% {line}\n" for line in (f"Table {table.name}: {table.title}", *table.notes)]
    return "".join([*comments, _text_table(table).latex()])


def cells_of(table: ThesisTable) -> list[list[str]]:
    """Return the cells of a table as text."""
    shown = [_shower(table, column) for column in table.rows.columns]
    return [
        [show(value) for show, value in zip(shown, row, strict=True)]
        for row in table.rows.itertuples(index=False, name=None)
    ]


def _shower(table: ThesisTable, column: Any) -> Callable[[Any], str]:
    whole = pd.api.types.is_integer_dtype(table.rows[column])

    def show(value: Any) -> str:
        if value is None or (isinstance(value, float) and pd.isna(value)):
            return NOTHING
        if isinstance(value, float) and not whole:
            return f"{value:.{table.decimals}f}" if abs(value) < 100 else f"{value:.1f}"
        return str(value)

    return show


def _text_table(table: ThesisTable) -> TextTable:
    columns = [str(column) for column in table.rows.columns]
    numbers = table.rows.select_dtypes("number").columns
    left = [i for i, column in enumerate(table.rows.columns) if column not in numbers]
    return TextTable([name.replace("_", " ") for name in columns], cells_of(table), left=left)


def _page(parts: list[str], notes: tuple[str, ...], command: str) -> str:
    listed = "\n".join(f"- {note}" for note in notes)
    return "\n\n".join([*parts, *([listed] if listed else []), f"Command: `{command}`"]) + "\n"


def describe_runs(runs: pd.DataFrame, environment: Mapping[str, Any]) -> str:
    """Return number, seeds, duration and versions of runs; `environment` is that of one of them."""
    seeds = f"seeds {runs['seed'].min()} to {runs['seed'].max()}"
    text = f"{len(runs)} runs, {seeds}, {runs['seconds'].sum():.0f} s in all"
    if not environment:
        return f"{text}."
    packages = ", ".join(f"{name} {number}" for name, number in environment["packages"].items())
    return f"{text}; vaega {environment['vaega']}, Python {environment['python']}, {packages}."


def environment_of(records: "Iterable[RunRecord]") -> dict[str, Any]:
    """Return versions and machine of the first run that has them."""
    for record in records:
        try:
            return record.environment
        except ResultsError:
            continue
    return {}
