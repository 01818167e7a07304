"""What discriminants make of forms: scores, and how long the directions between means are."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.triangle import PANEL, invert_trace, triangulate


@kernel
def score_rows(answers, constants, scores):  # type: ignore[no-untyped-def]
    """Write the scores of rows, of forms that means and rows ask for."""
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
    """Write bounds of the squared lengths of the directions between the means of the classes."""
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
