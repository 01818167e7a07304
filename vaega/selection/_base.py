"""What the selectors share: reading rows, inner splits, tags, one line for all warnings."""

import warnings
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_regressor
from sklearn.feature_selection import SelectorMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import Tags, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.selection._search import InnerValidation, Splits


class MaskSelector(MetaEstimatorMixin, SelectorMixin, BaseEstimator):
    """Base of selectors that score masks with a classifier on inner splits.

    A subclass has the parameters ``estimator``, ``cv``, ``scoring``, ``sampler`` and ``n_jobs``,
    and sets ``support_`` in its ``fit``.
    """

    estimator: Any
    cv: Any
    scoring: Any
    sampler: Any
    n_jobs: int | None
    support_: np.ndarray

    # Not in the signature of fit: a weight of two is not the same as a row that is there twice,
    # which may fall on both sides of a split.
    __metadata_request__fit = {"sample_weight": None, "groups": None}  # noqa: RUF012

    def _read(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        self._check_estimator()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            ensure_min_samples=2,
            ensure_all_finite="allow-nan" if self._allows_nan() else True,
        )
        check_classification_targets(y)
        if len(np.unique(y)) < 2:
            raise InputError(
                f"{type(self).__name__}: y must hold at least two classes, got one class, "
                f"{y[0]!r}, in {len(y)} rows."
            )
        if sparse.issparse(X):
            size = X.shape[0] * X.shape[1] * X.dtype.itemsize / 2**20
            warnings.warn(
                f"{type(self).__name__}: sparse rows are made dense, {size:.0f} MiB.",
                stacklevel=3,
            )
            X = X.toarray()
        if y.dtype.hasobject:
            y = np.array(y.tolist())  # text as text: object arrays cannot be shared unpickled
        return X, y

    def _inner(
        self, X: np.ndarray, y: np.ndarray, fit_params: dict[str, Any], seed: int
    ) -> InnerValidation:
        owner = type(self).__name__
        for name in fit_params:
            check_choice(name, "each of fit's parameters", ("groups", "sample_weight"), owner=owner)
        weights, groups = fit_params.get("sample_weight"), fit_params.get("groups")
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=float, ensure_non_negative=True)
        if groups is not None:
            groups = _read_groups(groups, len(y), owner)
        return InnerValidation(
            X,
            y,
            split=self._splitter(X, y, groups),
            estimator=self.estimator,
            scorer=check_scoring(self.estimator, scoring=self.scoring),
            seed=seed,
            sampler=self.sampler,
            groups=groups,
            sample_weight=weights,
            n_jobs=self.n_jobs,
        )

    def _splitter(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> Any:
        """Return a function from rows and a seed to inner splits of these rows."""
        if self.cv is None or isinstance(self.cv, int | np.integer):
            n_splits = check_cv(self.cv, y, classifier=True).n_splits
            members = groups
            return lambda rows, seed: _stratified(
                y[rows], n_splits, seed, None if members is None else members[rows]
            )
        cv = check_cv(self.cv, y, classifier=True)
        if getattr(cv, "random_state", 0) is None:
            return self._reseeded(cv, X, y, groups)
        whole = [
            (np.asarray(fit), np.asarray(validate)) for fit, validate in cv.split(X, y, groups)
        ]
        if not whole:
            raise InputError(f"{type(self).__name__}: cv must give at least one split, got none.")

        def split(rows: np.ndarray, seed: int) -> Splits:
            # Splits of the user's own are kept on every subsample: each row stays on its side.
            places = np.full(len(y), -1)
            places[rows] = np.arange(len(rows))
            kept = [(_kept(places, fit), _kept(places, validate)) for fit, validate in whole]
            left = [(fit, validate) for fit, validate in kept if fit.size and validate.size]
            if not left:
                raise InputError(
                    f"{type(self).__name__}: cv must leave fit and validate rows in every "
                    "subsample, got splits that do not; n_searches=1 searches on all rows."
                )
            return left

        return split

    def _reseeded(self, cv: Any, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> Any:
        # A splitter whose user set no seed gets one each time: fresh folds are fresh, and nothing
        # is drawn from numpy's global generator.
        def split(rows: np.ndarray, seed: int) -> Splits:
            own = deepcopy(cv)
            if not hasattr(own, "shuffle") or own.shuffle:
                own.random_state = seed % 2**32
            members = None if groups is None else groups[rows]
            return list(own.split(X[rows], y[rows], members))

        return split

    def _check_estimator(self) -> None:
        if not hasattr(self.estimator, "fit") or isinstance(self.estimator, type):
            raise InputError(
                f"{type(self).__name__}: estimator must be a scikit-learn classifier, an instance "
                f"with fit and predict, got {self.estimator!r}."
            )
        if is_regressor(self.estimator):
            raise InputError(
                f"{type(self).__name__}: estimator must be a classifier, regression is out of "
                f"scope, got {self.estimator!r}."
            )

    def _summarise_warnings(self, counted: Counter[str]) -> dict[str, int]:
        if counted:
            (first, times), *others = counted.most_common()
            more = f" (and {len(others)} other kinds, see warnings_)" if others else ""
            name = type(self.estimator).__name__
            warnings.warn(f"{name} warned {times} times: {first}{more}", stacklevel=4)
        return dict(counted)

    def _positions(self, features: Sequence[int | str], name: str) -> tuple[int, ...]:
        """Return the positions of features given by position or by name."""
        known = {label: place for place, label in enumerate(getattr(self, "feature_names_in_", ()))}
        unknown = [one for one in features if isinstance(one, str) and one not in known]
        if unknown:
            where = "the columns of X" if known else "X, which has no column names"
            raise InputError(
                f"{type(self).__name__}: each of {name} must be in {where}, got {unknown[0]!r}."
            )
        return tuple(known[one] if isinstance(one, str) else one for one in features)

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self, "support_")
        return self.support_

    def _allows_nan(self) -> bool:
        if not hasattr(self.estimator, "fit") or isinstance(self.estimator, type):
            return False  # fit says what is wrong with it
        return bool(get_tags(self.estimator).input_tags.allow_nan)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = self._allows_nan()
        tags.input_tags.sparse = True
        return tags


def _stratified(
    y: np.ndarray, n_splits: int, seed: int, groups: np.ndarray | None = None
) -> Splits:
    # A subsample may hold fewer rows of a class than there are folds; two folds are the least.
    members = np.arange(len(y)) if groups is None else groups
    smallest = min(len(np.unique(members[y == label])) for label in np.unique(y))
    n_splits = min(n_splits, max(smallest, 2))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(n_splits, shuffle=True, random_state=seed % 2**32)
    return list(folds.split(np.zeros(len(y)), y, groups))


def _kept(places: np.ndarray, part: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(part) if part.dtype == bool else part
    return places[rows][places[rows] >= 0]


def _read_groups(groups: Any, n_rows: int, owner: str) -> np.ndarray:
    array = np.asarray(groups)
    if array.shape != (n_rows,):
        raise InputError(
            f"{owner}: groups must hold one label a row, shape ({n_rows},), got {array.shape}."
        )
    return np.unique(array, return_inverse=True)[1]
