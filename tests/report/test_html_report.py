"""The report in a browser: no error, no request, tables sort, points speak, wide and narrow."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.report.experiments import run_small
from vaega import load_dataset, make_madelon
from vaega.experiments.config import load_configured, make_config, read_config
from vaega.experiments.run import run_experiment
from vaega.report._page import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
THREE_ARMS = {
    "name": "madelon",
    "dataset": {"source": "madelon"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2},
    "arms": {
        "original": {},
        "augmented": {
            "generator": {"kind": "vae", "hidden": [32], "latent": 5, "max_epochs": 5},
            "amount": 100,
        },
        "smote": {"generator": {"kind": "smote"}, "amount": 100},
    },
    "fitness": {"classifier": "knn", "n_neighbors": 10},
    "search": {"population_size": 8, "n_generations": 2, "n_searches": 1},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(run_small(tmp_path_factory.mktemp("results"), seeds=3))


def quickstart(folder):
    small = ["search.population_size=8", "search.n_generations=2", "search.n_searches=1"]
    small += ["seeds=2", "arms.augmented.generator.max_epochs=10", "protocol.inner_folds=2"]
    small += ["null=1"]
    config = read_config(QUICKSTART, small)
    run_experiment(config, load_configured(config.dataset, beside=QUICKSTART.parent), folder)
    return write_report(folder / "quickstart")


def madelon(folder):
    """Three arms on the real rows where they are here, on planted ones of that kind otherwise."""
    there = (Path(os.environ.get("VAEGA_DATA", "")) / "madelon.npz").is_file()
    data = load_dataset("madelon") if there else make_madelon(300, 50, random_state=0)
    run_experiment(make_config(THREE_ARMS), data, folder)
    return write_report(folder / "madelon")


@pytest.fixture(scope="module", params=[quickstart, madelon], ids=["quickstart", "madelon"])
def real_report(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("results"))


VIEWS = {
    f"{name}-{mode}": (width, mode)
    for name, width in (("wide", 1280), ("narrow", 390))
    for mode in ("light", "dark")
}


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


@pytest.fixture(params=VIEWS.values(), ids=VIEWS)
def page(request, browser, report):
    yield from opened(browser, report, *request.param)


@pytest.fixture(params=VIEWS.values(), ids=VIEWS)
def real_page(request, browser, real_report):
    yield from opened(browser, real_report, *request.param)


def opened(browser, report, width, mode):
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


def test_pages_of_real_experiments(real_page, real_report):
    page = real_page
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for table in page.locator("table.sortable:visible").all():
        for column, heading in enumerate(table.locator("th button").all()):
            heading.click()
            assert heading.locator("..").get_attribute("aria-sort") == "ascending"
            cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_inner_texts()
            numbers = [float(text.replace("+", "")) for text in cells if is_number(text)]
            assert numbers == sorted(numbers)
    for chart in page.locator("svg").all():
        point = chart.locator("[data-tip]").last
        point.scroll_into_view_if_needed()
        page.evaluate(TWO_FRAMES)  # a page that still scrolls hides what a point says
        point.dispatch_event("pointerover")
        assert page.locator("#tip").inner_text() == point.get_attribute("data-tip")
        box = page.locator("#tip").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]
    assert page.complaints in ([real_report.as_uri()], [real_report.as_uri(), "data:,"])
    text = page.inner_text("body")
    for word in ("Synthetic rows", "Latent space of", "memory, MB", "Brier"):
        assert word in text
    assert len(real_report.read_bytes()) < 5_000_000


TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def is_number(text):
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", text) is not None


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
