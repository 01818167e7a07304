"""NumPy archives: arrays under agreed names, nothing unpickled."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from vaega.core.errors import DataError
from vaega.data.dataset import Dataset
from vaega.data.names import quoted

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
            wanted = [key for key in archive.files if key in _KNOWN]
            arrays = {key: np.empty(0) for key in archive.files}
            return arrays | {key: archive[key] for key in wanted}
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
