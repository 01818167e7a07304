"""What each feature says by itself: written once, of all rows, and read by no run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vaega import load_dataset
from vaega.core.records import read_record, write_record
from vaega.data._dataset import Dataset
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.experiments.univariate import (
    FILE,
    describe_features,
    read_univariate,
    write_univariate,
)
from vaega.selection._effects import class_effects


def config_of(**sections):
    return make_config(
        {
            "name": "small",
            "dataset": {"source": "small.csv"},
            "fitness": {"classifier": "gaussian_nb"},
            "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
            "seeds": 2,
            **sections,
        }
    )


def rows_of(n=40, p=12, **more):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, p)), np.arange(n) % 2
    X[:, 4] += 3.0 * y
    return Dataset.from_arrays(X, y, **more)


def test_the_feature_that_differs_is_known():
    described = describe_features(config_of(), rows_of())
    features = described.features
    assert features["name"].tolist() == [f"x{i}" for i in range(12)]
    assert features["q_value"].idxmin() == features["q_test"].idxmin() == 4
    assert features.loc[4, ["rank_f_classif", "rank_rfe"]].tolist() == [1, 1]
    assert features.loc[4, "low"] > 1.0
    assert described.class_names == ("0", "1")
    assert described.n_rows == 40
    assert not described.remarks


def test_test_rows_are_among_the_rows():
    whole = rows_of()
    parted = Dataset.from_arrays(
        whole.X[:30], whole.y[:30], X_test=whole.X[30:], y_test=whole.y[30:]
    )
    one, other = (describe_features(config_of(), rows) for rows in (whole, parted))
    assert one.features.equals(other.features)


def test_units_are_those_after_logarithms_and_scales_change_nothing():
    rows = rows_of()
    counts = replace(rows, X=np.exp2(rows.X))
    steps = ["log2", {"impute": "median"}, "standardize", "drop_constant"]
    described = describe_features(config_of(preprocess=steps), counts)
    assert described.units == ("log2",)
    expected = class_effects(rows.X, rows.y)["difference"]
    np.testing.assert_allclose(described.features["difference"], expected)
    one, other = (
        describe_features(config_of(preprocess=[step]), counts)
        for step in ("log2p1", "log2(x + 1)")
    )
    assert one.units == other.units == ("log2p1",)
    assert one.features.equals(other.features)
    gaps = counts.X.copy()
    gaps[3, 4] = np.nan
    with_gaps = describe_features(config_of(preprocess=steps), replace(rows, X=gaps))
    assert not with_gaps.remarks
    assert with_gaps.features["q_value"].idxmin() == 4


def test_what_cannot_be_computed_is_said_and_stops_nothing():
    described = describe_features(config_of(preprocess=["log2"]), rows_of())
    assert "log2" in described.remarks[0] or "above 0" in described.remarks[0]
    assert described.remarks[-1].startswith("Filters cannot rank the features")
    assert "rank_f_classif" not in described.features
    assert described.features["q_value"].idxmin() == 4


def test_rows_that_belong_together_count_once():
    rows = rows_of(20)
    copies = Dataset.from_arrays(
        np.repeat(rows.X, 5, axis=0), np.repeat(rows.y, 5), groups=np.repeat(np.arange(20), 5)
    )
    described = describe_features(config_of(), copies)
    assert described.grouped
    assert described.n_rows == 20
    np.testing.assert_allclose(
        described.features["p_value"], class_effects(rows.X, rows.y)["p_value"]
    )


def test_the_file_reads_back_and_is_written_once(tmp_path):
    rows, config = rows_of(relevant=np.arange(12) == 4), config_of()
    write_univariate(tmp_path, config, rows)
    before = (tmp_path / FILE).read_bytes()
    described, read = describe_features(config, rows), read_univariate(tmp_path)
    figures = described.features.select_dtypes("number").columns
    np.testing.assert_allclose(read.features[figures], described.features[figures], rtol=1e-5)
    assert read.features["relevant"].tolist() == rows.relevant.tolist()
    assert read.by_chance["size"][-1] == 12.0
    write_record(tmp_path / FILE, read_record(tmp_path / FILE) | {"n_rows": 1})
    write_univariate(tmp_path, config, rows)
    assert read_univariate(tmp_path).n_rows == 1  # found there, and not computed again
    write_univariate(tmp_path, config_of(seeds=3), rows)
    assert read_univariate(tmp_path).n_rows == 40
    (tmp_path / FILE).write_text("{")
    write_univariate(tmp_path, config, rows)
    assert (tmp_path / FILE).read_bytes() == before


def test_what_a_filter_finds_by_chance_grows_with_its_size_and_is_no_random_draw():
    by_chance = describe_features(config_of(seeds=10), rows_of(40, 400)).by_chance
    assert np.diff(by_chance["largest"]).min() >= -1e-12
    at_10 = dict(zip(by_chance["size"], by_chance["largest"], strict=True))[10.0]
    assert 0.4 < at_10 < 1.0  # 10 of 400 drawn at random agree in two or three of ten trials
    assert (np.array(by_chance["most"]) >= by_chance["largest"]).all()


def test_on_an_official_partition_all_trials_agree_by_chance():
    rows = rows_of()
    parted = Dataset.from_arrays(rows.X[:30], rows.y[:30], X_test=rows.X[30:], y_test=rows.y[30:])
    config = config_of(protocol={"outer": "official"}, seeds=4)
    assert set(describe_features(config, parted).by_chance["largest"]) == {1.0}


@pytest.mark.parametrize("protocol", ["leave-one-out", "kfold"])
def test_every_kind_of_split(protocol):
    config = config_of(protocol={"outer": protocol, "inner_folds": 2})
    by_chance = describe_features(config, rows_of(12)).by_chance
    assert all(0.0 < share <= 1.0 for share in by_chance["largest"])


def test_runs_do_not_read_it(tmp_path):
    config = config_of(dataset={"source": "sklearn:wine"}, protocol={"final": False})
    rows = load_dataset("sklearn:wine")
    run_experiment(config, rows, tmp_path / "a")
    folder = tmp_path / "b" / "small"
    folder.mkdir(parents=True)
    misled = json.loads((tmp_path / "a" / "small" / FILE).read_text())
    for values in misled["features"].values():
        values.reverse()
    (folder / FILE).write_text(json.dumps(misled))
    run_experiment(config, rows, tmp_path / "b")
    for path in sorted((tmp_path / "a" / "small" / "runs").glob("*/selected.csv")):
        assert path.read_bytes() == (folder / "runs" / path.parent.name / path.name).read_bytes()
