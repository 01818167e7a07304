"""The report in a browser: no error, no request, tables sort, points speak, wide and narrow."""

import re
import shutil

import pytest

from tests.analysis.experiments import run_small
from vaega.analysis.html_report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(run_small(tmp_path_factory.mktemp("results"), seeds=3))


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no Chromium here to open the page: none of {', '.join(BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture(
    params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")],
    ids=["wide-light", "wide-dark", "narrow-light", "narrow-dark"],
)
def page(request, browser, report):
    width, mode = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=mode)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda asked: page.complaints.append(asked.url))
    page.goto(report.as_uri())
    yield page
    context.close()


def test_no_error_and_no_request_but_the_page_itself(page, report):
    page.mouse.move(300, 400)
    assert page.complaints in ([report.as_uri()], [report.as_uri(), "data:,"])


def test_nothing_is_wider_than_the_screen(page):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_tables_sort_up_and_down(page):
    heading = page.locator("table.sortable").first.get_by_role("button", name="features")
    column = "table.sortable >> nth=0 >> tbody >> tr >> td:nth-child(6)"
    seen = []
    for direction in ("ascending", "descending"):
        heading.click()
        values = [float(text) for text in page.locator(column).all_inner_texts()]
        assert values == sorted(values, reverse=direction == "descending")
        seen.append(heading.locator("..").get_attribute("aria-sort"))
    assert seen == ["ascending", "descending"]


def test_points_say_their_values(page):
    point = page.locator("circle.point").first
    point.scroll_into_view_if_needed()
    point.hover()
    tip = page.locator("#tip")
    assert tip.is_visible()
    assert re.match(r"original, seed 0: heldout score [\d.]+$", tip.inner_text())
    page.mouse.move(1, 1)
    assert not tip.is_visible()


def test_the_mode_changes_the_colours(browser, report):
    colours = set()
    for mode in ("light", "dark"):
        context = browser.new_context(color_scheme=mode)
        page = context.new_page()
        page.goto(report.as_uri())
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert colours == {"rgb(255, 255, 255)", "rgb(15, 20, 25)"}


def test_one_file_small_and_whole(report):
    text = report.read_text()
    assert len(text) < 200_000
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    assert "http" not in text.replace("http-equiv", "")
    for word in ("Arms compared", "No difference shown", "stability", "Nogueira", "vaega report"):
        assert word in text


def test_the_same_results_give_the_same_page(report):
    before = report.read_bytes()
    assert write_report(report.parent).read_bytes() == before


def test_a_single_arm_is_compared_with_nothing(tmp_path):
    text = write_report(run_small(tmp_path, seeds=2, arms={"original": {}})).read_text()
    assert "Arms compared" not in text
    assert "Features selected most often" in text
