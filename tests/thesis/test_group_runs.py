from dataclasses import replace

import pytest

from vaega.thesis.chapter4 import COLUMNS, complete_groups
from vaega.thesis.published import GROUPS, find_group

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
    from vaega.thesis import chapter4 as group_runs

    def missing(config, *, beside):
        raise DataError(f"dataset.source: {config.source!r} is nowhere.")

    monkeypatch.setattr(group_runs, "load_configured", missing)
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
