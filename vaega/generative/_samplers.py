"""Over-samplers with imbalanced-learn's contract: by a generative model, SMOTE, jitter, bootstrap.

`BaseSampler` checks the data, resolves the sampling strategy and puts new rows behind the original
ones in the containers they came in; a subclass draws the rows.
"""

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, clone
from sklearn.utils import InputTags, Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from vaega.core.checks import check_choice, check_count, check_number
from vaega.core.errors import InputError, MissingExtraError
from vaega.core.randomness import derive_rng, derive_seed, draw_seed
from vaega.data._splits import encode_groups
from vaega.generative._data import (
    binary_units,
    check_labels,
    dense_rows,
    within_class_variance,
)
from vaega.generative._kinds import ENFORCEMENT, MOST_EXACT, ColumnKinds, check_enforcement
from vaega.generative._registry import check_model, default_model, fit_model


@dataclass(eq=False, repr=False)
class BaseSampler(OneToOneFeatureMixin, BaseEstimator, ABC):
    """An over-sampler for imbalanced-learn's pipelines; a subclass fills `_draw`.

    Its parameters are those of `GenerativeSampler`. No sampler has `transform`: a pipeline
    resamples in `fit` alone, so that no synthetic row is ever predicted or scored.

    Examples
    --------
    >>> from vaega import Bootstrap
    >>> issubclass(Bootstrap, BaseSampler), hasattr(Bootstrap, "transform")
    (True, False)
    """

    joblib_prefer: ClassVar[str | None] = "threads"  # where folds are resampled side by side
    _estimator_type = "sampler"
    _sampling_type = "over-sampling"

    _: KW_ONLY
    sampling_strategy: Any = "auto"
    n_per_class: Any = None
    enforce_min_max_values: bool | str | None = "auto"
    enforce_rounding: bool | None = True
    random_state: Any = None

    def fit(self, X: Any, y: Any) -> Self:
        """Check the data and resolve the strategy; nothing is drawn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When the strategy does not fit the labels.
        """
        self._check_settings()
        self._checked(X, y)
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the rows given, then as many new ones as the strategy asks for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; an array, a list, a DataFrame or a sparse matrix or array.
        y : array-like of shape (n_samples,)
            Labels; an array, a list, a Series or a one-column DataFrame; also one-hot.

        Returns
        -------
        X_resampled, y_resampled
            In the containers of X and y; sparse rows in their format. Columns of floats keep their
            dtype, those of whole numbers where new ones are whole too; others become float64 where
            rows were added.

        Raises
        ------
        InputError
            When the strategy does not fit the labels, or rows cannot be drawn.
        """
        self._check_settings()
        rows, labels = self._checked(X, y)
        counts = {label: n for label, n in self.sampling_strategy_.items() if n}
        containers = Containers(X, y)
        if not counts:
            return containers.restore(rows[:0], labels[:0])
        new_rows, new_labels = self._draw(rows, labels, counts, draw_seed(self.random_state))
        return containers.restore(self._kept(new_rows, rows), new_labels)

    @abstractmethod
    def _draw(
        self, X: np.ndarray, y: np.ndarray, counts: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return new rows and their labels, class by class in the order of `counts`."""

    def _check_settings(self) -> None:
        """Refuse parameters of the subclass that break a rule; those of all are checked with y."""

    def _kept(self, new: np.ndarray, real: np.ndarray) -> np.ndarray:
        """Return new rows whose columns hold what those of real rows may hold."""
        bounds, rounding = check_enforcement(self, owner=type(self).__name__)
        kinds = ColumnKinds.learned(real, bounds=bounds, rounding=rounding)
        return new if kinds is None else kinds.enforce(new)

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        owner = type(self).__name__
        check_enforcement(self, owner=owner)
        labels = labels_from(y, owner=owner)
        rows, labels = validate_data(self, dense_rows(X), labels, dtype=np.float64, order="C")
        self.sampling_strategy_ = resolve_strategy(
            self.sampling_strategy, self.n_per_class, labels, owner=owner
        )
        return rows, labels

    def __sklearn_tags__(self) -> Any:
        tags = as_sampler(super().__sklearn_tags__())
        tags.input_tags.sparse = True
        return tags


@dataclass(eq=False, repr=False)
class GenerativeSampler(BaseSampler):
    """Add rows that a generative model, fitted on the rows given, draws for each class.

    The original rows come first, unchanged and in order, then the new ones, class by class. Works
    as a step of imbalanced-learn's ``Pipeline``, which resamples in `fit` only, so that no
    synthetic row is ever predicted or scored.

    Parameters
    ----------
    model : generative model or None, default=None
        `VAE`, `ConditionalVAE`, `HierarchicalVAE`, `Autoencoder`, `ProbabilisticPCA`,
        `ClassGaussian`, or an estimator of your own with ``fit(X, y)`` and
        ``sample({label: n}, noise=..., random_state=...)``; not fitted, a clone is. None is
        ``VAE()``.
    sampling_strategy : str, float, mapping or callable, default="auto"
        As in imbalanced-learn's over-samplers: "auto" or "not majority", "minority",
        "not minority", "all", a ratio for two classes, ``{label: rows afterwards}``, or a callable
        that makes such a mapping from y.
    n_per_class : int, mapping of label to int, or None, default=None
        Rows to add to each class, whatever `sampling_strategy` says.
    enforce_min_max_values : {"auto"}, bool or None, default=None
        Between which values new rows stay, see `VAE`; None leaves it to the model, and is "auto"
        for a model of your own.
    enforce_rounding : bool or None, default=None
        Whether columns of whole numbers, or of other numbers at equal distances, get such values
        alone; None leaves it to the model, and is True for a model of your own.
    noise : bool, default=True
        Whether new rows carry the decoder's noise; see `VAE.sample`.
    source : {"prior", "posterior", "rows"} or None, default=None
        Where latent points come from, see `VAE.sample`: of the class's aggregate posterior for
        None and "posterior"; "rows" draws around rows of the class.
    cache : None, "auto", str or path, default=None
        Where fitted models are kept: nowhere, in the default folder, or in that folder. Models of
        your own are not kept.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the rows and the model; None draws fresh rows and keeps a seed of the model's own.

    Attributes
    ----------
    sampling_strategy_ : dict of label to int
        Rows added.
    model_ : generative model or None
        The fitted model; None before `fit_resample`, and when there was nothing to add.
    n_features_in_ : int
        Columns of X.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> from vaega import VAE
    >>> sampler = GenerativeSampler(VAE(max_epochs=20), n_per_class=10, random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> X_new.shape, bool((X_new[:150] == X).all())
    ((180, 4), True)
    """

    model: Any = None
    _: KW_ONLY
    enforce_min_max_values: bool | str | None = None
    enforce_rounding: bool | None = None
    noise: bool = True
    source: str | None = None
    cache: Any = None

    @property
    def joblib_prefer(self) -> str | None:  # type: ignore[override]
        """What joblib is to prefer: threads for vaega's models, which release Python's lock."""
        own = self.model is None or type(self.model).__module__.startswith("vaega.")
        return "threads" if own else None

    def fit_resample(self, X: Any, y: Any, *, groups: Any = None) -> tuple[Any, Any]:
        """Return the rows given, then as many new ones as the strategy asks for.

        Parameters
        ----------
        X, y
            As `BaseSampler.fit_resample` has them.
        groups : array-like of shape (n_samples,), optional
            Rows that belong together, as the spectra of a patient: a model that takes ``groups``
            holds them out together.

        Returns
        -------
        X_resampled, y_resampled
            In the containers of X and y.

        Raises
        ------
        InputError
            When the strategy does not fit the labels, or rows cannot be drawn.
        """
        if groups is not None:  # also where no row is wanted, and no model is fitted
            groups = encode_groups(groups, len(y), owner=type(self).__name__)
        self._groups = groups
        try:
            return super().fit_resample(X, y)
        finally:
            del self._groups

    def _check_settings(self) -> None:
        if self.model is not None:
            check_model(self.model, "sample", owner="GenerativeSampler")

    def _kept(self, new: np.ndarray, real: np.ndarray) -> np.ndarray:
        return new if _enforces(self.model_) else super()._kept(new, real)

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        self.model_: Any = None
        return super()._checked(X, y)

    def _draw(
        self, X: np.ndarray, y: np.ndarray, counts: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        model = self.model_ = self._fitted_model(X, y, derive_seed(seed, "model"))
        options: dict[str, Any] = {"noise": self.noise, "random_state": derive_seed(seed, "sample")}
        if self.source is not None:
            options["source"] = self.source
        if self.source == "rows":
            options |= {"rows": X, "labels": y}
        return model.sample(counts, **options)

    def _fitted_model(self, X: np.ndarray, y: np.ndarray, seed: int) -> Any:
        model = default_model() if self.model is None else clone(self.model)
        params = model.get_params(deep=False)
        if "random_state" in params and (
            self.random_state is not None or params["random_state"] is None
        ):
            model.set_params(random_state=seed)
        given = {name: getattr(self, name) for name in ENFORCEMENT}
        if _enforces(model):
            model.set_params(**{name: value for name, value in given.items() if value is not None})
        if not isinstance(self.cache, str | Path | None):
            raise InputError(
                f"GenerativeSampler: cache must be None, 'auto' or a folder, got {self.cache!r}."
            )
        groups = getattr(self, "_groups", None)
        return fit_model(model, X, y, cache=self.cache, groups=groups)


def _enforces(model: Any) -> bool:
    """Return whether a model itself keeps the rows that it draws to the kinds of the columns."""
    return set(ENFORCEMENT) <= set(model.get_params(deep=False))


class Bootstrap(BaseSampler):
    """Add rows of each class, drawn from it with replacement.

    Parameters
    ----------
    sampling_strategy, n_per_class, random_state
        As `GenerativeSampler` has them; None draws other rows on every call.
    enforce_min_max_values, enforce_rounding
        As `VAE` has them.

    Attributes
    ----------
    sampling_strategy_, n_features_in_
        As `GenerativeSampler` has them.

    Examples
    --------
    >>> X, y = [[1.0], [2.0], [7.0]], ["many", "many", "few"]
    >>> Bootstrap(random_state=0).fit_resample(X, y)
    ([[1.0], [2.0], [7.0], [7.0]], ['many', 'many', 'few', 'few'])
    """

    def _draw(
        self, X: np.ndarray, y: np.ndarray, counts: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = derive_rng(seed, "sample")
        chosen = np.concatenate(
            [rng.choice(np.flatnonzero(y == label), size=n) for label, n in counts.items()]
        )
        return X[chosen], y[chosen]


@dataclass(eq=False, repr=False)
class GaussianJitter(BaseSampler):
    """Add rows of each class with Gaussian noise on every column.

    The noise of a column has a share of the standard deviation that the column has within classes,
    pooled over them, so that a class of one row gets noise as well. Each row of a class is taken as
    often as the others, give or take once. In columns of whole numbers or other levels noise of
    less than half a step changes nothing.

    Parameters
    ----------
    share : float, default=0.25
        The noise's standard deviation over that within classes, at least 0. New rows vary
        ``1 + share ** 2`` times as much as real ones.
    sampling_strategy, n_per_class, random_state
        As `GenerativeSampler` has them; None draws other rows on every call.
    enforce_min_max_values, enforce_rounding
        As `VAE` has them.

    Attributes
    ----------
    sampling_strategy_, n_features_in_
        As `GenerativeSampler` has them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> X_new, y_new = GaussianJitter(n_per_class=10, random_state=0).fit_resample(X, y)
    >>> X_new.shape, bool((X_new[:150] == X).all())
    ((180, 4), True)
    """

    share: float = 0.25

    def _check_settings(self) -> None:
        if check_number(self.share, "share", owner="GaussianJitter") < 0:
            raise InputError.of("GaussianJitter", "share", "must be at least 0", self.share)

    def _draw(
        self, X: np.ndarray, y: np.ndarray, counts: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rng, codes = derive_rng(seed, "sample"), np.unique(y, return_inverse=True)[1]
        unit = binary_units(np.abs(X).max(axis=0))  # so that no square is infinite, or nothing
        deviation = np.sqrt(within_class_variance(X / unit, codes)) * unit
        chosen = np.concatenate([_evenly(y == label, n, rng) for label, n in counts.items()])
        noise = rng.standard_normal((len(chosen), X.shape[1]))
        return X[chosen] + self.share * deviation * noise, y[chosen]


def _evenly(in_class: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` indices of a class's rows, each as often as the others, give or take once."""
    rows = np.flatnonzero(in_class)
    rounds = [rng.permutation(rows) for _ in range(-(-n // len(rows)))]
    return np.concatenate(rounds)[:n]


@dataclass(eq=False, repr=False)
class SMOTE(BaseSampler):
    """Add rows between rows of a class and their nearest neighbours in it.

    The rows are those of imbalanced-learn's SMOTE with the same seed, but that columns of whole
    numbers are rounded. Classes that are too small
    for it are no error: one of n rows has n - 1 neighbours, a single row is repeated, and a warning
    says so.

    Parameters
    ----------
    k_neighbors : int, default=5
        Nearest neighbours of the same class, of which one is chosen for each new row.
    sampling_strategy, n_per_class, random_state
        As `GenerativeSampler` has them; None draws other rows on every call.
    enforce_min_max_values, enforce_rounding
        As `VAE` has them.

    Attributes
    ----------
    sampling_strategy_, n_features_in_
        As `GenerativeSampler` has them.

    References
    ----------
    Chawla, Bowyer, Hall and Kegelmeyer (2002), SMOTE: synthetic minority over-sampling technique,
    Journal of Artificial Intelligence Research 16.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> X_new, y_new = SMOTE(n_per_class=10, random_state=0).fit_resample(X, y)
    >>> X_new.shape, bool((X_new[:150] == X).all())
    ((180, 4), True)
    """

    k_neighbors: int = 5

    def _check_settings(self) -> None:
        check_count(self.k_neighbors, "k_neighbors", owner="SMOTE")

    def _draw(
        self, X: np.ndarray, y: np.ndarray, counts: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        smote = find_smote()
        sizes = {label: int(np.count_nonzero(y == label)) for label in counts}
        neighbours = {label: min(self.k_neighbors, size - 1) for label, size in sizes.items()}
        _warn_of_small_classes(sizes, self.k_neighbors)
        drawn: dict[Any, np.ndarray] = {}
        for k in sorted(set(neighbours.values())):
            of_k = {label: n for label, n in counts.items() if neighbours[label] == k}
            drawn |= _between(smote, X, y, of_k, k, seed) if k else _repeated(X, y, of_k)
        rows = np.concatenate([drawn[label] for label in counts])
        return rows, np.repeat(np.array(list(counts), dtype=y.dtype), list(counts.values()))


def find_smote() -> Any:
    """Return imbalanced-learn's SMOTE."""
    try:
        from imblearn import over_sampling
    except ImportError as error:
        raise MissingExtraError.of_import(
            error, owner="SMOTE", package="imbalanced-learn", extra="compare"
        ) from error
    return over_sampling.SMOTE


def _between(
    smote: Any, X: np.ndarray, y: np.ndarray, counts: dict[Any, int], k: int, seed: int
) -> dict[Any, np.ndarray]:
    totals = {label: int(np.count_nonzero(y == label)) + n for label, n in counts.items()}
    sampler = smote(sampling_strategy=totals, k_neighbors=k, random_state=seed)
    rows, labels = sampler.fit_resample(X, y)
    rows, labels = rows[len(X) :], labels[len(X) :]
    return {label: rows[labels == label] for label in counts}


def _repeated(X: np.ndarray, y: np.ndarray, counts: dict[Any, int]) -> dict[Any, np.ndarray]:
    return {label: np.repeat(X[y == label], n, axis=0) for label, n in counts.items()}


def _warn_of_small_classes(sizes: dict[Any, int], k: int) -> None:
    # Without the numbers of rows, so that Python shows it once and not anew for each fold.
    fewer = [repr(label) for label, size in sizes.items() if 1 < size <= k]
    single = [repr(label) for label, size in sizes.items() if size == 1]
    parts = []
    if fewer:
        parts.append(f"too few rows for k_neighbors={k} in {', '.join(fewer)}, all are neighbours")
    if single:
        parts.append(f"a single row in {', '.join(single)}, which is repeated")
    if parts:
        warnings.warn(f"SMOTE: {'; '.join(parts)}.", UserWarning, stacklevel=4)


def resolve_strategy(
    sampling_strategy: Any, n_per_class: Any, y: np.ndarray, *, owner: str = "GenerativeSampler"
) -> dict[Any, int]:
    """Return how many rows to add to each class that is asked for, sorted by label."""
    labels, sizes = np.unique(y, return_counts=True)
    counts = dict(zip(labels.tolist(), sizes.tolist(), strict=True))
    if n_per_class is not None:
        return _added(n_per_class, counts, owner)
    if len(counts) < 2:
        raise InputError(
            f"{owner}: sampling_strategy needs more than one class, y has 1 class; "
            "n_per_class works with one."
        )
    if callable(sampling_strategy):
        sampling_strategy = sampling_strategy(y)
    if isinstance(sampling_strategy, Mapping):
        return _to_totals(sampling_strategy, counts, owner)
    if isinstance(sampling_strategy, Real) and not isinstance(sampling_strategy, bool):
        return _to_ratio(float(sampling_strategy), counts, owner)
    return _to_largest(sampling_strategy, counts, owner)


_LEFT_OUT: dict[str, Callable[[dict[Any, int]], list[Any]]] = {
    "auto": lambda counts: [_largest(counts)],
    "not majority": lambda counts: [_largest(counts)],
    "not minority": lambda counts: [_smallest(counts)],
    "minority": lambda counts: [label for label in counts if label != _smallest(counts)],
    "all": lambda counts: [],
}


def _to_largest(name: Any, counts: dict[Any, int], owner: str) -> dict[Any, int]:
    check_choice(name, "sampling_strategy", _LEFT_OUT, owner=owner)
    left_out, most = _LEFT_OUT[name](counts), max(counts.values())
    return {label: most - n for label, n in counts.items() if label not in left_out}


def _to_totals(totals: Mapping[Any, Any], counts: dict[Any, int], owner: str) -> dict[Any, int]:
    _check_known(totals, counts, "sampling_strategy", owner)
    for label, total in totals.items():
        check_count(total, f"sampling_strategy[{label!r}]", owner=owner, minimum=0)
        if total < counts[label]:
            raise InputError(
                f"{owner}: sampling_strategy[{label!r}] must be at least the {counts[label]} rows "
                f"that are there, got {total!r}."
            )
    return {label: int(totals[label]) - counts[label] for label in sorted(totals)}


def _to_ratio(ratio: float, counts: dict[Any, int], owner: str) -> dict[Any, int]:
    if not 0.0 < ratio <= 1.0 or len(counts) != 2:
        raise InputError(
            f"{owner}: sampling_strategy as a number must be in (0, 1] and is for two classes, "
            f"got {ratio!r} and {len(counts)} classes."
        )
    smaller = next(label for label in counts if label != _largest(counts))
    added = int(max(counts.values()) * ratio - counts[smaller])
    if added <= 0:
        raise InputError(
            f"{owner}: sampling_strategy must ask for more than the present ratio, got {ratio!r} "
            f"with {counts[smaller]} rows against {max(counts.values())}."
        )
    return {smaller: added}


def _added(n_per_class: Any, counts: dict[Any, int], owner: str) -> dict[Any, int]:
    if isinstance(n_per_class, Mapping):
        _check_known(n_per_class, counts, "n_per_class", owner)
        named = {label: n_per_class[label] for label in sorted(n_per_class)}
    else:
        named = dict.fromkeys(counts, n_per_class)
    return {
        label: check_count(n, "n_per_class", owner=owner, minimum=0) for label, n in named.items()
    }


def _check_known(labels: Mapping[Any, Any], counts: dict[Any, int], name: str, owner: str) -> None:
    unknown = [label for label in labels if label not in counts]
    if unknown:
        raise InputError(f"{owner}: {name} must name labels of y, got {unknown[0]!r}.")


# The first of equal classes, in the order of labels, as imbalanced-learn has it.
def _largest(counts: dict[Any, int]) -> Any:
    return max(counts, key=counts.__getitem__)


def _smallest(counts: dict[Any, int]) -> Any:
    return min(counts, key=counts.__getitem__)


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
            rows, dtypes = _as_columns_of(self.X, rows)
            new = pd.DataFrame(rows, columns=self.X.columns).astype(dtypes)
            return pd.concat([self.X, new], ignore_index=True)
        if isinstance(self.X, list):
            return list(self.X) + rows.tolist()
        if is_polars(self.X):
            return _behind_polars(self.X, rows)
        original: Any = self.X if sparse.issparse(self.X) else np.asarray(self.X)
        values = _values_of(original.dtype, rows)
        rows = rows if values is None else values.astype(original.dtype)
        if sparse.issparse(original):
            if not len(rows):
                return original.copy()
            return sparse.vstack([original, type(original)(rows)], format=original.format)
        return np.concatenate([original, rows]) if len(rows) else original.copy()

    def _labels(self, labels: np.ndarray) -> Any:
        if is_polars(self.y):
            return _behind_polars(self.y, labels)
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


def is_polars(values: Any) -> bool:
    """Return whether values are a DataFrame or Series of polars, which is not imported for that."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(values, polars.DataFrame | polars.Series)


def _behind_polars(values: Any, added: np.ndarray) -> Any:
    """Return a DataFrame or Series of polars with rows behind, each column of its dtype.

    A column of whole numbers that gets fractions becomes one of floats.
    """
    polars: Any = sys.modules["polars"]
    if isinstance(values, polars.Series):
        new = polars.Series(values.name, added.tolist()).cast(values.dtype)
        return polars.concat([values, new])
    columns = added[:, None] if added.ndim == 1 else added
    new_frame = polars.DataFrame(
        {name: columns[:, index].tolist() for index, name in enumerate(values.columns)}
    )
    schema = dict(values.schema)
    if added.ndim == 2:
        schema = {
            name: dtype
            for index, (name, dtype) in enumerate(schema.items())
            if dtype.is_float() or _values_of(_numpy_dtype(dtype), columns[:, index]) is not None
        }
    return polars.concat([values, new_frame.cast(schema)], how="vertical_relaxed")


def _numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """Return numpy's dtype of a column of polars."""
    polars: Any = sys.modules["polars"]
    found: np.dtype[Any] = polars.Series([], dtype=dtype).to_numpy().dtype
    return found


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


def _as_columns_of(frame: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, dict[Any, Any]]:
    """Return new rows, and the dtypes of the columns that keep theirs; pandas finds others."""
    rows, dtypes = rows.copy(), {}
    for column, (name, dtype) in enumerate(frame.dtypes.items()):
        plain = getattr(dtype, "subtype", getattr(dtype, "numpy_dtype", dtype))
        values = _values_of(plain, rows[:, column])
        if values is not None:
            rows[:, column], dtypes[name] = values, dtype
    return rows, dtypes


def _values_of(dtype: Any, values: np.ndarray) -> np.ndarray | None:
    """Return floats as a dtype of numbers holds them; None where fractions would be lost."""
    if pd.api.types.is_float_dtype(dtype):
        return values
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iub":
        return None
    if (np.abs(values) > MOST_EXACT).any() or (values != np.rint(values)).any():
        return None
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return np.clip(values, least, most)


@dataclass(slots=True)
class SamplerTags:
    """What imbalanced-learn asks of a sampler; ours makes rows, so that none is an index."""

    sample_indices: bool = False


@dataclass(slots=True)
class SamplerInputTags(InputTags):
    """Scikit-learn's input tags and imbalanced-learn's one for DataFrames."""

    dataframe: bool = True


@dataclass(slots=True)
class SamplerEstimatorTags(Tags):
    """Scikit-learn's tags and imbalanced-learn's one for samplers."""

    sampler_tags: SamplerTags = field(default_factory=SamplerTags)


def as_sampler(tags: Any) -> SamplerEstimatorTags:
    """Return scikit-learn's `tags` as those of a sampler that needs labels."""
    plain = {item.name: getattr(tags, item.name) for item in fields(tags)}
    plain |= {"estimator_type": "sampler", "transformer_tags": None}
    sampler = SamplerEstimatorTags(**plain)
    sampler.input_tags = SamplerInputTags()
    sampler.target_tags.required = True
    return sampler
