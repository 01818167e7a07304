"""Class labels: to codes, and counts by label."""

import math
import warnings
from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from vaega.core.checks import check_count
from vaega.core.errors import InputError


def check_labels(y: Any, *, owner: str) -> Any:
    """Return `y`, object labels as an array of one type; no column of labels unchanged."""
    labels = None if y is None else np.asarray(y)
    if labels is None or labels.ndim != 1:
        return y
    missing = [label for label in labels.tolist() if _is_missing(label)]
    if missing:
        raise InputError(f"{owner}: y must hold a label for every row, got {missing[0]!r}.")
    if labels.dtype != object:
        return labels
    if all(isinstance(label, Number | np.bool_) for label in labels):
        return np.array(labels.tolist())
    try:
        np.unique(labels)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise InputError(f"{owner}: y must hold labels of one type, got {kinds}.") from None
    return labels


def encode_labels(
    y: Any, n: int, *, required: bool, owner: str = "encode_labels"
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the classes, sorted, and the code of each row."""
    labels = check_labels(_one_column(y), owner=owner)
    if required and not _are_objects(labels):
        check_classification_targets(labels)
    given = labels is not None and np.shape(labels) == (n,)
    if not given or not (required or _are_classes(labels)):
        return None, np.zeros(n, dtype=int)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes


def codes_of(y: Any, classes: np.ndarray | None, n: int, *, owner: str) -> np.ndarray | None:
    """Return the codes of labels that fit has seen; None for None."""
    if y is None or classes is None:
        return None
    labels = _one_column(y)
    if labels.shape != (n,):
        raise InputError(f"{owner}: y must hold {n} labels, one a row, got shape {labels.shape}.")
    known = _codes_by_label(classes)
    unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise InputError(f"{owner}: y must hold labels seen in fit, got {unknown[0]!r}.")
    return np.array([known[label] for label in labels.tolist()], dtype=int)


def repeat_codes(
    counts: Mapping[Any, int], classes: np.ndarray | None, *, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code and the label of each row that `counts` asks for, label by label."""
    if classes is None:
        raise InputError(f"{owner}: rows of a class need a model fitted with labels, y was none.")
    known = _codes_by_label(classes)
    unknown = [label for label in counts if _plain(label) not in known]
    if unknown:
        raise InputError(f"{owner}: can generate classes seen in fit only, got {unknown[0]!r}.")
    wanted = [
        check_count(n, f"rows of {key!r}", owner=owner, minimum=0) for key, n in counts.items()
    ]
    codes = np.repeat(np.array([known[_plain(label)] for label in counts], dtype=int), wanted)
    return codes, classes[codes]


def _codes_by_label(classes: np.ndarray) -> dict[Any, int]:
    return {label: code for code, label in enumerate(classes.tolist())}


def _plain(label: Any) -> Any:
    """Return a numpy scalar as the Python value that `tolist` makes of it."""
    return label.item() if isinstance(label, np.generic) else label


def _one_column(y: Any) -> Any:
    labels = None if y is None else np.asarray(y)
    column = labels is not None and labels.ndim == 2 and labels.shape[1] == 1
    return labels[:, 0] if column and labels is not None else labels


def _is_missing(label: Any) -> bool:
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return True
    return type(label).__name__ in ("NAType", "NaTType")  # pandas', which need not be imported


def _are_objects(labels: Any) -> bool:
    """Return whether labels are neither numbers nor strings; scikit-learn does not know such."""
    if labels is None or labels.dtype != object or labels.ndim != 1:
        return False
    return not all(isinstance(label, str) for label in labels)


def _are_classes(y: np.ndarray) -> bool:
    if _are_objects(y):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "many classes, is this a regression?" is what we ask
        return type_of_target(y) in ("binary", "multiclass")
