"""Outlier and anomaly detection by a generative model, as a scikit-learn outlier detector."""

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed, draw_seed, seed_unset
from vaega.generative._data import dense_rows
from vaega.generative._density import KINDS, REFERENCES
from vaega.generative._registry import check_model, default_model

OWNER = "VAEOutlierDetector"
# Of a value: closer ones differ by what arithmetic leaves.
ROUNDING = 1e-12
COMBINED = ("reconstruction", "latent")


@dataclass(eq=False, repr=False)
class VAEOutlierDetector(OutlierMixin, BaseEstimator):
    """Tell unusual rows from usual ones by a generative model of all rows.

    A model learns nothing of a column that is constant in fit. A row that departs from such a
    column is an outlier whatever the model says: its score is taken below the threshold, by 1 for
    each of these columns. Missing entries depart from nothing.

    Parameters
    ----------
    model : GenerativeModel or None, default=None
        Not fitted; a clone is. None is ``VAE()``.
    kind : {"combined", "likelihood", "reconstruction", "latent"}, default="combined"
        What makes a row unusual; see `GenerativeModel.anomaly_scores`. "combined" is the larger of
        "reconstruction" and "latent", each less its median over the fit rows and divided by their
        interquartile range: a model learns rows that are odd together well, but places them far
        out, and rows that break all relations are far from what it decodes (after the combined
        index of process monitoring; Yue and Qin 2001).
    reference : {"prior", "posterior"}, default="posterior"
        For "latent" and "combined".
    contamination : "auto" or float, default="auto"
        Share of the fit rows that are outliers, at most 0.5, which sets the threshold. "auto" puts
        it where Tukey's fences do: one and a half interquartile ranges beyond the upper quartile.
    n_importance_samples : int, optional
        For "likelihood".
    random_state : int, RandomState, Generator or None, default=0
        Seeds the model, where it has no seed of its own, and the latent points.

    Attributes
    ----------
    model_ : GenerativeModel
        The fitted model.
    constants_ : numpy.ndarray of shape (n_features,)
        The value of each column that was constant in fit; NaN for the others.
    quartiles_ : dict of str to numpy.ndarray of shape (3,)
        Of the scores of the fit rows that "combined" combines.
    offset_ : float
        The threshold: rows whose `score_samples` is below it are outliers.
    n_features_in_ : int
        Columns of fit.

    References
    ----------
    Yue and Qin (2001), Reconstruction-based fault identification using a combined index, Industrial
    and Engineering Chemistry Research 40.

    Examples
    --------
    >>> import numpy as np
    >>> from vaega import ProbabilisticPCA
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> X[7] = 9.0
    >>> int(VAEOutlierDetector(ProbabilisticPCA(1), contamination=0.01).fit_predict(X)[7])
    -1
    """

    model: Any = None
    _: KW_ONLY
    kind: str = "combined"
    reference: str = "posterior"
    contamination: float | str = "auto"
    n_importance_samples: int | None = None
    random_state: Any = 0

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least three rows.
        y : Ignored
            Outlier detectors learn without labels.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When a parameter breaks its rule, or the model refuses the rows.
        """
        check_choice(self.kind, "kind", ("combined", *KINDS), owner=OWNER)
        check_choice(self.reference, "reference", REFERENCES, owner=OWNER)
        _check_contamination(self.contamination)
        if self.model is not None:
            methods = ("score_samples",) if self.kind == "likelihood" else ()
            check_model(self.model, "anomaly_scores", *methods, owner=OWNER)
        model = default_model() if self.model is None else clone(self.model)
        X = validate_data(self, dense_rows(X), ensure_min_samples=3, **self._rules())
        self.seed_ = draw_seed(self.random_state)
        seed_unset(model, derive_seed(self.seed_, "model"))
        self.model_ = model.fit(X)
        self.constants_ = _constants(X)
        parts = COMBINED if self.kind == "combined" else ()
        self.quartiles_ = {part: np.percentile(self._of(part, X), [25, 50, 75]) for part in parts}
        self.offset_ = _threshold(self._scores(X), self.contamination)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return how usual rows are; lower is more unusual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        numpy.ndarray of shape (n_samples,)
            The model's anomaly scores, negative; lower for rows that depart from a column that was
            constant in fit.
        """
        check_is_fitted(self)
        X = validate_data(self, dense_rows(X), reset=False, **self._rules())
        scores, departures = self._scores(X), self._count_departures(X)
        return np.where(departures > 0, np.minimum(scores, self.offset_) - departures, scores)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` less the threshold: negative for outliers, (n_samples,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return -1 for outliers and 1 for other rows, (n_samples,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scores(self, X: np.ndarray) -> np.ndarray:
        if self.kind != "combined":
            return -self._of(self.kind, X)
        parts = []
        for part, (low, median, high) in self.quartiles_.items():
            interquartile_range = high - low if high > low else 1.0
            parts.append((self._of(part, X) - median) / interquartile_range)
        return -np.max(parts, axis=0)

    def _count_departures(self, X: np.ndarray) -> np.ndarray:
        """Return in how many columns that were constant in fit each row has another value, (n,)."""
        constant = np.flatnonzero(~np.isnan(self.constants_))
        values, rows = self.constants_[constant], X[:, constant]
        rounding = ROUNDING * np.maximum(np.abs(values), np.abs(rows))
        return np.count_nonzero(np.abs(rows - values) > rounding, axis=1)

    def _of(self, kind: str, X: np.ndarray) -> np.ndarray:
        return self.model_.anomaly_scores(
            X,
            kind,
            reference=self.reference,
            n_importance_samples=self.n_importance_samples,
            random_state=derive_seed(self.seed_, "scores"),
        )

    def _rules(self) -> dict[str, Any]:
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        return {"dtype": np.float64, "order": "C", "ensure_all_finite": finite}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        model = default_model() if self.model is None else self.model
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = get_tags(model).input_tags.allow_nan
        return tags


def _constants(X: np.ndarray) -> np.ndarray:
    """Return the value of each column (n_features,) that is the same in all rows, NaN of others."""
    lowest, highest = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
    largest = np.maximum(np.abs(lowest), np.abs(highest))
    return np.where(highest - lowest <= ROUNDING * largest, lowest, np.nan)


def _check_contamination(value: Any) -> None:
    if isinstance(value, str) and value == "auto":
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 < float(value) <= 0.5:
        raise InputError(
            f"{OWNER}: contamination must be 'auto' or a share above 0, at most 0.5, got {value!r}."
        )


def _threshold(scores: np.ndarray, contamination: Any) -> float:
    if contamination != "auto":
        return float(np.percentile(scores, 100.0 * contamination))
    low, high = np.percentile(scores, [25, 75])
    return float(low - 1.5 * (high - low))
