"""A reproduced table or figure as plain data: rows computed first, then shown."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the thesis, published and reproduced side by side.

    Parameters
    ----------
    name : str
        As the thesis numbers it: "4.1".
    title : str
        What it shows, in a few words.
    rows : pandas.DataFrame
        One row a line; numbers as numbers, NaN where there is none.
    notes : tuple of str, default=()
        Lines under it: on which rows fitness was computed, which data stand in for which.
    decimals : int, default=3
        Of numbers, where they are shown.

    Examples
    --------
    >>> Table("2.1", "Models", pd.DataFrame({"model": ["lda"], "published": [0.85]})).decimals
    3
    """

    name: str
    title: str
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    decimals: int = 3


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of the thesis: what it shows, as rows, and how these are drawn.

    Parameters
    ----------
    name : str
        As the thesis numbers it: "4.7".
    title : str
        What it shows, in a few words.
    rows : pandas.DataFrame
        The points.
    draw : callable
        From the rows to a matplotlib figure.
    notes : tuple of str, default=()
        As those of `Table`.

    Examples
    --------
    >>> Picture("3.5", "Accuracy", pd.DataFrame(), lambda rows: Figure()).notes
    ()
    """

    name: str
    title: str
    rows: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]
    notes: tuple[str, ...] = ()
