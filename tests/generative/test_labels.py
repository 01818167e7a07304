import datetime

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import InputError
from vaega.generative._base import repeat_codes
from vaega.generative._data import codes_of, encode_labels

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
    found, codes = encode_labels(y, 3, required=required)
    assert found.tolist() == classes
    assert [type(label) for label in found.tolist()] == [type(label) for label in classes]
    assert codes.tolist() == [1, 0, 1]
    assert codes_of(y, found, 3, owner="VAE").tolist() == [1, 0, 1]
    assert repeat_codes({found[1]: 2}, found, owner="VAE")[0].tolist() == [1, 1]


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
