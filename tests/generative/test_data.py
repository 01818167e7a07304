import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._base import repeat_codes
from vaega.generative._calibration import shrink_to_pooled
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import (
    Scaling,
    TrainingData,
    class_means,
    codes_of,
    encode_labels,
    grouped_splits,
    validation_split,
    within_class_variance,
)
from vaega.generative._models import VAE

DATES = [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)]


@pytest.mark.parametrize("y", [[3, -1, 3], ["b", "a", "b"], [True, False, True], [2.0, 1.0, 2.0]])
def test_codes_are_positions_among_the_sorted_classes(y):
    classes, codes = encode_labels(y, 3, required=False)
    assert codes.tolist() == [1, 0, 1]
    assert classes.dtype == np.asarray(y).dtype


@pytest.mark.parametrize("y", [None, [0.1, 0.25, 0.7], [[1, 2], [3, 4], [5, 6]]])
def test_targets_that_are_no_labels_are_left_aside(y):
    classes, codes = encode_labels(y, 3, required=False)
    assert classes is None
    assert codes.tolist() == [0, 0, 0]


def test_required_labels_must_be_labels():
    with pytest.raises(ValueError, match="Unknown label type"):
        encode_labels([0.1, 0.25, 0.7], 3, required=True)


def test_unknown_labels_are_one_sentence():
    classes = np.array(["a", "b"])
    with pytest.raises(InputError, match=r"^VAE: y must hold labels seen in fit, got 'c'"):
        codes_of(["a", "c"], classes, 2, owner="VAE")
    with pytest.raises(InputError, match=r"^VAE: y must hold 3 labels"):
        codes_of(["a"], classes, 3, owner="VAE")
    with pytest.raises(InputError, match=r"^VAE: can generate classes seen in fit only, got 'c'"):
        repeat_codes({"c": 1}, classes, owner="VAE")
    with pytest.raises(InputError, match=r"^VAE: rows of 'a' must be a whole number"):
        repeat_codes({"a": 1.5}, classes, owner="VAE")
    with pytest.raises(InputError, match=r"^VAE: rows of a class need a model fitted with labels"):
        repeat_codes({"a": 1}, None, owner="VAE")


def test_nothing_asked_is_nothing_given():
    codes, labels = repeat_codes({}, np.array([1, 2]), owner="VAE")
    assert (len(codes), len(labels), labels.dtype) == (0, 0, np.array([1]).dtype)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([True, False, True], dtype=object), [False, True]),
        (np.array([3, -1, 3], dtype=object), [-1, 3]),
        (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
        (pd.Series([True, False, True], dtype="boolean"), [False, True]),
        (pd.Series([3, -1, 3], dtype="Int64"), [-1, 3]),
        (pd.Categorical(["b", "a", "b"], categories=["c", "b", "a"]), ["a", "b"]),
        (np.array([["b"], ["a"], ["b"]]), ["a", "b"]),
        (np.array(["2021-01-01", "2020-01-01", "2021-01-01"], "M8[D]"), DATES),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_labels_of_every_type_are_labels(y, classes, required):
    result, codes = encode_labels(y, 3, required=required)
    assert result.tolist() == classes
    assert [type(label) for label in result.tolist()] == [type(label) for label in classes]
    assert codes.tolist() == [1, 0, 1]
    assert codes_of(y, result, 3, owner="VAE").tolist() == [1, 0, 1]
    assert repeat_codes({result[1]: 2}, result, owner="VAE")[0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.array(["a", np.nan, "b"], dtype=object), "a label for every row, got nan"),
        (np.array(["a", None, "b"], dtype=object), "a label for every row, got None"),
        (np.array([1.0, np.nan, 2.0]), "a label for every row, got nan"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), "a label for every row, got <NA>"),
        (np.array([1, "a", 1], dtype=object), "labels of one type, got int, str"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_labels_that_lack_or_cannot_be_ordered_are_one_sentence(y, sentence, required):
    with pytest.raises(InputError, match=f"^VAE: y must hold {sentence}"):
        encode_labels(y, 3, required=required, owner="VAE")


def test_labels_that_lack_are_not_among_those_of_fit():
    with pytest.raises(InputError, match="seen in fit, got None"):
        codes_of(np.array(["a", None], object), np.array(["a", "b"]), 2, owner="VAE")


def test_there_and_back():
    X = np.random.default_rng(0).normal(3.0, 5.0, size=(20, 4))
    scaling = Scaling.fitted(X, owner="VAE")
    rows = scaling.forward(X)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1)
    np.testing.assert_allclose(scaling.backward(rows), X)


def test_rounding_error_is_no_variation():
    X = np.random.default_rng(0).normal(size=(38, 3))
    X[:, 1] = np.log2(20.0)
    scaling = Scaling.fitted(X, owner="VAE")
    assert scaling.varies.tolist() == [True, False, True]
    assert (scaling.backward(scaling.forward(X[:5] + 7))[:, 1] == np.log2(20.0)).all()


def test_without_standardising_only_constants_go():
    X = np.array([[1.0, 5.0], [3.0, 5.0]])
    scaling = Scaling.fitted(X, owner="VAE", standardize=False)
    assert scaling.forward(X).tolist() == [[1.0], [3.0]]
    assert scaling.backward(np.array([[2.0]])).tolist() == [[2.0, 5.0]]


def test_nothing_varies_is_one_sentence():
    with pytest.raises(InputError, match=r"^VAE: needs a column that varies, got 2 constant ones"):
        Scaling.fitted(np.ones((4, 2)), owner="VAE")


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_columns_of_any_size_are_standardised(size):
    X = np.random.default_rng(0).normal(size=(20, 3))
    units = np.array([1.0, 2.0 ** np.round(np.log2(size)), 1.0])
    plain, scaling = (Scaling.fitted(one, owner="VAE") for one in (X, X * units))
    np.testing.assert_allclose(scaling.forward(X * units), plain.forward(X), rtol=1e-12)
    gappy = np.where(X > 1, np.nan, X)
    scaling = Scaling.fitted(gappy * units, owner="VAE")
    expected = Scaling.fitted(gappy, owner="VAE").forward(gappy)
    np.testing.assert_allclose(scaling.forward(gappy * units), expected, rtol=1e-12)
    np.testing.assert_allclose(scaling.backward(expected), gappy * units, rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "most"),
    [(VAE((4,)), r"1e\+12"), (ClassGaussian(), r"1e\+60"), (ProbabilisticPCA(), r"1e\+60")],
)
def test_values_too_large_to_use_as_they_are_are_one_sentence(model, most):
    model = clone(model).set_params(standardize=False)
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[3, 1], X[4, 2] = -1e200, np.nan
    owner = type(model).__name__
    sentence = f"^{owner}: values must be at most {most} in size when they are not standardised, go"
    with pytest.raises(InputError, match=sentence):
        model.fit(X)


def table_of(X, y=None):
    codes = np.zeros(len(X), int) if y is None else y
    return TrainingData.of(X, codes, Scaling.fitted(X, owner="VAE"), labelled=y is not None)


def test_rows_are_on_the_networks_scale():
    X, y = blobs()
    table = table_of(np.insert(X, 3, 7.0, axis=1), y)
    np.testing.assert_allclose(table.values, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-6)
    assert table.values.dtype == np.float32
    assert table.observed is None
    np.testing.assert_allclose(table.class_priors, [0.5, 0.5])


def test_missing_entries_are_the_mean_and_not_seen():
    X, _ = blobs()
    X[::3, 2] = np.nan
    table = table_of(X)
    assert not table.values[::3, 2].any()
    assert not table.observed[::3, 2].any()
    assert table.observed.sum() == X.size - 20
    assert table.within_class_variance()[2] == pytest.approx(1.0, rel=0.05)


def test_gaps_in_a_late_block_are_noted():
    X = np.random.default_rng(0).normal(size=(1000, 3000))
    X[5, 2900] = np.nan
    table = table_of(X)
    assert (~table.observed).sum() == 1
    assert not table.observed[5, 2900]


def test_rows_in_line_are_not_copied():
    table = table_of(blobs()[0])
    assert np.shares_memory(table.take(np.arange(3, 9)), table.values)
    assert len(table.take(np.array([3, 1]))) == 2


def test_a_bernoulli_likelihood_refuses_other_values():
    X, y = blobs()
    with pytest.raises(InputError, match=r"^VAE: likelihood 'bernoulli' is for values from 0 to 1"):
        VAE(likelihood="bernoulli").fit(X, y)


def split(codes, fraction=0.2, seed=0):
    return validation_split(np.asarray(codes), fraction, rng=np.random.default_rng(seed))


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 3),
    st.floats(0.01, 0.99),
    st.integers(0, 5),
)
def test_split_keeps_its_promises(sizes, fraction, seed):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    training, heldout = split(codes, fraction, seed)
    assert sorted([*training, *heldout]) == list(range(len(codes)))
    assert len(training) >= 2
    assert len(heldout) >= 1
    if max(sizes) > 1:
        assert set(codes[training]) == set(codes)


def test_classes_in_proportion():
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    _, heldout = split(codes)
    assert np.bincount(codes[heldout]).tolist() == [10, 6, 4]


@pytest.mark.parametrize("codes", [[0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]])
def test_classes_of_two_rows_keep_one(codes):
    training, _ = split(codes)
    assert set(np.asarray(codes)[training]) == set(codes)


def test_seed_decides():
    codes = np.zeros(50, dtype=int)
    assert split(codes, seed=1)[1].tolist() == split(codes, seed=1)[1].tolist()
    assert split(codes, seed=1)[1].tolist() != split(codes, seed=2)[1].tolist()


def squares(variances, n, seed=0):
    normal = np.random.default_rng(seed).standard_normal((n, len(variances)))
    return variances * np.square(normal)


def shrunk(data):
    return shrink_to_pooled(data.mean(axis=0), len(data))


def test_equal_features_are_pooled():
    estimate = shrunk(squares(np.full(2000, 0.7), 8))
    assert estimate.std() < 0.1 * squares(np.full(2000, 0.7), 8).mean(axis=0).std()


def test_many_rows_keep_their_own_estimate():
    data = squares(np.linspace(0.1, 2.0, 500), 4000)
    np.testing.assert_allclose(shrunk(data), data.mean(axis=0), rtol=0.05)


@pytest.mark.parametrize("n", [4, 8, 40])
def test_shrinking_is_closer_to_the_truth_than_either_extreme(n):
    truth = np.random.default_rng(1).gamma(4.0, 0.25, size=2000)
    data = squares(truth, n)
    own = data.mean(axis=0)

    def loss(estimate):
        return np.square(estimate - truth).mean()

    assert loss(shrunk(data)) < loss(own)
    assert loss(shrunk(data)) < loss(np.full_like(own, own.mean()))


def test_the_mean_is_kept():
    data = squares(np.linspace(0.1, 2.0, 50), 8)
    assert shrunk(data).mean() == pytest.approx(data.mean())


def test_zero_residuals():
    assert not shrunk(np.zeros((3, 4))).any()


def test_within_class_variance_is_the_pooled_estimate():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(9.0, 1.0, size=(7, 3))
    expected = (4 * a.var(axis=0, ddof=1) + 6 * b.var(axis=0, ddof=1)) / 10
    result = within_class_variance(np.vstack([a, b]), np.repeat([0, 1], [5, 7]))
    np.testing.assert_allclose(result, expected)


def test_classes_of_one_row_count_as_one_class():
    assert within_class_variance(np.array([[0.0], [2.0]]), np.array([0, 1])).tolist() == [2.0]


def test_class_means_are_in_the_order_of_codes():
    assert class_means(np.array([[4.0], [1.0], [2.0]]), np.array([1, 0, 1])).tolist() == [[1], [3]]


def test_a_feature_that_was_never_seen_is_pooled():
    result = shrink_to_pooled(np.array([1.0, np.nan, 3.0]), np.array([10, 0, 10]))
    assert result[1] == 2.0


@pytest.mark.parametrize("n_columns", [3, 40_000])
def test_missing_entries_are_left_out(n_columns):
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(30, n_columns)), np.repeat([0, 1], 15)
    seen = rng.random(rows.shape) < 0.7
    hidden = np.where(seen, rows, 99.0)
    first = [rows[(codes == code) & seen[:, 0], 0] for code in (0, 1)]
    scatter = sum(np.square(part - part.mean()).sum() for part in first)
    variance = within_class_variance(hidden, codes, seen)
    assert variance[0] == pytest.approx(scatter / (seen[:, 0].sum() - 2))
    means = class_means(hidden, codes, seen)
    np.testing.assert_allclose(means[:, 0], [part.mean() for part in first])


def test_a_class_without_a_value_has_the_mean_of_the_others():
    rows, codes = np.array([[1.0], [3.0], [0.0]]), np.array([0, 1, 2])
    seen = np.array([[True], [True], [False]])
    assert class_means(rows, codes, seen).ravel().tolist() == [1.0, 3.0, 2.0]


@pytest.mark.parametrize("crossed", [False, True])
def test_groups_are_held_out_whole(rng, crossed):
    groups = np.repeat(np.arange(12), rng.integers(2, 5, size=12))
    codes = groups % 3
    splits = grouped_splits(codes, groups, 0.3, crossed=crossed, rng=rng)
    assert len(splits) == 1 + crossed
    for training, heldout in splits:
        assert sorted([*training, *heldout]) == list(range(len(codes)))
        assert not set(groups[training]) & set(groups[heldout])
        assert set(codes[training]) == {0, 1, 2}
        assert heldout.size
    if crossed:
        assert not set(splits[0][1]) & set(splits[1][1])


def test_a_class_that_shares_its_groups_stays_in_training(rng):
    groups = np.repeat(np.arange(6), 4)
    codes = np.zeros(24, dtype=int)
    codes[::12] = 1  # one row in each of two groups
    for _ in range(20):
        ((training, heldout),) = grouped_splits(codes, groups, 0.4, crossed=False, rng=rng)
        assert set(codes[training]) == {0, 1}
        assert not set(groups[training]) & set(groups[heldout])


def test_two_groups_are_too_few_to_hold_one_out(rng):
    groups, codes = np.repeat([0, 1], 10), np.tile([0, 1], 10)
    ((training, heldout),) = grouped_splits(codes, groups, 0.2, crossed=False, rng=rng)
    assert len(training) + len(heldout) == 20
    assert heldout.size
