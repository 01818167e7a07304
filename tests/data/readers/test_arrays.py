"""Archives of arrays: NumPy's, MATLAB's, and svmlight's text."""

import numpy as np
import pytest

from vaega.core.errors import DataError
from vaega.data.readers._arrays import read_npz, read_npz_shapes

X = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.int16)
Y = np.array(["a", "b", "a"])


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        path = tmp_path / "t.npz"
        np.savez_compressed(path, **arrays)
        return path

    return write


def test_the_full_layout(save):
    path = save(
        X_train=X, y_train=Y, X_test=X[:1], y_test=Y[:1],
        feature_names=np.array(["p", "q"]), is_probe=np.array([True, False]), extra=np.zeros(3),
    )  # fmt: skip
    dataset = read_npz(path, name="t", origin="here")
    assert dataset.X.dtype == np.float64
    assert dataset.X.tolist() == X.tolist()
    assert dataset.X_test.tolist() == [[1, 2]]
    assert dataset.relevant.tolist() == [False, True]
    assert dataset.feature_names == ("p", "q")
    assert dataset.notes == ("Arrays left out: 'extra'.",)
    assert dataset.origin == "here"


def test_plain_keys_groups_and_relevant(save):
    path = save(X=X, y=[0, 1, 0], groups=[5, 5, 6], relevant=[True, False])
    dataset = read_npz(path, name="t")
    assert dataset.groups.tolist() == [5, 5, 6]
    assert dataset.relevant.tolist() == [True, False]
    assert dataset.class_names == ("0", "1")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"X": X}, "must hold the arrays X_train and y_train, or X and y, got 'X'"),
        (
            {"X": X, "y": np.array(["a", None, 3], dtype=object)},
            "plain arrays, got pickled objects",
        ),
        ({"X": X, "y": Y, "feature_names": [["p", "q"]]}, "feature_names must be one-dimensional"),
        ({"X": X, "y": Y, "feature_names": ["p"]}, "1 feature names, got 2 columns"),
        ({"X": X, "y": Y[:2]}, "y must have one value for each of the 3 rows"),
    ],
)
def test_what_does_not_fit_is_one_sentence(save, arrays, sentence):
    with pytest.raises(DataError, match=sentence):
        read_npz(save(**arrays), name="t")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 half an archive"])
def test_junk_is_one_sentence(tmp_path, content):
    path = tmp_path / "t.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"t\.npz: ") as caught:
        read_npz(path, name="t")
    assert "\n" not in str(caught.value)
    assert read_npz_shapes(path) == {}


def test_a_damaged_archive_is_one_sentence(save):
    path = save(X=np.random.default_rng(0).random((50, 50)), y=[0, 1] * 25)
    content = bytearray(path.read_bytes())
    content[300:900] = bytes(600)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        read_npz(path, name="t")


def test_shapes_are_read_from_the_headers(save):
    path = save(X_train=X, y_train=Y, X_test=X[:1])
    assert read_npz_shapes(path) == {"X_train": (3, 2), "y_train": (3,), "X_test": (1, 2)}
