"""Gaussian naive Bayes on a device: the log-likelihoods of many masks at once, in float64."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.naive_bayes import GaussianNB
from torch import Tensor

from vaega.fitness.folds import Fold
from vaega.fitness.population import naive_bayes as compiled
from vaega.fitness.population.batched.blocks import rows_by_column, selected_columns, to_device
from vaega.fitness.population.batched.memory import keep, work_in_chunks
from vaega.fitness.population.kernels.likelihoods import likeliest, shares
from vaega.fitness.population.naive_bayes import EXACT, NEEDS, RANDOM, WEIGHTS, accepts
from vaega.fitness.population.responses import LABELS, RANKING, Responses

__all__ = ["EXACT", "NEEDS", "RANDOM", "WEIGHTS", "accepts", "respond"]

_EPSILON = float(np.finfo(float).eps)
_ROUNDINGS = 4.0 * _EPSILON  # of one term, generously


@dataclass(frozen=True, eq=False)
class _Table:
    """What no mask changes; after the last column stands one that adds nothing.

    `moments` by column and class: mean, variance, and how far rounding may have moved each.
    """

    known: compiled._Moments
    rows: Tensor  # shape (n_columns + 1, n_validate)
    moments: Tensor  # shape (n_columns + 1, n_classes, 4)
    spread: Tensor  # shape (n_columns + 1, 2)


def respond(
    estimator: GaussianNB,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
    device: torch.device,
) -> Responses:
    """Return the answers of a Gaussian naive Bayes for each mask."""
    shape = (len(masks), len(fold.y_validate))
    table = keep(fold, device, "naive_bayes", lambda: _make_table(fold, device))
    priors = None if table is None else compiled._priors(estimator, table.known)
    if table is None or priors is None or (need == RANKING and len(priors) != 2):
        return Responses.undecided(*shape)
    joint, doubt = np.empty((2, shape[0], len(priors), shape[1]))
    smoothing = float(estimator.var_smoothing)

    def work(places: np.ndarray) -> None:
        joint[places], doubt[places] = _join(table, masks[places], smoothing)

    def bytes_of(width: int) -> int:
        return 8 * (5 * width * shape[1] + 12 * width * len(priors))

    work_in_chunks(masks, device, bytes_of, work, owner="GaussianNB")
    joint += np.log(priors)[:, None]
    codes, decided = np.empty(shape, dtype=np.int64), np.empty(shape[0], dtype=bool)
    likeliest(joint, doubt, codes, decided)
    if need == LABELS:
        return Responses(codes, decided)
    values, doubts = np.empty((2, *shape, len(priors)))
    shares(joint, doubt, values, doubts, decided)
    if need == RANKING:
        values, doubts = values[:, :, 1], doubts[:, :, 1]
    return Responses(codes, decided, values, doubts)


def _make_table(fold: Fold, device: torch.device) -> _Table | None:
    known = compiled._moments_of(fold)
    if known is None:
        return None
    moments, spread = (
        to_device(np.concatenate([values, np.zeros_like(values[:1])]), device)
        for values in (known.of_classes, known.spread)
    )
    rows = rows_by_column(fold.X_validate, torch.float64, device)
    return _Table(known, rows, moments, spread)


def _join(table: _Table, masks: np.ndarray, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the joint log-likelihoods without priors, and how far rounding may move them."""
    device = table.rows.device
    columns = to_device(selected_columns(masks), device)
    own = columns < len(table.rows) - 1
    raised, raised_error = (smoothing * table.spread[columns].amax(dim=1)).split(1, dim=1)
    rows, counts = table.rows[columns], own.sum(dim=1, keepdim=True)
    n_roundings = (128.0 + counts) * _EPSILON
    joint, doubt = [], []
    for mean, variance, mean_error, variance_error in (
        table.moments[columns, code].unbind(dim=2) for code in range(len(table.known.masses))
    ):
        raw = torch.where(own, variance + raised, 1.0)
        precision = torch.where(own, 1.0 / raw, 0.0)
        logarithms = torch.where(own, torch.log(2.0 * torch.pi * raw), 0.0)
        # A term is (log v + q) / 2 with q = (x - m)^2 / v. An error d of m moves it by
        # |x - m| d / v + d^2 / 2v, and an error of v by half its share of v, times 1 + q.
        shift = mean_error * precision
        error = torch.where(own, (variance_error + raised_error) * precision + _ROUNDINGS, 0.0)
        away = (rows - mean.unsqueeze(2)).abs_()
        errors = torch.bmm(shift.unsqueeze(1), away)[:, 0]
        weights = torch.stack([precision, error * precision], dim=1)
        squares, square_errors = torch.bmm(weights, away.square_()).unbind(dim=1)
        sizes = counts * logarithms.abs().amax(dim=1, keepdim=True)
        sure = (error + shift * mean_error).sum(dim=1, keepdim=True)
        joint.append(-0.5 * logarithms.sum(dim=1, keepdim=True) - 0.5 * squares)
        doubt.append(sure + errors + square_errors + n_roundings * (sizes + squares + 1.0))
    return torch.stack(joint, dim=1).cpu().numpy(), torch.stack(doubt, dim=1).cpu().numpy()
