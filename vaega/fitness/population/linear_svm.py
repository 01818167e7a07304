"""Linear support vector machines: the optimum of each mask, on as few columns as possible."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.svm import LinearSVC

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels.squared_hinge import fit_hinges
from vaega.fitness.population.linear_rows import costs_of, doubt_of, rows_of
from vaega.fitness.population.margins import decide
from vaega.fitness.population.responses import LABELS, RANKING, Responses

NEEDS: tuple[str, ...] = (LABELS, RANKING)
WEIGHTS = True
EXACT = False
RANDOM = False

_UNSURE = 1e-9  # Newton's method ends with the optimum itself


def accepts(estimator: Any) -> str | None:
    """Return which setting of a linear support vector machine is not computed here, if any."""
    only = {"penalty": "l2", "loss": "squared_hinge", "multi_class": "ovr"}
    for name, value in only.items():
        if getattr(estimator, name) != value:
            return f"{name}={getattr(estimator, name)!r}"
    C = estimator.C
    return None if isinstance(C, Real) and 0.0 < float(C) < np.inf else f"C={C!r}"


def respond(
    estimator: LinearSVC,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
) -> Responses:
    """Return the answers of a linear support vector machine for each mask."""
    rows = rows_of(fold, centred=False)
    n_classes, costs = len(rows.classes), costs_of(estimator, rows, fold)
    if not rows.tame or costs is None or n_classes < 2 or (n_classes > 2 and need == RANKING):
        return Responses.undecided(len(masks), len(fold.y_validate))
    signs = np.where(rows.codes == _told_apart(n_classes)[:, None], 1.0, -1.0)
    if n_classes > 2:
        costs = _costs_of_machines(estimator, fold, costs, signs)
    values = np.empty((len(masks), len(signs), rows.n_validate))
    scaling = float(estimator.intercept_scaling) if estimator.fit_intercept else 0.0
    fit_hinges(masks, rows.values, signs, np.atleast_2d(costs), scaling, values)
    scores = np.ascontiguousarray(values.transpose(0, 2, 1))
    with np.errstate(invalid="ignore"):
        codes, decided = decide(scores, doubt_of(scores, costs, _UNSURE))
    if need == LABELS:
        return Responses(codes, decided)
    scores[~decided] = 0.0
    return Responses(codes, decided, np.ascontiguousarray(scores[:, :, 0]))


def _told_apart(n_classes: int) -> np.ndarray:
    # By one machine each; of two classes the second alone.
    return np.array([1]) if n_classes == 2 else np.arange(n_classes)


def _costs_of_machines(
    estimator: LinearSVC, fold: Fold, costs: np.ndarray, signs: np.ndarray
) -> np.ndarray:
    # liblinear weighs the class that a machine tells from the others, and none of the others.
    weights = np.ones(len(costs)) if fold.weight_fit is None else fold.weight_fit
    return np.where(signs > 0.0, costs, float(estimator.C) * weights)
