"""Base class of the generative models: what one fitted state is used for.

`GenerativeModel` encodes, decodes, samples, scores and imputes rows; a subclass's `fit` learns. A
class says by its attributes what is special about it, so that a new model is one file and one line
in `vaega.generative._registry`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from vaega.core.checks import check_choice, check_count, check_flag
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, draw_seed
from vaega.generative._data import check_labels, codes_by_label, codes_of, dense_rows
from vaega.generative._density import (
    KINDS,
    REFERENCES,
    impute_draws,
    impute_means,
    latent_distances,
    log_densities,
    reconstruction_errors,
)
from vaega.generative._state import SOURCES, FittedState, SourceRows, one_torch_thread

# Traversals go this many standard deviations of the prior to both sides.
REACH = 3.0
# Below this angle a great circle is a straight line, to rounding.
SMALLEST_ANGLE = 1e-6


def _has_density(model: Any) -> bool:
    if not model.has_density:
        raise AttributeError(f"{type(model).__name__} has no density.")
    return True


class GenerativeModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Uses of one fitted state; a subclass's `fit` sets `state_` and `classes_`.

    Its tag `allow_nan` says whether `fit` takes rows with missing entries, its tag
    `target_tags.required` whether it needs labels.

    Attributes
    ----------
    sees_labels : bool
        Whether encoding and decoding depend on the class.
    has_density : bool
        Whether rows have a density, so that they can be scored and imputed.
    class_sources : tuple of str
        Where latent points of labelled rows can come from; see `sample`.
    has_presets : bool
        Whether the class has `from_preset`.
    is_storable : bool
        Whether its fitted state is one of this package, which `save_model` can store.

    Examples
    --------
    All models are of this class, and are used alike:

    >>> from sklearn.datasets import load_iris
    >>> from vaega import ProbabilisticPCA
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ProbabilisticPCA(2).fit(X, y)
    >>> isinstance(model, GenerativeModel), model.has_density
    (True, True)
    >>> rows, labels = model.sample({0: 2, 2: 1}, random_state=0)
    >>> rows.shape, labels.tolist(), model.transform(X).shape
    ((3, 4), [0, 0, 2], (150, 2))
    """

    sees_labels = False
    has_density = True
    class_sources: tuple[str, ...] = ("posterior", "rows")
    has_presets = False
    is_storable = True
    state_: FittedState
    classes_: np.ndarray | None

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the posterior means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels, for a model that sees them; the class shares of the fit rows when absent.

        Returns
        -------
        numpy.ndarray of shape (n_samples, latent)
        """
        return self._encode(X, y)

    def inverse_transform(self, Z: Any, y: Any = None) -> np.ndarray:
        """Decode latent points, without noise.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent)
            Latent points.
        y : array-like of shape (n_samples,), optional
            The labels to decode them with, for a model that sees them; see `transform`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        Z = check_array(Z, dtype=np.float64, order="C", estimator=self, input_name="Z")
        owner, latent = type(self).__name__, self.state_.codec.latent
        if Z.shape[1] != latent:
            raise InputError(f"{owner}: Z must have {latent} columns, got {Z.shape[1]}.")
        with one_torch_thread():
            return self.state_.decode(Z, codes_of(y, self.classes_, len(Z), owner=owner))

    def reconstruct(self, X: Any, y: Any = None) -> np.ndarray:
        """Decode the posterior means of rows, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels, for a model that sees them; see `transform`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        X, codes = self._checked_rows(X, y)
        with one_torch_thread():
            return self.state_.decode(self.state_.encode(X, codes), codes)

    def sample(
        self,
        n: int | Mapping[Any, int] = 1,
        *,
        features: Any = None,
        noise: bool = True,
        source: str | None = None,
        rows: Any = None,
        labels: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Generate rows.

        Parameters
        ----------
        n : int or mapping of label to int, default=1
            How many rows.
        features : array-like of bool, shape (n_features,), or of int, optional
            The columns to generate, as a mask or as indices in any order; all when absent.
            Given the latent point, columns are independent: these are rows of the exact marginal,
            and cost their part of the last layer alone (computed in single precision).
        noise : bool, default=True
            Whether to add the decoder's noise. Without it rows are decoder means, which keep only
            part of the within-class variance.
        source : {"prior", "posterior", "rows"}, optional
            Where z comes from: the prior N(0, I); the aggregate posterior of the class, a Gaussian
            with the moments of its rows' posteriors; the posteriors of `rows`, each as often as the
            others. When absent, the prior for an int and the posterior for a mapping. An int draws
            classes in proportion to their share of the fit rows.
        rows : array-like of shape (n_rows, n_features), optional
            For source "rows"; may have missing entries.
        labels : array-like of shape (n_rows,), optional
            Labels of `rows`; needed for a mapping.
        random_state : int, RandomState, Generator or None, default=None
            None gives new rows on every call.

        Returns
        -------
        X : numpy.ndarray of shape (n_rows, n_features) or (n_rows, n_asked)
            The rows; for a mapping in its order, class by class. Columns keep their kind as the
            model's `enforce_min_max_values` and `enforce_rounding` say.
        y : numpy.ndarray of shape (n_rows,)
            Their labels; only for a mapping.

        Raises
        ------
        InputError
            When a label was not in fit, a count is no whole number at least 0, the model was
            fitted without labels, there is no such column, or source, rows and labels don't go
            together.
        """
        check_is_fitted(self)
        owner, source_rows = type(self).__name__, None
        if rows is None and labels is not None:
            raise InputError(f"{owner}: labels are those of rows, and rows are not given.")
        if rows is not None:
            X, codes = self._checked_rows(rows, labels)
            source_rows = SourceRows(self.state_.scaling.forward(X), codes)
        options: dict[str, Any] = {
            "noise": check_flag(noise, "noise", owner=owner),
            "rng": derive_rng(draw_seed(random_state), "sample"),
            "features": column_indices(features, self.n_features_in_, owner=owner),
            "source": self._checked_source(source, source_rows, labelled=isinstance(n, Mapping)),
            "rows": source_rows,
        }
        with one_torch_thread():
            if not isinstance(n, Mapping):
                return self.state_.sample(check_count(n, "n", owner=owner, minimum=0), **options)
            codes, drawn_labels = repeat_codes(n, self.classes_, owner=owner)
            if options["source"] == "rows":
                _check_rows_of(codes, drawn_labels, source_rows, owner)
            return self.state_.sample(codes, **options), drawn_labels

    @available_if(_has_density)
    def score_samples(
        self,
        X: Any,
        y: Any = None,
        *,
        n_importance_samples: int | None = None,
        random_state: Any = 0,
    ) -> np.ndarray:
        """Return the log density of rows, in nats, on the scale of X.

        Missing entries are left out: the density is that of the others. Constant columns say
        nothing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Labels, for a model that sees them: the density given the class. Without, that of the
            mixture of all classes.
        n_importance_samples : int, optional
            Latent points of each row; the bound (Burda et al. 2016) grows with them, and with one
            its mean is the evidence lower bound. When absent, 64, or the exact density where there
            is a closed form.
        random_state : int, RandomState, Generator or None, default=0
            Draws the latent points; the same for all rows, so that a row's score does not depend on
            the others. What they are off by is left in the mean over rows: more points lessen it.

        Returns
        -------
        numpy.ndarray of shape (n_samples,)

        Raises
        ------
        InputError
            When a parameter breaks its rule, or the likelihood is "bernoulli" and an entry is
            neither 0 nor 1: cross-entropies of grey values integrate to no density.
        """
        self._check_importance(n_importance_samples)
        X, codes = self._checked_rows(X, y if self.sees_labels else None)
        state = self.state_
        if not state.codec.likelihood.has_sigma:
            varying = X[:, state.scaling.varies]
            state.codec.likelihood.check_density(varying, owner=type(self).__name__)
        with one_torch_thread():
            return log_densities(
                self.state_,
                X,
                codes,
                n_importance_samples=n_importance_samples,
                rng=derive_rng(draw_seed(random_state), "importance"),
            )

    @available_if(_has_density)
    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, nats per row."""
        return float(self.score_samples(X, y).mean())

    def anomaly_scores(
        self,
        X: Any,
        kind: str = "reconstruction",
        *,
        y: Any = None,
        reference: str = "prior",
        n_importance_samples: int | None = None,
        random_state: Any = 0,
    ) -> np.ndarray:
        """Return how unusual rows are; higher is more unusual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; missing entries are left out.
        kind : {"reconstruction", "latent", "likelihood"}, default="reconstruction"
            Mean squared residual of the reconstruction on the standardised scale; squared
            Mahalanobis distance of the posterior mean; negative log density in nats.
        y : array-like of shape (n_samples,), optional
            Labels, for a model that sees them. Without, the class in which a row is least unusual,
            or the mixture for "likelihood".
        reference : {"prior", "posterior"}, default="prior"
            For "latent": distance to N(0, I), or to the aggregate posterior of the nearest class.
        n_importance_samples, random_state
            For "likelihood", as `score_samples` has them.

        Returns
        -------
        numpy.ndarray of shape (n_samples,)
        """
        owner = type(self).__name__
        check_choice(kind, "kind", KINDS, owner=owner)
        check_choice(reference, "reference", REFERENCES, owner=owner)
        if kind == "likelihood":
            samples = {"n_importance_samples": n_importance_samples, "random_state": random_state}
            return -self.score_samples(X, y, **samples)
        X, codes = self._checked_rows(X, y if self.sees_labels else None)
        with one_torch_thread():
            if kind == "reconstruction":
                return reconstruction_errors(self.state_, X, codes)
            return latent_distances(self.state_, X, codes, reference=reference)

    @available_if(_has_density)
    def impute(
        self,
        X: Any,
        y: Any = None,
        *,
        n_importance_samples: int | None = None,
        multiple: bool = False,
        n_imputations: int = 1,
        random_state: Any = 0,
    ) -> np.ndarray:
        """Fill in missing entries, NaN, given those that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Labels, for a model that sees them; without, classes are weighed by what they say.
        n_importance_samples : int, optional
            Latent points of each row, weighed as in MIWAE (Mattei and Frellsen 2019). When absent,
            256, or the exact conditional mean where there is a closed form.
        multiple : bool, default=False
            Whether to draw entries, with their uncertainty, instead of taking conditional means.
        n_imputations : int, default=1
            How often, with `multiple`.
        random_state : int, RandomState, Generator or None, default=0
            Draws.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features), or (n_imputations, n_samples, n_features)
            The second with `multiple`. Entries that were there keep their bits.

        Raises
        ------
        InputError
            When more than one imputation is asked for without `multiple`.
        """
        owner = type(self).__name__
        multiple = check_flag(multiple, "multiple", owner=owner)
        self._check_importance(n_importance_samples)
        check_count(n_imputations, "n_imputations", owner=owner)
        if n_imputations > 1 and not multiple:
            raise InputError(f"{owner}: n_imputations must be 1 without multiple=True.")
        X, codes = self._checked_rows(X, y if self.sees_labels else None, missing=True)
        rng = derive_rng(draw_seed(random_state), "imputation")
        options: dict[str, Any] = {"n_importance_samples": n_importance_samples, "rng": rng}
        with one_torch_thread():
            if multiple:
                options["n_imputations"] = n_imputations
                return impute_draws(self.state_, X, codes, **options)
            return impute_means(self.state_, X, codes, **options)

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
        start = np.zeros(self.state_.codec.latent)
        if around is not None:
            row = self._rows_of(around=around)
            start = self._encode(row, None if y is None else [y])[0]
        path = along_dimension(start, dimension, values, owner=type(self).__name__)
        return self.inverse_transform(path, None if y is None else [y] * len(path))

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
        ends = self._encode(self._rows_of(a=a, b=b), labels)
        path = between(ends[0], ends[1], n_steps, spherical=spherical)
        return self.inverse_transform(path, None if y is None else [y] * n_steps)

    def class_direction(self, a: Any, b: Any) -> np.ndarray:
        """Return the way (latent,) from the centre of class `a` to that of class `b`."""
        start, end = self._class_pair(a, b)
        return self._direction(start, end)

    def translate(self, X: Any, a: Any, b: Any) -> np.ndarray:
        """Return what rows of class `a` decode to when their latent points move to class `b`.

        They go the way of the classes' centres; a model that sees the class decodes them with `b`.
        """
        start, end = self._class_pair(a, b)
        X, _ = self._checked_rows(X, None)
        with one_torch_thread():
            points = self.state_.encode(X, np.full(len(X), start)) + self._direction(start, end)
            return self.state_.decode(points, np.full(len(X), end))

    @property
    def _n_features_out(self) -> int:
        return self.state_.codec.latent

    def _direction(self, start: int, end: int) -> np.ndarray:
        means = self.state_.gaussians.means
        return (means[end] - means[start]).cpu().numpy()

    def _rows_of(self, **rows: Any) -> np.ndarray:
        """Return single rows as a table."""
        shape = (self.n_features_in_,)
        for name, row in rows.items():
            if np.shape(row) != shape:
                raise InputError(
                    f"{type(self).__name__}: {name} must be a row of shape {shape}, got shape "
                    f"{np.shape(row)}."
                )
        return np.stack([np.asarray(row) for row in rows.values()])

    def _class_pair(self, a: Any, b: Any) -> tuple[int, int]:
        check_is_fitted(self)
        owner = type(self).__name__
        if self.classes_ is None:
            raise InputError(f"{owner}: classes need a model fitted with labels, y was none.")
        start, end = codes_of([a, b], self.classes_, 2, owner=owner)  # type: ignore[misc]
        return int(start), int(end)

    def _check_importance(self, n_samples: int | None) -> None:
        if n_samples is not None:
            check_count(n_samples, "n_importance_samples", owner=type(self).__name__)

    def _checked_source(
        self, source: Any, rows: SourceRows | None, *, labelled: bool
    ) -> str | None:
        """Return where latent points come from; None leaves it to the fitted state."""
        owner, codec = type(self).__name__, self.state_.codec
        if source is not None:
            check_choice(source, "source", SOURCES, owner=owner)
        if (source == "rows") != (rows is not None):
            raise InputError(f"{owner}: rows to draw around and source='rows' need each other.")
        if not codec.has_prior:
            if source == "prior":
                raise InputError(f"{owner}: has no prior; source must be 'posterior' or 'rows'.")
            return source or "posterior"
        if source == "prior" and labelled and not codec.conditional:
            raise InputError(
                f"{owner}: the prior knows no classes; for rows of a class source must be "
                "'posterior' or 'rows'."
            )
        return source

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validated(self, X: Any, y: Any) -> tuple[np.ndarray, Any]:
        rules: dict[str, Any] = {
            "dtype": np.float64,
            "order": "C",  # of a DataFrame as of an array: sums of columns round by their order
            "ensure_min_samples": 3,
            "ensure_all_finite": self._finite(),
        }
        if get_tags(self).target_tags.required:
            y = check_labels(y, owner=type(self).__name__)
            return validate_data(self, dense_rows(X), y, **rules)
        X = validate_data(self, dense_rows(X), **rules)
        check_consistent_length(X, y)
        return X, y

    def _encode(self, X: Any, y: Any) -> np.ndarray:
        # Not `transform`, whose result `set_output` may put into a DataFrame.
        X, codes = self._checked_rows(X, y)
        with one_torch_thread():
            return self.state_.encode(X, codes)

    def _checked_rows(
        self, X: Any, y: Any, *, missing: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        check_is_fitted(self)
        finite = "allow-nan" if missing else self._finite()
        rules: dict[str, Any] = {"dtype": np.float64, "order": "C", "ensure_all_finite": finite}
        X = validate_data(self, dense_rows(X), reset=False, **rules)
        state, owner = self.state_, type(self).__name__
        if not state.codec.likelihood.has_sigma:
            state.codec.likelihood.check_entries(X[:, state.scaling.varies], owner=owner)
        return X, codes_of(y, self.classes_, len(X), owner=owner)

    def _finite(self) -> bool | str:
        return "allow-nan" if get_tags(self).input_tags.allow_nan else True


def column_indices(features: Any, n_features: int, *, owner: str) -> np.ndarray | None:
    """Return the indices of the requested columns; None for all."""
    if features is None:
        return None
    indices = np.asarray(features)
    if indices.dtype == bool and indices.shape == (n_features,):
        return np.flatnonzero(indices)
    if indices.shape == (0,) and indices.dtype != bool:
        return np.empty(0, dtype=np.int64)
    if indices.dtype.kind in "iu" and indices.ndim == 1:
        if indices.min() >= 0 and indices.max() < n_features:
            return indices.astype(np.int64)
        raise InputError(
            f"{owner}: features must be column numbers from 0 to {n_features - 1}, got "
            f"{indices.min()} to {indices.max()}."
        )
    raise InputError(
        f"{owner}: features must be a mask of {n_features} booleans or column numbers, got "
        f"shape {indices.shape} and type {indices.dtype}."
    )


def repeat_codes(
    counts: Mapping[Any, int], classes: np.ndarray | None, *, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code and the label of each row that `counts` asks for, label by label."""
    if classes is None:
        raise InputError(f"{owner}: rows of a class need a model fitted with labels, y was none.")
    known = codes_by_label(classes)
    unknown = [label for label in counts if _as_python(label) not in known]
    if unknown:
        raise InputError(f"{owner}: can generate classes seen in fit only, got {unknown[0]!r}.")
    n_rows = [
        check_count(n, f"rows of {label!r}", owner=owner, minimum=0) for label, n in counts.items()
    ]
    by_label = np.array([known[_as_python(label)] for label in counts], dtype=int)
    codes = np.repeat(by_label, n_rows)
    return codes, classes[codes]


def _as_python(label: Any) -> Any:
    """Return a numpy scalar as the Python value that `tolist` makes of it."""
    return label.item() if isinstance(label, np.generic) else label


def _check_rows_of(
    codes: np.ndarray, labels: np.ndarray, rows: SourceRows | None, owner: str
) -> None:
    if rows is None or rows.codes is None:
        raise InputError(f"{owner}: rows of a class drawn around rows need their labels.")
    missing = labels[~np.isin(codes, rows.codes)]
    if len(missing):
        raise InputError(
            f"{owner}: rows must hold some of class {missing.tolist()[0]!r}, got none."
        )


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
    """Return values as floats; NaN where they are none."""
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
