"""Tables that come to a selector: their text, by column, and whose they are."""

import sys
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import InputError


def is_polars(X: Any) -> bool:
    """Return whether X is a DataFrame of polars, which is not imported for that."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(X, polars.DataFrame)


def check_numeric(X: Any, owner: str) -> None:
    """Refuse a table with text, by the column and the first cell that is no number."""
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
    found = [(name, *cell) for name, values in columns if (cell := _first_text(values))]
    if found:
        name, row, value = found[0]
        n_more = len(found) - 1
        more = f" (and in {n_more} more columns)" if n_more else ""
        raise InputError(
            f"{owner}: X must hold numbers, got {value!r} in row {row} of column {name}{more}; "
            "leave the column out, or encode it as numbers."
        )


def _first_text(values: pd.Series) -> tuple[int, Any] | None:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return None
    texts = [isinstance(value, str) and not _is_number(value) for value in values]
    return (texts.index(True), values.iloc[texts.index(True)]) if True in texts else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
