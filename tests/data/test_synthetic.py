import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from vaega.core.errors import InputError
from vaega.data._synthetic import make_madelon


def kinds(dataset):
    return np.array([name.rpartition("_")[0] for name in dataset.feature_names])


def accuracy(dataset, columns):
    model = KNeighborsClassifier(10).fit(dataset.X[:, columns], dataset.y)
    return model.score(dataset.X_test[:, columns], dataset.y_test)


def test_the_default_is_hard_with_all_columns_and_easy_with_the_relevant_ones():
    dataset = make_madelon(n_test=1000, random_state=1)
    assert dataset.X.shape == (2000, 500)
    assert accuracy(dataset, dataset.relevant) >= 0.9
    assert 0.6 <= accuracy(dataset, np.arange(500)) <= 0.75
    assert accuracy(dataset, np.flatnonzero(~dataset.relevant)) < 0.6


def test_no_relevant_column_tells_the_classes_apart_alone():
    dataset = make_madelon(random_state=0)
    means = np.array([dataset.X[dataset.y == code].mean(axis=0) for code in (0, 1)])
    assert np.abs(means[0] - means[1]).max() < 0.7


def test_names_and_mask_tell_the_truth():
    dataset = make_madelon(300, 40, n_informative=4, n_redundant=6, n_repeated=3)
    counts = dict(zip(*np.unique(kinds(dataset), return_counts=True), strict=True))
    assert counts == {"informative": 4, "redundant": 6, "repeated": 3, "probe": 27}
    np.testing.assert_array_equal(dataset.relevant, kinds(dataset) != "probe")
    assert list(kinds(dataset)) != sorted(kinds(dataset))


def test_redundant_columns_are_combinations_and_repeated_ones_copies():
    dataset = make_madelon(200, 30)
    kind, X = kinds(dataset), dataset.X
    informative = X[:, kind == "informative"]
    redundant = X[:, kind == "redundant"]
    weights, *_ = np.linalg.lstsq(informative, redundant, rcond=None)
    np.testing.assert_allclose(informative @ weights, redundant, atol=1e-10)
    originals = X[:, (kind == "informative") | (kind == "redundant")].T.tolist()
    assert all(column in originals for column in X[:, kind == "repeated"].T.tolist())
    probes = X[:, kind == "probe"]
    assert np.abs(np.corrcoef(probes.T) - np.eye(probes.shape[1])).max() < 0.4


def test_same_seed_same_rows_and_the_test_part_changes_nothing():
    one, two = make_madelon(100, 30, random_state=3), make_madelon(100, 30, random_state=3)
    assert one.fingerprint == two.fingerprint
    with_test = make_madelon(100, 30, n_test=50, random_state=3)
    np.testing.assert_array_equal(with_test.X, one.X)
    assert with_test.X_test.shape == (50, 30)
    assert make_madelon(100, 30, random_state=4).fingerprint != one.fingerprint
    assert make_madelon(100, 30, random_state=None).fingerprint != one.fingerprint


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    make_madelon(100, 30, random_state=None)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_classes_are_balanced_without_flips(n_classes):
    dataset = make_madelon(240, 30, n_classes=n_classes, flip_fraction=0.0)
    assert np.bincount(dataset.y).tolist() == pytest.approx([240 / n_classes] * n_classes, abs=15)


def test_flips_touch_the_given_fraction():
    clean = make_madelon(1000, 20, flip_fraction=0.0)
    noisy = make_madelon(1000, 20, flip_fraction=0.2)
    np.testing.assert_array_equal(clean.X, noisy.X)
    assert 0.05 < (clean.y != noisy.y).mean() <= 0.2


@pytest.mark.parametrize("n_informative", [1, 25])
def test_few_and_many_dimensions(n_informative):
    dataset = make_madelon(100, 60, n_informative=n_informative)
    assert int(dataset.relevant.sum()) == n_informative + 15


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_features": 10}, "add up to at most n_features, got 20 of 10"),
        ({"n_rows": 3}, "n_rows must be a whole number, at least 4"),
        ({"n_classes": 1}, "n_classes must be a whole number, at least 2"),
        ({"n_informative": 0}, "n_informative must be a whole number, at least 1"),
        ({"n_redundant": -1}, "n_redundant must be a whole number, at least 0"),
        ({"n_clusters_per_class": 17}, "at most the 32 vertices of 5 informative columns, got 34"),
        ({"n_informative": 1, "n_classes": 3}, "at most the 2 vertices"),
        ({"class_sep": 0}, "class_sep must be a number above 0"),
        ({"flip_fraction": 2}, "flip_fraction must be a probability"),
        ({"n_test": -1}, "n_test must be a whole number, at least 0"),
    ],
)
def test_counts_that_do_not_fit_are_one_sentence(arguments, sentence):
    with pytest.raises(InputError, match=f"make_madelon: .*{sentence}"):
        make_madelon(**arguments)
