"""Published figures beside reproduced ones: means, spread, intervals, distance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import vaega
from vaega.core.checks import check_choice
from vaega.core.errors import ConfigError, ResultsError
from vaega.core.figures import render
from vaega.core.files import write_bytes, write_text
from vaega.core.tables import Table, csv_text
from vaega.data._dataset import Dataset
from vaega.data._sources import find_file, load_dataset
from vaega.experiments.store import RunRecord, mean_interval

# Table 4.1: the networks (Capitulo4_v2.qmd, commit 003e2160), with the digits of the scripts.
NETWORKS: tuple[dict[str, Any], ...] = (
    {"dataset": "leukemia", "model": "VAE", "input": 7129, "layer_1": 346, "layer_2": 178,
     "latent": 108, "learning_rate": 2.6927e-4, "max_epochs": 2889},
    {"dataset": "madelon", "model": "VAE", "input": 500, "layer_1": 835, "layer_2": 308,
     "latent": 25, "learning_rate": 1.5503766948351942e-4, "max_epochs": 1364},
    {"dataset": "gisette", "model": "VAE", "input": 5000, "layer_1": 3870, "layer_2": 2987,
     "latent": 18, "learning_rate": 9.460907601722566e-4, "max_epochs": 2739},
    {"dataset": "gcm", "model": "CVAE", "input": 16063, "layer_1": 358, "layer_2": 189,
     "latent": 35, "learning_rate": 6.885024728547275e-4, "max_epochs": 3613},
    {"dataset": "all-leukemia", "model": "CVAE", "input": 12600, "layer_1": 434, "layer_2": 176,
     "latent": 35, "learning_rate": 4.0148e-4, "max_epochs": 949},
)  # fmt: skip
# Table 4.2: selected features in the last populations of Gisette.
GISETTE_SIZES = {
    "augmented": {"mean": 424.231, "sd": 17.796, "iqr": 8.0},
    "original": {"mean": 436.667, "sd": 14.355, "iqr": 21.5},
}
# Table 4.3: experiments on GCM by number of training rows.
GCM_EXPERIMENTS = {133: 20, 3129: 15, 1322: 4, 1323: 4, 1304: 2, 254: 2, 6106: 1}


@cache
def published_groups() -> pd.DataFrame:
    """Return settings and means of the groups of runs."""
    return _read("groups.csv")


@cache
def published_runs() -> pd.DataFrame:
    """Return the runs."""
    groups = published_groups()[["dataset", "experiment_group", "arm"]]
    return groups.merge(_read("runs.csv"), on="experiment_group", validate="one_to_many")


def _read(name: str) -> pd.DataFrame:
    with (files("vaega.thesis") / "facts" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


@dataclass(frozen=True)
class Group:
    """Runs with masks of one size on one dataset, real rows alone and augmented."""

    name: str  # Of the configuration, ``configs/thesis/NAME.yaml``
    dataset: str  # As the thesis names it
    size: str  # About how many features the last masks have, as the thesis says it
    original: tuple[str, ...]  # The published groups of each arm
    augmented: tuple[str, ...]  # The published groups of each arm
    inner_folds: int = 5  # Under the honest protocol
    # Features that the first selection leaves where a stand-in has fewer than the thesis's data
    stand_in_keep: int | None = None

    def published(self, arm: str) -> tuple[str, ...]:
        """Return the published groups of an arm; none for an arm of our own."""
        return {"original": self.original, "augmented": self.augmented}.get(arm, ())

    def file(self) -> Path:
        """Return the configuration."""
        return config_folder() / f"{self.name}.yaml"


def _gcm(size: str, original: str, augmented: str) -> Group:
    names = (f"gcm_base_{original}",), (f"gcm_base_{augmented}",)
    return Group(f"gcm_{size}", "gcm", size, *names, stand_in_keep=800)


def _all(size: str, original: str, augmented: str) -> Group:
    names = (f"all_leukemia_base_{original}",), (f"all_leukemia_base_{augmented}",)
    return Group(f"all_{size}", "all-leukemia", size, *names, inner_folds=3)


def _leukemia(name: str, size: str, original: str, augmented: str) -> Group:
    names = (f"leukemia_base_{original}",), (f"leukemia_base_{augmented}",)
    return Group(f"leukemia_{name}", "leukemia", size, *names)


GROUPS: tuple[Group, ...] = (
    _leukemia("010", "680", "0001", "0002"),
    _leukemia("001", "63", "0012", "0009"),
    _leukemia("0005", "30", "0013", "0011"),
    Group(
        "gisette", "gisette", "430", ("gisette_base_0020", "gisette_base_0022"),
        ("gisette_base_0005",), inner_folds=2,
    ),
    Group(
        "madelon", "madelon", "30", ("mandelon_base_0023",), ("mandelon_synthetic",), inner_folds=2,
    ),
    Group("madelon_20", "madelon", "35", ("mandelon_base_0017",), (), inner_folds=2),
    _gcm("750", "0063", "0061"),
    _gcm("450", "0065", "0066"),
    _gcm("200", "0070", "0069"),
    _gcm("45", "0067", "0064"),
    _all("300", "0078", "0077"),
    _all("180", "0076", "0075"),
    _all("35", "0080", "0079"),
)  # fmt: skip


def find_group(name: str) -> Group:
    """Return a group by its name."""
    for group in GROUPS:
        if group.name == name:
            return group
    known = ", ".join(group.name for group in GROUPS)
    raise ConfigError(f"reproduce thesis: group must be one of {known}; got {name!r}.")


def config_folder() -> Path:
    """Return the folder of the thesis's configurations."""
    package = Path(vaega.__file__).parent
    for folder in (package / "configs" / "thesis", package.parent / "configs" / "thesis"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"{package}: the folder configs/thesis is missing, install vaega anew.")


def describe_runs(runs: pd.DataFrame, records: Sequence[RunRecord]) -> str:
    """Return number, seeds, duration and versions of runs."""
    seeds = f"seeds {runs['seed'].min()} to {runs['seed'].max()}"
    text = f"{len(runs)} runs, {seeds}, {runs['seconds'].sum():.0f} s in all"
    for record in records:
        try:
            environment = record.environment
        except ResultsError:
            continue
        packages = ", ".join(f"{name} {number}" for name, number in environment["packages"].items())
        return f"{text}; vaega {environment['vaega']}, Python {environment['python']}, {packages}."
    return f"{text}."


@dataclass(frozen=True, eq=False)
class ThesisTable:
    """A table of the thesis, published and reproduced side by side."""

    name: str  # As the thesis numbers it: "4.1"
    title: str  # What it shows, in a few words
    rows: pd.DataFrame  # One row a line; numbers as numbers, NaN where there is none
    # Lines under it: on which rows fitness was computed, which data stand in for which
    notes: tuple[str, ...] = ()
    decimals: int = 3  # Of numbers, where they are shown


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of the thesis: what it shows, as rows, and how these are drawn."""

    name: str  # As the thesis numbers it: "4.7"
    title: str  # What it shows, in a few words
    rows: pd.DataFrame  # The points
    draw: Callable[[pd.DataFrame], Figure]  # From the rows to a matplotlib figure
    notes: tuple[str, ...] = ()  # As those of `ThesisTable`


# A column of every CSV that has results of several protocols.
FITNESS_ROWS = {
    "as-run": "test rows, and 30 % of the synthetic rows with two classes",
    "as-described": "test rows",
    "honest": "inner folds of the training rows",
}
_NOTHING = "–"


def write_table(table: ThesisTable, folder: Path, *, command: str) -> Path:
    """Write a table as CSV, Markdown and LaTeX."""
    stem = folder / f"table_{table.name}"
    write_text(stem.with_name(f"{stem.name}.csv"), as_csv(table.rows))
    write_text(stem.with_name(f"{stem.name}.tex"), as_latex(table))
    page = stem.with_name(f"{stem.name}.md")
    write_text(page, as_markdown(table, command=command))
    return page


def write_picture(picture: Picture, folder: Path, *, command: str) -> Path:
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
            return _NOTHING
        if isinstance(value, float) and not whole:
            return f"{value:.{table.decimals}f}" if abs(value) < 100 else f"{value:.1f}"
        return str(value)

    return show


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and column.dtype != bool


def _text_table(table: ThesisTable) -> Table:
    columns = [str(column) for column in table.rows.columns]
    left = [i for i, column in enumerate(columns) if not _numeric(table.rows[column])]
    return Table([name.replace("_", " ") for name in columns], cells_of(table), left=left)


def _page(parts: list[str], notes: tuple[str, ...], command: str) -> str:
    listed = "\n".join(f"- {note}" for note in notes)
    return "\n\n".join([*parts, *([listed] if listed else []), f"Command: `{command}`"]) + "\n"


def mean_beside(published: float, values: Sequence[float]) -> dict[str, Any]:
    """Put the mean of runs beside a published figure."""
    runs = np.asarray(values, dtype=float)
    n, nan = len(runs), float("nan")
    mean, low, high = mean_interval(runs) if n else (nan, nan, nan)
    sd = float(runs.std(ddof=1)) if n > 1 else nan
    error = sd / np.sqrt(n) if n > 1 else nan
    return {
        "published": published,
        "mean": mean,
        "sd": sd,
        "n": n,
        "low": low,
        "high": high,
        "standard_errors": float((mean - published) / error) if error > 0 else nan,
    }


# By the thesis's name: what `load_dataset` is asked for, then what stands in where no file has it.
SOURCES: dict[str, tuple[str, ...]] = {
    "leukemia": ("leukemia",),
    "madelon": ("madelon",),
    "gisette": ("gisette", "gisette_surrogate"),
    "gcm": ("gcm", "gcm1363"),
    "all-leukemia": ("all_leukemia", "all_leukemia_yeoh6"),
}


def find_source(name: str) -> str:
    """Return what to load for a dataset of the thesis."""
    sources = SOURCES[check_choice(name, "dataset", SOURCES, owner="reproduce thesis")]
    return next((source for source in sources if find_file(source) is not None), sources[0])


def load_thesis_dataset(name: str) -> Dataset:
    """Load a dataset of the thesis, or its stand-in."""
    return load_dataset(find_source(name))


def stand_in_note(thesis_name: str, dataset_name: str) -> str | None:
    """Return the line that says which data were taken in place of which."""
    if dataset_name == SOURCES[thesis_name][0]:
        return None
    return (
        f"{dataset_name} stands in for the thesis's {thesis_name}: other columns, so figures "
        "compare in kind only."
    )


# What is compared: our column, and the published one.
MEASURES = {"accuracy": "population_accuracy", "n_features": "population_n_features"}


def compare_samples(published: Sequence[float], reproduced: Sequence[float]) -> dict[str, float]:
    """Compare the runs of two groups by their means."""
    theirs, ours = np.asarray(published, dtype=float), np.asarray(reproduced, dtype=float)
    nan = float("nan")
    mean, low, high = mean_interval(ours) if len(ours) else (nan, nan, nan)
    figures = {
        "published": float(theirs.mean()) if len(theirs) else nan,
        "published_sd": _spread(theirs),
        "published_n": len(theirs),
        "mean": mean,
        "sd": _spread(ours),
        "n": len(ours),
        "low": low,
        "high": high,
    }
    difference = figures["mean"] - figures["published"]
    error = np.hypot(_error(theirs), _error(ours))
    distance = difference / error if error > 0 else (0.0 if difference == 0 else nan)
    return figures | {"difference": difference, "standard_errors": float(distance)}


def compare_group(runs: pd.DataFrame, groups: Sequence[str], measure: str) -> dict[str, float]:
    """Compare runs with published groups."""
    table = published_runs()
    theirs = table.loc[table["experiment_group"].isin(groups), MEASURES[measure]]
    return compare_samples(theirs.tolist(), runs[measure].tolist())


def generator_errors(compared: dict[str, float]) -> float:
    """Return a difference in standard errors that know of the generator.

    All runs of a published augmented group share one trained generator, runs here have one each.
    The published mean so carries what that one generator is worth, which its runs' spread does not
    show; it is estimated by what our runs vary more than theirs.
    """
    own, theirs = compared["sd"] ** 2, compared["published_sd"] ** 2
    between = max(own - theirs, 0.0)
    error = np.sqrt(own / compared["n"] + theirs / compared["published_n"] + between)
    return float(compared["difference"] / error) if error > 0 else float("nan")


def quartile_range(values: Sequence[float]) -> float:
    """Return the distance between the quartiles, as the thesis reports it."""
    if len(values) == 0:
        return float("nan")
    low, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.75])
    return float(high - low)


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _error(values: np.ndarray) -> float:
    return _spread(values) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
