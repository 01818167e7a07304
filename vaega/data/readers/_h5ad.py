"""AnnData's .h5ad: cells or samples as rows, genes as columns, and what is known of the rows."""

from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import DataError, MissingExtraError, one_line
from vaega.data._dataset import quoted
from vaega.data._tables import Table
from vaega.data.readers._registry import reads


@reads(".h5ad")
def read_h5ad(path: Path) -> Table:
    """Read X, sparse where it is stored so, and the columns of obs as annotations."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(owner=str(path), package="h5py", extra="h5ad") from error
    try:
        with h5py.File(path, "r") as file:
            return _table_of(file, path)
    except DataError:
        raise
    except Exception as error:
        # h5py raises errors of several kinds for damaged files.
        raise DataError(f"{path}: cannot be read as an AnnData file: {one_line(error)}.") from error


def _table_of(file: Any, path: Path) -> Table:
    if not all(key in file for key in ("X", "obs", "var")):
        raise DataError(f"{path}: an AnnData file must hold X, obs and var, got {quoted(file)}.")
    X = _matrix(file["X"])
    obs, obs_names = _annotations(file["obs"])
    _, var_names = _annotations(file["var"])
    if X.shape != (len(obs_names), len(var_names)):
        raise DataError(
            f"{path}: X must have a row for each of the {len(obs_names)} entries of obs and a "
            f"column for each of the {len(var_names)} of var, got shape {X.shape}."
        )
    left_out = [key for key in ("layers", "raw") if key in file and len(file[key])]
    notes = (f"X is read, other matrices are not ({quoted(left_out)}).",) if left_out else ()
    return Table(X, var_names, notes, obs_names, annotations=obs)


def _matrix(item: Any) -> Any:
    """Return X: an array, or a CSR matrix where it is stored as CSR or CSC."""
    if hasattr(item, "shape"):
        return np.asarray(item[()], dtype=np.float64)
    from scipy import sparse

    layout = _attribute(item, "encoding-type", "h5sparse_format")
    shape = next(item.attrs[key] for key in ("shape", "h5sparse_shape") if key in item.attrs)
    parts = tuple(item[key][()] for key in ("data", "indices", "indptr"))
    kind = sparse.csc_matrix if layout.startswith("csc") else sparse.csr_matrix
    matrix = kind(parts, shape=tuple(map(int, shape)))
    matrix.check_format(full_check=True)  # an index out of bounds would write into other memory
    return matrix.tocsr()


def _attribute(item: Any, *keys: str) -> str:
    value = next((item.attrs[key] for key in keys if key in item.attrs), "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _annotations(item: Any) -> tuple[Table, tuple[str, ...]]:
    """Return the columns of obs or var, and the names of its entries."""
    if hasattr(item, "dtype"):  # before anndata 0.7: one array of records
        records = item[()]
        columns: dict[str, Any] = {name: _values(records[name]) for name in records.dtype.names}
        index = next(iter(columns))
    else:
        categories = item.get("__categories", {})
        index = _attribute(item, "_index") or "_index"
        columns = {name: _column(item[name], categories.get(name)) for name in item}
    names = tuple(map(str, columns.pop(index)))
    readable = {name: column for name, column in columns.items() if column is not None}
    cells = np.empty((len(names), len(readable)), dtype=object)
    for i, column in enumerate(readable.values()):
        cells[:, i] = column
    return Table(cells, tuple(readable)), names


def _column(item: Any, categories: Any) -> list[Any] | None:
    """Return a column of obs or var; None for what is none."""
    if hasattr(item, "shape"):
        values = _values(item[()])
        return values if categories is None else _of_codes(values, categories)  # anndata 0.7
    if "codes" in item:
        return _of_codes(item["codes"][()].tolist(), item["categories"])
    if "values" in item and "mask" in item:
        values = _values(item["values"][()])
        return [None if gone else v for v, gone in zip(values, item["mask"][()], strict=True)]
    return None


def _of_codes(codes: list[int], categories: Any) -> list[Any]:
    names = _values((categories if hasattr(categories, "shape") else categories["values"])[()])
    return [None if code < 0 else names[code] for code in codes]


def _values(array: np.ndarray) -> list[Any]:
    return [
        value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
        for value in array.tolist()
    ]
