"""Rows and labels in the containers in which they came."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from vaega.core.errors import InputError
from vaega.generative.labels import check_labels


@dataclass(frozen=True)
class Containers:
    """What X and y came in; puts new rows behind the original ones, which stay as they are."""

    X: Any  # Original rows
    y: Any  # Original labels

    def restore(self, rows: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        """Return the originals with `rows` (n, n_features) and `labels` (n,) behind them."""
        X, y = self._rows(rows), self._labels(labels)
        if isinstance(X, pd.DataFrame) and isinstance(y, pd.DataFrame | pd.Series):
            y.index = X.index
        return X, y

    def _rows(self, rows: np.ndarray) -> Any:
        if isinstance(self.X, pd.DataFrame):
            new = pd.DataFrame(rows, columns=self.X.columns)
            return pd.concat([self.X, new.astype(_float_dtypes(self.X))], ignore_index=True)
        if isinstance(self.X, list):
            return list(self.X) + rows.tolist()
        original = np.asarray(self.X)
        if original.dtype.kind == "f":
            rows = rows.astype(original.dtype)
        return np.concatenate([original, rows]) if len(rows) else original.copy()

    def _labels(self, labels: np.ndarray) -> Any:
        original = np.asarray(self.y)
        if isinstance(self.y, list) and original.ndim == 1:
            return list(self.y) + labels.tolist()
        if type_of_target(original) == "multilabel-indicator":
            labels = np.eye(original.shape[1])[labels]
        if isinstance(self.y, pd.Series):
            new = pd.Series(labels, name=self.y.name).astype(self.y.dtype)
            return pd.concat([self.y, new], ignore_index=True)
        if isinstance(self.y, pd.DataFrame):
            new_frame = pd.DataFrame(labels, columns=self.y.columns).astype(self.y.dtypes)
            return pd.concat([self.y, new_frame], ignore_index=True)
        if original.ndim == 2 and labels.ndim == 1:
            original = original.ravel()
        joined = np.concatenate([original, labels.astype(original.dtype)])
        return joined.tolist() if isinstance(self.y, list) else joined


def rows_from(X: Any) -> Any:
    """Return X, a DataFrame of sparse columns as one of dense ones."""
    if not isinstance(X, pd.DataFrame):
        return X
    sparse = {name: t.subtype for name, t in X.dtypes.items() if isinstance(t, pd.SparseDtype)}
    return X.astype(sparse) if sparse else X


def labels_from(y: Any, *, owner: str = "GenerativeSampler") -> np.ndarray:
    """Return class labels as one column; a one-hot matrix gives column numbers."""
    if y is None:
        raise InputError(f"{owner}: requires y to be passed, but the target y is None.")
    y = check_labels(y, owner=owner)
    check_classification_targets(y)
    if type_of_target(y) != "multilabel-indicator":
        return column_or_1d(y)
    one_hot = np.asarray(y)
    if (one_hot.sum(axis=1) != 1).any():
        raise InputError(f"{owner}: y must hold one label a row, got several or none.")
    return one_hot.argmax(axis=1)


def _float_dtypes(frame: pd.DataFrame) -> dict[Any, Any]:
    """Return the dtypes of the columns that hold floats; others take what pandas makes of both."""
    return {
        name: dtype
        for name, dtype in frame.dtypes.items()
        if pd.api.types.is_float_dtype(getattr(dtype, "subtype", dtype))
    }
