"""Columns: cells as a file holds them become numbers, and words among them are named."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaega.core.errors import DataError
from vaega.data._dataset import is_missing, quoted

CATEGORICAL = ("error", "one_hot", "drop")
BELOW_LIMIT = ("error", "missing", "half")
MAX_VALUES = 50
# Words for a missing cell, in lower case; the last two are Excel's and pandas'.
MISSING = frozenset(["", "?", "na", "n/a", "nan", "null", "#n/a", "<na>"])
_FEW = 0.1  # share of cells
# A column of numbers with a stray word and no more values than this may be one of categories.
_MAX_CODES = 10
_FEW_ROWS = 4  # so few words may differ without naming rows
_MAX_HINTS = 200  # columns that are looked at for the words of an error

# Is told what is being read, and the share that is read
Progress = Callable[[str, float], None]


def silent(_: str, __: float) -> None:
    """Say nothing of the progress."""


_EXPONENT = r"(?:[eE][+-]?\d+)?"
# 1.234,5 and 1,5 where commas are decimal; 1,234.5 where they part thousands
_DECIMAL_COMMA = re.compile(rf"[+-]?(?:\d{{1,3}}(?:\.\d{{3}})+|\d*)(?:,\d+)?{_EXPONENT}")
_THOUSANDS = re.compile(rf"[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d*)?{_EXPONENT}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:\D|$)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:\D|$)")
_BELOW = re.compile(r"(?:<|≤|&lt;)=?\s*(.+)")
_NOT_DETECTED = frozenset(
    [
        "nd",
        "n.d.",
        "n.d",
        "n/d",
        "bdl",
        "bld",
        "bql",
        "blq",
        "bloq",
        "lod",
        "loq",
        "<lod",
        "<loq",
        "<lloq",
        "<dl",
        "<mdl",
        "<lld",
        "below lod",
        "below loq",
        "not detected",
        "undetected",
        "not detectable",
    ]
)


def column_numbers(
    cells: Iterable[Any], *, missing: Collection[str] = MISSING, decimal: str = "."
) -> np.ndarray | None:
    """Return cells as numbers when every one is a number, a boolean or missing.

    `decimal` says what commas are: with "." no part of a number, with "," what parts decimals, with
    "thousands" what parts thousands.
    """
    values = cells.tolist() if isinstance(cells, np.ndarray) else list(cells)
    try:
        return np.array(list(map(float, _plain_cells(values, decimal))))
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
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _with_comma(text: str) -> float | None:
    return _plain(text.replace(".", "").replace(",", "."))


def _without_thousands(text: str) -> float | None:
    return _plain(text.replace(",", ""))


def _number_parser(present: Sequence[str], decimal: str) -> Any:
    """Return what reads the numbers of a column, whose commas are all of one kind."""
    if decimal == ",":
        if not any("." in text for text in present):
            return _with_comma
        return _with_comma if all(map(_DECIMAL_COMMA.fullmatch, present)) else _plain
    with_commas = [text for text in present if "," in text]
    return (
        _without_thousands
        if decimal == "thousands" and with_commas and all(map(_THOUSANDS.fullmatch, with_commas))
        else _plain
    )


def is_number(text: str) -> bool:
    """Tell whether a cell is a number with a decimal point."""
    return _plain(text) is not None


def numeric_features(
    cells: Any,
    names: Sequence[str],
    positions: Sequence[int],
    *,
    categorical: str,
    owner: str,
    below_limit: str = "error",
    missing: Collection[str] = MISSING,
    decimal: str = ".",
    progress: Progress = silent,
) -> tuple[Any, list[str], tuple[str, ...]]:
    """Turn columns into numbers: an array, or the sparse matrix that came."""
    cells = as_cells(cells) if hasattr(cells, "columns") else cells
    if cells.dtype != object:
        kept = cells if len(positions) == cells.shape[1] else cells[:, list(positions)]
        return kept, [names[i] for i in positions], ()
    reading = _Reading(cells, names, missing, decimal, owner)
    numbers, limit_notes = reading.numbers(positions, below_limit, progress)
    texts = [i for i in positions if numbers[i] is None]
    if texts and categorical == "error":
        raise DataError(reading.refusal(texts, len(positions)))
    if texts and categorical == "drop":
        positions = [i for i in positions if numbers[i] is not None]
    if not positions:
        raise DataError(f"{owner}: at least one numeric feature is needed, got text columns only.")
    blocks: list[np.ndarray] = []
    feature_names: list[str] = []
    for i in positions:
        column = numbers[i]
        block, block_names = ([column], [names[i]]) if column is not None else reading.one_hot(i)
        blocks += block
        feature_names += block_names
    X = np.ascontiguousarray(np.array(blocks, dtype=np.float64).T)
    return X, feature_names, (*limit_notes, *reading.notes(texts, categorical))


def as_cells(frame: Any) -> np.ndarray:
    """Return the cells of a data frame as an array of objects."""
    cells = np.empty(frame.shape, dtype=object)
    for i in range(frame.shape[1]):
        cells[:, i] = frame.iloc[:, i].astype(object).to_numpy()
    return cells


@dataclass(frozen=True, eq=False)
class _Reading:
    """Columns of a table on their way to numbers, and what is said of those that are none."""

    cells: np.ndarray
    names: Sequence[str]
    missing: Collection[str]
    decimal: str
    owner: str

    def numbers(
        self, positions: Sequence[int], below_limit: str, progress: Progress
    ) -> tuple[dict[int, np.ndarray | None], tuple[str, ...]]:
        """Return each column as numbers, None where it is text."""
        columns = np.ascontiguousarray(self.cells.T)
        numbers: dict[int, np.ndarray | None] = {}
        limited: dict[int, list[str]] = {}
        for done, i in enumerate(positions):
            numbers[i] = column_numbers(columns[i], missing=self.missing, decimal=self.decimal)
            if numbers[i] is None and below_limit != "error":
                numbers[i], limited[i] = self._above_limit(i, half=below_limit == "half")
            if done % 1000 == 0:
                progress("reading columns", done / len(positions))
        return numbers, self._limit_notes({i: w for i, w in limited.items() if w}, below_limit)

    def texts(self, i: int) -> list[str | None]:
        """Return a column as stripped text, None where a cell is missing."""
        return present_texts(self.cells[:, i], self.missing)

    def _above_limit(self, i: int, *, half: bool) -> tuple[np.ndarray | None, list[str]]:
        """Read a column that also has cells such as "<0.01" and "n.d.", and return those cells."""
        texts = self.texts(i)
        words = [text for text in texts if text is not None and below_limit_of(text) is not None]
        limited = frozenset(words)
        rest = [None if text in limited else text for text in texts]
        numbers = column_numbers(rest, missing=self.missing, decimal=self.decimal)
        if numbers is None or not words:
            return None, []
        if half:
            limits = {word: self._limit(word) for word in limited}
            # A word without a limit has that of the column, if one is written anywhere.
            least = min(filter(None, limits.values()), default=np.nan)
            for row, text in enumerate(texts):
                if text in limited:
                    numbers[row] = (limits[text] or least) / 2
        return numbers, words

    def _limit(self, word: str) -> float | None:
        numbers = column_numbers([below_limit_of(word)], missing=(), decimal=self.decimal)
        return None if numbers is None else float(numbers[0])

    def _limit_notes(self, limited: dict[int, list[str]], below_limit: str) -> tuple[str, ...]:
        if not limited:
            return ()
        words = [word for column in limited.values() for word in column]
        value = "half of the limit" if below_limit == "half" else "missing values"
        unknown = [i for i, column in limited.items() if not any(map(self._limit, column))]
        more = (
            f"; without a limit in its column a cell is missing ({self._listed(unknown)})"
            if unknown and below_limit == "half"
            else ""
        )
        n_cells = counted(len(words), "cell")
        return (
            f"{n_cells} below a limit ({quoted(dict.fromkeys(words), limit=3)}) in "
            f"{counted(len(limited), 'column')} ({self._listed(limited)}) "
            f"{'is' if len(words) == 1 else 'are'} taken as {value}{more}.",
        )

    def _listed(self, positions: Iterable[int]) -> str:
        return quoted(self.names[i] for i in positions)

    def one_hot(self, i: int) -> tuple[list[np.ndarray], list[str]]:
        """Spread a text column into 0/1 columns, unless it is one of numbers or of many values."""
        texts, name = self.texts(i), self.names[i]
        values = sorted({text for text in texts if text is not None})
        if len(values) > MAX_VALUES:
            raise DataError(
                f"{self.owner}: one_hot takes columns with at most {MAX_VALUES} different values, "
                f"got {len(values)} in {name!r}; name that column in ignore or set categorical to "
                f"drop{self._hint(i)}."
            )
        if len(values) > _MAX_CODES and self._odd(i):
            raise DataError(
                f"{self.owner}: one_hot spreads no column of numbers with a stray word, got "
                f"{name!r}{self._hint(i)}; mend these cells or name the column in ignore."
            )
        present = np.array(texts, dtype=object)
        block = [(present == value).astype(np.float64) for value in values]
        return block, [f"{name}={value}" for value in values]

    def _odd(self, i: int) -> list[str]:
        """Return the cells that are no numbers in a column of which nearly all are."""
        # One "unknown" among two hundred ages makes the column text, which nobody expects.
        present = [text for text in self.texts(i) if text is not None]
        odd = [text for text in present if self._is_word(text)]
        return list(dict.fromkeys(odd)) if len(odd) <= _FEW * len(present) else []

    def _is_word(self, text: str) -> bool:
        return column_numbers([text], missing=(), decimal=self.decimal) is None

    def _hint(self, i: int) -> str:
        """Return why a column is text, where it looks like one of numbers; empty otherwise."""
        name, present = self.names[i], [text for text in self.texts(i) if text is not None]
        words = [text for text in present if self._is_word(text)]
        below = [text for text in words if below_limit_of(text) is not None]
        if below and len(below) == len(words) < len(present):
            return (
                f"; {name!r} has cells below a limit ({quoted(dict.fromkeys(below), limit=3)}): "
                "set below_limit to missing or half"
            )
        commas = [text for text in words if "," in text and _DECIMAL_COMMA.fullmatch(text)]
        if commas and len(commas) == len(words):
            return (
                f"; {name!r} has decimal commas ({quoted(commas, limit=1)}) where others have "
                "points: write decimal points"
            )
        odd = self._odd(i)
        if odd:
            others = quoted(odd, limit=3)
            return f"; {name!r} has numbers but for {others} (empty cells are missing values)"
        return ""

    def _hints(self, texts: Sequence[int]) -> str:
        hints = [hint for hint in map(self._hint, texts[:_MAX_HINTS]) if hint]
        rest = f"; and {len(hints) - 5} more such columns" if len(hints) > 5 else ""
        return "".join(hints[:5]) + rest

    def refusal(self, texts: Sequence[int], n_columns: int) -> str:
        """Return the sentence that refuses text columns, with the remedy for what they are."""
        seen = texts[:_MAX_HINTS]
        hints = [hint for hint in map(self._hint, seen) if hint]
        identifiers = [i for i in seen if self._names_rows(i)]
        remedies = []
        if identifiers:
            listed = ", ".join(self.names[i] for i in identifiers[:5])
            remedies.append(f"ignore: [{listed}] leaves out what names or dates the rows")
        if len(hints) + len(identifiers) < len(texts) and len(hints) < len(seen):
            remedies.append("set categorical to one_hot or drop to take or leave them")
        more = f" and {len(hints) - 5} more such columns" if len(hints) > 5 else ""
        return (
            f"{self.owner}: feature columns must be numeric, got text in {len(texts)} of "
            f"{n_columns} ({self._listed(texts)}); "
            f"{'; '.join([*remedies, *(hint.removeprefix('; ') for hint in hints[:5])])}{more}."
        )

    def _names_rows(self, i: int) -> bool:
        """Tell whether a text column has another word in every row, or dates."""
        texts = [text for text in self.texts(i) if text is not None]
        if texts and all(map(_DATE.match, texts)):
            return True
        return len(texts) > _FEW_ROWS and len(set(texts)) == len(texts) and not self._hint(i)

    def notes(self, texts: Sequence[int], categorical: str) -> tuple[str, ...]:
        """Return what was done with text columns."""
        if not texts:
            return ()
        columns, listed = counted(len(texts), "text column"), self._listed(texts)
        if categorical == "drop":
            return (f"{columns} dropped ({listed}){self._hints(texts)}.",)
        n_missing = sum(text is None for i in texts for text in self.texts(i))
        blank = f"; {n_missing} missing cells are all-zero rows there" if n_missing else ""
        return (f"{columns} spread into 0/1 columns ({listed}){blank}{self._hints(texts)}.",)


def below_limit_of(text: str) -> str | None:
    """Return the limit that a cell is below of, empty where it says none; None for other cells."""
    if text.lower() in _NOT_DETECTED:
        return ""
    match = _BELOW.fullmatch(text)
    return match[1] if match and re.match(r"[\d.,]", match[1]) else None


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: "1 row", "2 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
