"""Steps of Adam and of stochastic gradient descent for the weights of a network.

Each also adds up the L2 penalty of the weights it leaves, column by column, since the loss of the
next batch needs it: a pass of its own over the weights would cost as much as the step.
"""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel


@kernel
def step_adam(  # type: ignore[no-untyped-def]
    weights, gradient, mean, square, decay, scale, rate, beta_1, beta_2, epsilon, penalties
):
    """Take a step of Adam (Kingma and Ba 2015, with the rate that corrects both moments' bias)."""
    kind = weights.dtype.type
    keep_1, keep_2, small = kind(beta_1), kind(beta_2), kind(epsilon)
    new_1, new_2, by, length = kind(1 - beta_1), kind(1 - beta_2), kind(scale), kind(rate)
    for unit in range(len(weights)):
        row = min(unit, len(decay) - 1)
        for j in range(weights.shape[1]):
            w = weights[unit, j]
            g = (gradient[unit, j] + decay[row, j] * w) * by
            m = keep_1 * mean[unit, j] + new_1 * g
            v = keep_2 * square[unit, j] + new_2 * (g * g)
            w -= length * m / (np.sqrt(v) + small)
            mean[unit, j] = m
            square[unit, j] = v
            weights[unit, j] = w
            penalties[j] += decay[row, j] * (w * w)


@kernel
def step_descent(  # type: ignore[no-untyped-def]
    weights, gradient, velocity, decay, scale, rate, momentum, nesterov, penalties
):
    """Take a step of gradient descent with momentum (Sutskever et al. 2013 for Nesterov's)."""
    kind = weights.dtype.type
    keep, by, length = kind(momentum), kind(scale), kind(rate)
    for unit in range(len(weights)):
        row = min(unit, len(decay) - 1)
        for j in range(weights.shape[1]):
            w = weights[unit, j]
            g = (gradient[unit, j] + decay[row, j] * w) * by
            step = keep * velocity[unit, j] - length * g
            velocity[unit, j] = step
            if nesterov:
                step = keep * step - length * g
            w += step
            weights[unit, j] = w
            penalties[j] += decay[row, j] * (w * w)
