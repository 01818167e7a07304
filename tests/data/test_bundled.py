import numpy as np
import pytest

from vaega.core.errors import DataError
from vaega.data._sources import BUNDLED, load_bundled


@pytest.mark.parametrize("key", BUNDLED)
def test_each_set_loads_with_names_and_the_size_it_announces(key):
    dataset = load_bundled(key)
    assert f"{dataset.n_rows} rows x {dataset.n_features} features" in BUNDLED[key]
    assert dataset.name == key
    assert dataset.n_missing == 0
    assert key in dataset.origin
    assert dataset.feature_names[0] != "x0"


def test_labels_are_the_class_names():
    from sklearn.datasets import load_digits, load_iris

    iris = load_iris()
    assert load_bundled("iris").labels.tolist() == iris.target_names[iris.target].tolist()
    digits = load_bundled("digits")
    assert digits.class_names == tuple("0123456789")
    np.testing.assert_array_equal(digits.y, load_digits().target)


def test_a_name_can_be_given():
    assert load_bundled("wine", name="cellar").name == "cellar"


@pytest.mark.parametrize("key", ["diabetes", "", "__class__", "files"])
def test_others_are_refused_with_the_list(key):
    with pytest.raises(DataError, match="breast_cancer, digits, iris, wine; got"):
        load_bundled(key)
