"""An experiment's summary in text and as a record."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.report._results import read_results
from vaega.report._tables import TEXT_FORMATS, summary_record, summary_text


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return read_results(run_small(tmp_path_factory.mktemp("results"), seeds=2))


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
    assert record["arms"][0]["n_runs"] == 2
