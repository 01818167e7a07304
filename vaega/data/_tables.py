"""Tables: named columns as a file holds them, their numbers, and the dataset they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.checks import check_choice
from vaega.core.errors import DataError
from vaega.data._dataset import Dataset, is_missing, quoted

if TYPE_CHECKING:
    import pandas as pd


CATEGORICAL = ("error", "one_hot", "drop")
MAX_VALUES = 50
_FEW = 0.1  # share of cells
_MISSING_TEXTS = ("", "?", "na", "n/a", "nan", "null")


def numeric_features(
    frame: "pd.DataFrame",
    names: Sequence[str],
    positions: Sequence[int],
    *,
    categorical: str,
    owner: str,
) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Turn columns into numbers."""
    numbers = {i: column_numbers(frame.iloc[:, i]) for i in positions}
    texts = [i for i in positions if numbers[i] is None]
    if texts and categorical == "error":
        raise DataError(
            f"{owner}: feature columns must be numeric, got text in {len(texts)} of "
            f"{len(positions)} ({quoted(names[i] for i in texts)}); set categorical to one_hot or "
            f"drop to take or leave them{_nearly(frame, names, texts)}."
        )
    if texts and categorical == "drop":
        positions = [i for i in positions if numbers[i] is not None]
    if not positions:
        raise DataError(f"{owner}: at least one numeric feature is needed, got text columns only.")
    blocks, feature_names = [], []
    for i in positions:
        column = numbers[i]
        if column is None:
            block, block_names = _one_hot(frame.iloc[:, i], names[i], owner=owner)
        else:
            block, block_names = column[:, None], [names[i]]
        blocks.append(block)
        feature_names += block_names
    return np.hstack(blocks), feature_names, _notes(frame, names, texts, categorical)


def column_numbers(column: "pd.Series") -> np.ndarray | None:
    """Return a column as numbers when every cell is a number, a boolean or missing."""
    import pandas as pd

    if pd.api.types.is_complex_dtype(column.dtype):
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = _texts(column)
    present = texts[texts.notna()]
    if present.str.lower().isin(["true", "false"]).all() and len(present):
        return _parse(texts.str.lower().map({"true": "1", "false": "0"}))
    return _parse(texts)


def _parse(texts: "pd.Series") -> np.ndarray | None:
    import pandas as pd

    try:
        return pd.to_numeric(texts).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        return None


def _texts(column: "pd.Series") -> "pd.Series":
    texts = column.astype(object)
    texts = texts.where(texts.isna(), texts.astype(str).str.strip())
    return texts.mask(texts.astype(str).str.lower().isin(_MISSING_TEXTS)).astype(object)


def _one_hot(column: "pd.Series", name: str, *, owner: str) -> tuple[np.ndarray, list[str]]:
    texts = _texts(column)
    values = sorted(set(texts.dropna()))
    if len(values) > MAX_VALUES:
        raise DataError(
            f"{owner}: one_hot takes columns with at most {MAX_VALUES} different values, got "
            f"{len(values)} in {name!r}; name that column in ignore or set categorical to drop"
            f"{_nearly(column.to_frame(), [name], [0])}."
        )
    cells = texts.to_numpy()
    block = np.stack([cells == value for value in values], axis=1).astype(np.float64)
    return block, [f"{name}={value}" for value in values]


def _nearly(frame: "pd.DataFrame", names: Sequence[str], texts: Sequence[int]) -> str:
    # One "unknown" among two hundred ages makes the column text, which nobody expects.
    import pandas as pd

    hints = ""
    for i in texts:
        cells = _texts(frame.iloc[:, i]).dropna()
        odd = cells[pd.to_numeric(cells, errors="coerce").isna()]
        if 0 < len(odd) <= _FEW * len(cells):
            others = quoted(dict.fromkeys(odd), limit=3)
            hints += f"; {names[i]!r} has numbers but for {others} (empty cells are missing values)"
    return hints


def _notes(
    frame: "pd.DataFrame", names: Sequence[str], texts: Sequence[int], categorical: str
) -> tuple[str, ...]:
    if not texts:
        return ()
    listed = quoted(names[i] for i in texts)
    columns = "1 text column" if len(texts) == 1 else f"{len(texts)} text columns"
    if categorical == "drop":
        return (f"{columns} dropped ({listed}){_nearly(frame, names, texts)}.",)
    n_missing = sum(int(_texts(frame.iloc[:, i]).isna().sum()) for i in texts)
    blank = f"; {n_missing} missing cells are all-zero rows there" if n_missing else ""
    return (f"{columns} spread into 0/1 columns ({listed}){blank}.",)


TARGET_NAMES = ("class", "target", "label", "y")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns as read, before any of them is the target."""

    frame: "pd.DataFrame"  # The cells; its own column labels are not used
    names: tuple[str, ...]  # One name a column, in order; duplicates are possible
    notes: tuple[str, ...] = ()  # What reading changed


def dataset_from_table(
    table: Table,
    *,
    target: str | None = None,
    groups: str | None = None,
    categorical: str = "error",
    ignore: Sequence[str] = (),
    name: str = "data",
    origin: str = "",
    licence: str = "not stated",
    owner: str,
) -> Dataset:
    """Make a dataset of a table: one column is the target, one may hold groups."""
    check_choice(categorical, "categorical", CATEGORICAL, owner=owner)
    table = _without(table, ignore, owner=owner)
    if not len(table.frame):
        raise DataError(f"{owner}: at least two rows are needed, got a header without rows.")
    at_target = _find_target(table.names, target, owner=owner)
    at_groups = None if groups is None else _find_column(table.names, groups, "groups", owner=owner)
    if at_groups == at_target:
        raise DataError(f"{owner}: target and groups must be different columns, got {groups!r}.")
    positions = [i for i in range(len(table.names)) if i not in (at_target, at_groups)]
    if not positions:
        raise DataError(
            f"{owner}: at least one feature column is needed beside {groups or target}."
        )
    X, feature_names, notes = numeric_features(
        table.frame, table.names, positions, categorical=categorical, owner=owner
    )
    return Dataset.from_arrays(
        X,
        _cells(table.frame, at_target),
        name=name,
        feature_names=feature_names,
        groups=None if at_groups is None else _cells(table.frame, at_groups),
        origin=origin,
        licence=licence,
        notes=(*table.notes, *notes),
    )


def _without(table: Table, ignore: Sequence[str], *, owner: str) -> Table:
    if not ignore:
        return table
    left_out = {_find_column(table.names, name, "ignore", owner=owner) for name in ignore}
    remaining = [i for i in range(len(table.names)) if i not in left_out]
    note = f"Columns left out as asked: {quoted(ignore)}."
    names = tuple(table.names[i] for i in remaining)
    return Table(table.frame.iloc[:, remaining], names, (*table.notes, note))


def _find_target(names: Sequence[str], target: str | None, *, owner: str) -> int:
    if target is not None:
        return _find_column(names, target, "target", owner=owner)
    candidates = [i for i, name in enumerate(names) if name.strip().lower() in TARGET_NAMES]
    if len(candidates) == 1:
        return candidates[0]
    reason = (
        f"several columns could be it ({quoted(names[i] for i in candidates)})"
        if candidates
        else f"no column is called {', '.join(TARGET_NAMES[:-1])} or {TARGET_NAMES[-1]}"
    )
    raise DataError(
        f"{owner}: give target, the name of the column with the classes: {reason}; "
        f"the columns are {quoted(names)}."
    )


def _find_column(names: Sequence[str], column: str, role: str, *, owner: str) -> int:
    matches = [i for i, name in enumerate(names) if name == column]
    if len(matches) == 1:
        return matches[0]
    problem = f"occurs {len(matches)} times" if matches else "is not there"
    raise DataError(
        f"{owner}: {role} must name exactly one column, but {column!r} {problem}; "
        f"the columns are {quoted(names)}."
    )


def _cells(frame: "pd.DataFrame", position: int) -> list[Any]:
    values = np.asarray(frame.iloc[:, position].astype(object), dtype=object).tolist()
    return [
        None if is_missing(value) else value.strip() if isinstance(value, str) else value
        for value in values
    ]
