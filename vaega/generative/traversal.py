"""Paths through the latent space: along a dimension, between rows, between classes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.generative.compute import one_thread
from vaega.generative.engine import Engine
from vaega.generative.labels import codes_of
from vaega.generative.settings import check_flag

# Traversals go this many standard deviations of the prior to both sides.
REACH = 3.0
# Below this angle a great circle is a straight line, to rounding.
SMALLEST_ANGLE = 1e-6


def along_dimension(
    start: np.ndarray, dimension: Any, values: int | Sequence[float], *, owner: str
) -> np.ndarray:
    """Return copies of a latent point in which one coordinate takes other values."""
    check_count(dimension, "dimension", owner=owner, minimum=0, maximum=len(start) - 1)
    if isinstance(values, int | np.integer):
        taken = np.linspace(-REACH, REACH, check_count(values, "values", owner=owner))
    else:
        taken = _numbers(values)
    if taken.ndim != 1 or not len(taken) or not np.isfinite(taken).all():
        raise InputError(f"{owner}: values must be a count or finite numbers, got {values!r}.")
    path = np.tile(start, (len(taken), 1))
    path[:, dimension] = taken
    return path


def _numbers(values: Any) -> np.ndarray:
    """Return values as floats; NaN in the place of what are none."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([np.nan])


def between(a: np.ndarray, b: np.ndarray, n_steps: int, *, spherical: bool) -> np.ndarray:
    """Return points from one latent point to another, both included."""
    share = np.linspace(0.0, 1.0, n_steps)[:, None]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if not spherical or min(lengths) == 0.0:
        return (1 - share) * a + share * b
    angle = np.arccos(np.clip(a / lengths[0] @ (b / lengths[1]), -1.0, 1.0))
    if angle < SMALLEST_ANGLE or angle > np.pi - SMALLEST_ANGLE:
        return (1 - share) * a + share * b
    weights = np.sin((1 - share) * angle), np.sin(share * angle)
    direction = (weights[0] * a / lengths[0] + weights[1] * b / lengths[1]) / np.sin(angle)
    return ((1 - share) * lengths[0] + share * lengths[1]) * direction


def class_codes(classes: np.ndarray | None, labels: Any, *, owner: str) -> Any:
    """Return the codes of labels to move between."""
    if classes is None:
        raise InputError(f"{owner}: classes need a model fitted with labels, y was none.")
    return codes_of(labels, classes, len(labels), owner=owner)


def direction(engine: Engine, start: int, end: int) -> np.ndarray:
    """Return the way (latent,) from the centre of one class to that of another."""
    means = engine.gaussians.means
    return (means[end] - means[start]).cpu().numpy()


def translate_rows(engine: Engine, X: np.ndarray, start: int, end: int) -> np.ndarray:
    """Return what rows (n, n_features) of one class decode to when moved to another.

    Their latent points go the way of the classes' centres; a model that sees the class decodes them
    with the other one.
    """
    points = engine.encode(X, np.full(len(X), start)) + direction(engine, start, end)
    return engine.decode(points, np.full(len(X), end))


class LatentPaths:
    """Paths through the latent space of a fitted model, decoded without noise."""

    engine_: Engine
    classes_: np.ndarray | None
    n_features_in_: int
    _known: Callable[..., tuple[np.ndarray, np.ndarray | None]]
    _transform: Callable[[Any, Any], np.ndarray]
    _inverse_transform: Callable[[Any, Any], np.ndarray]

    def traverse(
        self,
        dimension: int,
        values: int | Sequence[float] = 9,
        *,
        around: Any = None,
        y: Any = None,
    ) -> np.ndarray:
        """Decode a path along one latent dimension.

        Parameters
        ----------
        dimension : int
            Which one, from 0.
        values : int or sequence of float, default=9
            What it takes; an int is that many values, evenly spaced from -3 to 3.
        around : array-like of shape (n_features,), optional
            The row whose other latent coordinates are kept; zeros, the prior's mean, when absent.
        y : label, optional
            The class to decode with, for a model that sees it.

        Returns
        -------
        numpy.ndarray of shape (n_values, n_features)
        """
        check_is_fitted(self)
        start = np.zeros(self.engine_.codec.latent)
        if around is not None:
            row = self._rows_of(around=around)
            start = self._transform(row, None if y is None else [y])[0]
        path = along_dimension(start, dimension, values, owner=type(self).__name__)
        return self._inverse_transform(path, None if y is None else [y] * len(path))

    def interpolate(
        self, a: Any, b: Any, n_steps: int = 10, *, spherical: bool = False, y: Any = None
    ) -> np.ndarray:
        """Decode a path through the latent space from one row to another.

        Parameters
        ----------
        a, b : array-like of shape (n_features,)
            The rows.
        n_steps : int, default=10
            Points, the reconstructions of both rows included; at least 2.
        spherical : bool, default=False
            Whether to go along a great circle instead of straight.
        y : label, optional
            The class to encode and decode with, for a model that sees it.

        Returns
        -------
        numpy.ndarray of shape (n_steps, n_features)
        """
        owner = type(self).__name__
        check_is_fitted(self)
        check_count(n_steps, "n_steps", owner=owner, minimum=2)
        spherical = check_flag(spherical, "spherical", owner=owner)
        labels = None if y is None else [y] * 2
        ends = self._transform(self._rows_of(a=a, b=b), labels)
        path = between(ends[0], ends[1], n_steps, spherical=spherical)
        return self._inverse_transform(path, None if y is None else [y] * n_steps)

    def class_direction(self, a: Any, b: Any) -> np.ndarray:
        """Return the way (latent,) from the centre of class `a` to that of class `b`."""
        start, end = self._class_pair(a, b)
        return direction(self.engine_, start, end)

    def translate(self, X: Any, a: Any, b: Any) -> np.ndarray:
        """Return what rows of class `a` decode to when their latent points move to class `b`.

        A model that sees the class decodes them with `b`.
        """
        start, end = self._class_pair(a, b)
        X, _ = self._known(X, None)
        with one_thread():
            return translate_rows(self.engine_, X, start, end)

    def _rows_of(self, **given: Any) -> np.ndarray:
        """Return single rows as a table."""
        wanted = (self.n_features_in_,)
        for name, row in given.items():
            if np.shape(row) != wanted:
                raise InputError(
                    f"{type(self).__name__}: {name} must be a row of shape {wanted}, got shape "
                    f"{np.shape(row)}."
                )
        return np.stack([np.asarray(row) for row in given.values()])

    def _class_pair(self, a: Any, b: Any) -> tuple[int, int]:
        check_is_fitted(self)
        start, end = class_codes(self.classes_, [a, b], owner=type(self).__name__)
        return int(start), int(end)
