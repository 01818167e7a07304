"""ARFF, Weka's format: declared attributes, then rows."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vaega.core.errors import DataError
from vaega.data.delimited import read_rows, read_text
from vaega.data.names import quoted
from vaega.data.tables import Table

if TYPE_CHECKING:
    import pandas as pd

_NUMERIC = ("numeric", "real", "integer")
_PLAIN = (*_NUMERIC, "string")
_WORD = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{,}]+"""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_WORD})\s*(.*)", re.IGNORECASE)
_VALUE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,][^,]*""")


def read_arff(path: Path) -> Table:
    r"""Read a dense ARFF file."""
    owner = str(path)
    attributes, lines = _split(read_text(path).splitlines(), owner=owner)
    body = "\n".join(lines)
    if any(line.lstrip().startswith("{") for line in lines):
        raise DataError(f"{owner}: must be a dense ARFF file, got sparse rows in braces.")
    quote = "'" if "'" in body and '"' not in body else '"'
    escape = "\\" if "\\" in body else None
    frame = read_rows(body, len(attributes), delimiter=",", quote=quote, escape=escape, owner=owner)
    for column, (name, kind) in enumerate(attributes):
        if len(frame):
            _check_column(frame.iloc[:, column], name, kind, owner=owner)
    return Table(frame, tuple(name for name, _ in attributes))


def parse_attribute(line: str, *, owner: str) -> tuple[str, str | frozenset[str]]:
    """Read one declaration."""
    found = _ATTRIBUTE.match(line.strip())
    name, kind = (_unquoted(found[1]), found[2].strip()) if found else ("", "")
    if kind.startswith("{") and kind.endswith("}"):
        return name, frozenset(_unquoted(value) for value in _VALUE.findall(kind[1:-1]))
    word = kind.lower().split()[0] if kind else ""
    if word in _PLAIN or word == "date":
        return name, word
    raise DataError(
        f"{owner}: an attribute must be numeric, nominal, string or date, got {line.strip()!r}."
    )


def _split(
    lines: list[str], *, owner: str
) -> tuple[list[tuple[str, str | frozenset[str]]], list[str]]:
    attributes = []
    for number, line in enumerate(lines):
        word = line.strip().lower()
        if word.startswith("@attribute"):
            attributes.append(parse_attribute(line, owner=owner))
        elif word.startswith("@data") and attributes:
            rest = (row.strip() for row in lines[number + 1 :])
            return attributes, [row for row in rest if row and not row.startswith("%")]
        elif word and not word.startswith(("%", "@relation")):
            raise DataError(f"{owner}: the header must be ARFF, got {line.strip()[:40]!r}.")
    raise DataError(f"{owner}: must declare attributes and a @data part, got none.")


def _check_column(
    column: "pd.Series", name: str, kind: str | frozenset[str], *, owner: str
) -> None:
    import pandas as pd

    if kind in _NUMERIC and not pd.api.types.is_numeric_dtype(column.dtype):
        texts = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        raise DataError(
            f"{owner}: attribute {name!r} is declared {kind}, got {quoted(texts, limit=1)}."
        )
    if isinstance(kind, frozenset) and not pd.api.types.is_numeric_dtype(column.dtype):
        strange = {str(value).strip() for value in column.dropna()} - kind
        if strange and kind:
            raise DataError(
                f"{owner}: attribute {name!r} declares the values {quoted(sorted(kind))}, "
                f"got {quoted(sorted(strange), limit=1)}."
            )


def _unquoted(word: str) -> str:
    word = word.strip()
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word
