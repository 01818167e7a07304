"""The preprocessor: steps learned on training rows, columns that keep their identity."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from vaega.core.errors import DataError, InputError, one_line
from vaega.core.randomness import RandomState, derive_seed, draw_seed, global_seed, seed_unset
from vaega.data._steps import DropConstant, check_steps, make_step, step_name

_OWNER = "Preprocessor"


class MissingValuesError(DataError):
    """Rows hold missing values where no step fills them."""


class Preprocessor(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Applies steps one after the other; each output column is one input column.

    Parameters
    ----------
    steps : sequence of str and dict
        As they come from YAML. Cell by cell: ``"log2"``, ``"log2p1"`` (or ``"log2(x + 1)"``),
        ``"log1p"``, ``{"clip": [low, high]}``. Column by column, learned in training:
        ``"standardize"``, ``"robust"``, ``{"impute": "median"}`` (or mean, most_frequent),
        ``"drop_constant"``, ``{"variance_filter": {"keep": 2000}}`` (or ``{"threshold": 0.1}``).
        Row by row: ``"clr"``, the centred log ratio, or ``{"clr": 0.5}`` with what takes the place
        of zeros (half of the smallest value above zero in training, if not given);
        ``"quantile_normalize"``, which gives every row the mean distribution of the training rows.
        And any scikit-learn-compatible transformer that keeps or selects columns, with its
        parameters: ``{"class": "sklearn.feature_selection.SelectKBest", "k": 100}``.
    random_state : int, Generator, RandomState or None, default=None
        Seeds the steps that take a `random_state` and have none.

    Attributes
    ----------
    columns_ : intp array of shape (n_kept,)
        The input column of each output column.
    n_features_in_ : int
        Columns seen in `fit`.
    fitted_steps_ : list
        The fitted transformers.

    Examples
    --------
    >>> X = np.array([[4.0, 1.0, 8.0], [16.0, 1.0, 2.0]])
    >>> preprocessor = Preprocessor(["drop_constant", "log2"]).fit(X)
    >>> preprocessor.transform(X)
    array([[2., 3.],
           [4., 1.]])
    >>> preprocessor.columns_
    array([0, 2])
    """

    def __init__(self, steps: Sequence[Any] = (), *, random_state: RandomState = None) -> None:
        self.steps = steps
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "Preprocessor":
        """Learn the steps, each on what the steps before it make of the rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Training rows; NaN is missing.
        y : array-like of shape (n_rows,), optional
            Classes, for steps that select by them.

        Returns
        -------
        Preprocessor
            Itself.

        Raises
        ------
        InputError
            When a step cannot be made or applied; the message is one sentence.

        Examples
        --------
        >>> Preprocessor(["log2"]).fit([[2.0], [4.0]]).columns_
        array([0])
        """
        self._fit(X, y)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Apply the steps.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        float64 array of shape (n_rows, n_kept)
            Without missing or infinite values.

        Raises
        ------
        DataError
            When a step cannot be applied to these rows, or missing values remain.

        Examples
        --------
        >>> Preprocessor(["standardize"]).fit([[1.0], [3.0]]).transform([[5.0]])
        array([[3.]])
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "columns_")
        values = _rows(X)
        if values.shape[1] != self.n_features_in_:
            raise DataError(
                f"{_OWNER}: rows must have the {self.n_features_in_} columns of fit, "
                f"got {values.shape[1]}."
            )
        for number, step in enumerate(self.fitted_steps_):
            step_seed = derive_seed(self._seed, "preprocess", number)
            values = _apply(step, values, step_seed, self._owner(number))
        return _complete(values)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit, and return what the steps make of the training rows.

        As in a Pipeline, a step with a ``fit_transform`` of its own may make something else of the
        rows that it is fitted on than `transform` does: what encodes by the classes leaves the
        class of each row out.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Training rows.
        y : array-like of shape (n_rows,), optional
            Classes.
        **fit_params
            None is known.

        Returns
        -------
        float64 array of shape (n_rows, n_kept)

        Examples
        --------
        >>> Preprocessor([{"clip": [0, 2]}]).fit_transform([[1.0], [3.0]])
        array([[1.],
               [2.]])
        """
        if fit_params:
            raise InputError(f"{_OWNER}: fit takes X and y only, got {', '.join(fit_params)}.")
        return self._fit(X, y)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : sequence of str of length n_features, optional
            Default: ``x0``, ``x1``, ...

        Returns
        -------
        object array of shape (n_kept,)

        Examples
        --------
        >>> Preprocessor(["drop_constant"]).fit([[1.0, 5.0], [2.0, 5.0]]).get_feature_names_out()
        array(['x0'], dtype=object)
        """
        names = input_features
        if names is None:
            names = [f"x{column}" for column in range(self.n_features_in_)]
        return np.asarray(names, dtype=object)[self.columns_]

    def narrowed(self, kept: np.ndarray) -> "tuple[Preprocessor, np.ndarray, np.ndarray]":
        """Return the fitted steps with as few input columns as some output columns need.

        Parameters
        ----------
        kept : int array of shape (n_few,)
            Positions of output columns, rising.

        Returns
        -------
        Preprocessor
            Fitted; it gives these output columns, perhaps among others, with the same values.
        needed : intp array
            The input columns that it takes, rising: all that the first step needs which works on
            whole rows, or is of another package; without one, those of the output columns.
        kept : intp array of shape (n_few,)
            Where the output columns are in what it gives.

        Examples
        --------
        >>> X = np.array([[4.0, 1.0, 8.0], [16.0, 1.0, 2.0]])
        >>> fitted = Preprocessor(["drop_constant", "log2"]).fit(X)
        >>> few, needed, kept = fitted.narrowed(np.array([1]))
        >>> needed, few.transform(X[:, needed])
        (array([2]), array([[3.],
               [1.]]))
        """
        n_head = next(
            (number for number, step in enumerate(self.fitted_steps_) if not _narrows(step)),
            len(self.fitted_steps_),
        )
        head, tail = self.fitted_steps_[:n_head], self.fitted_steps_[n_head:]
        needed = np.arange(_width(head, self.n_features_in_)) if tail else kept
        few = Preprocessor(self.steps, random_state=self.random_state)
        few.fitted_steps_, few._seed = list(tail), self._seed
        for step in reversed(head):
            few.fitted_steps_.insert(0, step.narrowed(needed))
            if isinstance(step, DropConstant):
                needed = np.flatnonzero(step.support_)[needed]
        few.n_features_in_ = len(needed)
        few.columns_ = np.searchsorted(needed, self.columns_ if tail else needed)
        return few, needed, kept if tail else np.arange(len(kept))

    def _fit(self, X: Any, y: Any) -> np.ndarray:
        check_steps(self.steps, owner=_OWNER)
        values = _rows(X)
        self.n_features_in_ = values.shape[1]
        columns = np.arange(values.shape[1], dtype=np.intp)
        seed = self._seed = draw_seed(self.random_state)
        fitted = []
        for number, spec in enumerate(self.steps):
            owner = self._owner(number)
            step_seed = derive_seed(seed, "preprocess", number)
            step = seed_unset(make_step(spec, owner=owner), step_seed)
            _refuse_missing(step, values, owner)
            values, remaining = _fit_step(step, values, y, step_seed, owner)
            columns = columns[remaining]
            fitted.append(step)
        self.fitted_steps_ = fitted
        self.columns_ = columns
        return _complete(values)

    def _owner(self, number: int) -> str:
        return f"{_OWNER}: step {number + 1} ({step_name(self.steps[number])})"


def _narrows(step: Any) -> bool:
    """Return whether each output column of a fitted step needs one input column alone."""
    return hasattr(step, "narrowed") and step.narrowed(np.arange(0)) is not None


def _width(steps: Sequence[Any], n_features: int) -> int:
    """Return how many columns come out of fitted steps."""
    dropping = [step for step in steps if isinstance(step, DropConstant)]
    return int(dropping[-1].support_.sum()) if dropping else n_features


def _rows(X: Any) -> np.ndarray:
    try:
        values = _in_order(X)
    except (TypeError, ValueError) as error:
        raise DataError(f"{_OWNER}: rows must hold numbers, got {error}.") from error
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{_OWNER}: rows must be two-dimensional (n_rows, n_features) and not empty, "
            f"got shape {values.shape}."
        )
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise DataError(f"{_OWNER}: rows must hold no infinite values, got {n_infinite}.")
    return values


def _in_order(X: Any) -> np.ndarray:
    """Return rows one after the other in memory, before and after each step.

    Sums round by the order in memory, which differs with the container and the step before.
    """
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64, order="C")


def _refuse_missing(step: Any, values: np.ndarray, owner: str) -> None:
    n_missing = int(np.isnan(values).sum())
    if n_missing and not _takes_missing(step):
        raise MissingValuesError(
            f"{owner}: takes no missing values, got {n_missing}; put impute: median before it."
        )


def _takes_missing(step: Any) -> bool:
    if hasattr(step, "takes_missing"):
        return bool(step.takes_missing)
    from sklearn.utils import get_tags

    try:
        return bool(get_tags(step).input_tags.allow_nan)
    except (AttributeError, TypeError):
        return False


def _fit_step(
    step: Any, values: np.ndarray, y: Any, seed: int, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a step and change its fit rows, as a Pipeline does: by ``fit_transform`` if it has that.

    Of fit rows it may make something else than of new ones: what encodes by the classes leaves
    each row's own class out.
    """
    with _one_sentence(owner), global_seed(seed, step):
        if hasattr(step, "fit_transform"):
            changed = _as_rows(step.fit_transform(values, y), len(values))
        else:
            step.fit(values, y)
            changed = _as_rows(step.transform(values), len(values))
        remaining = _kept_columns(step, values.shape[1], changed, owner)
    if not len(remaining):
        raise DataError(f"{owner}: at least one column must stay, got none of {values.shape[1]}.")
    return changed, remaining


def _apply(step: Any, values: np.ndarray, seed: int, owner: str) -> np.ndarray:
    _refuse_missing(step, values, owner)
    with _one_sentence(owner), global_seed(seed, step):
        return _as_rows(step.transform(values), len(values))


@contextmanager
def _one_sentence(owner: str) -> Iterator[None]:
    """Turn whatever a step raises, which may be anybody's, into one sentence on the step."""
    try:
        yield
    except MemoryError:  # says nothing of the step
        raise
    except Exception as error:
        if str(error).startswith(f"{owner}: "):
            raise
        said = one_line(error) or type(error).__name__
        raise DataError(f"{owner}: {said}.") from error


def _as_rows(changed: Any, n_rows: int) -> np.ndarray:
    rows = _in_order(changed)
    if rows.ndim != 2 or len(rows) != n_rows:
        raise ValueError(f"a step must keep all {n_rows} rows, got an array of shape {rows.shape}")
    return rows


def _kept_columns(step: Any, n_before: int, changed: np.ndarray, owner: str) -> np.ndarray:
    if hasattr(step, "get_support"):
        return np.flatnonzero(np.asarray(step.get_support(), dtype=bool))
    before = [f"x{column}" for column in range(n_before)]
    after = _names_out(step, before)
    position = {name: column for column, name in enumerate(before)}
    known = changed.ndim == 2 and len(after) == changed.shape[1]
    if not known or not set(after) <= set(before) or len(set(after)) < len(after):
        raise DataError(
            f"{owner}: a step must keep or select columns, got {changed.shape[-1]} new columns "
            f"from {n_before}, in which features cannot be told apart."
        )
    return np.array([position[name] for name in after], dtype=np.intp)


def _names_out(step: Any, before: list[str]) -> list[str]:
    if not hasattr(step, "get_feature_names_out"):
        return before
    return [str(name) for name in step.get_feature_names_out(np.array(before, dtype=object))]


def _complete(values: np.ndarray) -> np.ndarray:
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        raise MissingValuesError(
            f"{_OWNER}: no missing value may remain after the steps, got {n_missing}; "
            "add impute: median to the steps."
        )
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise DataError(
            f"{_OWNER}: no infinite value may come out of the steps, got {n_infinite}; "
            "clip the values first."
        )
    return values
