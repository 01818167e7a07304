"""Ridge classifiers on a device: stacked Cholesky factors of the Grams of masks, in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifier
from torch import Tensor

from vaega.fitness.folds import Fold
from vaega.fitness.population import ridge as compiled
from vaega.fitness.population.batched.blocks import rows_by_column, selected_columns, to_device
from vaega.fitness.population.batched.memory import keep, work_in_chunks
from vaega.fitness.population.kernels import forms
from vaega.fitness.population.margins import decide
from vaega.fitness.population.responses import LABELS, RANKING, Responses
from vaega.fitness.population.ridge import EXACT, NEEDS, RANDOM, WEIGHTS, accepts

__all__ = ["EXACT", "NEEDS", "RANDOM", "WEIGHTS", "accepts", "respond"]


@dataclass(frozen=True, eq=False)
class _Table:
    """What no mask changes: the centred rows by column, and the targets of the fit rows."""

    terms: compiled._Terms
    rows: Tensor  # shape (n_columns + 1, n_fit + n_targets + n_validate)
    targets: Tensor  # shape (n_fit, n_targets)


def respond(
    estimator: RidgeClassifier,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
    device: torch.device,
) -> Responses:
    """Return the answers of a ridge classifier for each mask."""
    terms, n_validate = compiled._terms_of(estimator, fold), len(fold.y_validate)
    if terms is None or (need == RANKING and terms.targets.shape[1] > 1):
        return Responses.undecided(len(masks), n_validate)
    name = ("ridge", repr((estimator.class_weight, estimator.fit_intercept)))
    table = keep(fold, device, name, lambda: _make_table(terms, device))
    n_fit, n_targets = terms.targets.shape
    alpha, facts = float(estimator.alpha), _facts_of(terms, masks)
    values = np.empty((len(masks), n_validate, n_targets))
    for dual in (False, True):
        chosen = np.flatnonzero((masks.sum(axis=1) > n_fit) == dual)

        def work(places: np.ndarray, dual: bool = dual, chosen: np.ndarray = chosen) -> None:
            own = chosen[places]
            values[own], solved = _solve(table, masks[own], alpha, dual)
            facts[own, forms.TRACE :] = solved

        bytes_of = _bytes_of(table, dual)
        work_in_chunks(masks[chosen], device, bytes_of, work, owner="RidgeClassifier")
    values += terms.offsets
    doubts = compiled._doubts_of(terms, alpha, facts)
    codes, decided = decide(values, doubts)
    if need == LABELS:
        return Responses(codes, decided)
    return Responses(codes, decided, np.ascontiguousarray(values[:, :, 0]), doubts)


def _make_table(terms: compiled._Terms, device: torch.device) -> _Table:
    rows = rows_by_column(terms.rows, torch.float64, device)
    return _Table(terms, rows, to_device(terms.targets, device))


def _facts_of(terms: compiled._Terms, masks: np.ndarray) -> np.ndarray:
    """Return what is known of masks before anything is solved, as `forms` numbers it."""
    facts = np.zeros((len(masks), forms.N_FACTS))
    infinite = np.isinf(terms.sizes)
    n_sizes = terms.sizes.shape[1]
    facts[:, :n_sizes] = masks @ np.where(infinite, 0.0, terms.sizes)
    facts[:, :n_sizes][masks @ infinite] = np.inf
    facts[:, forms.COUNT] = masks.sum(axis=1)
    return facts


def _bytes_of(table: _Table, dual: bool) -> Callable[[int], int]:
    n_rows, n_fit = table.rows.shape[1], len(table.targets)

    def bytes_of(width: int) -> int:
        size = n_fit if dual else width
        return 8 * (2 * width * n_rows + 4 * size**2)

    return bytes_of


def _solve(
    table: _Table, masks: np.ndarray, alpha: float, dual: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return decision values without offsets, and what is known of the matrix behind them.

    That is its trace, its least eigenvalue (bounded from below), and the norm of the largest
    solution.
    """
    n_fit, n_targets = table.targets.shape
    rows = table.rows[to_device(selected_columns(masks), table.rows.device)]
    fit, asked = rows[:, :, :n_fit], rows[:, :, n_fit + n_targets :]
    if dual:
        gram, right = fit.mT @ fit, table.targets.expand(len(masks), -1, -1)
        sizes = torch.full((len(masks),), n_fit, device=rows.device)
    else:
        gram, right = fit @ fit.mT, rows[:, :, n_fit : n_fit + n_targets]
        sizes = to_device(masks.sum(axis=1), rows.device)
    # What fills up has the shift alone in its place, so that its solution is 0.
    own = torch.arange(gram.shape[1], device=rows.device) < sizes.unsqueeze(1)
    diagonal = gram.diagonal(dim1=1, dim2=2)
    diagonal += alpha
    factors, failed = torch.linalg.cholesky_ex(gram)
    solution = torch.cholesky_solve(right, factors)
    trace = torch.where(own, diagonal, 0.0).sum(dim=1)
    inverse = torch.cholesky_inverse(factors).diagonal(dim1=1, dim2=2)
    floor = 1.0 / torch.where(own, inverse, 0.0).sum(dim=1)
    norm = solution.square().sum(dim=1).amax(dim=1).sqrt()
    answers = asked.mT @ (fit @ solution if dual else solution)
    answers = torch.where(failed[:, None, None] == 0, answers, torch.nan)
    solved = torch.stack([trace, floor, norm], dim=1)
    return answers.cpu().numpy(), solved.cpu().numpy()
