"""Write the numbers and tables of pages from the files under ``results``.

A page says beside a number where it comes from: a file, the one row that is meant, and a format
over the columns of this row.

    <!--= thesis/tables/table_groups.csv; group=madelon, arm=smote; {mean:.3f} -->0.726<!--/-->

A table names the rows that it shows, then its columns; ``rows by`` makes it a cross table instead.

    <!-- table FILE; group=madelon|leukemia_001; group; accuracy = {mean:.3f} [{low:.3f}, {high:.3f}] -->
    <!-- table FILE; measure=accuracy; rows by group, arm; columns by source; {mean:.3f} -->
    <!-- /table -->

A file is CSV, JSON lines, or Markdown that a benchmark wrote: the first table under a heading,
``benchmarks/rivals.md#At equal size``, without one the first of the file.

``python docs/write_numbers.py`` writes every page anew; with ``--check`` it names the pages that differ.
"""  # noqa: E501

import re
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pandas as pd

from vaega.core.tables import TextTable

ROOT = Path(__file__).parents[1]
NUMBER = re.compile(r"<!--= (.*?) -->(.*?)<!--/-->", flags=re.DOTALL)
TABLE = re.compile(r"<!-- table (.*?) -->\n(.*?)<!-- /table -->", flags=re.DOTALL)
NONE = "–"


def pages() -> list[Path]:
    """Return the pages that may have numbers: all Markdown that is written by hand."""
    by_hand = [ROOT / "README.md", ROOT / "results/thesis/README.md"]
    return [*by_hand, *sorted((ROOT / "docs").rglob("*.md"))]


def rewritten(text: str, folder: Path = ROOT / "results") -> str:
    """Return a page's text with its numbers and tables as the files have them."""
    text = NUMBER.sub(partial(_replaced, _number, folder), text)
    return TABLE.sub(partial(_replaced, _table, folder), text)


def _replaced(make: Callable, folder: Path, found: re.Match) -> str:
    query = " ".join(found[1].split())  # a long one may go on in the next line
    start, end = found.start(2) - found.start(), found.end(2) - found.start()
    try:
        return found[0][:start] + make(query, folder) + found[0][end:]
    except (OSError, LookupError, ValueError) as error:
        raise ValueError(f"{query}: {error}") from error


def _number(query: str, folder: Path) -> str:
    path, conditions, form = _parts(query, 3)
    rows = _rows(path, conditions, folder)
    if len(rows) != 1:
        raise ValueError(f"must mean one row, got {len(rows)}")
    return _shown(form, rows.iloc[0])


def _table(query: str, folder: Path) -> str:
    path, conditions, *columns = _parts(query)
    rows = _rows(path, conditions, folder)
    if not len(rows):
        raise ValueError("no row is meant")
    make = _cross_table if columns[0].startswith("rows by ") else _plain_table
    return make(rows, columns).markdown()


def _plain_table(rows: pd.DataFrame, columns: list[str]) -> TextTable:
    titles, forms = zip(*(_column(column) for column in columns), strict=True)
    cells = [[_shown(form, row) for form in forms] for _, row in rows.iterrows()]
    left = [index for index, column in enumerate(columns) if "{" not in column]
    return TextTable(titles, cells, left=left)


def _column(column: str) -> tuple[str, str]:
    """Return title and format: of ``name``, ``title = name`` or ``title = {name:.3f}``."""
    title, _, form = column.partition(" = ")
    form = form or title
    return title.replace("_", " "), form if "{" in form else f"{{{form}}}"


def _cross_table(rows: pd.DataFrame, parts: list[str]) -> TextTable:
    keys = parts[0].removeprefix("rows by ").split(", ")
    across, form = parts[1].removeprefix("columns by "), parts[2]
    columns = list(dict.fromkeys(rows[across]))
    cells = []
    for key, part in rows.groupby(keys, sort=False, dropna=False):
        if part[across].duplicated().any():
            raise ValueError(f"{key} has two rows of one {across}")
        of = {row[across]: _shown(form, row) for _, row in part.iterrows()}
        cells.append([*map(str, key), *(of.get(column, NONE) for column in columns)])
    titles = [name.replace("_", " ") for name in keys]
    titles += map(_word, columns)
    return TextTable(titles, cells, left=range(len(keys)))


def _parts(query: str, n: int | None = None) -> list[str]:
    parts = [part.strip() for part in query.split(";")]
    if n is not None and len(parts) != n:
        raise ValueError(f"must have {n} parts, got {len(parts)}")
    return parts


def _rows(path: str, conditions: str, folder: Path) -> pd.DataFrame:
    path, _, heading = path.partition("#")
    rows = _read(folder / path, heading)
    for condition in filter(None, re.split(r", (?=[^,=|]+=)", conditions)):
        column, _, values = condition.partition("=")
        rows = rows[rows[column].map(_word).isin(values.split("|"))]
    return rows


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _read(path: Path, heading: str = "") -> pd.DataFrame:
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True)
    if path.suffix == ".md":
        return _markdown_table(path.read_text(encoding="utf-8"), heading)
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    words = table.columns.difference(table.select_dtypes("number").columns)
    return table.fillna(dict.fromkeys(words, ""))


def _markdown_table(text: str, heading: str) -> pd.DataFrame:
    """Return the first table under a heading, a column of numbers as numbers."""
    if heading:
        *_, text = text.partition(f"# {heading}\n")
    lines = text.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    table = pd.DataFrame(rows[2:], columns=rows[0])
    for name, cells in table.items():
        numbers = pd.to_numeric(cells.where(cells != ""), errors="coerce")
        if numbers.notna().any() and (numbers.notna() | (cells == "")).all():
            table[name] = numbers
    return table


def _shown(form: str, row: pd.Series) -> str:
    """Return a row in a format; an interval that is not known is left out, a number is a dash."""
    text = form.format(**{str(name): value for name, value in row.items()})
    text = re.sub(r" \[[+-]?nan, [+-]?nan\]", "", text)
    text = re.sub(r"[+-]?\bnan\b", NONE, text)
    return re.sub(r"-(0\.0+)(?!\d)", r"\1", text)  # no minus before a rounded nothing


def main(arguments: list[str]) -> int:
    """Write the pages, or name those that differ."""
    changed = []
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = rewritten(before)
        if after != before:
            changed.append(page.relative_to(ROOT).as_posix())
            if "--check" not in arguments:
                page.write_text(after, encoding="utf-8")
    print("\n".join(changed) or "nothing to write")
    return int("--check" in arguments and bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
