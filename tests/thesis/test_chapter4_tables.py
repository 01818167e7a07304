"""Tables of chapter 4, and the side-by-side cells of a small run that was recorded."""

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vaega.thesis import chapter4 as chapter4_tables
from vaega.thesis.chapter4 import (
    GroupRuns,
    by_group,
    final_populations,
    frequencies,
    gcm_rows,
    gisette_sizes,
    networks,
    stability,
)
from vaega.thesis.published import find_group, published_groups, published_runs, write_table

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def recorded(monkeypatch):
    """Give the tables a small run that was recorded: Leukemia and Madelon, a few seeds."""
    table = pd.read_csv(RECORDED / "runs.csv", dtype={"size": str})
    runs = GroupRuns(table, {}, {}, ("Protocol as-run: recorded.",))
    monkeypatch.setattr(chapter4_tables, "complete_groups", lambda *_, **__: runs)
    return table


@pytest.mark.parametrize(("name", "make"), [("groups", by_group), ("4", final_populations)])
def test_every_cell_is_the_recorded_one(name, make, recorded, request_for):
    found = make(name, request_for()).rows
    expected = pd.read_csv(RECORDED / f"table_{name}.csv", dtype={"size": str})
    assert list(found.columns) == list(expected.columns)
    assert len(found) == len(expected)
    for (_, ours), (_, theirs) in zip(found.iterrows(), expected.iterrows(), strict=True):
        for column in found.columns:
            if isinstance(theirs[column], str):
                assert ours[column] == theirs[column]
            else:
                assert ours[column] == pytest.approx(theirs[column], rel=1e-9, nan_ok=True), column


def test_the_cells_are_those_of_plain_arithmetic(recorded, request_for):
    rows = by_group("groups", request_for()).rows
    for _, row in rows[rows["measure"] == "accuracy"].iterrows():
        own = recorded.query(
            "group == @row.group and protocol == @row.protocol and arm == @row.arm"
        )
        values = own["accuracy"].tolist()
        assert row["mean"] == pytest.approx(statistics.mean(values))
        assert row["sd"] == pytest.approx(statistics.stdev(values))
        names = find_group(row["group"]).published(row["arm"])
        if not names:
            assert np.isnan(row["published"])
            continue
        published = published_groups().set_index("experiment_group").loc[list(names)]
        weights = published["n_runs"]
        assert row["published_n"] == weights.sum()
        mean = np.average(published["accuracy_mean"], weights=weights)
        assert row["published"] == pytest.approx(mean, abs=6e-5)
        theirs = published_runs().query("experiment_group in @names")["population_accuracy"]
        error = (own["accuracy"].var() / len(own) + theirs.var() / len(theirs)) ** 0.5
        assert row["standard_errors"] == pytest.approx(row["difference"] / error)


def test_all_features_are_published_once_a_group(recorded, request_for):
    rows = by_group("groups", request_for()).rows
    madelon = rows.query("group == 'madelon' and measure == 'all_features_accuracy'")
    assert set(madelon.query("arm == 'original'")["published"]) == {0.533}
    assert set(madelon.query("arm == 'augmented'")["published"]) == {0.777}
    assert "honest" not in set(madelon["protocol"])


def test_tables_of_a_smoke_run(smoke):
    table = by_group("groups", smoke)
    assert set(table.rows["protocol"]) == {"as-run", "as-described", "honest"}
    assert table.rows["mean"].notna().all()
    pooled = final_populations("4", replace(smoke, datasets=("madelon",)))
    assert set(pooled.rows["dataset"]) == {"madelon"}
    assert (pooled.rows.query("protocol == 'as-run' and arm == 'original'")["n"] == 4).all()


def test_networks_are_the_presets(request_for):
    assert networks("4.1", request_for()).rows["same"].all()
    assert len(networks("4.1", request_for(datasets=("gcm",))).rows) == 1


def test_gisette_and_gcm(smoke):
    sizes = gisette_sizes("4.2", smoke).rows
    row = sizes.query("protocol == 'as-run' and arm == 'augmented'").iloc[0]
    assert (row["published_mean"], row["n"]) == (424.231, 2)
    counts = gcm_rows("4.3", smoke).rows
    assert counts.query("source == 'published'")["experiments"].sum() == 48
    assert counts.query("source == 'gcm_45, as-run, augmented'")["synthetic_rows"].tolist() == [30]


def test_stability_is_nogueiras(smoke):
    rows = stability("stability", replace(smoke, datasets=("madelon",))).rows
    assert rows["nogueira"].between(-1.0, 1.0).all()
    assert (rows["by_half"] <= rows["ever_selected"]).all()


def test_frequencies_are_shares(smoke):
    rows = frequencies("frequencies", replace(smoke, datasets=("madelon",))).rows
    assert rows[["share_of_runs", "frequency_there"]].stack().between(0.0, 1.0).all()
    assert rows.groupby(["group", "protocol", "arm"]).size().max() == 10


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (by_group, "groups"),
        (final_populations, "4"),
        (gisette_sizes, "4.2"),
        (stability, "stability"),
        (frequencies, "frequencies"),
    ],
)
def test_nothing_to_show_is_an_empty_table(make, name, smoke, tmp_path):
    table = make(name, replace(smoke, datasets=("leukemia",), groups=("madelon",)))
    assert table.rows.empty
    write_table(table, tmp_path, command="vaega")
