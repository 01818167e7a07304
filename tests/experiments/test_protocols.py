import numpy as np
import pytest

from vaega import Dataset
from vaega.core.errors import ConfigError
from vaega.experiments.config import ProtocolConfig
from vaega.experiments.protocols import HonestProtocol, SealedRows, make_protocol, statement_of


@pytest.fixture
def data(rng):
    X, y = rng.normal(size=(40, 3)), np.tile([0, 1], 20)
    return Dataset.from_arrays(X[:30], y[:30], X_test=X[30:], y_test=y[30:])


def trials(data, seed=0, **config):
    return list(HonestProtocol(ProtocolConfig(**config)).trials(data, seed))


def test_the_official_part_is_the_test_part(data):
    (trial,) = trials(data, outer="official", inner_folds=3)
    np.testing.assert_array_equal(trial.X, data.X)
    np.testing.assert_array_equal(trial.test.open()[0], data.X_test)


def test_inner_splits_stay_inside_the_training_rows(data):
    (trial,) = trials(data, outer="holdout", inner_folds=4)
    validated = np.concatenate([split.test for split in trial.inner])
    assert sorted(validated) == list(range(len(trial.X)))


def test_kfold_tests_every_row_once_a_repeat(data):
    parts = [trial.test.open()[0] for trial in trials(data, outer="kfold", n_splits=4, n_repeats=2)]
    assert len(parts) == 8
    everything = np.vstack([data.X, data.X_test])
    for repeat in (parts[:4], parts[4:]):
        assert sorted(np.vstack(repeat)[:, 0]) == sorted(everything[:, 0])


def test_seeds_split_anew_and_equal_seeds_alike(data):
    def first(seed):
        return trials(data, seed, outer="holdout")[0].X

    np.testing.assert_array_equal(first(1), first(1))
    assert first(1).shape != first(2).shape or (first(1) != first(2)).any()


def test_no_official_part(data):
    with pytest.raises(
        ConfigError, match=r"protocol.outer: dataset 'data' has no official test part"
    ):
        trials(data.pooled(), outer="official")


def test_sealed_rows_open_once():
    sealed = SealedRows(np.zeros((2, 2)), np.zeros(2))
    sealed.open()
    with pytest.raises(RuntimeError, match="read already"):
        sealed.open()


def open_trial(data, seed=0, **config):
    return next(iter(make_protocol(ProtocolConfig(outer="official", **config)).trials(data, seed)))


def test_open_protocols_hand_over_the_test_rows(data):
    for kind in ("as-described", "as-run"):
        trial = open_trial(data, kind=kind)
        np.testing.assert_array_equal(trial.X, data.X)
        np.testing.assert_array_equal(trial.X_test, data.X_test)
        np.testing.assert_array_equal(trial.y_test, data.y_test)


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


def test_runs_may_share_a_generator(data):
    def seeds(**config):
        return [open_trial(data, seed, kind="as-run", **config).generator_seed for seed in range(4)]

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
        "kind", "outer", "inner_folds", "test_size", "n_splits", "n_repeats",
    }  # fmt: skip
    assert "inner_folds" not in ProtocolConfig(kind="as-run").model_dump()
