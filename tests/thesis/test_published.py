"""The facts agree with each other: groups are the means of their runs, counts are whole."""

import numpy as np
import pytest

from vaega.thesis.published import (
    GCM_EXPERIMENTS,
    GISETTE_SIZES,
    GROUPS,
    NETWORKS,
    published_groups,
    published_runs,
)


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
