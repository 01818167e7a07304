import numpy as np
import pytest

from vaega import Dataset
from vaega.core.errors import ConfigError
from vaega.experiments.config import ProtocolConfig
from vaega.experiments.protocols import InnerSplits, outer_splits


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
