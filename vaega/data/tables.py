"""The table: named columns as a file holds them, and the dataset they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.checks import check_choice
from vaega.core.errors import DataError
from vaega.data.columns import CATEGORICAL, numeric_features
from vaega.data.dataset import Dataset
from vaega.data.labels import is_missing
from vaega.data.names import quoted

if TYPE_CHECKING:
    import pandas as pd

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
    kept = [i for i in range(len(table.names)) if i not in left_out]
    note = f"Columns left out as asked: {quoted(ignore)}."
    names = tuple(table.names[i] for i in kept)
    return Table(table.frame.iloc[:, kept], names, (*table.notes, note))


def _find_target(names: Sequence[str], target: str | None, *, owner: str) -> int:
    if target is not None:
        return _find_column(names, target, "target", owner=owner)
    found = [i for i, name in enumerate(names) if name.strip().lower() in TARGET_NAMES]
    if len(found) == 1:
        return found[0]
    reason = (
        f"several columns could be it ({quoted(names[i] for i in found)})"
        if found
        else f"no column is called {', '.join(TARGET_NAMES[:-1])} or {TARGET_NAMES[-1]}"
    )
    raise DataError(
        f"{owner}: give target, the name of the column with the classes: {reason}; "
        f"the columns are {quoted(names)}."
    )


def _find_column(names: Sequence[str], wanted: str, role: str, *, owner: str) -> int:
    found = [i for i, name in enumerate(names) if name == wanted]
    if len(found) == 1:
        return found[0]
    problem = f"occurs {len(found)} times" if found else "is not there"
    raise DataError(
        f"{owner}: {role} must name exactly one column, but {wanted!r} {problem}; "
        f"the columns are {quoted(names)}."
    )


def _cells(frame: "pd.DataFrame", position: int) -> list[Any]:
    values = np.asarray(frame.iloc[:, position].astype(object), dtype=object).tolist()
    return [
        None if is_missing(value) else value.strip() if isinstance(value, str) else value
        for value in values
    ]
