"""What discriminants make of forms: scores, and how long the directions between means are."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.triangle import PANEL, invert_trace, triangulate


@kernel
def score_rows(answers, constants, scores):  # type: ignore[no-untyped-def]
    """Write the scores of rows, of forms that means and rows ask for.

    Parameters
    ----------
    answers : numpy.ndarray of float64, shape (n_masks, n_classes + n_rows, n_classes)
        Of the means, then of the rows.
    constants : numpy.ndarray of float64, shape (n_classes,)
        What is added for each class.
    scores : numpy.ndarray of float64, shape (n_masks, n_rows, n_classes)
        What is written. Or with one score instead of two: of the second class over the first.

    Examples
    --------
    >>> answers, scores = np.array([[[2.0, 0.0], [0.0, 4.0], [1.0, 5.0]]]), np.empty((1, 1, 2))
    >>> score_rows(answers, np.zeros(2), scores)
    >>> scores
    array([[[0., 3.]]])
    """
    n_classes, single = answers.shape[2], scores.shape[2] == 1
    offsets = np.empty(n_classes)
    for mask in range(len(answers)):
        for code in range(n_classes):
            offsets[code] = constants[code] - 0.5 * answers[mask, code, code]
        rows, to = answers[mask, n_classes:], scores[mask]
        for row in range(len(to)):
            if single:
                to[row, 0] = (rows[row, 1] + offsets[1]) - (rows[row, 0] + offsets[0])
            else:
                for code in range(n_classes):
                    to[row, code] = rows[row, code] + offsets[code]


@kernel
def bound_directions(answers, roots, bounds):  # type: ignore[no-untyped-def]
    """Write bounds of the squared lengths of the directions between the means of the classes.

    Parameters
    ----------
    answers : numpy.ndarray of float64, shape (n_masks, at least n_classes, n_classes)
        Their inner products, of means whose sum, weighted by the priors, is 0.
    roots : numpy.ndarray of float64, shape (n_classes,)
        Of the priors, times a factor: what the means are scaled by.
    bounds : numpy.ndarray of float64, shape (n_masks, 2)
        What is written: all but one of the squared lengths are at least the first, or the first is
        0; none is above the second.

    Notes
    -----
    The one direction of no length is known, and given the length of all others together. Then the
    sum of the inverse lengths is a trace.

    Examples
    --------
    >>> bounds = np.empty((1, 2))
    >>> bound_directions(np.array([[[1.0, -1.0], [-1.0, 1.0]]]), np.ones(2), bounds)
    >>> bounds
    array([[1., 2.]])
    """
    n_classes, steps = len(roots), np.arange(len(roots))
    width = -(-n_classes // PANEL) * PANEL
    system, scaled = np.zeros((n_classes, width)), np.zeros((n_classes, width))
    spare, total = np.zeros((PANEL, width)), (roots * roots).sum()
    for mask in range(len(answers)):
        trace = 0.0
        for code in range(n_classes):
            trace += answers[mask, code, code] * roots[code] * roots[code]
        for code in range(n_classes):
            for other in range(code, n_classes):
                both = roots[code] * roots[other]
                system[code, other] = answers[mask, code, other] * both + trace * both / total
        bounds[mask, 0], bounds[mask, 1] = 0.0, trace
        if triangulate(system, scaled, spare, steps, n_classes, width) > 0.0:
            bounds[mask, 0] = 1.0 / invert_trace(system, scaled, steps, n_classes)
