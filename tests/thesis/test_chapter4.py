"""Chapter 4: configurations by scale and protocol, runs of groups, tables and figures."""

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vaega.thesis import chapter4
from vaega.thesis.chapter4 import (
    BOXES,
    BY_SIZE,
    COLUMNS,
    OF_ALL,
    GroupRuns,
    all_datasets,
    box_plots,
    by_group,
    by_size,
    complete_groups,
    convergence,
    final_populations,
    frequencies,
    gcm_rows,
    generators,
    gisette_sizes,
    networks,
    overrides_of,
    paired_differences,
    scaled_config,
    stability,
)
from vaega.thesis.published import GROUPS, find_group, published_groups, published_runs
from vaega.thesis.reproduction import PROTOCOLS, write_picture, write_table


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scale", ["smoke", "small", "full"])
def test_all_groups_are_valid_at_every_scale(protocol, scale, request_for):
    for group in GROUPS:
        config = scaled_config(group, protocol, request_for(scale=scale))
        assert config.protocol.kind == protocol
        assert config.name == f"{group.name}_{protocol}"


def test_full_is_the_file_itself_under_as_run(request_for):
    request = request_for(scale="full")
    assert overrides_of(find_group("leukemia_001"), "as-run", request) == [
        "name=leukemia_001_as-run",
        "dataset.source=leukemia",
    ]


def test_honest_has_the_arms_of_the_paired_comparison(request_for):
    config = scaled_config(find_group("leukemia_001"), "honest", request_for(scale="full"))
    assert list(config.arms) == ["original", "augmented", "calibrated", "smote"]
    assert config.arms["augmented"].generator.parameters()["noise"] is False
    assert "noise" not in config.arms["calibrated"].generator.parameters()
    assert {arm.amount for name, arm in config.arms.items() if name != "original"} == {100}
    assert config.fitness.classifier_parameters()["random_state"] is None


def test_as_described_differs_from_as_run_in_the_protocol_alone(request_for):
    request = request_for(scale="full")
    group = find_group("madelon")
    ours, theirs = (scaled_config(group, name, request) for name in ("as-described", "as-run"))
    assert ours.search == theirs.search
    assert ours.fitness == theirs.fitness
    assert ours.protocol.model_dump() == {"kind": "as-described", "outer": "official",
        "test_size": 0.3, "n_splits": 5, "n_repeats": 1}  # fmt: skip


def test_a_stand_in_goes_under_its_own_name_and_keeps_fewer(request_for):
    config = scaled_config(find_group("gcm_45"), "as-run", request_for(scale="full"))
    assert config.dataset.source == "gcm1363"
    assert config.search.preselect.keep == 800


def test_runs_in_place_of_the_scale(request_for):
    config = scaled_config(find_group("madelon"), "as-run", request_for(scale="full", n_runs=4))
    assert config.seed_list() == [0, 1, 2, 3]


LEUKEMIA = [find_group("leukemia_001")]


def test_all_groups_under_all_protocols(smoke):
    runs = complete_groups(smoke)
    assert tuple(runs.table.columns) == COLUMNS
    for group in GROUPS:
        for protocol in ("as-run", "as-described", "honest"):
            found = runs.table.query("group == @group.name and protocol == @protocol")
            arms = ["original"]
            if group.augmented:
                arms.append("augmented")
                arms += ["calibrated", "smote"] * (protocol == "honest")
            elif protocol != "as-run":
                arms = []
            assert found["arm"].unique().tolist() == arms
            assert (found.groupby("arm")["seed"].nunique() == 2).all()


def test_every_protocol_and_stand_in_is_named(smoke):
    notes = complete_groups(smoke).notes
    for protocol in ("as-run", "as-described", "honest"):
        assert any(note.startswith(f"Protocol {protocol}: fitness is computed") for note in notes)
    for name in ("gisette_surrogate", "gcm1363", "all_leukemia_yeoh6"):
        assert any(note.startswith(f"{name} stands in for") for note in notes)
    assert any("seeds 0 to 1" in note and "scikit-learn" in note for note in notes)


def test_finished_runs_are_read_not_repeated(smoke):
    complete_groups(smoke, LEUKEMIA)
    told = []
    again = complete_groups(replace(smoke, tell=told.append), LEUKEMIA)
    assert [line for line in told if line.startswith("  ")] == []
    assert len(again.table) == 2 * (2 + 2 + 4)


def test_more_runs_go_on_from_those_there(smoke):
    told = []
    request = replace(smoke, tell=told.append, n_runs=3, protocols=("as-run",))
    assert len(complete_groups(request, LEUKEMIA).table) == 6
    assert sum(line.startswith("  ") for line in told) == 2


def test_the_last_population_is_what_the_thesis_reports(smoke):
    runs = complete_groups(smoke, LEUKEMIA)
    for (_, protocol, _), records in runs.records.items():
        assert protocol in ("as-run", "as-described", "honest")
        assert all(record.is_done for record in records)
    opened = runs.table[runs.table["protocol"] != "honest"]
    assert opened["all_features_accuracy"].notna().all()
    assert runs.table.loc[runs.table["protocol"] == "honest", "elite_accuracy"].isna().all()


def test_data_that_are_not_here_are_noted(request_for, monkeypatch, tmp_path):
    from vaega.core.errors import DataError
    from vaega.experiments.config import DatasetConfig

    def missing(config, *, beside):
        raise DataError(f"dataset.source: {config.source!r} is nowhere.")

    monkeypatch.setattr(DatasetConfig, "load", missing)
    runs = complete_groups(request_for(protocols=("as-run",)), LEUKEMIA)
    assert runs.table.empty
    assert runs.notes == ("leukemia_001: not run: dataset.source: 'leukemia' is nowhere.",)


@pytest.mark.parametrize("dataset", ["madelon", "gcm"])
def test_datasets_asked_for(smoke, dataset):
    found = complete_groups(replace(smoke, datasets=(dataset,), protocols=("as-run",)))
    assert set(found.table["dataset"]) == {dataset}


def test_finished_runs_alone_are_shown(smoke, tmp_path):
    complete_groups(smoke, LEUKEMIA)
    request = replace(smoke, finished=True, n_runs=9, protocols=("as-run",))
    assert complete_groups(request, LEUKEMIA).table["seed"].nunique() in (2, 3)
    nothing = complete_groups(replace(request, out=tmp_path), LEUKEMIA)
    assert nothing.table.empty
    assert nothing.notes == ()
    assert list(tmp_path.iterdir()) == []


RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def recorded(monkeypatch):
    """Give the tables a small run that was recorded: Leukemia and Madelon, a few seeds."""
    table = pd.read_csv(RECORDED / "runs.csv", dtype={"size": str})
    runs = GroupRuns(table, {}, {}, ("Protocol as-run: recorded.",))
    monkeypatch.setattr(chapter4, "complete_groups", lambda *_, **__: runs)
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


@pytest.mark.parametrize("name", BOXES)
def test_box_plots(name, smoke, tmp_path):
    picture = box_plots(name, smoke)
    assert set(picture.rows["source"]) == {"published", "as-run", "as-described", "honest"}
    assert picture.rows["source"].iloc[0] == "published"
    assert picture.rows["accuracy"].notna().all()
    assert set(picture.rows["group"]) == set(BOXES[name])
    assert any(note.startswith("Protocol as-run") for note in picture.notes)


@pytest.mark.parametrize("name", BY_SIZE)
def test_by_size(name, smoke, tmp_path):
    _, sizes = BY_SIZE[name]
    picture = by_size(name, smoke)
    assert set(picture.rows["size"]) == set(sizes)
    figure = picture.draw(picture.rows)
    assert [ax.get_title() for ax in figure.axes] == [f"size {size}" for size in sizes]


@pytest.mark.parametrize("name", OF_ALL)
def test_all_datasets(name, smoke, tmp_path):
    picture = all_datasets(name, smoke)
    assert len(picture.draw(picture.rows).axes) == 5
    write_picture(picture, tmp_path, command="vaega")
    assert (tmp_path / f"figure_{name}.png").stat().st_size > 10_000


def test_boxes_show_every_run(smoke):
    picture = box_plots("4.9", smoke)
    figure = picture.draw(picture.rows)
    for ax, measure in zip(figure.axes, ("accuracy", "n_features"), strict=True):
        drawn = sum(len(points.get_offsets()) for points in ax.collections)
        assert drawn == picture.rows[measure].notna().sum()


def test_convergence_by_generation(smoke):
    picture = convergence("convergence", replace(smoke, datasets=("madelon", "gcm")))
    assert set(picture.rows["protocol"]) == {"as-run", "as-described"}
    assert set(picture.rows["generation"]) == {1, 2}
    assert picture.rows["mean_accuracy"].between(0.0, 1.0).all()
    assert picture.draw(picture.rows).axes


@pytest.mark.parametrize(
    ("make", "name"),
    [(box_plots, "4.8"), (by_size, "4.12"), (all_datasets, "4.17"), (convergence, "convergence")],
)
def test_nothing_to_show_is_an_empty_figure(make, name, smoke, tmp_path):
    request = replace(smoke, datasets=("leukemia",), protocols=("honest",), groups=("madelon",))
    picture = make(name, request)
    assert picture.rows.empty or set(picture.rows["source"]) == {"published"}
    write_picture(picture, tmp_path, command="vaega")


def test_arms_against_original_on_the_same_seeds(smoke):
    request = replace(smoke, groups=("leukemia_001",), protocols=("honest",))
    rows = paired_differences("paired", request).rows
    honest = rows.query("measure == 'accuracy'")
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
