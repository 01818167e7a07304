"""The pages under docs keep their word: code and commands run, links lead on, the site builds."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import vaega
from tests.report import test_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
_spec = importlib.util.spec_from_file_location("write_outputs", DOCS / "write_outputs.py")
outputs = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = outputs  # its dataclass looks itself up there
_spec.loader.exec_module(outputs)
browser = test_page.browser  # the fixture: Chromium, where there is one
FENCED = re.compile(r"^```([\w{}-]*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def name_of(page):
    return page.relative_to(DOCS).as_posix()


def blocks(page, *languages):
    found = outputs.blocks_of(page.read_text(encoding="utf-8"))
    return [block for block in found if block.language in languages]


def is_story(page):
    """Tell whether the blocks of a page build on each other and its commands are to be run."""
    return page.parent.name in ("tutorials", "explanation", "guide")


ALONE = [page for page in PAGES if not is_story(page) and blocks(page, "python")]
STORIES = [page for page in PAGES if is_story(page) and blocks(page, "python", "sh")]


@pytest.mark.parametrize("page", ALONE, ids=name_of)
def test_the_python_blocks_run_by_themselves(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        for same_block, printed in outputs.run([block]):
            check_output(same_block, printed)


@pytest.mark.parametrize("page", STORIES, ids=name_of)
def test_a_story_runs_from_top_to_bottom(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block, printed in outputs.run(blocks(page, "python", "yaml", "sh")):
        check_output(block, printed)


def check_output(block, printed):
    """What a page shows is what its block prints, but for times and last digits."""
    if block.output:
        shown = outputs.shortened(printed, block.shown)
        assert outputs.alike(shown, block.shown), f"python docs/write_outputs.py; now:\n{printed}"


def test_the_configuration_for_a_csv_has_ten_lines_at_most():
    (block,) = blocks(DOCS / "tutorials/own_csv.md", "yaml")
    lines = [line for line in block.text.splitlines() if not line.startswith("#")]
    assert len(lines) <= 10


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_tables_that_it_points_to_are_here(page):
    named = re.findall(r"`(results/benchmarks/[\w.]+)`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).is_file()]


def table_of(page, heading):
    """The first table of a section: its rows by their first cell."""
    section = page.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows[2:]}


def test_the_detectors_are_as_good_as_their_benchmark_says():
    table = table_of(DOCS / "generators.md", "Unusual rows")
    runs = pd.read_csv(ROOT / "results/benchmarks/anomaly.csv")
    cases = runs.groupby(["group", "case", "detector"])["auc"].mean()
    means = cases.groupby(["group", "detector"]).mean().map("{:.3f}".format)
    named = {name.removesuffix(" (default)"): cells for name, cells in table.items()}
    assert set(named) == set(means["unseen"].index)
    for name, (unseen, _, planted) in named.items():
        assert (unseen, planted) == (means["unseen"][name], means["planted"][name]), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_its_links_lead_to_files_that_are_here(page):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [link for link in links if link and "://" not in link]
    assert not [link for link in local if not (page.parent / link).is_file()]


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name
)
def test_users_are_sent_to_no_internal_module(page):
    internal = re.findall(r"vaega(?:[./]\w+)*[./]_[a-z]\w*", page.read_text(encoding="utf-8"))
    assert page.name == "architecture.md" or not internal


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/explanation/architecture.md"])
def test_contributors_are_sent_to_files_that_are_here(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"\b((?:vaega|tests|benchmarks|docs)/[\w./]*\w)", text)
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_reference_has_every_public_name():
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    described = set(re.findall(r"^\.\. auto\w+:: vaega\.(\w+)$", text, flags=re.MULTILINE))
    assert described == set(vaega.__all__) - {"__version__", "operators"}
    assert "automodule:: vaega.evolution.operators" in text


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ``make docs`` does: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", DOCS, folder / "html"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    yield folder / "html"
    shutil.rmtree(folder)


def test_every_page_is_in_the_site(site):
    assert not [page for page in PAGES if not (site / name_of(page)).with_suffix(".html").is_file()]


def test_readers_need_no_network(site):
    fetched = re.compile(r"""<(?:link|script|img|iframe)[^>]*(?:href|src)=["'](?:https?:)?//""")
    pages = list(site.rglob("*.html"))
    assert not [page.name for page in pages if fetched.search(page.read_text(encoding="utf-8"))]
    sheets = "".join(sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css"))
    assert not re.search(r"""(?:@import|url\()\s*["']?(?:https?:)?//""", sheets)


def test_the_reference_is_searched_and_has_the_docstrings(site):
    text = (site / "api/selectors.html").read_text(encoding="utf-8")
    assert 'id="vaega.GeneticSelector"' in text
    assert "Select features by a genetic search over masks" in text
    assert "geneticselector" in (site / "searchindex.js").read_text(encoding="utf-8").lower()


def test_parameters_stand_in_groups_and_are_described_once(site):
    text = (site / "api/selectors.html").read_text(encoding="utf-8")
    selector = text[text.index('id="vaega.GeneticSelector"') :]
    order = ["Parameters", "The search", "The noise of its scores", "Running it"]
    places = [selector.index(f"{heading}<span") for heading in order]
    assert places == sorted(places)
    assert len(re.findall("Masks in a generation, and generations,", selector)) == 1
    assert "<strong>support_</strong>" in selector


def test_the_reference_leads_to_the_source(site):
    text = (site / "api/selectors.html").read_text(encoding="utf-8")
    assert "../_modules/vaega/selection/_selector.html#GeneticSelector" in text


# What is cut off: the page is wider than the window, or a block than its place; tables may scroll
# on a phone. Inline code is part of a line.
CUT = """() => {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    const phone = window.innerWidth < 500;
    const blocks = "article pre, article dt.sig, article img" + (phone ? "" : ", .table-wrapper");
    const cut = [...document.querySelectorAll(blocks)].filter(
        block => block.scrollWidth > block.clientWidth + 1 && block.clientWidth > 0);
    return (wide ? ["the page"] : []).concat(cut.map(block => block.textContent.slice(0, 60)));
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_no_line_is_cut(width, site, browser):
    page = browser.new_page(viewport={"width": width, "height": 900})
    for path in map(name_of, PAGES):
        page.goto((site / path).with_suffix(".html").as_uri())
        assert not page.evaluate(CUT), path
    page.close()


def test_pictures_of_the_gallery_are_small(site):
    pictures = list((DOCS / "_static/gallery").iterdir())
    assert len(pictures) >= 8
    assert not [path.name for path in pictures if path.stat().st_size > 150_000]
