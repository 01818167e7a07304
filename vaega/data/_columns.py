"""Columns: cells as a file holds them become numbers, whatever marks their decimals."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from vaega.data._dataset import is_missing

# Words for a missing cell, in lower case; the last two are Excel's and pandas'.
MISSING = frozenset(["", "?", "na", "n/a", "nan", "null", "#n/a", "<na>"])
# Is told what is being read, and the share that is read
Progress = Callable[[str, float], None]


def silent(_: str, __: float) -> None:
    """Say nothing of the progress."""


_MINUS = "\u2212"  # as typesetters write it
_EXPONENT = r"(?:[eE][+-]?\d+)?"
# 1.234,5 and 1,5 where commas are decimal; 1,234.5 where they part thousands
DECIMAL_COMMA = re.compile(rf"[+-]?(?:\d{{1,3}}(?:\.\d{{3}})+|\d*)(?:,\d+)?{_EXPONENT}")
_THOUSANDS = re.compile(rf"[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d*)?{_EXPONENT}")
# Between digits: the space of French, fixed so that no line breaks there, and the Swiss apostrophe
_GROUPING = re.compile(r"(?<=\d)[\u00a0\u2009\u202f'\u2019](?=\d{3}(?!\d))")
_BELOW = re.compile(r"(?:<|≤|&lt;)=?\s*(.+)")
_NOT_DETECTED = frozenset(
    (
        "nd", "n.d.", "n.d", "n/d", "bdl", "bld", "bql", "blq", "bloq", "lod", "loq", "<lod",
        "<loq", "<lloq", "<dl", "<mdl", "<lld", "below lod", "below loq", "not detected",
        "not detectable", "undetected",
    )
)  # fmt: skip


def column_numbers(
    cells: Iterable[Any], *, missing: Collection[str] = MISSING, decimal: str = "."
) -> np.ndarray | None:
    """Return cells as numbers when every one is a number, a boolean or missing.

    `decimal` says what commas are: with "." no part of a number, with "," what parts decimals, with
    "thousands" what parts thousands.
    """
    values = cells.tolist() if isinstance(cells, np.ndarray) else list(cells)
    try:
        return np.fromiter(map(float, _plain_cells(values, decimal)), np.float64, len(values))
    except (TypeError, ValueError):
        return _parsed(values, missing, decimal)


def _plain_cells(values: list[Any], decimal: str) -> list[Any]:
    """Return cells that `float` reads as this module does, or raise: most columns need no more."""
    try:
        joined = "\0".join(values)
    except TypeError:  # numbers of a typed file
        if any(isinstance(value, str) for value in values):
            raise
        return values
    if "_" in joined or (decimal == "," and "." in joined):
        raise ValueError
    return joined.replace(",", ".").split("\0") if decimal == "," else values


def _parsed(values: list[Any], missing: Collection[str], decimal: str) -> np.ndarray | None:
    texts = present_texts(values, missing)
    present = [text for text in texts if text is not None]
    if present and all(text.lower() in ("true", "false") for text in present):
        parse = _truth
    else:
        parse = _number_parser(present, decimal)
    numbers = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        if text is not None:
            number = parse(text)
            if number is None:
                return None
            numbers[row] = number
    return numbers


def present_texts(values: Iterable[Any], missing: Collection[str]) -> list[str | None]:
    """Return cells as stripped text, None where one is missing."""
    texts = map(cell_text, values)
    return [None if text is None or text.lower() in missing else text for text in texts]


def cell_text(value: Any) -> str | None:
    """Return a cell as stripped text, None where it is missing whatever it is called."""
    if type(value) is str:
        return value.strip()
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return str(value).strip()


def _truth(text: str) -> float | None:
    return float(text.lower() == "true")


def _plain(text: str) -> float | None:
    try:
        return None if "_" in text else float(ungrouped(text).replace(_MINUS, "-"))
    except ValueError:
        return None


def ungrouped(text: str) -> str:
    """Return a cell without the spaces and apostrophes that part thousands."""
    return _GROUPING.sub("", text)


def _with_comma(text: str) -> float | None:
    return _plain(text.replace(".", "").replace(",", "."))


def _without_thousands(text: str) -> float | None:
    return _plain(text.replace(",", ""))


def _number_parser(present: Sequence[str], decimal: str) -> Any:
    """Return what reads the numbers of a column, whose commas are all of one kind."""
    if decimal == ",":
        if not any("." in text for text in present):
            return _with_comma
        return _with_comma if all(map(DECIMAL_COMMA.fullmatch, present)) else _plain
    with_commas = [text for text in present if "," in text]
    return (
        _without_thousands
        if decimal == "thousands" and with_commas and all(map(_THOUSANDS.fullmatch, with_commas))
        else _plain
    )


def is_number(text: str) -> bool:
    """Tell whether a cell is a number with a decimal point."""
    return _plain(text) is not None


def below_limit_of(text: str) -> str | None:
    """Return the limit that a cell is below of, empty where it says none; None for other cells."""
    if text.lower() in _NOT_DETECTED:
        return ""
    match = _BELOW.fullmatch(text)
    return match[1] if match and re.match(r"[\d.,]", match[1]) else None


def as_cells(frame: Any) -> np.ndarray:
    """Return the cells of a data frame as an array of objects."""
    cells = np.empty(frame.shape, dtype=object)
    for i in range(frame.shape[1]):
        cells[:, i] = frame.iloc[:, i].astype(object).to_numpy()
    return cells
