"""The index page of a reproduction: every table and figure that is there, with its files."""

from html import escape
from pathlib import Path

from vaega.core.files import write_text

_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The thesis, reproduced</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
figure { margin: 1.5rem 0 } img { max-width: 100%; border: 1px solid #ddd }
td { padding: 0.15rem 1rem 0.15rem 0 }
</style>
<h1>The thesis, reproduced</h1>
"""


def write_index(folder: Path) -> Path:
    """Write a page that leads to all tables and figures below a folder."""
    tables = _titles(folder / "tables", "table_")
    figures = _titles(folder / "figures", "figure_")
    rows = "".join(f"<tr><td>{_table_cells(page, title)}</tr>\n" for page, title in tables)
    pictures = "".join(_figure(page, title) for page, title in figures)
    parts = [_HEAD, f"<h2>Tables</h2>\n<table>\n{rows}</table>\n", f"<h2>Figures</h2>\n{pictures}"]
    write_text(folder / "index.html", "".join([*parts, "</html>\n"]))
    return folder / "index.html"


def _titles(folder: Path, prefix: str) -> list[tuple[Path, str]]:
    """Return pages and their titles, in the order of the numbers."""
    pages = sorted(folder.glob(f"{prefix}*.md"), key=lambda page: _order(page.stem))
    return [(page, page.read_text(encoding="utf-8").split("\n")[0].lstrip("# ")) for page in pages]


def _order(stem: str) -> tuple[float, float, str]:
    chapter, _, number = stem.partition("_")[2].partition(".")
    return float(chapter) if chapter.isdigit() else 9.0, float(number or 0), stem


def _table_cells(page: Path, title: str) -> str:
    links = (_link(f"tables/{page.stem}.{kind}", kind) for kind in ("md", "csv", "tex"))
    return f"{escape(title)}<td>{' '.join(links)}"


def _figure(page: Path, title: str) -> str:
    image = f"figures/{page.stem}.png"
    files = " ".join(_link(f"figures/{page.stem}.{kind}", kind) for kind in ("md", "csv"))
    shown = f'<a href="{image}"><img src="{image}" alt="{escape(title)}" loading="lazy"></a>'
    return f"<figure>{shown}\n<figcaption>{escape(title)} {files}</figcaption></figure>\n"


def _link(path: str, text: str) -> str:
    return f'<a href="{path}">{text}</a>'
