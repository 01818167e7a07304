"""Tables of chapter 4, of runs made here and of runs that were recorded."""

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vaega.thesis import chapter4
from vaega.thesis.chapter4 import (
    by_group,
    difference_ends,
    final_populations,
    frequencies,
    gcm_rows,
    generators,
    gisette_sizes,
    mean_ends,
    networks,
    paired_differences,
    stability,
)
from vaega.thesis.groups import GroupRuns, complete_groups
from vaega.thesis.published import find_group, published_groups, published_runs
from vaega.thesis.reproduction import PROTOCOLS, write_table

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def recorded(monkeypatch):
    """Give the tables a small run that was recorded: Leukemia and Madelon, a few seeds."""
    table = pd.read_csv(RECORDED / "runs.csv", dtype={"size": str})
    runs = GroupRuns(table, ("Protocol as-run: recorded.",))
    monkeypatch.setattr(chapter4, "complete_groups", lambda *_, **__: runs)
    return table


@pytest.mark.parametrize(("name", "make"), [("groups", by_group), ("4", final_populations)])
def test_every_cell_is_the_recorded_one(name, make, recorded, request_for):
    found = make(name, request_for()).rows
    found = found[found["protocol"] != ""]
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
    for _, row in rows[(rows["measure"] == "accuracy") & (rows["n"] > 0)].iterrows():
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
    assert set(table.rows["protocol"]) == set(PROTOCOLS)
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
    assert rows["share_of_runs"].between(0.0, 1.0).all()
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


def test_arms_against_original_on_the_same_seeds(smoke):
    request = replace(smoke, groups=("leukemia_001",), protocols=("honest",))
    rows = paired_differences("paired", request).rows
    honest = rows.query("measure == 'accuracy' and effect == 'together'")
    assert honest["arm"].tolist() == ["augmented", "calibrated", "smote"]
    assert (honest["n_pairs"] == 2).all()
    assert set(honest["test"]) == {"Wilcoxon"}
    wide = complete_groups(request).table.pivot(index="seed", columns="arm", values="accuracy")
    for _, row in honest.iterrows():
        expected = (wide[row["arm"]] - wide["original"]).mean()
        assert row["difference"] == pytest.approx(expected)


def test_splits_that_share_rows_have_another_test(smoke):
    rows = paired_differences("paired", replace(smoke, groups=("gcm_45",))).rows
    assert set(rows["protocol"]) == {"as-run", "as-described", "honest"}
    assert "Wilcoxon" not in set(rows["test"])


def test_a_single_arm_has_no_pair(smoke):
    rows = paired_differences("paired", replace(smoke, datasets=("madelon",))).rows
    assert set(rows["group"]) == {"madelon"}


def test_a_row_a_dataset_and_generator(smoke):
    table = generators("generators", smoke)
    assert table.rows[["dataset", "generator"]].values.tolist() == [
        ["leukemia", 0], ["leukemia", 1], ["madelon", 0], ["madelon", 1],
    ]  # fmt: skip
    assert table.rows.filter(like="accuracy").stack().between(0.0, 1.0).all()
    assert (table.rows["epochs"] == 3).all()
    assert table.notes[0].startswith("Protocol as-run: the generator is stopped on the test rows")


def test_the_accuracy_on_all_rows_is_the_mean_over_real_and_synthetic_ones(smoke):
    rows = generators("generators", smoke).rows.query("dataset == 'leukemia'")
    mixed = (20 * rows["accuracy_real_rows"] + 9 * rows["accuracy_synthetic_rows"]) / 29
    assert (mixed - rows["accuracy_all_rows"]).abs().max() < 1e-9


def test_the_two_effects_add_up_to_the_difference(smoke):
    request = replace(smoke, groups=("leukemia_001", "gcm_45"), protocols=("honest",))
    rows = paired_differences("paired", request).rows.query("measure == 'accuracy'")
    wide = rows.pivot(index=["group", "arm"], columns="effect", values="difference")
    assert len(wide) == 6
    sums = (wide["selection"] + wide["final model"]).to_numpy()
    assert sums == pytest.approx(wide["together"].to_numpy())


def test_p_over_all_is_adjusted_over_every_group(monkeypatch, request_for):
    seeds, arms = range(6), ("original", "augmented")
    rows = [
        {"group": group, "dataset": "leukemia", "data": "leukemia", "protocol": "honest"}
        | {"arm": arm, "seed": seed, "n_features": 5.0}
        | {"heldout_real": float("nan"), "elite_accuracy_real": float("nan")}
        | {"accuracy": 0.5 + 0.01 * (seed + 1) * (arm == "augmented")}
        for group in ("leukemia_001", "leukemia_0005")
        for arm in arms
        for seed in seeds
    ]
    runs = GroupRuns(pd.DataFrame(rows), ())
    monkeypatch.setattr(chapter4, "complete_groups", lambda *_, **__: runs)
    found = paired_differences("paired", request_for()).rows.query("measure == 'accuracy'")
    assert found["adjusted_p_value"].tolist() == pytest.approx([2 / 64] * 2)
    assert found["p_over_all"].tolist() == pytest.approx([4 / 64] * 2)


def test_differences_over_rows_and_seeds():
    rng = np.random.default_rng(0)
    rows = rng.choice([-1.0, 0.0, 1.0], size=34, p=[0.1, 0.7, 0.2])
    low, high = difference_ends(np.tile(rows, (10, 1)))  # seeds that differ in nothing
    half = 1.96 * rows.std() / 34**0.5
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)
    assert (low + high) / 2 == pytest.approx(rows.mean())
    assert np.isnan(difference_ends(np.tile(rows, (4, 1)))).all()


def test_fewer_than_five_runs_have_no_interval():
    key, runs = ("gcm_45", "as-described", "original"), GroupRuns(pd.DataFrame(), ())
    assert np.isnan(mean_ends(pd.Series([0.5] * 3 + [0.6]), key, runs, "accuracy")).all()
    values = pd.Series([0.5, 0.6, 0.55, 0.7, 0.5])
    low, high = mean_ends(values, key, runs, "accuracy")
    assert 0.0 < low < values.mean() < high < 1.0
    official = mean_ends(values, ("madelon", "as-described", "original"), runs, "accuracy")
    assert high - low > official[1] - official[0]  # where splits share rows they vary together


def test_groups_without_a_run_have_what_was_published(smoke, tmp_path):
    rows = by_group("groups", replace(smoke, out=tmp_path, finished=True)).rows
    assert set(rows["protocol"]) == {""}
    assert rows["published"].notna().all()
    assert (rows["n"] == 0).all()
