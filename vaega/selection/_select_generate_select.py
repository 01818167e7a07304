"""Select, generate, select: a generator for the features that a first selection leaves."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed, draw_seed
from vaega.selection._search import widened
from vaega.selection._selector import GeneticSelector, MaskSelector
from vaega.selection._settings import SearchSettings
from vaega.selection._voting import check_keep, frequent_columns

_BY_FEATURE = ("pinned", "forbidden", "guide", "min_features")


class SelectGenerateSelect(MaskSelector):
    """Select features on real rows, generate rows of the frequent ones, select among these.

    Where features are many, a generator spends itself on those that matter to nobody. Here a first
    selection leaves the features that its searches choose most often; the generator is fitted on
    these alone, and a second selection uses its rows.

    Parameters
    ----------
    selector : GeneticSelector
        Of both selections; of the first without its ``sampler``.
    sampler : object with ``fit_resample``, optional
        Fitted in each inner split of the second selection, on the features that the first left;
        None is the selector's own.
    keep : int, float or "auto", default="auto"
        How many features the first selection leaves, the most frequent ones: a number, a share of
        all, or "auto": a tenth of all, but 20 at least, and every feature selected.
    second : GeneticSelector, optional
        Of the second selection, where it differs from the first.
    random_state : int, RandomState, Generator or None, default=None
        Everything random in both comes from it.

    Attributes
    ----------
    support_ : numpy.ndarray of bool, shape (n_features,)
        The selected features.
    kept_ : numpy.ndarray of bool, shape (n_features,)
        Those that the first selection left.
    first_, second_ : GeneticSelector
        Fitted; the second one on the columns of `kept_`.
    frequencies_ : numpy.ndarray of float, shape (n_features,)
        Of the second selection; 0 for features that it did not see.
    best_score_ : float
        Inner score of the second selection. It is doubly optimistic: the first selection saw all
        training rows.
    n_evaluations_ : int
        Different masks scored by both.
    n_features_in_ : int
        Features seen by `fit`.

    Notes
    -----
    The thesis's way for many classes (GCM, ALL-Leukemia): genetic searches, the most frequent
    features, a conditional autoencoder on them, genetic searches on the augmented rows.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from vaega import VAE, GenerativeSampler
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> small = GeneticSelector(GaussianNB(), n_searches=3, population_size=10, n_generations=3)
    >>> sampler = GenerativeSampler(VAE(max_epochs=10), n_per_class=20)
    >>> selector = SelectGenerateSelect(small, sampler=sampler, keep=10, random_state=0)
    >>> int(selector.fit(X[:60], y[:60]).kept_.sum())
    10
    """

    def __init__(
        self,
        selector: Any,
        *,
        sampler: Any = None,
        keep: int | float | str = "auto",
        second: Any = None,
        random_state: Any = None,
    ) -> None:
        self.selector = selector
        self.sampler = sampler
        self.keep = keep
        self.second = second
        self.random_state = random_state

    @property
    def estimator(self) -> Any:
        """The classifier that scores masks."""
        return getattr(self.selector, "estimator", None)

    def fit(self, X: Any, y: Any, **fit_params: Any) -> "SelectGenerateSelect":
        """Select, generate, select.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_features)
            Training rows.
        y : array-like, shape (n_rows,)
            Class labels.
        **fit_params : array-like, shape (n_rows,)
            ``groups`` and ``sample_weight``, as in `GeneticSelector.fit`.

        Returns
        -------
        SelectGenerateSelect
            Itself.

        Raises
        ------
        ValueError
            When a parameter breaks a rule, or the rows cannot be used.
        """
        first, second = self._selectors()
        check_keep(self.keep, owner=type(self).__name__)
        X, y = self._validated(X, y)
        seed = draw_seed(self.random_state)
        for selector in (first, second):  # the rows have lost their columns' names
            indices = {
                name: self._indices(getattr(selector, name), name)
                for name in ("pinned", "forbidden")
            }
            selector.set_params(**indices)
        first.set_params(random_state=derive_seed(seed, "first") % 2**32, sampler=None)
        self.first_ = first.fit(X, y, **fit_params)
        columns = frequent_columns(
            self.first_.frequencies_,
            self.first_.weights_,
            self.first_.support_,
            self.keep,
            _by_feature(second).bounds(X.shape[1]),
        )
        self.kept_ = widened(np.ones(len(columns), dtype=bool), columns, X.shape[1])
        second.set_params(
            random_state=derive_seed(seed, "second") % 2**32, **_on_columns(second, columns)
        )
        self.second_ = second.fit(X[:, columns], y, **fit_params)
        self.support_ = widened(self.second_.support_, columns, X.shape[1])
        self.frequencies_ = widened(self.second_.frequencies_, columns, X.shape[1], 0.0)
        self.best_score_ = self.second_.best_score_
        self.n_evaluations_ = self.first_.n_evaluations_ + self.second_.n_evaluations_
        return self

    def _selectors(self) -> tuple[GeneticSelector, GeneticSelector]:
        selectors = (self.selector, self.selector if self.second is None else self.second)
        for name, selector in zip(("selector", "second"), selectors, strict=True):
            if not isinstance(selector, GeneticSelector):
                raise InputError(
                    f"{type(self).__name__}: {name} must be a GeneticSelector, got {selector!r}."
                )
        first, second = (clone(selector) for selector in selectors)
        if self.sampler is not None:
            second.sampler = self.sampler  # cloned, and checked, where it is fitted
        return first, second

    def plot(self, kind: str = "history", *, ax: Any = None) -> Any:
        """Draw the result of the second selection, see `GeneticSelector.plot`.

        Parameters
        ----------
        kind : {"history", "frequencies", "front", "sizes"}, default="history"
            Which figure.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure's when absent.

        Returns
        -------
        matplotlib.axes.Axes
        """
        check_is_fitted(self, "support_")
        return self.second_.plot(kind, ax=ax)


def _on_columns(selector: GeneticSelector, columns: np.ndarray) -> dict[str, Any]:
    settings = _by_feature(selector).on_columns(columns)
    return {name: getattr(settings, name) for name in _BY_FEATURE}


def _by_feature(selector: GeneticSelector) -> SearchSettings:
    return SearchSettings(**{name: getattr(selector, name) for name in _BY_FEATURE})
