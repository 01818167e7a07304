"""Archives of arrays: NumPy's, MATLAB's, and svmlight's text."""

import gzip

import numpy as np
import pytest
from scipy import sparse
from scipy.io import savemat

from vaega import load_dataset
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


D = np.array([[1, 0, 2], [0, 0, 3], [4, 5, 0], [0, 1, 1]], dtype=float)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.mat"


def cells(*texts):
    array = np.empty((len(texts), 1), dtype=object)
    array[:, 0] = texts
    return array


@pytest.mark.parametrize(
    "arrays",
    [
        {"X": D, "y": [[1], [2], [1], [2]]},
        {"data": D, "labels": cells("a", "b", "a", "b")},
        {"fea": sparse.csc_matrix(D), "gnd": [1, 2, 1, 2]},
        {"inputs": D.T, "Targets": ["a ", "bb", "a ", "bb"]},  # a sample a column
    ],
)
def test_a_matlab_file_has_a_matrix_and_a_vector(path, arrays):
    savemat(path, arrays)
    dataset = load_dataset(path)
    assert dataset.X.tolist() == D.tolist()
    assert dataset.y.tolist() == [0, 1, 0, 1]


def test_names_groups_and_other_variables(path):
    savemat(
        path, {"X": D, "kind": [1, 2, 1, 2], "who": [1, 1, 2, 2], "genes": cells(*"pqr"), "v": 3}
    )
    dataset = load_dataset(path, target="kind", groups="who")
    assert dataset.feature_names == ("p", "q", "r")
    assert dataset.groups.tolist() == [1, 1, 2, 2]
    assert dataset.notes == ("Arrays left out: 'v'.",)


def test_version_7_3_is_read_with_its_axes_turned(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"], file["y"] = D.T, [[1.0, 2, 1, 2]]
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    assert load_dataset(path).X.tolist() == D.tolist()


@pytest.mark.parametrize(
    ("arrays", "options", "sentence"),
    [
        ({"A": D}, {}, r"must hold a matrix of rows, X, got A \(4, 3\)"),
        ({"X": D}, {}, r"must hold the classes, y, got X \(4, 3\); target names the variable"),
        ({"X": D, "y": [1, 2, 1, 2]}, {"target": "z"}, "must hold the classes, z"),
        ({"X": D, "y": [1, 2]}, {}, "y must have one value for each of the 4 rows of X, got 2"),
        ({"X": cells("a", "b"), "y": [1, 2]}, {}, "X must be a matrix of real numbers, got object"),
        ({"X": D + 1j, "y": [1, 2, 1, 2]}, {}, "must be a matrix of real numbers, got complex128"),
    ],
)
def test_other_variables_are_one_sentence(path, arrays, options, sentence):
    savemat(path, arrays)
    with pytest.raises(DataError, match=sentence):
        load_dataset(path, **options)


@pytest.mark.parametrize(("place", "value"), [(144, 5), (145, 255), (176, 0), (177, 3)])
def test_a_damaged_matlab_file_ends_no_process(path, place, value):
    savemat(path, {"X": np.arange(12.0).reshape(4, 3), "y": np.array([1.0, 2, 1, 2])})
    content = bytearray(path.read_bytes())
    content[place] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^.*t\.mat: .*\.$"):
        load_dataset(path, target="y")


def test_junk_is_no_matlab_file(path):
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        load_dataset(path)


SPARSE_TEXT = "1 1:1 3:2 # first\n-1 3:3\n1 1:4 2:5\n\n-1 qid:1 2:1 3:1e0\n"


@pytest.mark.parametrize("ending", [".svm", ".svmlight", ".libsvm.gz"])
def test_svmlight_is_sparse_text(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    content = SPARSE_TEXT.encode()
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    dataset = load_dataset(path)
    assert dataset.X.tolist() == D.tolist()
    assert dataset.class_names == ("-1", "1")
    assert "held in full" in dataset.notes[0]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1 1:x", "got '1 1:x' in line 3"),
        ("yes 1:2", "got 'yes 1:2' in line 3"),
        ("1,2 1:2", "got '1,2 1:2' in line 3"),
        ("1 3:1 1:2", "cannot be read as svmlight"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, sentence):
    (tmp_path / "t.svm").write_text(f"1 1:2\n-1 1:3\n{line}\n")
    with pytest.raises(DataError, match=sentence):
        load_dataset(tmp_path / "t.svm")
