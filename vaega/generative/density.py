"""Log densities of rows under a fitted generative model."""

import numpy as np
from torch import Tensor, stack

from vaega.generative.engine import Engine
from vaega.generative.linear import LinearCodec
from vaega.generative.proposal import draw_noise, log_weights, propose

# Importance samples of a row when nobody says how many.
N_IMPORTANCE_SAMPLES = 64


def log_densities(
    engine: Engine,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_importance_samples: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the log density of rows on the user's scale, in nats.

    Exact for linear Gaussian models; otherwise the importance-weighted bound, which grows with the
    number of samples and tends to the log density. With one sample its mean is the evidence lower
    bound. Missing entries are left out: the density is that of the others. Constant columns say
    nothing.

    Parameters
    ----------
    engine : Engine
        Fitted.
    X : numpy.ndarray of shape (n, n_features)
        Rows; NaN where missing.
    codes : numpy.ndarray of int, shape (n,), or None
        Classes. For a model that sees them, None stands for the mixture of all classes by their
        shares; other models ignore them.
    n_importance_samples : int or None
        Latent points of each row. None takes the closed form where there is one, else 64.
    rng : numpy.random.Generator
        Draws the points.

    Returns
    -------
    numpy.ndarray of shape (n,)

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders, ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.closed_form import ProbabilisticPCA
    >>> X, _ = load_iris(return_X_y=True)
    >>> engine = ProbabilisticPCA(2).fit(X).engine_
    >>> rng = np.random.default_rng(0)
    >>> exact, weighted = (
    ...     log_densities(engine, X, None, n_importance_samples=k, rng=rng) for k in (None, 5)
    ... )
    >>> np.allclose(exact, weighted)
    True
    """
    scaling, codec = engine.scaling, engine.codec
    rows = scaling.forward(X)
    noise = draw_noise(engine, n_importance_samples, N_IMPORTANCE_SAMPLES, rng)
    if codec.conditional and codes is None:
        found = class_log_densities(engine, rows, noise).logsumexp(dim=1)
    else:
        found = row_log_densities(engine, rows, codes, noise)
    log_scale = np.log(scaling.scale[scaling.varies])
    return found.cpu().numpy() - np.where(np.isnan(rows), 0.0, log_scale).sum(axis=1)


def class_log_densities(engine: Engine, rows: np.ndarray, noise: Tensor | None) -> Tensor:
    """Return log (share of the class times density in it) of rows on the network's scale.

    Parameters
    ----------
    engine : Engine
        Of a model that sees classes.
    rows : numpy.ndarray of shape (n, n_varying)
        NaN where missing.
    noise : torch.Tensor of shape (k, latent) or None
        Of the importance samples; None for the closed form.

    Returns
    -------
    torch.Tensor of shape (n, n_classes)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.closed_form import ClassGaussian
    >>> X, y = load_iris(return_X_y=True)
    >>> engine = ClassGaussian().fit(X, y).engine_
    >>> found = class_log_densities(engine, engine.scaling.forward(X), None)
    >>> round(float((found.argmax(dim=1).numpy() == y).mean()), 2)  # as a discriminant analysis
    0.98
    """
    share = engine.codec.class_share
    found = [
        row_log_densities(engine, rows, np.full(len(rows), code), noise)
        for code in range(len(share))
    ]
    return stack(found, dim=1) + engine.codec.tensor(np.log(share))


def row_log_densities(
    engine: Engine, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> Tensor:
    """Return log densities (n,) of rows (n, n_varying) on the network's scale, given classes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.closed_form import ClassGaussian
    >>> engine = ClassGaussian().fit(load_iris(return_X_y=True)[0]).engine_
    >>> row_log_densities(engine, np.zeros((1, 4)), None, None).shape
    torch.Size([1])
    """
    if noise is None and isinstance(engine.codec, LinearCodec):
        return engine.codec.log_density(rows, codes)
    assert noise is not None, "only linear models have a closed form"
    return average(log_weights(engine, propose(engine, rows, codes, noise)))


def average(weights: Tensor) -> Tensor:
    """Return the log of the mean over the first dimension of the exponentials of `weights`.

    Examples
    --------
    >>> import torch
    >>> average(torch.zeros(4, 2))
    tensor([0., 0.])
    """
    return weights.logsumexp(dim=0) - np.log(len(weights))
