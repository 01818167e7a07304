"""The page of an experiment: its sections and charts, and what a browser makes of them."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tests.records import rewrite_run
from tests.report.experiments import run_small
from vaega import make_madelon
from vaega.experiments.config import load_config, make_config
from vaega.experiments.run import run_experiment
from vaega.report._comparison import compare_experiments
from vaega.report._figures import arm_points, plot_scores
from vaega.report._page import (
    MOST_TIPS,
    format_p_value,
    further_sections,
    run_charts,
    scores_chart,
    write_report,
)
from vaega.report._results import Results, read_results
from vaega.selection._stability import nogueira_interval


@pytest.fixture
def folder(small_results, tmp_path):
    return Path(shutil.copytree(small_results, tmp_path / "small"))


def sections(folder):
    return {section.title: section for section in further_sections(read_results(folder))}


def test_every_section_from_the_folder_alone(folder):
    by_title = sections(folder)
    assert list(by_title) == [
        "Features", "Selection, probabilities and cost", "What generated rows do",
        "Predictions of the test rows", "Classes", "The final signature on its own rows",
        "Synthetic rows",
    ]  # fmt: skip
    effects = by_title["What generated rows do"].table
    assert [row[:3] for row in effects.rows] == [
        [arm, "original", effect]
        for arm in ("jitter", "bootstrap")
        for effect in ("selection", "final model", "together")
    ]
    figures = by_title["Selection, probabilities and cost"].table
    assert "precision" not in figures.columns  # nobody knows the truth about wine
    assert [row[0] for row in figures.rows] == ["original", "jitter", "bootstrap"]
    metrics = [
        json.loads(path.read_text()) for path in folder.glob("runs/original-0*/metrics.json")
    ]
    row = dict(zip(figures.columns, figures.rows[0], strict=True))
    assert row["Brier"] == f"{sum(one['brier'] for one in metrics) / 3:.3f}"
    assert int(row["asked"]) == int(row["distinct"]) + int(row["reused"])
    assert [row[1] for row in by_title["Classes"].table.rows] == [
        "class_0",
        "class_1",
        "class_2",
    ] * 3
    synthetic = by_title["Synthetic rows"]
    assert synthetic.table.rows[0][:2] == ["jitter", "GaussianJitter"]
    assert "Rows: real rows filled" in synthetic.charts[0].caption
    assert synthetic.charts[0].svg.count("data-tip") > 100


def test_results_of_an_earlier_version_are_read(folder):
    """Take away what this version added; report and comparison go on."""
    for path in folder.glob("runs/*/metrics.json"):
        metrics = json.loads(path.read_text())
        for key in (
            "classes",
            "class_names",
            "brier",
            "n_reused",
            "peak_memory_mb",
            "n_columns",
            "data",
            "notes",
        ):
            metrics.pop(key, None)  # final runs have no scores
        for trial in metrics.get("trials", []):
            trial.pop("brier")
            trial.pop("n_reused")
            trial.pop("heldout_real", None)
        for name in ("generator.json", "predictions.csv", "rows.csv"):
            (path.parent / name).unlink(missing_ok=True)
        rewrite_run(path, metrics)
    assert list(sections(folder)) == ["Selection, probabilities and cost"]
    assert "asked" in sections(folder)["Selection, probabilities and cost"].table.columns
    assert "Arms compared" in write_report(folder).read_text()
    assert compare_experiments([folder]).datasets[0].dataset == "wine"


def test_the_truth_where_it_is_known(tmp_path):
    data = make_madelon(90, 12, n_informative=3, n_redundant=2, n_repeated=0, random_state=0)
    config = make_config(
        {
            "name": "known",
            "dataset": {"source": "made here"},
            "protocol": {"inner_folds": 2, "final": False},
            "fitness": {"classifier": "gaussian_nb"},
            "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
            "seeds": 2,
        }
    )
    _, summary = run_experiment(config, data, tmp_path)
    table = sections(tmp_path / "known")["Selection, probabilities and cost"].table
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["precision"] == f"{summary['precision_mean'].iloc[0]:.3f}"
    assert row["recall"] == f"{summary['recall_mean'].iloc[0]:.3f}"
    masks = []
    for path in sorted((tmp_path / "known" / "runs").glob("*/selected.csv")):
        mask = [0] * 12
        for feature in pd.read_csv(path)["feature"]:
            mask[feature] = 1
        masks.append(mask)
    expected = nogueira_interval(masks)
    assert summary["stability"].iloc[0] == pytest.approx(expected.value)
    assert np.isnan(summary["stability_low"].iloc[0])  # two trials have no interval


def test_small_p_values_are_not_written_as_none():
    assert format_p_value(1e-9) == "<0.001"
    assert format_p_value(0.25) == "0.250"


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
            "n_synthetic": 100,
        },
        "smote": {"generator": {"kind": "smote"}, "n_synthetic": 100},
    },
    "fitness": {"classifier": "knn", "n_neighbors": 10},
    "search": {"population_size": 8, "n_generations": 2, "n_searches": 1},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def report(small_results):
    return write_report(small_results)


def quickstart(folder):
    small = ["search.population_size=8", "search.n_generations=2", "search.n_searches=1"]
    small += ["seeds=2", "arms.augmented.generator.max_epochs=10", "protocol.inner_folds=2"]
    small += ["permutations=1"]
    config = load_config(QUICKSTART, small)
    run_experiment(config, config.dataset.load(beside=QUICKSTART.parent), folder)
    return write_report(folder / "quickstart")


def madelon(folder):
    """Run three arms on planted rows of Madelon's kind."""
    data = make_madelon(300, 50, random_state=0)
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


@pytest.fixture(scope="module", params=VIEWS.values(), ids=VIEWS)
def page(request, browser, report):
    yield from opened(browser, report, *request.param)


@pytest.fixture(params=[VIEWS["wide-light"], VIEWS["narrow-dark"]], ids=["wide", "narrow"])
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


def test_the_answer_comes_first(page):
    answer = page.get_by_role("region", name="Answer")
    headline = answer.locator(".headline")
    assert headline.inner_text().startswith("No signal is shown: no run permuted the labels")
    box = headline.bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"]
    if page.viewport_size["width"] == 1280:
        whole = answer.bounding_box()
        assert whole["y"] + whole["height"] < page.viewport_size["height"]
    asked = answer.locator("dt").all_inner_texts()
    assert asked == ["On unseen rows", "Features", "Against rivals", "Who led", "Generated rows"]
    assert page.locator("h1").inner_text() == (
        "small: balanced accuracy on wine, 178 rows x 13 features"
    )
    tops = [element.bounding_box()["y"] for element in page.locator("h1, section, h2").all()]
    assert tops == sorted(tops)


def test_the_answer_can_be_read_in_both_modes(page):
    colours = page.evaluate(
        "[...document.querySelectorAll('.headline, .answer dt, .answer dd')].map(one => "
        "getComputedStyle(one).color + getComputedStyle(one.closest('.answer')).backgroundColor)"
    )
    for colour in set(colours):
        ink, paper = re.findall(r"\d+, \d+, \d+", colour)
        assert contrast(ink, paper) > 7.0


def contrast(first, second):
    """Return the contrast of two colours as WCAG 2 defines it."""
    lights = []
    for colour in (first, second):
        parts = np.array([int(part) / 255 for part in colour.split(", ")])
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lights.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_wide_tables_say_that_they_scroll(page):
    box, hint = page.locator(".scroll").first, page.locator(".hint").first
    is_wider = box.evaluate("one => one.scrollWidth > one.clientWidth")
    assert is_wider == (page.viewport_size["width"] == 390)
    assert hint.is_visible() == is_wider


def test_words_are_folded_and_explained(page):
    glossary = page.locator("details.glossary")
    assert not glossary.locator("dd").first.is_visible()
    glossary.locator("summary").click()
    words = glossary.locator("dt").all_inner_texts()
    assert {"run", "seed", "trial", "split", "search", "mask", "permuted labels"} <= set(words)
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
    point = page.locator("svg [data-tip]").first
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
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "http" not in text.replace("http-equiv", "")
    for word in ("Arms compared", "too few for a test", "stability", "Nogueira", "vaega report"):
        assert word in text


def test_the_same_results_give_the_same_page(report):
    before = report.read_bytes()
    assert write_report(report.parent).read_bytes() == before


def test_a_single_arm_is_compared_with_nothing(tmp_path):
    text = write_report(run_small(tmp_path, seeds=2, arms={"original": {}})).read_text()
    assert "Arms compared" not in text
    assert "<h2>Features</h2>" in text


def some_runs(n=4):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"arm": np.repeat(["a", "b<c"], n), "seed": [*range(n), *range(n)]})
    table["heldout_score"] = rng.uniform(0.7, 0.9, 2 * n)
    table["inner_score"] = table["heldout_score"] + 0.05
    table["n_features"] = rng.integers(1, 9, 2 * n)
    return table.assign(status="done")


def marks(chart):
    """Return what says its value in a chart: text and height, from the top."""
    drawn = [one for one in ElementTree.fromstring(chart.svg).iter() if one.get("data-tip")]
    return [(one.get("data-tip"), float(one.get("y", "nan"))) for one in drawn]


def drawn_runs(runs, histories=None):
    """Return the charts of the page for a table of runs."""
    fitness = {"classifier": "knn", "metric": "accuracy"}
    config = {"name": "d", "protocol": {"kind": "honest"}, "fitness": fitness}
    config["arms"] = {"a": {}, "b<c": {}, "b": {}}
    results = Results(
        Path(), config, {}, "", runs, runs, histories or {}, features={}, stability={}
    )
    return run_charts(results)


def test_scores_have_a_point_a_run_and_column():
    chart = scores_chart("scores", "t", some_runs(), label="held out")
    assert len(marks(chart)) == 16
    assert any(text.startswith("a, seed 3: heldout score 0.") for text, _ in marks(chart))
    assert "b&lt;c" in chart.svg
    assert "b<c" not in chart.svg
    height = float(ElementTree.fromstring(chart.svg).get("viewBox").split()[-1])
    assert all(0 <= y <= height for _, y in marks(chart))


def test_higher_scores_are_further_right():
    table = pd.DataFrame({"arm": ["a", "a"], "seed": [0, 1], "status": "done", "n_features": 1})
    table = table.assign(heldout_score=[0.5, 0.9], inner_score=0.7)
    chart = scores_chart("scores", "t", table, label="")
    drawn = [one for one in ElementTree.fromstring(chart.svg).iter("use") if one.get("data-tip")]
    low, high = (float(one.get("x")) for one in drawn[:2])
    assert low < high


def test_one_run_has_no_interval_and_nothing_that_is_no_number():
    runs = some_runs(4)
    ends = pd.DataFrame({"arm": runs["arm"].unique(), "heldout_low": 0.5, "heldout_high": 0.9})
    several, without = (plot_scores(arm_points(runs, one)) for one in (ends, None))
    assert len(several.lines) - len(without.lines) == len(ends)  # of the held-out means alone
    assert "nan" not in scores_chart("scores", "t", some_runs(1), label="").svg


def test_sizes_and_scores_say_their_values():
    _, sizes, front = drawn_runs(some_runs())
    assert len(marks(sizes)) == len(marks(front)) == 8
    assert re.fullmatch(r"a, seed 0: n features \d", marks(sizes)[0][0])
    assert re.fullmatch(r"a, seed 0: 0\.\d{3} with \d features", marks(front)[0][0])


def test_curves_are_thinned_and_say_their_values():
    history = pd.DataFrame(np.linspace(0, 1, 3000)[:, None].repeat(2, axis=1))
    *_, evolution = drawn_runs(some_runs(), {"a": history, "b": history.head(2)})
    assert MOST_TIPS - 2 <= len(marks(evolution)) <= MOST_TIPS + 2
    assert any(text.startswith("b, generation 1: 0.0003") for text, _ in marks(evolution))
