"""Uses of a fitted model that take the label of each row."""

from collections.abc import Callable, Mapping, Sequence
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

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, draw_seed
from vaega.generative import _density as anomaly
from vaega.generative._density import impute_draws, impute_means, log_densities
from vaega.generative._fitted import (
    Around,
    Engine,
    check_labels,
    codes_of,
    column_numbers,
    generate,
    one_thread,
)
from vaega.generative._settings import check_flag

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


def _has_density(model: Any) -> bool:
    if model._kind == "autoencoder":
        raise AttributeError(f"{type(model).__name__} has no density.")
    return True


def check_model(model: Any, *uses: str, owner: str) -> None:
    """Refuse what is no generative model, or none that has the uses asked for."""
    lacking = [use for use in ("fit", "get_params", *uses) if not hasattr(model, use)]
    if lacking or isinstance(model, type):
        raise InputError(
            f"{owner}: model must be a generative model with {' and '.join(uses)}, got {model!r}."
        )


class GenerativeModel(
    LatentPaths, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Uses of one set of learned weights; a subclass's `fit` sets `engine_` and `classes_`.

    A subclass sets `_conditional` where the model sees the label, and `_kind`; an "autoencoder" has
    no density. Its tag `allow_nan` says whether its `fit` takes rows with missing entries.
    """

    _conditional = False
    _kind = "closed form"
    engine_: Engine
    classes_: np.ndarray | None

    def transform(self, X: Any) -> np.ndarray:
        """Return the posterior means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        numpy.ndarray of shape (n_samples, latent)
        """
        return self._transform(X, None)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decode latent points, without noise.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent)
            Latent points.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._inverse_transform(Z, None)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Decode the posterior means of rows, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._reconstruct(X, None)

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
            The columns to generate, as a mask or as numbers in the order wanted; all when absent.
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
            The rows; for a mapping in its order, class by class.
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
        owner, around = type(self).__name__, None
        if rows is None and labels is not None:
            raise InputError(f"{owner}: labels are those of rows, and rows are not given.")
        if rows is not None:
            known, codes = self._known(rows, labels)
            around = Around(self.engine_.scaling.forward(known), codes)
        with one_thread():
            return generate(
                self.engine_,
                self.classes_,
                n,
                owner=owner,
                noise=check_flag(noise, "noise", owner=owner),
                rng=derive_rng(draw_seed(random_state), "sample"),
                features=column_numbers(features, self.n_features_in_, owner=owner),
                source=source,
                around=around,
            )

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
        """
        self._check_importance(n_importance_samples)
        X, codes = self._known(X, y if self._conditional else None)
        with one_thread():
            return log_densities(
                self.engine_,
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
        check_choice(kind, "kind", anomaly.KINDS, owner=owner)
        check_choice(reference, "reference", anomaly.REFERENCES, owner=owner)
        if kind == "likelihood":
            samples = {"n_importance_samples": n_importance_samples, "random_state": random_state}
            return -self.score_samples(X, y, **samples)
        X, codes = self._known(X, y if self._conditional else None)
        with one_thread():
            if kind == "reconstruction":
                return anomaly.reconstruction_errors(self.engine_, X, codes)
            return anomaly.latent_distances(self.engine_, X, codes, reference=reference)

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
        X, codes = self._known(X, y if self._conditional else None, missing=True)
        rng = derive_rng(draw_seed(random_state), "imputation")
        options: dict[str, Any] = {"n_importance_samples": n_importance_samples, "rng": rng}
        with one_thread():
            if multiple:
                options["n_imputations"] = n_imputations
                return impute_draws(self.engine_, X, codes, **options)
            return impute_means(self.engine_, X, codes, **options)

    @property
    def _n_features_out(self) -> int:
        return self.engine_.codec.latent

    def _check_importance(self, n_samples: int | None) -> None:
        if n_samples is not None:
            check_count(n_samples, "n_importance_samples", owner=type(self).__name__)

    def _validated(self, X: Any, y: Any) -> tuple[np.ndarray, Any]:
        rules: dict[str, Any] = {
            "dtype": np.float64,
            "ensure_min_samples": 3,
            "ensure_all_finite": self._finite(),
        }
        if get_tags(self).target_tags.required:
            y = check_labels(y, owner=type(self).__name__)
            return validate_data(self, X, y, **rules)
        X = validate_data(self, X, **rules)
        check_consistent_length(X, y)
        return X, y

    def _transform(self, X: Any, y: Any) -> np.ndarray:
        X, codes = self._known(X, y)
        with one_thread():
            return self.engine_.encode(X, codes)

    def _inverse_transform(self, Z: Any, y: Any) -> np.ndarray:
        check_is_fitted(self)
        Z = check_array(Z, dtype=np.float64, estimator=self, input_name="Z")
        owner, latent = type(self).__name__, self.engine_.codec.latent
        if Z.shape[1] != latent:
            raise InputError(f"{owner}: Z must have {latent} columns, got {Z.shape[1]}.")
        with one_thread():
            return self.engine_.decode(Z, codes_of(y, self.classes_, len(Z), owner=owner))

    def _reconstruct(self, X: Any, y: Any) -> np.ndarray:
        X, codes = self._known(X, y)
        with one_thread():
            return self.engine_.decode(self.engine_.encode(X, codes), codes)

    def _known(
        self, X: Any, y: Any, *, missing: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        check_is_fitted(self)
        finite = "allow-nan" if missing else self._finite()
        X = validate_data(self, X, dtype=np.float64, reset=False, ensure_all_finite=finite)
        engine, owner = self.engine_, type(self).__name__
        if not engine.codec.likelihood.has_sigma:
            engine.codec.likelihood.check_entries(X[:, engine.scaling.varies], owner=owner)
        return X, codes_of(y, self.classes_, len(X), owner=owner)

    def _finite(self) -> bool | str:
        return "allow-nan" if get_tags(self).input_tags.allow_nan else True


class LabelledUses(TransformerMixin):
    """Encoding and decoding for models that see the class.

    Where a label is not given, the class shares of the fit rows stand in its place. It is a
    transformer itself because `set_output` wraps the methods that a transformer's class defines.
    """

    _transform: Callable[[Any, Any], np.ndarray]
    _inverse_transform: Callable[[Any, Any], np.ndarray]
    _reconstruct: Callable[[Any, Any], np.ndarray]

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the posterior means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels.

        Returns
        -------
        numpy.ndarray of shape (n_samples, latent)
        """
        return self._transform(X, y)

    def inverse_transform(self, Z: Any, y: Any = None) -> np.ndarray:
        """Decode latent points, without noise.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent)
            Latent points.
        y : array-like of shape (n_samples,), optional
            The labels to decode them with.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._inverse_transform(Z, y)

    def reconstruct(self, X: Any, y: Any = None) -> np.ndarray:
        """Decode the posterior means of rows, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._reconstruct(X, y)
