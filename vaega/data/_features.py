"""Features: columns become one matrix of numbers, and those that are none are named, or spread."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaega.core.errors import DataError
from vaega.core.wording import counted
from vaega.data._columns import (
    DECIMAL_COMMA,
    MISSING,
    Progress,
    as_cells,
    below_limit_of,
    column_numbers,
    present_texts,
    silent,
)
from vaega.data._dataset import quoted

CATEGORICAL = ("error", "one_hot", "drop")
BELOW_LIMIT = ("error", "missing", "half")
MAX_VALUES = 50
# A column of numbers with a stray word and no more values than this may be one of categories.
_MAX_CODES = 10
_FEW_ROWS = 4  # so few words may differ without naming rows
_MAX_HINTS = 200  # columns that are looked at for the words of an error
_MEASURED = re.compile(r"[+-]?\d+(?:[.,]\d*)?\s*([^\s\d.,:/-].{0,9})")  # a number and its unit
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:\D|$)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:\D|$)")


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


@dataclass(frozen=True)
class _TextColumn:
    """A text column that may be one of numbers, and what stands in the way."""

    name: str
    present: list[str]  # Its cells but the missing ones
    words: list[str]  # Those that are no numbers

    @property
    def hint(self) -> str:
        """Why the column is text, where it looks like one of numbers; empty otherwise."""
        if self.misread:
            return self.misread
        if self._unit:
            return f"{self.name!r} has {self._unit!r} behind its numbers: write the numbers alone"
        # One "unknown" among two hundred ages makes the column text, which nobody expects.
        if 0 < 2 * len(self.words) < len(self.present):
            others = quoted(dict.fromkeys(self.words), limit=3)
            return f"{self.name!r} has numbers but for {others} (empty cells are missing values)"
        return ""

    @property
    def misread(self) -> str:
        """What a column of numbers needs to be read as such; empty for one of categories."""
        below = [text for text in self.words if below_limit_of(text) is not None]
        if below and len(below) == len(self.words) < len(self.present):
            return (
                f"{self.name!r} has cells below a limit ({quoted(dict.fromkeys(below), limit=3)}): "
                "set below_limit to missing or half"
            )
        commas = [text for text in self.words if "," in text and DECIMAL_COMMA.fullmatch(text)]
        if commas and len(commas) == len(self.words):
            return (
                f"{self.name!r} has decimal commas ({quoted(commas, limit=1)}) where others have "
                "points: write decimal points"
            )
        return ""

    @property
    def _unit(self) -> str:
        """What stands behind each number, such as "%"; empty where nothing does."""
        units = {match[1] if match else "" for match in map(_MEASURED.fullmatch, self.words)}
        return units.pop() if len(units) == 1 and 2 * len(self.words) > len(self.present) else ""


def number_hint(name: str, texts: Sequence[str], *, decimal: str = ".") -> str:
    """Return what keeps a text column from being one of numbers; empty where it looks like none."""
    words = [one for one in texts if column_numbers([one], missing=(), decimal=decimal) is None]
    return _TextColumn(name, list(texts), words).hint


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
        column = self._text_column(i)
        hint = column.hint
        if len(values) > MAX_VALUES:
            raise DataError(
                f"{self.owner}: one_hot takes columns with at most {MAX_VALUES} different values, "
                f"got {len(values)} in {name!r}; name that column in ignore or set categorical to "
                f"drop{hint and '; '}{hint}."
            )
        if hint and (len(values) > _MAX_CODES or column.misread):
            raise DataError(
                f"{self.owner}: one_hot spreads no column of numbers with words among them, got "
                f"{name!r}; {hint}; mend these cells or name the column in ignore."
            )
        present = np.array(texts, dtype=object)
        block = [(present == value).astype(np.float64) for value in values]
        return block, [f"{name}={value}" for value in values]

    def _hint(self, i: int) -> str:
        return self._text_column(i).hint

    def _text_column(self, i: int) -> "_TextColumn":
        present = [text for text in self.texts(i) if text is not None]
        words = [text for text in present if self._is_word(text)]
        return _TextColumn(self.names[i], present, words)

    def _is_word(self, text: str) -> bool:
        return column_numbers([text], missing=(), decimal=self.decimal) is None

    def _is_headed(self, i: int) -> bool:
        """Tell whether the only cell that is no number is the first one."""
        texts = self.texts(i)
        words = self._text_column(i).words
        return len(texts) > 2 and texts[0] is not None and words == [texts[0]]

    def _hints(self, texts: Sequence[int]) -> list[str]:
        """Return why columns are text, for the first ones that look like numbers."""
        if len(texts) > 1 and all(map(self._is_headed, texts[:_MAX_HINTS])):
            words = quoted(dict.fromkeys(str(self.cells[0, i]).strip() for i in texts), limit=3)
            return [f"the first row has {words} above numbers: remove it if it holds units"]
        hints = [hint for hint in map(self._hint, texts[:_MAX_HINTS]) if hint]
        more = [f"and {len(hints) - 5} more such columns"] if len(hints) > 5 else []
        return [*hints[:5], *more]

    def refusal(self, texts: Sequence[int], n_columns: int) -> str:
        """Return the sentence that refuses text columns, with the remedy for what they are."""
        seen = texts[:_MAX_HINTS]
        ignored = self._ignored(seen)
        explained = sum(bool(self._hint(i)) or self._names_rows(i) for i in seen)
        remedies = [f"{ignored} leaves out what names or dates the rows"] if ignored else []
        if explained < len(seen):
            remedies.append("set categorical to one_hot or drop to take or leave them")
        return (
            f"{self.owner}: feature columns must be numeric, got text in {len(texts)} of "
            f"{n_columns} ({self._listed(texts)}); {'; '.join([*remedies, *self._hints(texts)])}."
        )

    def _ignored(self, texts: Sequence[int]) -> str:
        """Return the key that leaves out columns with names or dates of the rows."""
        names = [self.names[i] for i in texts[:_MAX_HINTS] if self._names_rows(i)]
        return f"ignore: [{', '.join(names[:5])}]" if names else ""

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
        done = f"{counted(len(texts), 'text column')} dropped ({self._listed(texts)})"
        if categorical == "drop":
            return (f"{'; '.join([done, *self._hints(texts)])}.",)
        done = done.replace("dropped", "spread into 0/1 columns", 1)
        n_missing = sum(text is None for i in texts for text in self.texts(i))
        blank = [f"{n_missing} missing cells are all-zero rows there"] if n_missing else []
        ignored = self._ignored(texts)
        named = [f"{ignored} would leave out what names or dates the rows"] if ignored else []
        return (f"{'; '.join([done, *blank, *named, *self._hints(texts)])}.",)
