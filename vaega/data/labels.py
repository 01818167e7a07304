"""Class labels: any values in, integer codes and sorted class names out."""

from collections.abc import Iterable, Sequence
from numbers import Number, Real
from typing import Any

import numpy as np

from vaega.core.errors import DataError
from vaega.data.names import quoted


def encode_labels(y: Any, *, owner: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Turn labels of any kind into codes and class names."""
    values = _label_vector(y, owner=owner)
    _refuse_missing(values, owner=owner)
    _refuse_measurements(values, owner=owner)
    texts = [_text(value) for value in values]
    names = sort_class_names(set(texts))
    _refuse_identifiers(names, n_rows=len(texts), owner=owner)
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "none"
        raise DataError(f"{owner}: the target must hold at least two classes, got {found}.")
    return _codes(texts, names), names


def encode_known_labels(y: Any, class_names: Sequence[str], *, owner: str) -> np.ndarray:
    """Turn the labels of test rows into codes of the training classes."""
    values = _label_vector(y, owner=owner)
    _refuse_missing(values, owner=owner)
    texts = [_text(value) for value in values]
    unknown = sort_class_names(set(texts) - set(class_names))
    if unknown:
        raise DataError(
            f"{owner}: test rows may only hold classes of the training rows, "
            f"got {quoted(unknown)}; training has {quoted(class_names)}."
        )
    return _codes(texts, class_names)


def sort_class_names(names: Iterable[str]) -> tuple[str, ...]:
    """Sort class names, by value when every one of them is a finite number."""
    listed = list(names)
    numbers = [_number(name) for name in listed]
    if any(number is None for number in numbers):
        return tuple(sorted(listed))
    return tuple(name for _, name in sorted(zip(numbers, listed, strict=True)))


def is_missing(value: Any) -> bool:
    """Tell whether a single cell is None, not-a-number, pandas' NA or NaT, or blank text."""
    if isinstance(value, str):
        return not value.strip()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _label_vector(y: Any, *, owner: str) -> list[Any]:
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{owner}: the target must be one-dimensional (n_rows,), got shape {array.shape}."
        )
    values: list[Any] = array.tolist()
    return values


def _refuse_missing(values: list[Any], *, owner: str) -> None:
    rows = [row for row, value in enumerate(values) if is_missing(value)]
    if rows:
        first = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        raise DataError(
            f"{owner}: every row needs a target value, got {len(rows)} missing "
            f"(rows {first}, counted from 0)."
        )


def _refuse_measurements(values: list[Any], *, owner: str) -> None:
    if not all(isinstance(value, Real) and not isinstance(value, bool) for value in values):
        return
    whole = all(float(value).is_integer() for value in values)
    distinct = len(set(values))
    if not whole or distinct > max(20, len(values) / 2):
        kind = "whole numbers" if whole else "fractions"
        raise DataError(
            f"{owner}: the target must hold classes, got {distinct} different numbers ({kind}) in "
            f"{len(values)} rows; regression is out of scope."
        )


def _refuse_identifiers(names: tuple[str, ...], *, n_rows: int, owner: str) -> None:
    if len(names) > max(20, n_rows / 2):
        raise DataError(
            f"{owner}: the target must hold classes, got {len(names)} different values in "
            f"{n_rows} rows, which look like identifiers ({quoted(names, limit=3)})."
        )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, Number) and not isinstance(value, bool) and float(value).is_integer():  # type: ignore[arg-type]
        return str(int(value))  # type: ignore[call-overload]
    return str(value)


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _codes(texts: list[str], names: Sequence[str]) -> np.ndarray:
    position = {name: code for code, name in enumerate(names)}
    return np.array([position[text] for text in texts], dtype=np.int64)
