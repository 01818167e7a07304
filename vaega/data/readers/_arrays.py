"""Archives of arrays: NumPy's .npz, MATLAB's .mat, and the text of svmlight."""

import io
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from vaega.core.errors import DataError, MissingExtraError, one_line
from vaega.data._dataset import Dataset, quoted
from vaega.data._tables import Table
from vaega.data.readers._registry import reads
from vaega.data.readers._text import read_text

_KNOWN = (
    "X_train", "y_train", "X", "y", "X_test", "y_test",
    "feature_names", "is_probe", "relevant", "groups",
)  # fmt: skip


def read_npz(path: Path, *, name: str, **about: Any) -> Dataset:
    """Read a dataset from a NumPy archive."""
    arrays = _read_arrays(path)
    X_key, y_key = _training_keys(arrays, path)
    relevant = arrays.get("relevant")
    if relevant is None and "is_probe" in arrays:
        relevant = ~arrays["is_probe"].astype(bool)
    left_out = [key for key in arrays if key not in _KNOWN]
    return Dataset.from_arrays(
        arrays[X_key],
        arrays[y_key],
        name=name,
        feature_names=_names(arrays.get("feature_names"), path),
        X_test=arrays.get("X_test"),
        y_test=arrays.get("y_test"),
        relevant=relevant,
        groups=arrays.get("groups"),
        notes=(f"Arrays left out: {quoted(left_out)}.",) if left_out else (),
        **about,
    )


def read_npz_rows(path: Path) -> Table:
    """Read rows that need no classes: the array X, without one X_test, and else X_train."""
    arrays = _read_arrays(path)
    key = next((key for key in ("X", "X_test", "X_train") if key in arrays), None)
    if key is None or arrays[key].ndim != 2:
        raise DataError(f"{path}: must hold rows as an array X, got {quoted(arrays)}.")
    X, y = arrays[key], arrays.get(key.replace("X", "y", 1))
    names = _names(arrays.get("feature_names"), path) or [f"x{i}" for i in range(X.shape[1])]
    if len(names) != X.shape[1]:
        raise DataError(
            f"{path}: feature_names must name the {X.shape[1]} columns of {key}, got {len(names)}."
        )
    classes = None if y is None or y.shape != X.shape[:1] else y.astype(object)[:, None]
    return Table(
        X,
        tuple(names),
        () if key == "X" else (f"Rows are those of the array {key}.",),
        annotations=None if classes is None else Table(classes, ("class",)),
    )


def read_npz_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of the arrays in an archive without reading their values."""
    shapes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    version = npy_format.read_magic(file)
                    read = (
                        npy_format.read_array_header_1_0
                        if version == (1, 0)
                        else npy_format.read_array_header_2_0
                    )
                    shapes[member.removesuffix(".npy")] = read(file)[0]
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return {}
    return shapes


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = [key for key in archive.files if key in _KNOWN]
            arrays = {key: np.empty(0) for key in archive.files}
            return arrays | {key: archive[key] for key in keys}
    except Exception as error:
        # zipfile, zlib and numpy raise errors of a dozen kinds for damaged archives.
        if "pickle" in str(error):
            raise DataError(
                f"{path}: must be an archive of plain arrays, got pickled objects or no archive; "
                "save text as unicode arrays, not as objects."
            ) from error
        raise DataError(f"{path}: cannot be read as a NumPy archive: {error}.") from error


def _training_keys(arrays: dict[str, np.ndarray], path: Path) -> tuple[str, str]:
    for pair in (("X_train", "y_train"), ("X", "y")):
        if all(key in arrays for key in pair):
            return pair
    raise DataError(
        f"{path}: must hold the arrays X_train and y_train, or X and y, got {quoted(arrays)}."
    )


def _names(names: np.ndarray | None, path: Path) -> list[str] | None:
    if names is None:
        return None
    if names.ndim != 1:
        raise DataError(f"{path}: feature_names must be one-dimensional, got shape {names.shape}.")
    return [
        name.decode("utf-8", errors="replace") if isinstance(name, bytes) else str(name)
        for name in names.tolist()
    ]


# How MATLAB files call rows and classes, in lower case; the first that is there is taken.
_ROWS = ("x", "data", "fea", "features", "inputs")
_CLASSES = ("y", "labels", "label", "class", "classes", "gnd", "target", "targets")
_COLUMNS = ("feature_names", "featurenames", "names", "genes", "varnames")
_REAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SVMLIGHT = re.compile(rf"\s*(?:{_REAL}(?:\s+(?:qid:\d+|\d+:(?:{_REAL}|nan)))*\s*)?(?:#.*)?")
_FORMAT_7_3 = b"MATLAB 7.3 MAT-file"


@reads(".mat")
def read_mat(path: Path, *, target: str | None = None) -> Table:
    """Read a matrix of rows and a vector of classes from a MATLAB file."""
    arrays = _mat_arrays(path)
    rows, classes = _mat_roles(arrays, target, owner=str(path))
    X, n_rows = arrays[rows], arrays[classes].size
    if X.shape[0] != n_rows == X.shape[1]:
        X = X.T  # MATLAB's toolboxes for networks have a sample a column
    if X.shape[0] != n_rows:
        raise DataError(
            f"{path}: {classes} must have one value for each of the {X.shape[0]} rows of {rows}, "
            f"got {n_rows}."
        )
    about = {
        name: array.ravel().tolist()
        for name, array in arrays.items()
        if name != rows and array.size == n_rows and not hasattr(array, "tocsr")
    }
    names, at_names = _mat_names(arrays, X.shape[1])
    idle = [name for name in arrays if name not in (rows, at_names, *about)]
    cells = np.empty((n_rows, len(about)), dtype=object)
    for i, column in enumerate(about.values()):
        cells[:, i] = column
    notes = (f"Arrays left out: {quoted(idle)}.",) if idle else ()
    return Table(X, names, notes, annotations=Table(cells, tuple(about)), target=classes)


def _mat_roles(arrays: Mapping[str, Any], target: str | None, *, owner: str) -> tuple[str, str]:
    """Return the names of the matrix of rows and of the vector of classes."""
    by_name = {name.lower(): name for name in reversed(list(arrays))}
    rows = next((by_name[name] for name in _ROWS if name in by_name), None)
    classes = target or next((by_name[name] for name in _CLASSES if name in by_name), None)
    if rows is None or classes is None or classes not in arrays:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        absent = "a matrix of rows, X" if rows is None else f"the classes, {classes or 'y'}"
        raise DataError(
            f"{owner}: must hold {absent}, got {shapes or 'no array'}; target names the variable "
            "with the classes."
        )
    X = arrays[rows]
    if X.ndim != 2 or X.dtype.kind not in "buif":
        raise DataError(
            f"{owner}: {rows} must be a matrix of real numbers, got {X.dtype} of shape {X.shape}."
        )
    return rows, classes


def _mat_names(arrays: Mapping[str, Any], n_columns: int) -> tuple[tuple[str, ...], str | None]:
    """Return the names of the columns, and the array that holds them."""
    for key, array in arrays.items():
        if key.lower() in _COLUMNS and array.size == n_columns and array.dtype.kind in "OU":
            return tuple(map(str, array.ravel().tolist())), key
    return tuple(f"x{column}" for column in range(n_columns)), None


_TRIAL = "import sys; from scipy.io import loadmat; loadmat(sys.argv[1])"


def _survives(path: Path) -> bool:
    """Return whether scipy reads a file without ending its process, as damaged ones can."""
    command = [sys.executable, "-c", _TRIAL, str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode >= 0


def _mat_arrays(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            is_hdf = file.read(len(_FORMAT_7_3)) == _FORMAT_7_3
        if not is_hdf and not _survives(path):
            raise DataError(f"{path}: is damaged: reading it as a MATLAB file ends the process.")
        content = _hdf_arrays(path) if is_hdf else loadmat(path)
    except (DataError, MissingExtraError):
        raise
    except Exception as error:
        # scipy raises errors of a dozen kinds for damaged files.
        raise DataError(f"{path}: cannot be read as a MATLAB file: {one_line(error)}.") from error
    return {
        name: _plain_array(value) for name, value in content.items() if not name.startswith("__")
    }


def _plain_array(value: Any) -> Any:
    """Return an array of numbers or of texts; a cell array of texts is one of arrays."""
    if hasattr(value, "tocsr"):
        if hasattr(value, "check_format"):
            value.check_format(full_check=True)  # an index out of bounds would write elsewhere
        return value.tocsr()
    array = np.asarray(value)
    if array.dtype.kind == "U":
        return np.char.strip(array)
    if array.dtype != object:
        return array
    texts = np.empty(array.size, dtype=object)
    texts[:] = [_text_of(cell) for cell in array.ravel()]
    return texts


def _text_of(cell: Any) -> Any:
    array = np.asarray(cell)
    return array.ravel()[0] if array.size == 1 else str(cell)


def _hdf_arrays(path: Path) -> dict[str, Any]:
    """Read the arrays of MATLAB's version 7.3, which is HDF5 with the axes reversed."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(owner=str(path), package="h5py", extra="h5ad") from error
    with h5py.File(path) as file:
        return {
            name: _hdf_array(file, item)
            for name, item in file.items()
            if isinstance(item, h5py.Dataset)
        }


def _hdf_array(file: Any, item: Any) -> Any:
    if item.dtype == object:  # a cell array: each entry refers to the letters of a text
        texts = [
            "".join(map(chr, np.asarray(file[reference]).ravel())) for reference in item[()].ravel()
        ]
        return np.array(texts, dtype=object)
    return np.asarray(item[()]).T


@reads(".svm", ".svmlight", ".libsvm", compressed=True)
def read_svmlight(path: Path) -> Table:
    """Read the sparse rows of svmlight and libsvm; features are named by position."""
    from sklearn.datasets import load_svmlight_file

    text = read_text(path)
    for number, line in enumerate(text.splitlines(), 1):
        if not _SVMLIGHT.fullmatch(line):
            raise DataError(
                f"{path}: every line must be a class and pairs of index and value, such as "
                f"'1 3:0.5 7:2', got {line.strip()[:40]!r} in line {number}."
            )
    try:
        X, y = load_svmlight_file(io.BytesIO(text.encode()), zero_based="auto")
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: cannot be read as svmlight: {one_line(error)}.") from error
    names = tuple(f"x{column}" for column in range(X.shape[1]))
    return Table(X.tocsr(), names, annotations=Table(y.astype(object)[:, None], ("class",)))
