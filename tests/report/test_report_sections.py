"""Sections of the report: what results hold is shown, what they lack is left out."""

import json

import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega import make_madelon
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.report import _page as report_sections
from vaega.report._comparison import compare_experiments
from vaega.report._page import further_sections, write_report
from vaega.report._results import read_results
from vaega.selection._stability import nogueira_interval

ARMS = {"original": {}, "jitter": {"generator": {"kind": "jitter", "share": 0.2}, "amount": 40}}


@pytest.fixture
def folder(tmp_path):
    return run_small(tmp_path, seeds=2, arms=ARMS)


def sections(folder):
    return {one.title: one for one in further_sections(read_results(folder))}


def test_every_section_from_the_folder_alone(folder):
    found = sections(folder)
    assert list(found) == ["Selection, probabilities and cost", "Classes", "Synthetic rows"]
    figures = found["Selection, probabilities and cost"]
    assert "precision" not in figures.headings  # nobody knows the truth about wine
    assert [row[0] for row in figures.rows] == ["original", "jitter"]
    metrics = [json.loads(path.read_text()) for path in folder.glob("runs/original-*/metrics.json")]
    row = dict(zip(figures.headings, figures.rows[0], strict=True))
    assert row["Brier"] == f"{sum(one['brier'] for one in metrics) / 2:.3f}"
    assert int(row["asked"]) == int(row["distinct"]) + int(row["reused"])
    assert [row[1] for row in found["Classes"].rows] == ["class_0", "class_1", "class_2"] * 2
    synthetic = found["Synthetic rows"]
    assert synthetic.rows[0][:2] == ["jitter", "GaussianJitter"]
    assert "Rows: real rows filled" in synthetic.charts[0][0]
    assert synthetic.charts[0][1].count("data-tip") > 100


def test_results_of_an_earlier_version_are_read(folder):
    """Take away what this version added; report and comparison go on."""
    for path in folder.glob("runs/*/metrics.json"):
        metrics = json.loads(path.read_text())
        for key in ("classes", "class_names", "brier", "n_reused", "peak_memory_mb", "n_columns"):
            metrics.pop(key)
        for trial in metrics["trials"]:
            trial.pop("brier")
            trial.pop("n_reused")
        path.write_text(json.dumps(metrics))
    for path in folder.glob("runs/*/generator.json"):
        path.unlink()
    runs = pd.read_csv(folder / "runs.csv")
    runs = runs.drop(columns=["n_reused", "brier", "precision", "recall"])
    runs.to_csv(folder / "runs.csv", index=False)
    assert list(sections(folder)) == ["Selection, probabilities and cost"]
    assert "asked" in sections(folder)["Selection, probabilities and cost"].headings
    assert "Arms compared" in write_report(folder).read_text()
    assert compare_experiments([folder]).datasets[0].dataset == "wine"


def test_the_truth_where_it_is_known(tmp_path):
    data = make_madelon(90, 12, n_informative=3, n_redundant=2, n_repeated=0, random_state=0)
    config = make_config(
        {
            "name": "known",
            "dataset": {"source": "made here"},
            "protocol": {"inner_folds": 2},
            "fitness": {"classifier": "gaussian_nb"},
            "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
            "seeds": 2,
        }
    )
    _, summary = run_experiment(config, data, tmp_path)
    section = sections(tmp_path / "known")["Selection, probabilities and cost"]
    row = dict(zip(section.headings, section.rows[0], strict=True))
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
    assert summary["stability_low"].iloc[0] == pytest.approx(expected.low)


def test_small_chances_are_not_written_as_none():
    assert report_sections._chance(1e-9) == "<0.001"
    assert report_sections._chance(0.25) == "0.250"
