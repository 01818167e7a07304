"""The index page of a reproduction: every table and figure that is there, in one file.

It is made of what earlier commands wrote into the folder, table by table and figure by figure, so
that each of them may add its own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader

from vaega.core.figures import page_svg
from vaega.core.files import write_text
from vaega.core.tables import TextTable

_FIRST = "forest"  # the figure that says it all
_MOST_ROWS = 40  # of a table that is not folded
_CHAPTERS = {"2": "Chapter 2", "3": "Chapter 3", "4": "Chapter 4"}
_PROTOCOL = "Protocol "  # begins the notes that say on which rows fitness was computed
_NOTHING = TextTable((), ())


@dataclass(frozen=True)
class Entry:
    """A table or a figure that is there."""

    kind: str  # "table" or "figure"
    name: str  # As the thesis numbers it: "4.1"
    title: str  # "Table 4.1: ..."
    notes: Sequence[str]  # Of this one alone
    command: str  # That made it
    files: Sequence[str]  # Beside the page
    table: TextTable = _NOTHING
    svg: str = ""  # Of a figure, for the page
    image: str = ""  # The PNG file of a figure without an SVG file
    shared: Sequence[int] = ()  # Numbers of the notes that it has in common with others

    @property
    def anchor(self) -> str:
        """Its identifier within the page."""
        return f"{self.kind}-{self.name}"


@dataclass(frozen=True)
class Chapter:
    """Entries under one heading."""

    title: str
    entries: Sequence[Entry]


def write_index(folder: Path) -> Path:
    """Write one page with all tables and figures below a folder."""
    entries, shared = _with_shared_notes(read_entries(folder))
    loader = ChoiceLoader(
        [PackageLoader("vaega.thesis", "templates"), PackageLoader("vaega.report", "templates")]
    )
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    page = environment.get_template("index.html").render(
        chapters=_chapters(entries),
        protocols=[note for note in shared if note.startswith(_PROTOCOL)],
        others=[note for note in shared if not note.startswith(_PROTOCOL)],
        commands=list(dict.fromkeys(entry.command for entry in entries)),
        most_rows=_MOST_ROWS,
    )
    write_text(folder / "index.html", page)
    return folder / "index.html"


def read_entries(folder: Path) -> list[Entry]:
    """Return the tables and figures below a folder, in the order of their numbers."""
    pages = [*folder.glob("tables/table_*.md"), *folder.glob("figures/figure_*.md")]
    return [_read(page, folder) for page in sorted(pages, key=_order)]


def _order(page: Path) -> tuple[float, float, bool, str]:
    kind, _, name = page.stem.partition("_")
    chapter, _, number = name.partition(".")
    return float(chapter) if chapter.isdigit() else 9.0, float(number or 0), kind == "figure", name


def _read(page: Path, folder: Path) -> Entry:
    kind, _, name = page.stem.partition("_")
    lines = page.read_text(encoding="utf-8").splitlines()
    suffixes = ("csv", "md", "tex", "png", "svg")
    files = [file for each in suffixes if (file := _beside(page, each)).is_file()]
    entry = Entry(
        kind,
        name,
        lines[0].removeprefix("# "),
        [line.removeprefix("- ") for line in lines if line.startswith("- ")],
        next((line for line in reversed(lines) if line.startswith("Command: ")), "")[10:-1],
        [file.relative_to(folder).as_posix() for file in files],
    )
    if kind == "table":
        return replace(entry, table=_read_grid(line for line in lines if line.startswith("| ")))
    drawing = _beside(page, "svg")
    if not drawing.is_file():
        return replace(entry, image=f"figures/{page.stem}.png")
    svg = drawing.read_text(encoding="utf-8")
    return replace(entry, svg=page_svg(svg, name=f"figure-{name}", title=entry.title))


def _beside(page: Path, suffix: str) -> Path:
    """Return the file beside a page; the number in its name has a dot, which begins no suffix."""
    return page.with_name(f"{page.stem}.{suffix}")


def _read_grid(lines: Iterable[str]) -> TextTable:
    """Return the table that `TextTable.markdown` wrote."""
    rows = [
        [cell.replace(r"\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
    ]
    if len(rows) < 2:
        return _NOTHING
    left = [index for index, rule in enumerate(rows[1]) if not rule.endswith(":")]
    return TextTable(rows[0], rows[2:], left=left)


def _with_shared_notes(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Return the entries, and once what several of them say: protocols first."""
    counts = Counter(note for entry in entries for note in dict.fromkeys(entry.notes))
    several = [note for note, number in counts.items() if number > 1]
    shared = sorted(several, key=lambda note: not note.startswith(_PROTOCOL))
    numbers = {note: number for number, note in enumerate(shared, 1)}
    return [
        replace(
            entry,
            notes=[note for note in entry.notes if note not in numbers],
            shared=sorted({numbers[note] for note in entry.notes if note in numbers}),
        )
        for entry in entries
    ], shared


def _chapters(entries: Sequence[Entry]) -> list[Chapter]:
    first = [entry for entry in entries if entry.name == _FIRST]
    found = [Chapter("At a glance", first)]
    for number, title in _CHAPTERS.items():
        own = [entry for entry in entries if entry.name.split(".")[0] == number]
        found.append(Chapter(title, own))
    others = [entry for entry in entries if not entry.name[0].isdigit() and entry.name != _FIRST]
    found.append(Chapter("Of chapter 4, not in the thesis", others))
    return [chapter for chapter in found if chapter.entries]
