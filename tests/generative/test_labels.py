import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.generative.labels import codes_of, encode_labels, repeat_codes


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
