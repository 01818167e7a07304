"""Autoencoders as scikit-learn estimators that encode, decode and generate rows."""

from typing import Any

from vaega.generative.base_autoencoder import BaseAutoencoder
from vaega.generative.conditional import LabelledUses


class VAE(BaseAutoencoder):
    """Variational autoencoder: rows to a Gaussian latent space, and new rows out of it.

    Loss: squared error summed over features, divided by twice the decoder's variance, plus the KL
    to N(0, I), mean over rows; or another `likelihood`. Part of the fit rows is held out: it stops
    the training, sets the decoder's variance and calibrates the noise that generated rows carry.
    Missing values, NaN, are seen as the mean, and left out of the loss.

    Parameters
    ----------
    hidden : sequence of int, default=(128, 64)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent : int, default=16
        Dimensions of the latent space.
    norm : {"batch", "layer"} or None, default="batch"
        What follows each hidden Linear layer, before the ReLU.
    output_norm : bool, default=False
        Whether the decoder's last layer has a norm too, as in the thesis.
    standardize : bool, default=True
        Whether the model standardises rows itself, by the fit rows; what it returns is on the scale
        of the input. False assumes rows that are standardised already.
    likelihood : {"gaussian", "laplace", "bernoulli"}, default="gaussian"
        Of an entry around what is decoded: squared error, absolute error, or cross-entropy of
        values from 0 to 1, which are not standardised.
    sigma : {"heldout", "shared", "feature"} or float, default="heldout"
        The decoder's standard deviation, after standardisation: following the held-out residuals
        and in the end calibrated on them, feature by feature, drawn to their mean; learned with the
        weights, one or one a feature; or fixed. The thesis has ``2 ** -0.5`` (squared error without
        the half).
    calibration : {"matched", "heldout"}, default="matched"
        "matched": generated rows of a class have the class's mean and, with their noise, the
        within-class variance of the fit rows, feature by feature, pooled over classes; for
        "bernoulli" the mean, from which the variance follows. "heldout": the noise is `sigma`,
        and classes are where the decoder puts them; that is the likelihood's own noise, but too
        much of it when rows are few.
    learning_rate : float, default=1e-3
        Of Adam.
    batch_size : int, default=256
        Rows a step at most; with no more training rows, each step sees all.
    max_epochs : int, default=1000
        Passes over the training rows at most.
    patience : int, default=40
        Epochs without a better held-out ELBO before the training stops. Kept are the weights of
        the best epoch.
    validation : {"auto", "split", "crossfit"}, default="auto"
        "split": one part of the rows stops the training and calibrates the noise. "crossfit": two
        networks are trained side by side with different rows held out; a third is then trained on
        all rows for as many epochs. "auto" crosses below 60 rows.
    validation_fraction : float, default=0.2
        Share of the fit rows that is held out, by class, at least one row.
    beta : float, default=1.0
        Weight of the KL.
    annealing : {None, "linear", "cyclical"}, default=None
        How the KL comes to its weight; see `vaega.generative.annealing.Annealing`.
    annealing_epochs : int, default=100
        After how many epochs it has it for good.
    n_cycles : int, default=1
        Climbs within these epochs, for "cyclical".
    free_bits : float, default=0.0
        Nats of each latent dimension that cost nothing while training.
    n_draws : int, default=1
        Latent points of each row in the expectation of a training step.
    class_weight : {None, "balanced"} or mapping of label to float, default=None
        What rows count in the loss.
    balanced_batches : bool, default=False
        Whether epochs draw rows with replacement, each class as often, instead of every row once.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the products of a training step; losses and weights are float32. "auto" takes bfloat16
        for large networks where the processor or GPU has it. What is fitted computes in float64.
    device : str, default="auto"
        "auto" (CUDA where there is one), "cpu" or "cuda".
    random_state : int, RandomState, Generator or None, default=None
        An int gives the same bits on every call; None fresh randomness.

    Attributes
    ----------
    engine_ : Engine
        The fitted network, scale, latent classes and noise.
    classes_ : numpy.ndarray or None
        Sorted labels; None when fitted without.
    report_ : FitReport
        Epochs, held-out ELBO, calibrated sigma, variance ratio of synthetic to real rows.
    history_ : History
        ELBO, error, KL, active units of every epoch, training and held-out.
    seed_ : int
        The seed of the fit.
    n_features_in_ : int
        Columns of fit.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR. Rybkin, Daniilidis and Levine
    (2021), Simple and effective VAE training with calibrated decoders, ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> vae = VAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> vae.transform(X).shape
    (150, 2)
    >>> rows, labels = vae.sample({2: 3, 0: 1}, random_state=0)
    >>> rows.shape, labels.tolist()
    ((4, 4), [2, 2, 2, 0])
    """


class ConditionalVAE(LabelledUses, BaseAutoencoder):
    """Variational autoencoder whose encoder and decoder see the class label.

    The one-hot label is joined to the encoder's input and to z. Parameters, attributes and loss are
    those of `VAE`; `fit` needs labels. Where a label is not given, `transform`, `reconstruct` and
    `inverse_transform` put the class shares of the fit rows in its place.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ConditionalVAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> model.transform(X, y).shape
    (150, 2)
    """

    _kind = "conditional"
    _conditional = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class Autoencoder(BaseAutoencoder):
    """Autoencoder: the error alone, a latent space without noise and without prior.

    The yardstick of `VAE`, whose parameters and attributes it has; those of the KL and of latent
    noise (`beta`, `annealing`, `free_bits`, `n_draws`) say nothing here. Rows are generated from
    the aggregate of the codes of the fit rows, there being no prior to draw from.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = Autoencoder(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> model.reconstruct(X).shape
    (150, 4)
    """

    _kind = "autoencoder"


class HierarchicalVAE(BaseAutoencoder):
    """Variational autoencoder with several latent layers, each the prior of the one below.

    Bottom-up and top-down inference as in a ladder; see
    `vaega.generative.hierarchical.HierarchicalNetwork`. Parameters and attributes are those of
    `VAE`, but `latent` names the layers from the lowest to the topmost, and as a number n means
    (n, n // 2). Latent points hold all layers, the topmost first, in coordinates whose prior is
    N(0, I).

    References
    ----------
    Sonderby, Raiko, Maaloe, Sonderby and Winther (2016), Ladder variational autoencoders, NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = HierarchicalVAE((16,), (3, 2), max_epochs=50, random_state=0).fit(X, y)
    >>> model.transform(X).shape
    (150, 5)
    """

    _kind = "hierarchical"
