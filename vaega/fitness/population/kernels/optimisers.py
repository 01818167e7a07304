"""Steps of Adam and of stochastic gradient descent for the weights of a network.

Each returns nothing and adds the L2 penalty of the weights it leaves, column by column, since the
loss of the next batch needs it: a pass over the weights of its own would cost as much as the step.
"""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel


@kernel
def step_adam(weights, gradient, mean, square, decay, scale, rate, settings, penalties):  # type: ignore[no-untyped-def]
    """Take a step of Adam (Kingma and Ba 2015, algorithm 1 with their faster form of the rate).

    Parameters
    ----------
    weights, gradient, mean, square : numpy.ndarray of float, shape (n_units, width)
        The layer, the derivatives of the summed loss, and the two moments; the gradient stays.
    decay : numpy.ndarray of float, shape (width,)
        Factor of the L2 penalty of each column, 0 for the column of the biases.
    scale : float
        What turns sums over the batch into means.
    rate : float
        The learning rate of this step.
    settings : Settings
        Of which beta_1, beta_2 and epsilon are read.
    penalties : numpy.ndarray of float, shape (at least width,)
        Added to: the penalty of each column after the step.
    """
    kind = weights.dtype.type
    one, beta_1, beta_2 = kind(1), kind(settings.beta_1), kind(settings.beta_2)
    rest_1, rest_2, epsilon = (
        kind(1 - settings.beta_1),
        kind(1 - settings.beta_2),
        kind(settings.epsilon),
    )
    scale, rate = kind(scale) * one, kind(rate)
    for unit in range(len(weights)):
        for j in range(weights.shape[1]):
            w = weights[unit, j]
            g = (gradient[unit, j] + decay[j] * w) * scale
            m = beta_1 * mean[unit, j] + rest_1 * g
            v = beta_2 * square[unit, j] + rest_2 * (g * g)
            w -= rate * m / (np.sqrt(v) + epsilon)
            mean[unit, j] = m
            square[unit, j] = v
            weights[unit, j] = w
            penalties[j] += decay[j] * w * w


@kernel
def step_descent(weights, gradient, velocity, decay, scale, rate, settings, penalties):  # type: ignore[no-untyped-def]
    """Take a step of gradient descent with momentum (Sutskever et al. 2013 for Nesterov's).

    Parameters
    ----------
    weights, gradient, velocity : numpy.ndarray of float, shape (n_units, width)
    decay, scale, rate, penalties
        As in `step_adam`.
    settings : Settings
        Of which momentum and nesterovs_momentum are read.
    """
    kind = weights.dtype.type
    momentum, scale, rate = kind(settings.momentum), kind(scale), kind(rate)
    for unit in range(len(weights)):
        for j in range(weights.shape[1]):
            w = weights[unit, j]
            g = (gradient[unit, j] + decay[j] * w) * scale
            step = momentum * velocity[unit, j] - rate * g
            velocity[unit, j] = step
            if settings.nesterovs_momentum:
                step = momentum * step - rate * g
            w += step
            weights[unit, j] = w
            penalties[j] += decay[j] * w * w
