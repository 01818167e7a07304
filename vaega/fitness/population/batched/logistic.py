"""Logistic regression on a device: the optima of many masks at once, in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from vaega.fitness.folds import Fold
from vaega.fitness.population.batched.blocks import rows_by_column, selected_columns, to_device
from vaega.fitness.population.batched.memory import keep, work_in_chunks
from vaega.fitness.population.batched.newton import Problem, minimise
from vaega.fitness.population.linear_rows import LinearRows, costs_of, rows_of
from vaega.fitness.population.logistic import (
    EXACT,
    NEEDS,
    RANDOM,
    UNSURE,
    WEIGHTS,
    accepts,
    respond_with,
)
from vaega.fitness.population.margins import decide
from vaega.fitness.population.responses import RANKING, Responses

__all__ = ["EXACT", "NEEDS", "RANDOM", "WEIGHTS", "accepts", "respond"]

_NEGLIGIBLE = 1e-13  # of the largest eigenvalue: directions in which the fit rows do not differ


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows by column, those to fit first, and what is asked of them.

    `constant` is the value of a column that all masks have, or 0; `intercept` whether there is one
    without a penalty.
    """

    rows: Tensor
    targets: Tensor
    costs: Tensor
    constant: float
    intercept: bool


def respond(
    estimator: LogisticRegression,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
    device: torch.device,
) -> Responses:
    """Return the answers of a logistic regression for each mask."""
    liblinear, n_validate = estimator.solver == "liblinear", len(fold.y_validate)
    rows = rows_of(fold, centred=estimator.fit_intercept and not liblinear)
    costs, n_classes = costs_of(estimator, rows, fold), len(rows.classes)
    possible = rows.tame and costs is not None and rows.X_type != np.float32
    if not possible or n_classes < 2 or (n_classes > 2 and (liblinear or need == RANKING)):
        return Responses.undecided(len(masks), n_validate)
    assert costs is not None
    table = _make_table(estimator, fold, rows, costs, device)
    scores = np.full((len(masks), n_validate, len(table.targets)), np.nan)

    def work(places: np.ndarray) -> None:
        scores[places] = _fit(table, masks[places])

    work_in_chunks(masks, device, _bytes_of(table), work, owner="LogisticRegression")
    with np.errstate(invalid="ignore"):
        codes, decided = decide(scores, UNSURE * np.abs(scores).max(axis=(1, 2)))
    return respond_with(scores, codes, decided, need)


def _make_table(
    estimator: LogisticRegression,
    fold: Fold,
    rows: LinearRows,
    costs: np.ndarray,
    device: torch.device,
) -> _Table:
    liblinear, n_all = estimator.solver == "liblinear", len(rows.codes) + rows.n_validate
    centred = estimator.fit_intercept and not liblinear
    held = keep(
        fold,
        device,
        ("logistic", centred),
        lambda: rows_by_column(rows.values[:, :n_all].T, torch.float64, device),
    )
    targets = rows.codes == np.arange(len(rows.classes))[:, None]
    targets = targets[1:] if len(targets) == 2 else targets
    constant = float(estimator.intercept_scaling) if liblinear and estimator.fit_intercept else 0.0
    return _Table(
        held,
        to_device(targets, device).double(),
        to_device(costs, device),
        constant,
        bool(centred),
    )


def _bytes_of(table: _Table) -> Callable[[int], int]:
    n_all, (n_outputs, n_fit) = table.rows.shape[1], table.targets.shape

    def bytes_of(width: int) -> int:
        size = min(width + 1, n_fit) + 1
        rows = 2 * (width + size) * n_all + 4 * n_fit**2 * (width >= n_fit)
        return 8 * (rows + 4 * (n_outputs * size) ** 2)

    return bytes_of


def _fit(table: _Table, masks: np.ndarray) -> np.ndarray:
    """Return decisions, of shape (n_masks, n_validate, n_outputs); NaN where training failed."""
    n_fit = table.targets.shape[1]
    rows = table.rows[to_device(selected_columns(masks), table.rows.device)]
    if table.constant:
        rows = torch.cat([rows, torch.full_like(rows[:, :1], table.constant)], dim=1)
    if rows.shape[1] > n_fit:
        rows = _reduce(rows, n_fit)
    if table.intercept:
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)
    free = torch.zeros(rows.shape[1], dtype=torch.bool, device=rows.device)
    free[-1] = table.intercept
    problem = Problem(rows[:, :, :n_fit], free, table.targets, table.costs)
    weights, done = minimise(problem)
    scores = (weights @ rows[:, :, n_fit:]).mT
    return torch.where(done[:, None, None], scores, torch.nan).cpu().numpy()


def _reduce(rows: Tensor, n_fit: int) -> Tensor:
    """Return rows of as many columns as there are fit rows, with the same products with these.

    The penalty keeps weights within what the fit rows span, so that the optimum is the same.
    """
    products = rows[:, :, :n_fit].mT @ rows
    values, vectors = torch.linalg.eigh(products[:, :, :n_fit])
    least = _NEGLIGIBLE * values[:, -1:].clamp(min=1e-300)
    scale = torch.where(values > least, values.clamp(min=1e-300).rsqrt(), 0.0)
    return (vectors * scale.unsqueeze(1)).mT @ products
