"""Generative models in closed form, the baselines of the autoencoders: PPCA and class Gaussians."""

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vaega.core.checks import check_count, check_flag
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, draw_seed
from vaega.data._splits import encode_groups
from vaega.generative._base import GenerativeModel
from vaega.generative._calibration import codes_in_proportion, match_kinds, report_rows
from vaega.generative._data import (
    MOST_DOUBLE,
    Scaling,
    check_size,
    class_means,
    encode_labels,
    within_class_variance,
)
from vaega.generative._gaussians import (
    choose_latent,
    draw_folds,
    fill_in,
    fit_components,
    fit_pooled,
)
from vaega.generative._kinds import ColumnKinds, check_enforcement
from vaega.generative._state import (
    ClassGaussians,
    FitReport,
    FittedState,
    LinearCodec,
    StandardGaussians,
    one_torch_thread,
)
from vaega.generative._training import History, gaussian_kl

# Rounds in which a fold's fit fills in missing entries: a report needs no more.
FOLD_STEPS = 5


@dataclass(eq=False, repr=False)
class ClosedForm(GenerativeModel):
    """Fitting of the closed forms; a subclass makes a codec of scaled rows."""

    _: KW_ONLY
    standardize: bool = True
    enforce_min_max_values: bool | str = "auto"
    enforce_rounding: bool = True
    random_state: Any = None

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Estimate the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least three rows; NaN where missing.
        y : array-like of shape (n_samples,), optional
            Class labels.
        groups : array-like of shape (n_samples,), optional
            Rows that belong together: they are held out together.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When a parameter breaks its rule or no column varies.
        ValueError
            When X or y is not what scikit-learn calls valid.
        """
        owner = type(self).__name__
        standardize = check_flag(self.standardize, "standardize", owner=owner)
        bounds, rounding = check_enforcement(self, owner=owner)
        self._check_settings()
        X, y = self._validated(X, y)
        members = None if groups is None else encode_groups(groups, len(X), owner=owner)
        if not standardize:
            check_size(X, MOST_DOUBLE, owner=owner)
        self.seed_ = draw_seed(self.random_state)
        self.classes_, codes = encode_labels(y, len(X), required=False, owner=owner)
        scaling = Scaling.fitted(X, owner=owner, standardize=standardize)
        rows = scaling.forward(X)
        with one_torch_thread():
            codec, heldout = self._codec(torch.from_numpy(rows), codes, members)
            state = _fitted_state(codec, scaling, rows, codes)
            kinds = ColumnKinds.learned(X, bounds=bounds, rounding=rounding)
            self.state_ = _keep_kinds(state, kinds, rows, codes, self.seed_)
            self.report_ = _report(self.state_, rows, codes, heldout, self.seed_)
        self.history_ = History()
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_settings(self) -> None:
        """Raise for a parameter that breaks its rule."""

    def _codec(
        self, rows: Tensor, codes: np.ndarray, groups: np.ndarray | None
    ) -> tuple[LinearCodec, float]:
        """Return the fitted codec, and the log density of rows that took no part in a fit."""
        raise NotImplementedError


@dataclass(eq=False, repr=False)
class ProbabilisticPCA(ClosedForm):
    """Principal components as a density: a few latent directions and equal noise in all columns.

    Rows are ``mean + W z + noise``, with z standard normal. The maximum of the likelihood is in
    closed form; where entries are missing, EM climbs to it.

    Parameters
    ----------
    latent : "auto" or int, default="auto"
        Components. "auto" takes the number with the best likelihood in a five-fold
        cross-validation of the fit rows. Components beyond the rank of the rows are zero.
    standardize : bool, default=True
        Whether columns are standardised first, by the fit rows; what the model returns is on the
        scale of the input.
    enforce_min_max_values, enforce_rounding
        As `VAE` has them.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the folds of "auto" and of the held-out density, and the rows that the report draws.

    Attributes
    ----------
    classes_ : numpy.ndarray or None
        Sorted labels; None when fitted without. They say where in the latent space classes are;
        generated rows of a class have the mean of its fit rows.
    latent_ : int
        Components.
    report_ : FitReport
        `heldout_elbo` is the cross-validated log density of a standardised row.
    history_ : History
        Empty.
    seed_ : int
        The seed of the fit.
    n_features_in_ : int
        Columns of fit.

    References
    ----------
    Tipping and Bishop (1999), Probabilistic principal component analysis, JRSS B 61(3).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ProbabilisticPCA(random_state=0).fit(X, y)
    >>> model.latent_, model.transform(X).shape
    (3, (150, 3))
    >>> round(model.score(X), 2)  # nats per row
    -2.53
    """

    latent: int | str = "auto"

    @property
    def latent_(self) -> int:
        """Components in use."""
        return self.state_.codec.latent

    def _check_settings(self) -> None:
        if isinstance(self.latent, str) and self.latent == "auto":
            return
        if isinstance(self.latent, str):
            rule = "must be 'auto' or a whole number"
            raise InputError.of("ProbabilisticPCA", "latent", rule, self.latent)
        check_count(self.latent, "latent", owner="ProbabilisticPCA")

    def _codec(
        self, rows: Tensor, codes: np.ndarray, groups: np.ndarray | None
    ) -> tuple[LinearCodec, float]:
        requested = None if isinstance(self.latent, str) else int(self.latent)
        rng = derive_rng(self.seed_, "folds")
        latent, heldout = choose_latent(fill_in(rows), latent=requested, rng=rng, groups=groups)
        fitted = fit_components(rows, latent)
        share = np.bincount(codes) / len(codes)
        return LinearCodec(fitted.weights, fitted.mean[None], fitted.sigma, share), heldout


class ClassGaussian(ClosedForm):
    """A Gaussian for each class: its mean, and a covariance that all classes share.

    The within-class covariance is drawn to a scaled identity as Ledoit and Wolf (2004) do, on the
    standardised scale, and held as few directions and a diagonal, so that thousands of columns cost
    milliseconds. Fitted without labels it is one Gaussian. `transform` gives the coordinates of a
    row in these directions, around its class.

    Parameters
    ----------
    standardize, enforce_min_max_values, enforce_rounding
        As `ProbabilisticPCA` has them.
    random_state : int, RandomState, Generator or None, default=None
        Puts rows into the folds of the report's held-out density.

    Attributes
    ----------
    classes_ : numpy.ndarray or None
        Sorted labels; None when fitted without.
    report_ : FitReport
        `heldout_elbo` is the cross-validated log density of a standardised row, given its class.
    history_, seed_, n_features_in_
        As `ProbabilisticPCA` has them.

    References
    ----------
    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices,
    Journal of Multivariate Analysis 88.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ClassGaussian().fit(X, y)
    >>> rows, labels = model.sample({2: 3, 0: 1}, random_state=0)
    >>> rows.shape, labels.tolist()
    ((4, 4), [2, 2, 2, 0])
    """

    sees_labels = True

    def _codec(
        self, rows: Tensor, codes: np.ndarray, groups: np.ndarray | None
    ) -> tuple[LinearCodec, float]:
        classes, share = torch.from_numpy(codes), np.bincount(codes) / len(codes)

        def fit(index: np.ndarray, **settings: int) -> LinearCodec:
            fitted = fit_pooled(rows[index], classes[index], len(share), **settings)
            return LinearCodec(fitted.weights, fitted.means, fitted.variances.sqrt(), share)

        folds = draw_folds(len(rows), derive_rng(self.seed_, "folds"), groups)
        total = 0.0
        for fold in folds:
            codec = fit(np.setdiff1d(np.arange(len(rows)), fold), max_steps=FOLD_STEPS)
            total += float(codec.log_density(rows[fold].numpy(), codes[fold]).sum())
        return fit(np.arange(len(rows))), total / len(rows)


def _fitted_state(
    codec: LinearCodec, scaling: Scaling, rows: np.ndarray, codes: np.ndarray
) -> FittedState:
    gaussians: ClassGaussians | StandardGaussians
    if codec.conditional or len(codec.class_priors) == 1:
        gaussians = StandardGaussians(
            torch.zeros(len(codec.class_priors), codec.latent, dtype=torch.float64)
        )
    else:
        means, variances = codec.posterior(rows, codes)
        gaussians = ClassGaussians.fitted(means, variances, torch.from_numpy(codes))
    sigma = codec.sigma.numpy()
    offsets = np.zeros((len(codec.class_priors), len(sigma)))
    if isinstance(gaussians, ClassGaussians):
        centres = codec.decode(gaussians.means, None)
        offsets = _observed_means(rows, codes, centres) - centres
    return FittedState(codec, scaling, gaussians, sigma=sigma, noise=sigma, offsets=offsets)


def _keep_kinds(
    state: FittedState, kinds: ColumnKinds | None, rows: np.ndarray, codes: np.ndarray, seed: int
) -> FittedState:
    """Return `state` whose rows are kept to the kinds of the columns."""
    if kinds is None:
        return state
    state = replace(state, kinds=kinds)
    request, rng = codes_in_proportion(state.codec.class_priors), derive_rng(seed, "kinds")
    decoded = state.sample_means(request, rng=rng)
    complete = np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows)
    means = class_means(complete, codes)
    return match_kinds(
        state,
        lambda index, columns: decoded[index][:, columns],
        request,
        means=means,
        variance=within_class_variance(complete, codes),
        rng=rng,
    )


def _observed_means(rows: np.ndarray, codes: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Return class means of the observed entries (n_classes, n_varying), else `otherwise`."""
    means = otherwise.copy()
    for code in range(len(means)):
        part = rows[codes == code]
        counts = np.count_nonzero(~np.isnan(part), axis=0)
        sums = np.nansum(part, axis=0)
        means[code] = np.where(counts > 0, sums / np.maximum(counts, 1), means[code])
    return means


def _report(
    state: FittedState, rows: np.ndarray, codes: np.ndarray, heldout: float, seed: int
) -> FitReport:
    rng, share = derive_rng(seed, "report"), state.codec.class_priors
    drawn_codes = rng.choice(len(share), size=report_rows(rows.shape[1]), p=share)
    drawn = state.scaling.forward(state.sample(drawn_codes, noise=True, rng=rng))
    complete = np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows)
    real = within_class_variance(complete, codes).sum()
    generated = within_class_variance(drawn, drawn_codes).sum()
    mean, variance = state.codec.posterior(rows, codes)
    sigma = float(np.sqrt(np.mean(np.square(state.sigma))))
    return FitReport(
        n_training=len(rows),
        n_heldout=len(rows),
        n_epochs=0,
        best_epoch=0,
        heldout_elbo=heldout,
        kl=float(gaussian_kl(mean, variance.log()).mean()),
        sigma=sigma,
        noise=sigma,
        variance_ratio=float(generated / real) if real else 1.0,
    )
