"""Files of expression data whose rows are genes: GEO's series matrix, GCT, and classes in CLS."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vaega.core.errors import DataError
from vaega.data._dataset import quoted
from vaega.data._tables import Table
from vaega.data.readers._registry import reads
from vaega.data.readers._text import lines_of, read_text


def read_series_matrix(path: Path) -> Table:
    """Read a series matrix of GEO: a sample is a row, its characteristics are annotations."""
    owner = str(path)
    about, body = _split_series(read_text(path))
    if len(body) < 2:
        raise DataError(
            f"{owner}: a series matrix must hold a table of values, got none; the values of such a "
            "series are in its supplementary files."
        )
    header, *rows = _tabbed(body)
    samples = tuple(header[1:])
    _check_lengths(rows, len(header), owner=owner)
    accessions = next((cells for key, cells in about if key == "geo_accession"), list(samples))
    annotations = _characteristics(about, len(accessions), owner=owner)
    order = _order(accessions, samples, owner=owner)
    return Table(
        np.array([row[1:] for row in rows], dtype=object).T,
        tuple(row[0] for row in rows),
        rows=samples,
        annotations=annotations.take_rows(order),
        is_turned=True,
        is_text=True,
    )


def _split_series(text: str) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Return the lines on samples by their key, and the lines of the table."""
    about: list[tuple[str, list[str]]] = []
    body: list[str] = []
    for line in lines_of(text):
        if line.lower().startswith("!sample_"):
            key, *cells = _tabbed([line])[0]
            about.append((key[len("!sample_") :], cells))
        elif line.strip() and not line.startswith("!"):
            body.append(line)
    return about, body


def _characteristics(
    about: Sequence[tuple[str, list[str]]], n_samples: int, *, owner: str
) -> Table:
    """Return what is said of the samples: each ``key: value`` by its key, other lines by theirs."""
    columns: dict[str, list[str | None]] = {}
    for line, cells in about:
        if len(cells) != n_samples:
            raise DataError(
                f"{owner}: every line on the samples must have {n_samples} cells, got "
                f"{len(cells)} in !Sample_{line}."
            )
        for sample, cell in enumerate(cells):
            # A sample that lacks one characteristic has the next one in its place.
            key, colon, value = cell.partition(":")
            if not line.startswith("characteristics") or not colon:
                key, value = line, cell
            column = columns.setdefault(key.strip(), [None] * n_samples)
            column[sample] = _joined(column[sample], value.strip())
    values = np.empty((n_samples, len(columns)), dtype=object)
    for i, column in enumerate(columns.values()):
        values[:, i] = column
    return Table(values, tuple(columns), is_text=True)


def _joined(before: str | None, value: str) -> str | None:
    if not value or before == value:
        return before
    return value if before is None else f"{before}; {value}"


def _order(accessions: Sequence[str], samples: Sequence[str], *, owner: str) -> list[int]:
    at = {accession: i for i, accession in enumerate(accessions)}
    unknown = [sample for sample in samples if sample not in at]
    if unknown:
        raise DataError(
            f"{owner}: every column of the table must be a sample of !Sample_geo_accession, got "
            f"{quoted(unknown)}."
        )
    return [at[sample] for sample in samples]


@reads(".gct", compressed=True)
def read_gct(path: Path) -> Table:
    """Read a GCT file, version 1.2 or 1.3: a sample is a row; 1.3 has annotations of samples."""
    owner = str(path)
    lines = [line for line in lines_of(read_text(path)) if line.strip()]
    version = lines[0].strip()
    if not version.startswith(("#1.2", "#1.3")) or len(lines) < 3:
        raise DataError(
            f"{owner}: a GCT file must begin with #1.2 or #1.3, its sizes and a header, "
            f"got {version[:20]!r}."
        )
    n_genes, n_samples, n_about_genes, n_about_samples = _sizes(lines[1], version, owner=owner)
    header, *rows = [[cell.strip() for cell in line.split("\t")] for line in lines[2:]]
    _check_lengths(rows, len(header), owner=owner)
    first = 1 + n_about_genes
    found = (len(rows) - n_about_samples, len(header) - first)
    if found != (n_genes, n_samples):
        raise DataError(
            f"{owner}: line 2 must give genes and samples of the table, which are {found[0]} x "
            f"{found[1]}, got {n_genes} x {n_samples}."
        )
    about, genes = rows[:n_about_samples], rows[n_about_samples:]
    annotations = Table(
        np.array([row[first:] for row in about], dtype=object).reshape(len(about), n_samples).T,
        tuple(row[0] for row in about),
        is_text=True,
    )
    return Table(
        np.array([row[first:] for row in genes], dtype=object).reshape(n_genes, n_samples).T,
        tuple(row[0] for row in genes),
        rows=tuple(header[first:]),
        annotations=annotations if about else None,
        is_turned=True,
        is_text=True,
    )


def _sizes(line: str, version: str, *, owner: str) -> tuple[int, int, int, int]:
    words = line.split()
    wanted = 4 if version.startswith("#1.3") else 2
    if len(words) < wanted or not all(word.isdigit() for word in words[:wanted]):
        raise DataError(
            f"{owner}: line 2 of {version} must hold {wanted} whole numbers, got {line.strip()!r}."
        )
    sizes = [int(word) for word in words[:wanted]]
    # Version 1.2 has one column that describes the genes, and no row that describes the samples.
    return (*sizes, 1, 0)[:4] if wanted == 2 else tuple(sizes)  # type: ignore[return-value]


@reads(".cls")
def read_cls(path: Path) -> Table:
    """Read the classes of a CLS file: one column, samples in order and without names."""
    owner = str(path)
    lines = [line.strip() for line in lines_of(read_text(path)) if line.strip()]
    if lines[0].lower().startswith("#numeric"):
        raise DataError(
            f"{owner}: a CLS file must hold classes, got a numeric phenotype; regression is out of "
            "scope."
        )
    sizes = lines[0].split()
    if len(lines) < 3 or len(sizes) < 2 or not sizes[0].isdigit() or not lines[1].startswith("#"):
        raise DataError(
            f"{owner}: a CLS file must have three lines, its sizes, its class names after # and "
            f"the class of each sample, got {lines[0][:40]!r}."
        )
    names, labels = lines[1][1:].split(), " ".join(lines[2:]).split()
    if str(len(labels)) != sizes[0]:
        raise DataError(
            f"{owner}: line 3 must hold the classes of {sizes[0]} samples, got {len(labels)}."
        )
    # Numbers stand for the names in the order in which they appear.
    numbered = list(dict.fromkeys(labels))
    if not set(labels) <= set(names):
        if len(numbered) != len(names):
            raise DataError(
                f"{owner}: line 3 must hold the {len(names)} classes of line 2 ({quoted(names)}), "
                f"got {quoted(numbered)}."
            )
        labels = [names[numbered.index(label)] for label in labels]
    return Table(np.array(labels, dtype=object)[:, None], ("class",))


def _tabbed(lines: Sequence[str]) -> list[list[str]]:
    # Not strict: GEO writes the quotes inside a text as they are.
    return [[cell.strip() for cell in cells] for cells in csv.reader(lines, delimiter="\t")]


def _check_lengths(rows: Sequence[Sequence[str]], n_cells: int, *, owner: str) -> None:
    for row, cells in enumerate(rows, 1):
        if len(cells) != n_cells:
            raise DataError(
                f"{owner}: every row must have {n_cells} cells, got {len(cells)} in row {row} "
                "(counted from 1 after the header)."
            )
