"""Protocols: which rows are training rows, inner folds and test rows."""

import numpy as np
import pytest

from vaega import Dataset
from vaega.core.errors import ConfigError
from vaega.experiments.config import ProtocolConfig, statement_of
from vaega.experiments.protocols import (
    HonestProtocol,
    InnerSplits,
    SealedRows,
    make_protocol,
    outer_splits,
)


@pytest.fixture
def data(rng):
    return Dataset.from_arrays(rng.normal(size=(30, 3)), np.tile([0, 1, 2], 10))


@pytest.mark.parametrize(
    ("config", "n_splits"),
    [({"outer": "holdout"}, 1), ({"outer": "kfold", "n_splits": 3, "n_repeats": 2}, 6)],
)
def test_splits_are_disjoint_and_whole(data, config, n_splits):
    splits = outer_splits(ProtocolConfig(**config), data, data, seed=0)
    assert len(splits) == n_splits
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(30))


def test_the_official_part_is_wanted_and_missing(data):
    with pytest.raises(ConfigError, match="has no official test part"):
        outer_splits(ProtocolConfig(outer="official"), data, data, seed=0)


def test_inner_splits_take_fewer_folds_on_a_subsample(data):
    inner = InnerSplits(data.y, None, ["a", "b", "c"], n_folds=5)
    assert len(inner(np.arange(30), 0)) == 5
    assert len(inner(np.arange(9), 0)) == 3


@pytest.fixture
def official(rng):
    X, y = rng.normal(size=(40, 3)), np.tile([0, 1], 20)
    return Dataset.from_arrays(X[:30], y[:30], X_test=X[30:], y_test=y[30:])


def trials(official, seed=0, **config):
    return list(HonestProtocol(ProtocolConfig(**config)).trials(official, seed))


def test_the_official_part_is_the_test_part(official):
    (trial,) = trials(official, outer="official", inner_folds=3)
    np.testing.assert_array_equal(trial.X, official.X)
    np.testing.assert_array_equal(trial.test.open()[0], official.X_test)


def test_inner_splits_stay_inside_the_training_rows(official):
    (trial,) = trials(official, outer="holdout", inner_folds=4)
    validated = np.concatenate([split.test for split in trial.inner])
    assert sorted(validated) == list(range(len(trial.X)))


def test_kfold_tests_every_row_once_a_repeat(official):
    parts = [
        trial.test.open()[0] for trial in trials(official, outer="kfold", n_splits=4, n_repeats=2)
    ]
    assert len(parts) == 8
    everything = np.vstack([official.X, official.X_test])
    for repeat in (parts[:4], parts[4:]):
        assert sorted(np.vstack(repeat)[:, 0]) == sorted(everything[:, 0])


def test_seeds_split_anew_and_equal_seeds_alike(official):
    def first(seed):
        return trials(official, seed, outer="holdout")[0].X

    np.testing.assert_array_equal(first(1), first(1))
    assert first(1).shape != first(2).shape or (first(1) != first(2)).any()


def test_no_official_part(official):
    with pytest.raises(
        ConfigError, match=r"protocol.outer: dataset 'data' has no official test part"
    ):
        trials(official.pooled(), outer="official")


def test_sealed_rows_open_once():
    sealed = SealedRows(np.zeros((2, 2)), np.zeros(2))
    sealed.open()
    with pytest.raises(RuntimeError, match="read already"):
        sealed.open()


def first_trial(official, seed=0, **config):
    return next(
        iter(make_protocol(ProtocolConfig(outer="official", **config)).trials(official, seed))
    )


def test_transductive_protocols_hand_over_the_test_rows(official):
    for kind in ("as-described", "as-run"):
        trial = first_trial(official, kind=kind)
        np.testing.assert_array_equal(trial.X, official.X)
        np.testing.assert_array_equal(trial.X_test, official.X_test)
        np.testing.assert_array_equal(trial.y_test, official.y_test)


def test_every_protocol_says_on_which_rows_fitness_is_computed():
    for kind, rows in (
        ("honest", "inner folds of the training rows"),
        ("as-described", "the test rows"),
        ("as-run", "the test rows and 30 % of the synthetic rows"),
    ):
        keys = {"synthetic_test_share": 0.3} if kind == "as-run" else {}
        config = ProtocolConfig(kind=kind, **keys)
        protocol = make_protocol(config)
        assert (protocol.name, protocol.fitness_rows) == (kind, rows)
        assert protocol.statement.startswith(f"Protocol {kind}: fitness is computed on {rows}")
        assert statement_of({"protocol": config.model_dump()}) == protocol.statement


def test_runs_may_share_a_generator(official):
    def seeds(**config):
        return [
            first_trial(official, seed, kind="as-run", **config).generator_seed for seed in range(4)
        ]

    assert len(set(seeds())) == 4
    first, second, third, fourth = seeds(generators=2)
    assert (first, second) == (third, fourth)
    assert first != second


def test_keys_of_another_kind_are_refused_and_not_written():
    with pytest.raises(ValueError, match="inner_folds has no effect with kind: as-run"):
        ProtocolConfig(kind="as-run", inner_folds=3)
    with pytest.raises(ValueError, match="generators has no effect with kind: honest"):
        ProtocolConfig(generators=3)
    with pytest.raises(ValueError, match="exchange_labels has no effect with kind: as-described"):
        ProtocolConfig(kind="as-described", exchange_labels=True)
    assert set(ProtocolConfig().model_dump()) == {
        "kind", "outer", "inner_folds", "test_size", "n_splits", "n_repeats", "final", "final_rows",
    }  # fmt: skip
    assert "inner_folds" not in ProtocolConfig(kind="as-run").model_dump()


@pytest.mark.parametrize(
    ("config", "groups", "n_trials"),
    [
        ({"outer": "leave-one-out"}, None, 12),
        ({"outer": "kfold", "n_splits": 12}, None, 12),
        ({"outer": "leave-one-group-out"}, np.arange(12) // 2, 6),
    ],
)
def test_each_row_or_group_is_a_trial_that_is_pooled(rng, config, groups, n_trials):
    y = np.tile([0, 1], 6) if groups is None else np.arange(12) // 2 % 2
    data = Dataset.from_arrays(rng.normal(size=(12, 3)), y, groups=groups)
    made = trials(data, inner_folds=2, **config)
    assert len(made) == n_trials
    assert all(trial.is_pooled for trial in made)
    assert not any(trial.is_pooled for trial in trials(data, inner_folds=2))


def test_leaving_one_out_says_what_it_needs(rng):
    y = np.arange(12) // 2 % 2
    grouped, plain = (
        Dataset.from_arrays(rng.normal(size=(12, 3)), y, groups=groups)
        for groups in (np.arange(12) // 2, None)
    )
    with pytest.raises(ConfigError, match="leave-one-out would part rows of a group"):
        trials(grouped, outer="leave-one-out")
    with pytest.raises(ConfigError, match="leave-one-group-out needs groups"):
        trials(plain, outer="leave-one-group-out")
    with pytest.raises(ValueError, match="outer: leave-one-out needs kind: honest"):
        ProtocolConfig(outer="leave-one-out", kind="as-run")
    with pytest.raises(ValueError, match="test_size has no effect with outer: leave-one-out"):
        ProtocolConfig(outer="leave-one-out", test_size=0.2)


def test_groups_are_what_a_trial_has_of_independent_rows(rng):
    data = Dataset.from_arrays(
        rng.normal(size=(12, 3)), np.arange(12) // 2 % 2, groups=np.arange(12) // 2
    )
    (trial,) = trials(data, inner_folds=2)
    assert trial.n_independent == len(np.unique(trial.groups)) < len(trial.y)
