"""A reproduced table or figure as plain data: rows computed first, then shown."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Table:
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
    notes: tuple[str, ...] = ()  # As those of `Table`
