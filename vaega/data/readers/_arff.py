"""ARFF, as Weka writes it, and its relative of the KEEL repository."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import DataError
from vaega.data._columns import column_numbers
from vaega.data._dataset import quoted
from vaega.data._tables import Table
from vaega.data.readers._registry import reads
from vaega.data.readers._text import first_words, read_text

_NUMERIC = ("numeric", "real", "integer")
_PLAIN = (*_NUMERIC, "string")
_WORD = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{,}]+"""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_WORD})\s*(.*)", re.IGNORECASE)
_VALUE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,][^,]*""")
_CELL = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"\t][^,\t]*|)\s*(?:,|\t|$)""")
_ENTRY = re.compile(r"""\s*(\d+)\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,\s]+)\s*(?:,|$)""")
# What KEEL adds to the header: which attributes are to be predicted, and from which
_ROLES = ("@inputs", "@input", "@outputs", "@output")
_MISSING = ("?", "<null>")

Kind = str | frozenset[str]


@reads(".arff", compressed=True)
def read_arff(path: Path, *, target: str | None = None) -> Table:
    r"""Read an ARFF file, dense or sparse, or one of KEEL."""
    owner = str(path)
    header, lines = _split(read_text(path).splitlines(), owner=owner)
    declarations = [line for line in header if line.lower().startswith("@attribute")]
    attributes = [parse_attribute(line, owner=owner) for line in declarations]
    if lines and lines[0].startswith("{"):
        defaults = [_value_of_zero(line, kind) for line, (_, kind) in zip(
            declarations, attributes, strict=True
        )]  # fmt: skip
        rows = [_sparse_cells(line, defaults, row, owner) for row, line in enumerate(lines, 1)]
    else:
        rows = [
            _dense_cells(line, len(attributes), row, owner) for row, line in enumerate(lines, 1)
        ]
    cells = np.array(rows, dtype=object).reshape(len(rows), len(attributes))
    for column, (name, kind) in enumerate(attributes):
        cells[:, column] = _typed(cells[:, column], name, kind, owner=owner)
    names = tuple(name for name, _ in attributes)
    table = Table(cells, names, missing=())
    return _with_roles(table, header, owner=owner)


@reads(".dat", compressed=True)
def read_keel(path: Path, *, target: str | None = None) -> Table:
    """Read a file of the KEEL repository, or delimited text."""
    if first_words(read_text(path)).lower().startswith(("@relation", "%", "@attribute")):
        return read_arff(path)
    from vaega.data.readers._delimited import read_delimited

    return read_delimited(path, target=target)


def parse_attribute(line: str, *, owner: str) -> tuple[str, Kind]:
    """Read one declaration."""
    match = _ATTRIBUTE.match(line.strip())
    name, kind = (_unquoted(match[1]), match[2].strip()) if match else ("", "")
    if kind.startswith("{") and kind.endswith("}"):
        return name, frozenset(_unquoted(value) for value in _VALUE.findall(kind[1:-1]))
    word = re.split(r"[\s\[]", kind.lower())[0] if kind else ""
    if word in _PLAIN or word == "date":
        return name, word
    raise DataError(
        f"{owner}: an attribute must be numeric, nominal, string or date, got {line.strip()!r}."
    )


def _split(lines: list[str], *, owner: str) -> tuple[list[str], list[str]]:
    """Return the declarations, and the rows without blank lines and comments."""
    header: list[str] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        word = stripped.lower()
        if word.startswith("@data") and any(h.lower().startswith("@attribute") for h in header):
            rest = (row.strip("\r\n ") for row in lines[number + 1 :])
            return header, [row for row in rest if row.strip() and not row.startswith("%")]
        if word.startswith(("@attribute", *_ROLES)):
            header.append(stripped)
        elif word and not word.startswith(("%", "@relation")):
            raise DataError(f"{owner}: the header must be ARFF, got {stripped[:40]!r}.")
    raise DataError(f"{owner}: must declare attributes and a @data part, got none.")


def _dense_cells(line: str, n_columns: int, row: int, owner: str) -> list[str | None]:
    if "'" in line or '"' in line or "\t" in line:
        cells = _quoted_cells(line, row, owner)
    else:
        cells = [_present(cell.strip()) for cell in line.split(",")]
    if len(cells) == n_columns + 1 and not cells[-1]:
        cells = cells[:-1]  # a comma at the end
    if len(cells) != n_columns:
        raise DataError(
            f"{owner}: every row must have {n_columns} cells, got {len(cells)} in row {row} "
            "(counted from 1 after the header)."
        )
    return cells


def _quoted_cells(line: str, row: int, owner: str) -> list[str | None]:
    cells: list[str | None] = []
    at = 0
    while at < len(line):
        match = _CELL.match(line, at)
        if match is None:
            raise DataError(
                f"{owner}: row {row} cannot be read: a quote is not closed, or words follow it, at "
                f"{line[at:].strip()[:20]!r}."
            )
        cells.append(_present(match[1].strip()))
        at = match.end()
    return [*cells, None] if line.endswith((",", "\t")) else cells


def _present(cell: str) -> str | None:
    # Quoted, even a question mark is a value.
    return None if cell in _MISSING or not cell else _unquoted(cell)


def _sparse_cells(line: str, defaults: Sequence[Any], row: int, owner: str) -> list[Any]:
    cells = list(defaults)
    entries = line.strip()
    if not (entries.startswith("{") and entries.endswith("}")):
        raise DataError(
            f"{owner}: every row must be sparse, in braces, got {line[:20]!r} in row {row}."
        )
    body, at = entries[1:-1].strip(), 0
    while at < len(body):
        match = _ENTRY.match(body, at)
        if match is None or int(match[1]) >= len(cells):
            raise DataError(
                f"{owner}: an entry of a sparse row must be an index below {len(cells)} and a "
                f"value, got {body[at : at + 20].strip()!r} in row {row}."
            )
        cells[int(match[1])] = _present(match[2])
        at = match.end()
    return cells


def _value_of_zero(line: str, kind: Kind) -> Any:
    """Return what a sparse row leaves out: zero, and of declared values the first."""
    if not isinstance(kind, frozenset):
        return "0"
    values = _VALUE.findall(line[line.index("{") + 1 : line.rindex("}")])
    return _unquoted(values[0]) if values else None


def _typed(column: np.ndarray, name: str, kind: Kind, *, owner: str) -> Any:
    """Return a column as declared: numbers, or values each of which is declared."""
    if not isinstance(kind, frozenset):
        if kind not in _NUMERIC:
            return column
        numbers = column_numbers(column)
        if numbers is None:
            texts = [cell for cell in column if column_numbers([cell]) is None]
            raise DataError(
                f"{owner}: attribute {name!r} is declared {kind}, got {quoted(texts, limit=1)}."
            )
        return numbers
    values = [None if cell is None else str(cell).strip() for cell in column]
    strange = {value for value in values if value is not None} - kind
    if strange and kind and not _same_numbers(strange, kind):
        raise DataError(
            f"{owner}: attribute {name!r} declares the values {quoted(sorted(kind))}, "
            f"got {quoted(sorted(strange), limit=1)}."
        )
    return values


def _same_numbers(values: set[str], declared: frozenset[str]) -> bool:
    """Tell whether values are declared ones but for how the number is written: 1.0 for 1."""
    known, written = column_numbers(declared, missing=()), column_numbers(values, missing=())
    return known is not None and written is not None and set(written) <= set(known)


def _with_roles(table: Table, header: Sequence[str], *, owner: str) -> Table:
    """Take KEEL's ``@inputs`` and ``@outputs``: what is neither is no feature."""
    roles: dict[str, list[str]] = {}
    for line in header:
        word, _, listed = line.partition(" ")
        if word.lower() in _ROLES:
            names = [_unquoted(name) for name in _VALUE.findall(listed)]
            roles[word.lower().rstrip("s")] = names
    unknown = [name for names in roles.values() for name in names if name not in table.names]
    if unknown:
        raise DataError(
            f"{owner}: @inputs and @outputs must name attributes, got {quoted(unknown, limit=1)}."
        )
    outputs, inputs = roles.get("@output", []), roles.get("@input", [])
    if inputs and outputs:
        kept = [i for i, name in enumerate(table.names) if name in (*inputs, *outputs)]
        idle = [name for name in table.names if name not in (*inputs, *outputs)]
        if idle:
            note = f"Attributes that are neither inputs nor outputs left out: {quoted(idle)}."
            table = table.take(kept).with_notes(note)
    if len(outputs) != 1:
        return table
    return Table(table.cells, table.names, table.notes, target=outputs[0], missing=())


def _unquoted(word: str) -> str:
    word = word.strip()
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word
