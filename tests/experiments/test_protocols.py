import numpy as np
import pytest

from vaega import Dataset
from vaega.core.errors import ConfigError
from vaega.experiments.config import ProtocolConfig
from vaega.experiments.protocols import HonestProtocol, SealedRows


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
