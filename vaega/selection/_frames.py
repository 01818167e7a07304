"""Tables that come to a selector: what is no number, by column, and whose they are."""

import sys
from datetime import date, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import InputError
from vaega.data._dataset import is_missing


def is_polars(X: Any) -> bool:
    """Return whether X is a DataFrame of polars, which is not imported for that."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(X, polars.DataFrame)


def check_numeric(X: Any, owner: str) -> None:
    """Refuse a table with text or dates, by the column and the first cell that is no number."""
    if isinstance(X, pd.DataFrame):
        columns = [(repr(name), X.iloc[:, index]) for index, name in enumerate(X.columns)]
    elif is_polars(X):
        columns = [(repr(name), pd.Series(X[name].to_list())) for name in X.columns]
    elif isinstance(X, np.ndarray | list | tuple):
        array = np.asarray(X, dtype=object)
        if array.ndim != 2:
            return
        columns = [(str(index), pd.Series(array[:, index])) for index in range(array.shape[1])]
    else:
        return
    found = [(name, *cell) for name, values in columns if (cell := _first_odd(values))]
    if found:
        name, row, value = found[0]
        n_more = len(found) - 1
        more = f" (and in {n_more} more columns)" if n_more else ""
        raise InputError(
            f"{owner}: X must hold numbers, got {value!r} in row {row} of column {name}{more}; "
            "leave the column out, or encode it as numbers."
        )


def check_labels(y: Any, owner: str) -> None:
    """Refuse labels with a missing one, by its row."""
    values = np.asarray(y, dtype=object)
    if values.ndim != 1:
        return
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if missing:
        raise InputError(
            f"{owner}: y must have a class for every row, got {values[missing[0]]!r} in row "
            f"{missing[0]} ({len(missing)} of {len(values)} rows have none); leave such rows out."
        )


def _first_odd(values: pd.Series) -> tuple[int, Any] | None:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return None
    # scikit-learn reads numbers in text, but not as categories.
    is_text = isinstance(values.dtype, pd.CategoricalDtype) and not (
        pd.api.types.is_numeric_dtype(values.cat.categories.dtype)
    )
    for row, value in enumerate(values):
        if (is_text and isinstance(value, str)) or _is_odd(value):
            return row, value
    return None


def _is_odd(value: Any) -> bool:
    if isinstance(value, date | time | timedelta):
        return not is_missing(value)
    if not isinstance(value, str):
        return False  # scikit-learn has a sentence for what else is no number
    try:
        float(value)
    except ValueError:
        return True
    return False
