"""Class labels: to codes, and counts by label."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from vaega.core.checks import check_count
from vaega.core.errors import InputError


def encode_labels(y: Any, n: int, *, required: bool) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the classes, sorted, and the code of each row.

    Parameters
    ----------
    y : array-like of shape (n,) or None
        Labels.
    n : int
        Rows.
    required : bool
        Whether targets that are no class labels are an error; otherwise they are left aside, as a
        transformer of a regression pipeline must do.

    Returns
    -------
    classes : numpy.ndarray or None
        None when there are no labels.
    codes : numpy.ndarray of int, shape (n,)
        All zero when there are no labels.

    Raises
    ------
    ValueError
        When `required` and `y` holds no class labels.

    Examples
    --------
    >>> encode_labels(["b", "a", "b"], 3, required=True)
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    """
    if required:
        check_classification_targets(y)
    labels = None if y is None else np.asarray(y)
    if labels is None or labels.shape != (n,) or not (required or _are_classes(labels)):
        return None, np.zeros(n, dtype=int)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes


def codes_of(y: Any, classes: np.ndarray | None, n: int, *, owner: str) -> np.ndarray | None:
    """Return the codes of labels that fit has seen; None for None.

    Parameters
    ----------
    y : array-like of shape (n,) or None
        Labels.
    classes : numpy.ndarray or None
        The classes of fit.
    n : int
        Rows.
    owner : str
        Who asks.

    Returns
    -------
    numpy.ndarray of int, shape (n,), or None

    Raises
    ------
    InputError
        When a label was not in fit or labels are not `n`.

    Examples
    --------
    >>> import numpy as np
    >>> codes_of(["b"], np.array(["a", "b"]), 1, owner="ConditionalVAE")
    array([1])
    """
    if y is None or classes is None:
        return None
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError(f"{owner}: y must hold {n} labels, one a row, got shape {labels.shape}.")
    unknown = [label for label in np.unique(labels).tolist() if label not in classes.tolist()]
    if unknown:
        raise InputError(f"{owner}: y must hold labels seen in fit, got {unknown[0]!r}.")
    return np.searchsorted(classes, labels)


def repeat_codes(
    counts: Mapping[Any, int], classes: np.ndarray | None, *, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code and the label of each row that `counts` asks for, label by label.

    Parameters
    ----------
    counts : mapping of label to int
        How many of each.
    classes : numpy.ndarray or None
        The classes of fit.
    owner : str
        Who asks.

    Returns
    -------
    codes : numpy.ndarray of int
    labels : numpy.ndarray

    Raises
    ------
    InputError
        When there are no classes, a label is not among them, or a count is no count.

    Examples
    --------
    >>> import numpy as np
    >>> repeat_codes({"b": 2, "a": 1}, np.array(["a", "b"]), owner="VAE")
    (array([1, 1, 0]), array(['b', 'b', 'a'], dtype='<U1'))
    """
    if classes is None:
        raise InputError(f"{owner}: rows of a class need a model fitted with labels, y was none.")
    known = {label: code for code, label in enumerate(classes.tolist())}
    unknown = [label for label in counts if label not in known]
    if unknown:
        raise InputError(f"{owner}: can generate classes seen in fit only, got {unknown[0]!r}.")
    wanted = [
        check_count(n, f"rows of {key!r}", owner=owner, minimum=0) for key, n in counts.items()
    ]
    codes = np.repeat(np.array([known[label] for label in counts], dtype=int), wanted)
    return codes, classes[codes]


def _are_classes(y: np.ndarray) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "many classes, is this a regression?" is what we ask
        return type_of_target(y) in ("binary", "multiclass")
