"""Groups of chapter 4: configurations by scale and protocol, runs, and the files that keep them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import DataError
from vaega.thesis import groups as module
from vaega.thesis.groups import (
    COLUMNS,
    OFFICIAL_SHARES,
    complete_groups,
    overrides_of,
    read_recorded,
    scaled_config,
    wanted_groups,
    write_recorded,
)
from vaega.thesis.published import GROUPS, find_group
from vaega.thesis.reproduction import HELD_OUT, PROTOCOLS


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scale", ["smoke", "small", "full"])
def test_all_groups_are_valid_at_every_scale(protocol, scale, request_for):
    request = request_for(scale=scale)
    for group, _ in wanted_groups(request, protocols=[protocol]):
        config = scaled_config(group, protocol, request)
        assert config.protocol.kind == protocol.removesuffix("-pooled")
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
    assert {arm.n_synthetic for name, arm in config.arms.items() if name != "original"} == {100}
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
        for protocol in PROTOCOLS:
            found = runs.table.query("group == @group.name and protocol == @protocol")
            arms = ["original"]
            if group.augmented:
                arms.append("augmented")
                arms += ["calibrated", "smote"] * (protocol in HELD_OUT)
            elif protocol != "as-run":
                arms = []
            if protocol == "honest-pooled" and group.dataset not in OFFICIAL_SHARES:
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
    assert len(again.table) == 2 * (2 + 2 + 4 + 4)


def test_more_runs_go_on_from_those_there(smoke):
    told = []
    request = replace(smoke, tell=told.append, n_runs=3, protocols=("as-run",))
    assert len(complete_groups(request, LEUKEMIA).table) == 6
    assert sum(line.startswith("  ") for line in told) == 2


def test_the_last_population_is_what_the_thesis_reports(smoke):
    runs = complete_groups(smoke, LEUKEMIA)
    held_out = runs.table["protocol"].isin(HELD_OUT)
    assert runs.table.loc[~held_out, "all_features_accuracy"].notna().all()
    assert runs.table.loc[held_out, "elite_accuracy"].isna().all()


def test_data_that_are_not_here_are_noted(request_for, monkeypatch, tmp_path):
    def missing(name):
        raise DataError(f"dataset.source: {name!r} is nowhere.")

    monkeypatch.setattr(module, "load_thesis_dataset", missing)
    runs = complete_groups(request_for(protocols=("as-run",)), LEUKEMIA)
    assert runs.table.empty
    sentence = "leukemia_001: not run: dataset.source: 'leukemia' is nowhere."
    assert runs.notes == runs.missing == (sentence,)


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


def test_pooled_splits_test_as_many_rows_as_the_official_part(request_for):
    config = scaled_config(find_group("madelon"), "honest-pooled", request_for(scale="full"))
    assert (config.protocol.kind, config.protocol.outer) == ("honest", "holdout")
    assert round(2600 * config.protocol.test_size) == 600
    assert round(72 * OFFICIAL_SHARES["leukemia"]) == 34


def test_synthetic_test_rows_are_the_rest_of_the_rows(smoke):
    runs = complete_groups(replace(smoke, protocols=("as-run",)), LEUKEMIA).table
    augmented = runs[runs["arm"] == "augmented"]
    mixed = 20 * augmented["elite_accuracy_real"] + 9 * augmented["elite_accuracy_synthetic"]
    assert (mixed / 29).to_numpy() == pytest.approx(augmented["elite_accuracy"].to_numpy())
    assert runs.loc[runs["arm"] == "original", "elite_accuracy_synthetic"].isna().all()


def test_recorded_runs_are_the_runs(smoke, tmp_path):
    runs = complete_groups(smoke, LEUKEMIA)
    write_recorded(runs, tmp_path / "recorded")
    read = read_recorded(tmp_path / "recorded")
    pd.testing.assert_frame_equal(read.table, runs.table, check_dtype=False)
    pd.testing.assert_frame_equal(read.generations, runs.generations, check_dtype=False)
    for kept, had in ((read.masks, runs.masks), (read.predictions, runs.predictions)):
        assert list(kept) == list(had)
        assert all(np.array_equal(kept[key], had[key]) for key in kept)
    assert read.environment == runs.environment
    assert list(read.names["leukemia"]) == list(runs.names["leukemia"])


def test_what_is_finished_is_what_is_recorded_where_no_folder_is(smoke, tmp_path):
    runs = complete_groups(smoke, LEUKEMIA)
    write_recorded(runs, tmp_path / "recorded")
    request = replace(smoke, out=tmp_path, finished=True, protocols=("honest",))
    read = complete_groups(request)
    expected = runs.table[runs.table["protocol"] == "honest"].reset_index(drop=True)
    pd.testing.assert_frame_equal(read.table, expected, check_dtype=False)
    assert {key[1] for key in read.masks} == {key[1] for key in read.predictions} == {"honest"}
    assert read.notes[0].startswith("Protocol honest: ")
