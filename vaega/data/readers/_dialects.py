"""How the cells of delimited text are written: delimiter, quotes, comments, and what commas are."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from vaega.data._columns import is_number, ungrouped
from vaega.data.readers._text import first_words, lines_of

# The likelier comes first where two split all lines alike: commas are decimals and parts of names.
DELIMITERS = ("\t", ";", "|", ",")
_SAMPLE = 20  # rows that a delimiter is chosen by
_SEPARATOR_LINE = re.compile(r"\"?sep=(.?)\"?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How the cells of a text are written."""

    delimiter: str
    quote: str = '"'

    @property
    def shown(self) -> str:
        """The delimiter in words."""
        return _shown(self.delimiter)

    def records(self, text: str) -> Iterator[list[str]]:
        """Return the cells of each line that is not blank."""
        lines = lines_of(text)
        if self.delimiter == " ":
            lines = (re.sub(r"\s+", " ", line.strip()) + "\n" for line in lines)
        reader = csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            skipinitialspace=self.delimiter != " ",
            strict=True,
        )
        return (cells for cells in reader if len(cells) > 1 or "".join(cells).strip())


def _shown(delimiter: str) -> str:
    return {"\t": "tab", " ": "space"}.get(delimiter, delimiter)


def without_separator_line(text: str) -> tuple[str, str | None]:
    """Take Excel's line ``sep=;`` from the start, and return what it says."""
    first = first_words(text)
    match = _SEPARATOR_LINE.fullmatch(first)
    if not match:
        return text, None
    line = next(line for line in lines_of(text) if line.strip())
    # A tab is lost where the line is stripped.
    return text[text.index(line) + len(line) :], match[1] or "\t"


def without_comments(text: str) -> tuple[str, int]:
    """Take lines that begin with ``#`` from the start, unless the last one is the header."""
    if not first_words(text).startswith(("#", '"#')):
        return text, 0
    comments, start = [], 0
    for line in lines_of(text):
        if line.strip() and not line.lstrip().startswith(("#", '"#')):
            break
        start += len(line)
        comments += [line] if line.strip() else []
    if not comments or start == len(text):
        return text, 0
    rest = text[start:]
    dialect = choose_dialect(rest)
    try:
        names = next(dialect.records(comments[-1]))
        first = next(dialect.records(rest))
    except (csv.Error, StopIteration):
        return rest, len(comments)
    if len(names) == len(first) > 1 and any(map(is_number, first)):
        return comments[-1].replace("#", "", 1) + rest, len(comments) - 1
    return rest, len(comments)


def choose_dialect(text: str, forced: str | None = None, *, tabbed: bool = False) -> Dialect:
    """Return the delimiter that splits header and rows alike, and the letter that quotes."""
    first = first_words(text)
    quote = "'" if re.fullmatch(r"'[^']*'([,;\t| ]\s*'[^']*')+", first) else '"'
    if forced is not None:
        return Dialect(forced, quote)
    ranked = []
    for preference, delimiter in enumerate(reversed(DELIMITERS)):
        if delimiter in text:
            alike, n_cells = _split_alike(text, Dialect(delimiter, quote))
            ranked.append((alike, n_cells, preference, delimiter))
    alike, _, _, best = max(ranked, default=(0, 0, 0, ","))
    if alike:
        return Dialect(best, quote)
    if _split_alike(text, Dialect(" ", quote))[0]:
        return Dialect(" ", quote)
    bare = re.sub(r'"[^"]*"', "", first)  # a delimiter inside quotes delimits nothing
    commonest = max(",;\t|", key=bare.count)
    return Dialect("\t" if tabbed and "\t" in bare else commonest, quote)


def _split_alike(text: str, dialect: Dialect) -> tuple[int, int]:
    """Return 2 where header and rows have as many cells, 1 where they differ by one; and how many.

    R leaves the column of row names without a name; and some write a delimiter at the end of rows.
    """
    try:
        header, *rows = [len(cells) for cells in islice(dialect.records(text), _SAMPLE)]
    except (csv.Error, ValueError):
        return 0, 0
    n_cells = rows[0] if rows else header
    if n_cells < 2 or any(length != n_cells for length in rows):
        return 0, 0
    return max(0, 2 - abs(header - n_cells)), n_cells


_WITH_COMMA = re.compile(r"\s*[+-]?(?:\d[\d.]*)?(?:,\d+)+(?:\.\d*)?(?:[eE][+-]?\d+)?\s*")
# What only a decimal point, or only a decimal comma, can be: other than three digits after it, a
# zero alone before it, or the other mark on its other side.
_POINT_IS_DECIMAL = re.compile(r"[+-]?(?:0?\.\d+|\d+\.(?:\d{0,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d*)")
_COMMA_IS_DECIMAL = re.compile(
    r"[+-]?(?:0?,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+)(?:[eE].*)?"
)
_POINT_IS_OPEN = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")


def meaning_of_commas(cells: Iterable[str], delimiter: str) -> str:
    """Return what commas inside numbers are, as `column_numbers` takes it.

    "," where they are decimals, "thousands" where they part thousands, "." where there are none, or
    of both kinds: then whoever wrote the file has to say.
    """
    words = [cell.strip() for cell in cells]
    commas = [ungrouped(word) for word in words if "," in word]
    commas = [word for word in commas if _WITH_COMMA.fullmatch(word)]
    decimal = any(map(_COMMA_IS_DECIMAL.fullmatch, commas))
    point = any(map(_POINT_IS_DECIMAL.fullmatch, map(ungrouped, words)))
    if not commas or (decimal and point):
        return "."
    return "," if decimal or (not point and delimiter != ",") else "thousands"


def open_points(cells: Iterable[str], delimiter: str) -> list[str]:
    """Return the numbers with points where all points may part thousands: 1.234 in a `;` file."""
    if delimiter != ";":
        return []
    points = [word for word in map(str.strip, cells) if "." in word and is_number(word)]
    return points if all(map(_POINT_IS_OPEN.fullmatch, points)) else []
