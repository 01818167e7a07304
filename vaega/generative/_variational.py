"""The mathematics of a variational autoencoder, method by method: posterior, bound, densities.

Notation of Kingma and Welling (2014): a prior p(z), a decoder p(x | z), an encoder q(z | x), and
log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z)), the evidence lower bound (ELBO).
"""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, draw_seed
from vaega.generative._base import GenerativeModel
from vaega.generative._density import N_DENSITY_SAMPLES, bound_terms, log_conditionals, log_priors
from vaega.generative._state import one_torch_thread


def _is_factorised(model: Any) -> bool:
    if not model.network_class.factorised:
        raise AttributeError(
            f"{type(model).__name__} has no posterior in closed form: that of a layer depends on "
            "what is drawn in those above."
        )
    return True


class VariationalModel(GenerativeModel):
    """A model of rows x with a prior p(z), a decoder p(x | z) and an encoder q(z | x).

    All densities are in nats and on the scale of X. Missing entries, NaN, are left out of them, as
    `score_samples` does; the encoder sees the mean in their place. Constant columns say nothing.
    """

    network_class: ClassVar[Any]

    @available_if(_is_factorised)
    def posterior(self, X: Any, y: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the encoder's Gaussian q(z | x) of each row.

        Its dimensions are independent: ``z = mean + exp(log_variance / 2) * noise`` with standard
        normal noise is a draw (reparameterisation).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels; needed by a model that sees them, ignored by others.

        Returns
        -------
        mean : numpy.ndarray of shape (n_samples, latent)
            What `transform` gives.
        log_variance : numpy.ndarray of shape (n_samples, latent)
            Natural logarithms, 0 where a dimension says nothing and q is the prior.

        Raises
        ------
        InputError
            When labels are needed and absent, or were not in fit.

        References
        ----------
        Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR, sections 2.3 and 2.4.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from vaega import VAE
        >>> X, _ = load_iris(return_X_y=True)
        >>> vae = VAE(hidden=(16,), latent=2, random_state=1).fit(X)
        >>> mean, log_variance = vae.posterior(X)
        >>> mean.shape, bool(log_variance.mean() < 0.0)
        ((150, 2), True)
        """
        X, codes = self._rows_and_codes(X, y, "posterior")
        with one_torch_thread():
            mean, variance = self.state_.codec.posterior(self.state_.scaling.forward(X), codes)
        return mean.cpu().numpy(), variance.log().cpu().numpy()

    def elbo(
        self, X: Any, y: Any = None, *, n_draws: int = N_DENSITY_SAMPLES, random_state: Any = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the evidence lower bound of each row in its two terms.

        ``reconstruction - kl`` is at most the log density of the row, which `score_samples`
        approaches with more importance samples; what is between them is KL(q(z | x) || p(z | x)).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels; needed by a model that sees them, ignored by others.
        n_draws : int, default=64
            Latent points of each row in the expectation.
        random_state : int, RandomState, Generator or None, default=0
            Draws the latent points; the same noise for all rows, and that of `score_samples`.

        Returns
        -------
        reconstruction : numpy.ndarray of shape (n_samples,)
            E_q[log p(x | z)], a mean over the draws.
        kl : numpy.ndarray of shape (n_samples,)
            KL(q(z | x) || p(z)) in closed form, at least 0; for a hierarchy, where there is none, a
            mean over the same draws.

        Raises
        ------
        InputError
            When labels are needed and absent, or were not in fit, or `n_draws` is no whole number
            of at least 1.

        References
        ----------
        Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR, equation 3 and appendix B.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from vaega import VAE
        >>> X, _ = load_iris(return_X_y=True)
        >>> vae = VAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X)
        >>> reconstruction, kl = vae.elbo(X)
        >>> bool((kl > 0).all()), bool((reconstruction - kl).mean() < vae.score(X))
        (True, True)
        """
        owner = type(self).__name__
        check_count(n_draws, "n_draws", owner=owner)
        X, codes = self._rows_and_codes(X, y, "elbo")
        rng = derive_rng(draw_seed(random_state), "importance")
        with one_torch_thread():
            return bound_terms(self.state_, X, codes, n_draws=n_draws, rng=rng)

    def log_prior(self, Z: Any) -> np.ndarray:
        """Return log p(z) of latent points, the density of N(0, I).

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent) or (n_draws, n_samples, latent)
            Latent points; those of a hierarchy in the coordinates of `transform`.

        Returns
        -------
        numpy.ndarray of shape (n_samples,) or (n_draws, n_samples)

        Raises
        ------
        InputError
            When Z is of another shape.
        ValueError
            When it holds NaN or infinity.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from vaega import VAE
        >>> X, _ = load_iris(return_X_y=True)
        >>> vae = VAE(hidden=(16,), latent=2, max_epochs=5, random_state=0).fit(X)
        >>> vae.log_prior([[0.0, 0.0]]).round(4)  # minus the log of 2 pi
        array([-1.8379])
        """
        points = self._points(Z)
        density: np.ndarray = log_priors(points).cpu().numpy()
        return density.reshape(np.shape(Z)[:-1])

    def log_conditional(self, X: Any, Z: Any, y: Any = None) -> np.ndarray:
        """Return log p(x | z) of rows, each at its latent point: the decoder's likelihood.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        Z : array-like of shape (n_samples, latent) or (n_draws, n_samples, latent)
            A latent point for each row, or several.
        y : array-like of shape (n_samples,), optional
            Labels of the rows; needed by a model that sees them, ignored by others.

        Returns
        -------
        numpy.ndarray of shape (n_samples,) or (n_draws, n_samples)

        Raises
        ------
        InputError
            When labels are needed and absent, or were not in fit, or Z is of another shape.
        ValueError
            When Z holds NaN or infinity.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from vaega import VAE
        >>> X, _ = load_iris(return_X_y=True)
        >>> vae = VAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X)
        >>> at_own, elsewhere = vae.log_conditional(X, [vae.transform(X), vae.transform(X[::-1])])
        >>> bool(at_own.mean() > elsewhere.mean())
        True
        """
        X, codes = self._rows_and_codes(X, y, "log_conditional")
        points = self._points(Z, n_rows=len(X))
        with one_torch_thread():
            density = log_conditionals(self.state_, X, codes, points)
        return density.reshape(np.shape(Z)[:-1])

    def log_joint(self, X: Any, Z: Any, y: Any = None) -> np.ndarray:
        """Return log p(x, z) = log p(x | z) + log p(z) of rows and latent points.

        Parameters
        ----------
        X, Z, y
            As `log_conditional` has them.

        Returns
        -------
        numpy.ndarray of shape (n_samples,) or (n_draws, n_samples)

        Raises
        ------
        InputError, ValueError
            As `log_conditional` raises them.

        Examples
        --------
        The mean of p(x, z) / q(z | x) over draws of q is the density of x; `score_samples` is the
        logarithm of such a mean:

        >>> import numpy as np
        >>> from scipy.special import logsumexp
        >>> from scipy.stats import norm
        >>> from sklearn.datasets import load_iris
        >>> from vaega import VAE
        >>> X, _ = load_iris(return_X_y=True)
        >>> vae = VAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X)
        >>> mean, log_variance = vae.posterior(X)
        >>> sd = np.exp(log_variance / 2)
        >>> Z = mean + sd * np.random.default_rng(0).standard_normal((2000, 1, 2))
        >>> log_weights = vae.log_joint(X, Z) - norm(mean, sd).logpdf(Z).sum(axis=-1)
        >>> estimate = logsumexp(log_weights, axis=0) - np.log(len(Z))
        >>> bool(np.abs(estimate - vae.score_samples(X, n_importance_samples=2000)).mean() < 0.05)
        True
        """
        return self.log_conditional(X, Z, y) + self.log_prior(Z)

    def _rows_and_codes(self, X: Any, y: Any, method: str) -> tuple[np.ndarray, np.ndarray | None]:
        X, codes = self._checked_rows(X, y if self.sees_labels else None)
        if self.sees_labels and codes is None:
            owner = type(self).__name__
            raise InputError(f"{owner}: {method} needs the labels of the rows, y was none.")
        return X, codes

    def _points(self, Z: Any, n_rows: int | None = None) -> Tensor:
        """Return checked latent points as a tensor (n_draws, n, latent)."""
        check_is_fitted(self)
        rules: dict[str, Any] = {"dtype": np.float64, "order": "C", "allow_nd": True}
        Z = check_array(Z, estimator=self, input_name="Z", **rules)
        owner, latent = type(self).__name__, self.state_.codec.latent
        n = Z.shape[-2] if n_rows is None else n_rows
        if Z.ndim > 3 or Z.shape[-2:] != (n, latent):
            raise InputError(
                f"{owner}: Z must be of shape ({n}, {latent}) or (n_draws, {n}, {latent}), got "
                f"{Z.shape}."
            )
        return self.state_.codec.tensor(Z.reshape(-1, n, latent))
