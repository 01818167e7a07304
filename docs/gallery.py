"""Draw the pictures of the gallery: report, figures and terminal of the user guide's experiment.

    python docs/gallery.py                  # runs the blocks of docs/guide/project.md first
    python docs/gallery.py --folder FOLDER  # takes the experiment from there, where it was run

Needs Chromium and playwright for the report. What is drawn goes to ``docs/_static/gallery``, each
picture below 150 KB: PNG with a palette, and the terminal as SVG.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent))
import write_outputs  # the folder of this file has to be found first

from vaega.cli import main as vaega

HERE = Path(__file__).parent
GALLERY = HERE / "_static" / "gallery"
RESULTS = Path("results/cohort")
# Figures of ``--out`` in their order here, each with what it shows.
FIGURES = {
    "scores": "**Held-out scores**, a point a run; dashed the mean on permuted labels, dotted the "
    "commonest class",
    "roc": "**ROC** of the predictions of test rows",
    "precision_recall": "**Precision and recall** of the same predictions",
    "calibration": "**Calibration**: how often what is said with a probability is so",
    "confusion": "**Confusion** of the classes",
    "heatmap_vaega": "**The final signature** on its own rows; all of them took part in the "
    "selection, so that the picture is no evidence",
    "front": "**Size against score**",
    "stability": "**Stability** of the selections, with interval",
    "frequencies_vaega": "**How often** runs select a feature; by itself no evidence, see "
    "[the glossary](glossary.md)",
}
FIRST, LAST = "<!-- figures, by docs/gallery.py -->\n", "<!-- /figures -->"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LARGEST = 150_000  # bytes of a picture


def run_guide() -> None:
    """Run the user guide in this folder: data, configuration, experiment, tables and figures."""
    page = (HERE / "guide/project.md").read_text(encoding="utf-8")
    for _ in write_outputs.run(write_outputs.blocks_of(page)):
        pass


def draw_report(report: Path) -> None:
    """Photograph the first screen, light and dark and on a phone, and the part on features."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name, viewport, scheme in (
            ("report", WIDE, "light"),
            ("report_dark", WIDE, "dark"),
            ("report_phone", PHONE, "light"),
        ):
            page = browser.new_page(viewport=viewport, color_scheme=scheme)
            page.goto(report.resolve().as_uri())
            save(page.screenshot(), name)
            if name == "report":
                photograph_section(page, "feature", "report_features")
            page.close()
        browser.close()


def photograph_section(page: Page, word: str, name: str) -> None:
    """Photograph the page from the first heading on that has a word."""
    headings = page.get_by_role("heading", name=re.compile(word, re.IGNORECASE), level=2)
    if headings.count():
        headings.first.evaluate("heading => heading.scrollIntoView()")
        save(page.screenshot(), name)


def save(picture: bytes, name: str) -> None:
    """Write a picture with a palette, smaller by a fifth until it is below the limit."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    path = GALLERY / f"{name}.png"
    while True:
        image.quantize(128).save(path, optimize=True)
        if path.stat().st_size < LARGEST:
            return
        image = image.resize((image.width * 4 // 5, image.height * 4 // 5))


def copy_figures(folder: Path) -> None:
    """Take the figures that ``vaega report --out`` wrote, 1,000 pixels wide at most."""
    shown = []
    for name, caption in FIGURES.items():
        path = folder / f"{name}.png"
        if path.is_file():
            image = Image.open(path).convert("RGB")
            image.thumbnail((1000, 1000))
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            save(buffer.getvalue(), f"figure_{name}")
            shown.append(f"{caption}:\n\n![{name}](../_static/gallery/figure_{name}.png)\n")
    page = HERE / "guide/gallery.md"
    text = page.read_text(encoding="utf-8")
    parts = re.split(
        r"(?<=<!-- figures, by docs/gallery.py -->\n).*(?=<!-- /figures -->)", text, flags=re.S
    )
    page.write_text("\n".join(shown).join(parts), encoding="utf-8")


def draw_terminal(words: list[str], name: str) -> None:
    """Write what a command prints in 80 columns as SVG, without a font from elsewhere."""
    printed = io.StringIO()
    variables = {"COLUMNS": "80", "FORCE_COLOR": "1"}
    with mock.patch.dict(os.environ, variables), contextlib.redirect_stdout(printed):
        vaega(words)
    recorded = Console(record=True, width=80, file=io.StringIO())
    recorded.print(Text.from_ansi(printed.getvalue()))
    svg = recorded.export_svg(title=" ".join(["vaega", *words]), theme=MONOKAI, unique_id=name)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code,", "DejaVu Sans Mono, ui-monospace,")
    (GALLERY / f"{name}.svg").write_text(svg, encoding="utf-8")


@contextlib.contextmanager
def folder_of(given: Path | None) -> Iterator[None]:
    """Work in a folder that was given, or in one of its own that goes."""
    with contextlib.ExitStack() as stack:
        folder = given or stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(contextlib.chdir(folder))
        yield


def main(arguments: list[str]) -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, help="where the user guide was run")
    given = parser.parse_args(arguments)
    GALLERY.mkdir(exist_ok=True)
    with folder_of(given.folder):
        if not RESULTS.is_dir():
            run_guide()
        draw_terminal(["report", str(RESULTS)], "terminal_report")
        draw_terminal(["compare", str(RESULTS), "--against", "vaega"], "terminal_compare")
        with contextlib.redirect_stdout(io.StringIO()):
            vaega(["report", str(RESULTS), "--out", "paper"])
        copy_figures(Path("paper"))
        draw_report(RESULTS / "report.html")
    for path in sorted(GALLERY.iterdir()):
        print(f"{path.stat().st_size / 1000:6.0f} KB  {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
