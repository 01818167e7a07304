"""The facts agree with each other, and runs are compared with them."""

import statistics

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaega.cli import main
from vaega.core.errors import ConfigError, InputError
from vaega.experiments.baselines import MODELS
from vaega.experiments.config import load_config
from vaega.generative._settings import PRESETS
from vaega.thesis import published
from vaega.thesis.published import (
    GCM_EXPERIMENTS,
    GISETTE_SIZES,
    GROUPS,
    NETWORKS,
    SOURCES,
    compare_group,
    compare_samples,
    config_folder,
    find_group,
    find_source,
    load_thesis_dataset,
    mean_beside,
    published_classes,
    published_groups,
    published_models,
    published_runs,
    published_value,
    quartile_range,
    stand_in_note,
)
from vaega.thesis.reproduction import DATASETS


def test_sizes_of_the_facts():
    assert len(published_groups()) == 26
    assert len(published_runs()) == 363
    assert sum(GCM_EXPERIMENTS.values()) == 48
    assert len(NETWORKS) == 5


def test_a_group_is_the_mean_of_its_runs():
    means = published_runs().groupby("experiment_group")[
        ["population_accuracy", "population_n_features"]
    ]
    groups = published_groups().set_index("experiment_group")
    found = means.mean().loc[groups.index]
    np.testing.assert_allclose(found["population_accuracy"], groups["accuracy_mean"], atol=6e-5)
    np.testing.assert_allclose(found["population_n_features"], groups["n_features_mean"], atol=6e-5)
    assert (means.size().loc[groups.index] == groups["n_runs"]).all()


def test_values_as_published():
    groups = published_groups().set_index("experiment_group")
    for name, n_runs, accuracy, n_features in (
        ("leukemia_base_0009", 30, 0.9898, 62.7337),
        ("mandelon_synthetic", 30, 0.8278, 29.0333),
        ("gisette_base_0005", 13, 0.9599, 424.2308),
        ("gcm_base_0066", 5, 0.5382, 453.696),
        ("all_leukemia_base_0075", 8, 0.6626, 186.8312),
    ):
        row = groups.loc[name]
        assert (row["n_runs"], row["accuracy_mean"], row["n_features_mean"]) == (
            n_runs, accuracy, n_features,
        )  # fmt: skip


def test_every_published_group_belongs_to_one_configuration():
    named = [name for group in GROUPS for name in (*group.original, *group.augmented)]
    assert sorted(named) == sorted(published_groups()["experiment_group"])


@pytest.mark.parametrize(("arm", "n_rows"), [("original", 34), ("augmented", 64)])
def test_leukemia_accuracies_are_counts_over_34_or_64_rows(arm, n_rows):
    """30 synthetic rows were in the test part of the augmented arm."""
    runs = published_runs()
    own = runs[(runs["dataset"] == "leukemia") & (runs["arm"] == arm)]
    for values in (own["all_features_accuracy"], own["elite_accuracy"]):
        assert np.abs(values * n_rows - (values * n_rows).round()).max() < 0.0005 * n_rows + 1e-9


def test_table_4_2_is_that_of_the_runs():
    runs = published_runs()
    own = runs[runs["dataset"] == "gisette"].groupby("arm")["population_n_features"]
    for arm, figures in GISETTE_SIZES.items():
        assert own.mean()[arm] == pytest.approx(figures["mean"], abs=0.001)
        assert own.std()[arm] == pytest.approx(figures["sd"], abs=0.001)


def test_published_populations_had_become_uniform():
    """Without mutation a population converges: its mean is its elite, in nearly every run."""
    runs = published_runs()
    two = runs[runs["dataset"].isin(["leukemia", "madelon", "gisette"])]
    same = (two["population_n_features"] - two["elite_n_features"]).abs() < 0.5
    assert len(two) == 284
    assert same.mean() > 0.97


def test_madelons_test_rows_doubled_between_the_arms():
    groups = published_groups().set_index("experiment_group")["all_features_accuracy"]
    correct = groups["mandelon_synthetic"] * 1200  # of 600 real and 600 synthetic rows
    assert groups["mandelon_base_0023"] * 600 == pytest.approx(320, abs=0.3)
    assert correct > 320 + 600  # real rows as before, every synthetic one, and a few more


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_configuration_is_valid_and_as_run(group):
    assert main(["check", str(group.file()), "--no-data"]) == 0
    config = load_config(group.file())
    assert config.name == group.name
    assert config.protocol.kind == "as-run"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_settings_are_the_published_ones(group):
    config, table = load_config(group.file()), published_groups().set_index("experiment_group")
    for arm in ("original", "augmented"):
        for name in group.published(arm):
            row = table.loc[name]
            assert config.search.population_size == row["population_size"]
            assert config.search.n_generations == row["n_generations"]
            assert config.search.crossover_probability == row["crossover_probability"]
            assert len(config.seed_list()) >= row["n_runs"]


def test_every_file_belongs_to_a_group():
    assert {path.stem for path in config_folder().glob("*.yaml")} == {g.name for g in GROUPS}


def test_every_preset_of_the_thesis_is_used():
    used = {
        arm.generator.parameters()["preset"]
        for group in GROUPS
        for arm in load_config(group.file()).arms.values()
        if arm.generator is not None
    }
    assert used == set(PRESETS) - {"thesis"}


def test_two_class_groups_put_synthetic_rows_among_the_test_rows():
    for group in GROUPS:
        share = load_config(group.file()).protocol.synthetic_test_share
        assert share == (0.3 if group.dataset in ("leukemia", "madelon", "gisette") else 0.0)


def test_an_unknown_group():
    with pytest.raises(ConfigError, match="group must be one of"):
        find_group("iris")


# Copied by hand from the thesis's tables 2.1 and 3.1 to 3.4.
TABLE_2_1 = {
    ("lda", "leukemia"): 0.85,
    ("qda", "leukemia"): 0.50,
    ("adaboost", "madelon"): 0.84,
    ("bagging", "madelon"): 0.91,
    ("gradient_boosting", "gisette"): 1.00,
    ("sgd", "gcm"): 0.71,
    ("mlp", "gcm"): 0.68,
}
SUMS = {
    # table: support, accuracy and macro-F1 of real rows, then of synthetic rows
    "3.1": (22, 0.81, 0.79, 0.95, 0.95),
    "3.2": (780, 0.55, 0.55, 0.57, 0.56),
    "3.3": (1800, 0.97, 0.98, 0.95, 0.96),
    "3.4": (57, 0.54, 0.51, 0.54, 0.50),
}


def test_table_2_1():
    table = published_models().set_index(["model", "dataset"])["test"]
    for place, value in TABLE_2_1.items():
        assert table[place] == value
    assert set(published_models()["model"]) == set(MODELS)
    counts = published_models()["dataset"].value_counts()
    assert counts.to_dict() == {"leukemia": 18, "madelon": 18, "gisette": 17, "gcm": 10}


@pytest.mark.parametrize("table", SUMS)
def test_tables_3(table):
    support, *figures = SUMS[table]
    found = [
        published_value(table, trained_on, "real", label, "f1")
        for trained_on in ("real", "synthetic")
        for label in ("accuracy", "macro average")
    ]
    assert found == figures
    assert published_value(table, "real", "real", "accuracy", "support") == support


def test_table_2_2_sums_to_its_46_rows():
    lines = published_classes()
    lines = lines[lines["table"] == "2.2"]
    sums = lines[lines["label"].isin(["accuracy", "macro average", "weighted average"])]
    assert lines.drop(sums.index)["support"].sum() == 46
    assert published_value("2.2", "real", "real", "accuracy", "f1") == 0.70
    assert published_value("2.2", "real", "real", "macro average", "precision") == 0.68


def test_table_4_4():
    assert published_value("4.4", "synthetic", "synthetic", "accuracy", "f1") == 1.0
    assert published_value("4.4", "synthetic", "synthetic", "accuracy", "support") == 420
    assert published_value("4.4", "synthetic", "real", "accuracy", "f1") == 0.5


@pytest.mark.parametrize(
    ("table", "trained_on"), [("3.4", "real"), ("3.4", "synthetic"), ("2.2", "real")]
)
def test_classes_agree_with_their_macro_average(table, trained_on):
    lines = published_classes()
    lines = lines[(lines["table"] == table) & (lines["trained_on"] == trained_on)]
    classes = lines[~lines["label"].str.contains("average|accuracy")]
    for column in ("precision", "recall", "f1"):
        printed = published_value(table, trained_on, "real", "macro average", column)
        assert np.mean(classes[column]) == pytest.approx(printed, abs=0.011)


def test_what_is_not_printed_is_missing():
    assert pd.isna(published_value("3.1", "real", "synthetic", "accuracy", "f1"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAEGA_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def write(name):
        arrays = {"X_train": np.eye(4), "y_train": np.array(["a", "b", "a", "b"])}
        np.savez_compressed(tmp_path / f"{name}.npz", **arrays)

    return write


def test_every_dataset_of_the_thesis_has_a_source():
    assert tuple(SOURCES) == DATASETS


def test_the_dataset_itself_comes_first_then_its_stand_in(folder):
    assert find_source("gisette") == "gisette"  # to be fetched
    folder("gisette_surrogate")
    assert find_source("gisette") == "gisette_surrogate"
    folder("gisette")
    assert find_source("gisette") == "gisette"


def test_a_stand_in_keeps_its_own_name(folder):
    folder("gcm1363")
    dataset = load_thesis_dataset("gcm")
    assert dataset.name == "gcm1363"
    assert stand_in_note("gcm", dataset.name).startswith("gcm1363 stands in for the thesis's gcm")
    assert stand_in_note("gcm", "gcm") is None


def test_an_unknown_dataset_is_refused():
    with pytest.raises(InputError, match=r"dataset must be one of all-leukemia, gcm"):
        find_source("wine")
    assert published.SOURCES["madelon"] == ("madelon",)


def test_figures_are_those_of_the_textbook():
    theirs, ours = [0.70, 0.74, 0.78, 0.80], [0.75, 0.79, 0.81]
    found = compare_samples(theirs, ours)
    error = (statistics.variance(theirs) / 4 + statistics.variance(ours) / 3) ** 0.5
    assert found["published"] == pytest.approx(statistics.mean(theirs))
    assert found["published_sd"] == pytest.approx(statistics.stdev(theirs))
    assert (found["published_n"], found["n"]) == (4, 3)
    assert found["difference"] == pytest.approx(statistics.mean(ours) - statistics.mean(theirs))
    assert found["standard_errors"] == pytest.approx(found["difference"] / error)
    assert np.isnan(found["low"])  # what it is of, those who know the splits say


@pytest.mark.parametrize(("theirs", "ours"), [([], [0.5, 0.6]), ([0.5], [0.6]), ([], [])])
def test_too_few_runs_give_no_distance(theirs, ours):
    assert np.isnan(compare_samples(theirs, ours)["standard_errors"])


def test_runs_without_spread():
    assert compare_samples([0.5, 0.5], [0.5, 0.5])["standard_errors"] == 0.0
    assert np.isnan(compare_samples([0.5, 0.5], [0.6, 0.6])["standard_errors"])


def test_published_runs_of_several_groups_are_pooled():
    groups = ["gisette_base_0020", "gisette_base_0022"]
    found = compare_group(pd.DataFrame({"n_features": [430.0, 440.0]}), groups, "n_features")
    runs = published_runs()
    values = runs.loc[runs["experiment_group"].isin(groups), "population_n_features"]
    assert (found["published"], found["published_n"]) == (pytest.approx(values.mean()), 12)


def test_quartiles():
    assert np.isnan(quartile_range([]))
    assert quartile_range([3.0]) == 0.0


def test_the_interval_knows_of_shared_rows(rng):
    values = rng.normal(0.7, 0.1, size=12)
    found = mean_beside(0.6, values.tolist(), test_share=3 / 7)
    error = values.std(ddof=1) * (1 / 12 + 3 / 7) ** 0.5
    half = stats.t.ppf(0.975, 11) * error
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.1)
    assert found["low"] < values.mean() < found["high"] < 1.0
    assert found["standard_errors"] == pytest.approx(stats.ttest_1samp(values, 0.6).statistic)
    assert (found["n"], found["published"]) == (12, 0.6)


def test_one_run_has_a_mean_and_no_spread():
    found = mean_beside(0.5, [0.75], test_share=0.25)
    assert (found["mean"], found["n"]) == (0.75, 1)
    assert all(np.isnan(found[name]) for name in ("sd", "low", "high", "standard_errors"))


def test_runs_that_agree_have_no_standard_error_to_count_in():
    found = mean_beside(0.5, [1.0] * 6, test_share=0.25)
    assert found["sd"] == 0.0
    assert np.isnan([found["low"], found["standard_errors"]]).all()


def test_no_run_at_all():
    assert np.isnan(mean_beside(0.5, [], test_share=0.25)["mean"])
