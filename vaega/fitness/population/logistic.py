"""Logistic regression: the optimum of each mask, on as few columns as possible."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels.binary_logistic import fit_binary
from vaega.fitness.population.kernels.multinomial import fit_multinomial
from vaega.fitness.population.linear_rows import LinearRows, costs_of, doubt_of, rows_of
from vaega.fitness.population.margins import decide
from vaega.fitness.population.responses import LABELS, PROBABILITIES, RANKING, Responses

NEEDS: tuple[str, ...] = (LABELS, RANKING, PROBABILITIES)
WEIGHTS = True
EXACT = False
RANDOM = False

_SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky")
UNSURE, _UNSURE_OF_TWO = 5e-7, 1e-9  # of decisions: where L-BFGS ends, and Newton's method


def accepts(estimator: Any) -> str | None:
    """Return which setting of a logistic regression is not computed here, if any."""
    if estimator.solver not in _SOLVERS:
        return f"solver={estimator.solver!r}"
    C = estimator.C
    if not (isinstance(C, Real) and 0.0 < float(C) < np.inf):
        return f"C={C!r}"
    if estimator.dual and estimator.solver != "liblinear":
        return f"dual={estimator.dual!r}"
    # What scikit-learn warns of, and what has another optimum. The defaults, which its versions
    # write in different ways, are an L2 penalty in all of them.
    usual = LogisticRegression()
    for name in ("penalty", "l1_ratio", "n_jobs"):
        value = getattr(estimator, name)
        if value != getattr(usual, name):
            return f"{name}={value!r}"
    return None


def respond(
    estimator: LogisticRegression,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
) -> Responses:
    """Return the answers of a logistic regression for each mask."""
    liblinear = estimator.solver == "liblinear"
    rows = rows_of(fold, centred=estimator.fit_intercept and not liblinear)
    costs = costs_of(estimator, rows, fold)
    n_classes = len(rows.classes)
    possible = rows.tame and rows.X_type != np.float32 and n_classes > 1
    if n_classes > 2 and (liblinear or need == RANKING):
        possible = False
    if not possible or costs is None:
        return Responses.undecided(len(masks), len(fold.y_validate))
    scores = _fit(estimator, rows, costs, masks, liblinear=liblinear)
    with np.errstate(invalid="ignore"):
        codes, decided = decide(
            scores, doubt_of(scores, costs, UNSURE if n_classes > 2 else _UNSURE_OF_TWO)
        )
    return respond_with(scores, codes, decided, need)


def respond_with(
    scores: np.ndarray, codes: np.ndarray, decided: np.ndarray, need: str
) -> Responses:
    """Return the answers that follow from decisions."""
    if need == LABELS:
        return Responses(codes, decided)
    scores[~decided] = 0.0
    if need == RANKING:
        return Responses(codes, decided, np.ascontiguousarray(scores[:, :, 0]))
    if scores.shape[2] > 1:
        return Responses(codes, decided, softmax(scores, axis=2))
    shares = expit(scores[:, :, 0])
    return Responses(codes, decided, np.stack([1.0 - shares, shares], axis=2))


def _fit(
    estimator: LogisticRegression,
    rows: LinearRows,
    costs: np.ndarray,
    masks: np.ndarray,
    *,
    liblinear: bool,
) -> np.ndarray:
    """Decisions, shape (n_masks, n_validate, n_classes); for two classes one, of the second."""
    n_classes, free = len(rows.classes), estimator.fit_intercept and not liblinear
    if n_classes > 2:
        scores = np.empty((len(masks), n_classes, rows.n_validate))
        targets = (rows.codes == np.arange(n_classes)[:, None]).astype(float)
        fit_multinomial(masks, rows.values, targets, costs, free, scores)
        return np.ascontiguousarray(scores.transpose(0, 2, 1))
    scores = np.empty((len(masks), rows.n_validate))
    scaling = float(estimator.intercept_scaling) if liblinear and estimator.fit_intercept else 0.0
    fit_binary(masks, rows.values, rows.codes.astype(float), costs, free, scaling, scores)
    return scores[:, :, None]
