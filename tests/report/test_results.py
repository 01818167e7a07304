"""Results read back: what was selected, how often, and how stably."""

import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import vaega.report
from tests.report.experiments import run_small
from vaega.cli import main
from vaega.core.errors import ResultsError
from vaega.core.tables import TextTable
from vaega.core.terminal import fitting, terminal_table
from vaega.experiments.pooling import POOLED_NOTE
from vaega.experiments.store import mean_interval, summarise
from vaega.report._page import lead_section
from vaega.report._results import (
    SUMMARY_COLUMNS,
    TEXT_FORMATS,
    chance_sentences,
    failure_sentences,
    few_runs_sentences,
    lead_sentences,
    pooled_sentences,
    read_results,
    summary_record,
    summary_table,
    summary_text,
)
from vaega.selection._stability import nogueira_interval


@pytest.fixture(scope="module")
def results(small_results):
    return read_results(small_results)


def test_every_arm_has_features_and_a_history(results):
    assert list(results.features) == list(results.histories) == ["original", "jitter", "bootstrap"]
    for table in results.features.values():
        assert table["share"].between(0, 1).all()
        assert table["share"].is_monotonic_decreasing


def test_stability_is_nogueiras_over_all_columns(results):
    masks = np.zeros((3, 13), dtype=bool)
    for seed, run in enumerate(sorted((results.folder / "runs").glob("jitter-0*"))):
        masks[seed, pd.read_csv(run / "selected.csv")["feature"]] = True
    assert results.stability["jitter"].value == nogueira_interval(masks).value
    assert np.isnan(results.stability["jitter"].low)  # fewer than five trials have no interval


def test_terminal_page_and_files_print_the_same_interval(tmp_path, capsys):
    folder = run_small(tmp_path, seeds=5, arms={"original": {}})
    (row,) = pd.read_csv(folder / "summary.csv").to_dict("records")
    interval = f"{row['heldout_mean']:.3f} [{row['heldout_low']:.3f}, {row['heldout_high']:.3f}]"
    assert 0.0 < row["heldout_low"] < row["heldout_mean"] < row["heldout_high"] < 1.0
    results = read_results(folder)
    texts = [summary_text(results, kind, command="") for kind in ("markdown", "latex")]
    capsys.readouterr()
    assert main(["report", str(folder)]) == 0
    texts += [capsys.readouterr().out, (folder / "report.html").read_text()]
    assert [interval in " ".join(text.split()) for text in texts] == [True] * 4
    of_csv = pd.read_csv(io.StringIO(summary_text(results, "csv", command="")))
    assert of_csv["heldout_low"].iloc[0] == pytest.approx(row["heldout_low"])


def test_one_run_has_no_stability(tmp_path):
    alone = read_results(run_small(tmp_path, seeds=1, arms={"original": {}}))
    assert alone.stability == {}


def test_a_run_that_was_killed_between_its_files_is_left_out(tmp_path):
    folder = run_small(tmp_path, seeds=3, arms={"original": {}})
    next((folder / "runs").glob("original-001-*/metrics.json")).unlink()
    assert read_results(folder).histories["original"].shape[1] == 2


def test_searches_that_vote_have_a_curve_each(tmp_path):
    found = read_results(run_small(tmp_path, seeds=2, arms={"original": {}}, n_searches=3))
    curves = found.histories["original"]
    assert curves.shape[1] == 2 * 3
    assert curves.index.is_unique
    assert curves.index.is_monotonic_increasing


def test_no_results_there(tmp_path):
    with pytest.raises(ResultsError, match=r"is no results folder, it has no runs\.csv\.$"):
        read_results(tmp_path)


@pytest.fixture
def runs():
    return pd.DataFrame(
        {
            "dataset": "d",
            "arm": ["original"] * 3 + ["augmented"] * 3,
            "seed": [0, 1, 2] * 2,
            "status": ["done"] * 5 + ["failed"],
            "heldout_score": [0.8, 0.9, 1.0, 0.7, 0.9, np.nan],
            "inner_score": [0.9, 0.95, 1.0, 0.8, 0.9, np.nan],
            "optimism": [0.1, 0.05, 0.0, 0.1, 0.0, np.nan],
            "n_features": [3, 4, 5, 6, 7, np.nan],
            "n_asked": 100,
            "n_distinct": [90, 80, 70, 60, 50, np.nan],
            "seconds": 12.34,
        }
    )


def test_failed_runs_do_not_count(runs):
    summary = summarise(runs)
    assert list(summary["arm"]) == ["original", "augmented"]
    assert list(summary["n_runs"]) == [3, 2]
    assert summary["heldout_mean"].tolist() == pytest.approx([0.9, 0.8])


def test_the_interval_is_students():
    # scipy.stats.ttest_1samp([...]).confidence_interval() gives the same
    from scipy import stats

    values = np.array([0.81, 0.93, 0.88, 0.90])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_interval(values)[1:] == pytest.approx((expected.low, expected.high))


def test_one_run_has_no_interval(runs):
    summary = summarise(runs[:1])
    assert np.isnan(summary["heldout_low"].item())
    assert "[" not in summary_table(summary).markdown().split("---:")[-1]


def test_no_runs_no_rows(runs):
    assert len(summarise(runs[5:])) == 0


def test_the_table_fits_eighty_columns(runs):
    screen = io.StringIO()
    Console(file=screen, width=80).print(terminal_table(summary_table(summarise(runs), title="d")))
    text = screen.getvalue()
    for word in ("0.900 [0.652, 1.148]", "+0.050", "original", "12.3", "seconds"):
        assert word in text
    assert "…" not in text


def with_null(runs, **figures):
    return summarise(runs).assign(null_inner_mean=0.6, **figures)


def test_chance_has_a_column_and_a_sentence_where_it_is_not_beaten(runs):
    of_null = {"null_heldout_mean": [0.5, 0.52], "null_permutations": [99, 9]}
    summary = with_null(runs, **of_null, p_value=[0.01, 0.1])
    table = summary_table(summary)
    assert table.columns[2:4] == ["held-out [95 %]", "p"]
    assert [row[3] for row in table.rows] == ["0.010", "0.100"]
    assert chance_sentences(summary) == [
        "augmented: not shown to do better than searches on permuted labels, whose held-out score "
        "is 0.520 over 9 permutations (p = 0.100; so few cannot show it)."
    ]
    assert chance_sentences(summarise(runs)) == []


def test_a_terminal_that_is_too_narrow_loses_the_last_columns_whole():
    table = TextTable(("arm", "score here", "p"), [["a", "0.123 [0.1, 0.2]", "0.01"]])
    assert fitting(table, 80) == (table, [])
    shown, left_out = fitting(table, 21)  # a column and 16 letters, and 4 with 2 gaps are 25
    assert (list(shown.columns), left_out) == (["arm", "score here"], ["p"])
    assert [list(row) for row in shown.rows] == [["a", "0.123 [0.1, 0.2]"]]
    assert len(fitting(table, 3)[0].columns) == 2


def test_too_few_runs_for_an_interval_are_said(runs):
    assert few_runs_sentences(summarise(runs)) == ["Fewer than 5 runs have no interval."]
    assert few_runs_sentences(summarise(runs).assign(n_runs=5)) == []


def test_failures_and_pooled_scores_are_said(results):
    failed = {"masks on which the classifier failed, the first time: no rank.": 7, "W: slow": 3}
    metrics = {"plain": [{"warnings": {"W: slow": 1}}], "qda": [{"warnings": failed}] * 2}
    assert failure_sentences(SimpleNamespace(metrics=metrics)) == [
        "qda: the classifier failed on 14 masks, which count as the worst; metrics.json of a run "
        "says why."
    ]
    assert pooled_sentences(replace(results, metrics=metrics)) == []
    metrics["plain"][0]["pooled"] = True
    assert pooled_sentences(replace(results, metrics=metrics)) == [POOLED_NOTE]


def test_markdown(runs):
    lines = summary_table(summarise(runs)).markdown().splitlines()
    assert len(lines) == 4
    assert all(line.count("|") == len(SUMMARY_COLUMNS) + 1 for line in lines)


@pytest.mark.parametrize("kind", TEXT_FORMATS)
def test_every_form_has_every_arm_and_ends_its_line(results, kind):
    text = summary_text(results, kind)
    assert all(arm in text for arm in ("original", "jitter", "bootstrap"))
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_csv_loses_nothing(results):
    read = pd.read_csv(io.StringIO(summary_text(results, "csv")))
    pd.testing.assert_frame_equal(read, results.summary, check_dtype=False)


def test_the_protocol_and_the_command_are_named(results):
    markdown = summary_text(results, "markdown", command="vaega report x_1")
    assert "Protocol honest: " in markdown
    assert "Command: `vaega report x_1`" in markdown
    assert summary_text(results, "latex", command="vaega report x_1").splitlines()[1] == (
        r"% vaega report x\_1"
    )


def test_figures_that_were_seen_are_not_called_held_out(results):
    opened = replace(
        results,
        config={**results.config, "protocol": {"kind": "as-described"}},
        summary=results.summary.assign(protocol="as-described"),
    )
    for kind in ("markdown", "latex"):
        text = summary_text(opened, kind)
        assert "held-out" not in text
        assert "optimistic" in text


def test_the_record_is_json_without_nan(results):
    missing = replace(results, runs=results.runs.assign(heldout_score=np.nan))
    record = json.loads(json.dumps(summary_record(missing), allow_nan=False))
    assert {run["heldout_score"] for run in record["runs"]} == {None}
    assert record["arms"][0]["n_runs"] == 3


def test_every_public_name_loads():
    assert all(getattr(vaega.report, name) is not None for name in vaega.report.__all__)


def voted(*leaders, gain=0.02):
    """Runs that recorded one trial each, led by these."""
    names = ("stack", "votes", "votes and guide", "rfe")
    return [
        {
            "candidates": [
                {
                    "trial": 0, "candidate": name, "n_features": 10, "score": 0.8,
                    "standard_error": 0.05, "gain": gain if name == "votes and guide" else 0.0,
                    "gain_error": 0.03, "leads": name == leader,
                }
                for name in names
            ]
        }
        for leader in leaders
    ]  # fmt: skip


def test_who_led_is_said_in_a_sentence_an_arm():
    sentences = lead_sentences(
        {"original": voted("stack", "stack", "votes"), "forest": [{"status": "done"}]}
    )
    assert sentences == [
        "original: the searches led in 1 of 3 trials (stack 2, votes 1); votes and guide less "
        "stack on unseen rows: +0.020 ± 0.030."
    ]


def test_error_control_has_no_leader():
    (sentence,) = lead_sentences({"original": voted("nobody")})
    assert sentence == "original: error control selected, and none of the rankings led."


def test_gains_that_nobody_could_measure_are_left_out():
    (sentence,) = lead_sentences({"original": voted("stack", gain=None)})
    assert sentence == "original: the searches led in 0 of 1 trial (stack 1)."


def test_the_page_shows_the_candidates_of_each_arm(results):
    section = lead_section(replace(results, metrics={"original": voted("stack", "rfe")}))
    assert [row[1] for row in section.table.rows] == ["stack", "votes", "votes and guide", "rfe"]
    assert [row[-1] for row in section.table.rows] == ["1", "0", "0", "1"]
    assert "the searches led in 0 of 2" in section.sentences[0]
