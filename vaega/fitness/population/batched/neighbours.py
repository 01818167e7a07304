"""Nearest neighbours on a device: distances of many masks from stacked products, in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from vaega.fitness.folds import Fold
from vaega.fitness.population import neighbours as compiled
from vaega.fitness.population.batched.blocks import rows_by_column, selected_columns, to_device
from vaega.fitness.population.batched.memory import keep, work_in_chunks
from vaega.fitness.population.neighbours import EXACT, NEEDS, RANDOM, WEIGHTS, accepts
from vaega.fitness.population.responses import LABELS, RANKING, Responses

__all__ = ["EXACT", "NEEDS", "RANDOM", "WEIGHTS", "accepts", "respond"]

_EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows by column, zeros where a column is not finite; `member` has a column for each class."""

    fit: Tensor
    validate: Tensor
    member: Tensor
    codes: Tensor
    usable: np.ndarray


@dataclass(frozen=True, eq=False)
class _Votes:
    """What votes the classes get at least and at most, relative errors, and which are sure."""

    least: Tensor
    most: Tensor
    error: Tensor
    sure: Tensor


def respond(
    estimator: KNeighborsClassifier,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
    device: torch.device,
) -> Responses:
    """Return the answers of nearest neighbours for each mask."""
    shape = (len(masks), len(fold.y_validate))
    by_distance = estimator.weights == "distance"
    table = keep(fold, device, "neighbours", lambda: _make_table(fold, device))
    n_classes = table.member.shape[1]
    usual = compiled._is_usual(estimator, fold, by_distance)
    if not usual or (need == RANKING and n_classes != 2):
        return Responses.undecided(*shape)
    codes, decided = np.full(shape, -1), np.empty(len(masks), dtype=bool)
    values, doubts = np.zeros((2, *shape, n_classes))
    coarse = 0.0 if fold.X_fit.dtype == np.float64 else compiled._COARSE
    count = _count_by_distance if by_distance else _count

    def work(places: np.ndarray) -> None:
        distances, length, doubt = _measure(table, masks[places] & table.usable, coarse)
        votes = count(table, distances, length, doubt, int(estimator.n_neighbors))
        sure = votes.sure if need != LABELS else _is_clear(votes)
        shares = votes.least / votes.least.sum(dim=2, keepdim=True)
        alone = (shares == 0.0) | (shares == 1.0)
        errors = torch.where(alone, 0.0, 2.0 * votes.error.unsqueeze(2) * shares)
        codes[places] = votes.least.argmax(dim=2).cpu().numpy()
        decided[places] = sure.all(dim=1).cpu().numpy()
        values[places], doubts[places] = shares.cpu().numpy(), errors.cpu().numpy()

    work_in_chunks(masks, device, _bytes_of(table), work, owner="KNeighborsClassifier")
    decided &= ~masks[:, ~table.usable].any(axis=1)  # scikit-learn refuses these
    if need == LABELS:
        return Responses(codes, decided)
    if need == RANKING:
        values, doubts = values[:, :, 1], doubts[:, :, 1]
    return Responses(codes, decided, values, doubts)


def _make_table(fold: Fold, device: torch.device) -> _Table:
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    usable = np.isfinite(fold.X_fit).all(axis=0) & np.isfinite(fold.X_validate).all(axis=0)
    fit, validate = (
        rows_by_column(np.where(usable, X, 0.0), torch.float64, device)
        for X in (fold.X_fit, fold.X_validate)
    )
    member = codes[:, None] == np.arange(len(classes))
    return _Table(
        fit, validate, to_device(member, device).double(), to_device(codes, device), usable
    )


def _bytes_of(table: _Table) -> Callable[[int], int]:
    n_fit, n_validate = table.fit.shape[1], table.validate.shape[1]
    return lambda width: 8 * (2 * width * (n_fit + n_validate) + 6 * n_fit * n_validate)


def _measure(table: _Table, masks: np.ndarray, coarse: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return squared distances less the squared length of what they are from, it, and doubts.

    Of shapes (n_masks, n_validate, n_fit), (n_masks, n_validate) and (n_masks, n_validate).
    """
    columns = to_device(selected_columns(masks), table.fit.device)
    fit, validate = table.fit[columns], table.validate[columns]
    lengths, own_lengths = fit.square().sum(dim=1), validate.square().sum(dim=1)
    distances = torch.baddbmm(lengths.unsqueeze(1), validate.mT, fit, alpha=-2.0)
    counts = to_device(masks.sum(axis=1), table.fit.device)
    error = (4.0 * _EPSILON * (counts + 16)).clamp(min=coarse).unsqueeze(1)
    return distances, own_lengths, error * (lengths.amax(dim=1, keepdim=True) + own_lengths)


def _count(table: _Table, distances: Tensor, length: Tensor, doubt: Tensor, k: int) -> _Votes:
    last = distances.kthvalue(k, dim=2).values.unsqueeze(2)
    near, within = distances <= last + doubt.unsqueeze(2), distances < last - doubt.unsqueeze(2)
    exact = near.sum(dim=2, keepdim=True) == k
    within = torch.where(exact, near, within)
    votes = within.double() @ table.member
    unsure = (near & ~within).double() @ table.member
    left = k - votes.sum(dim=2, keepdim=True)
    least = votes + (left - (unsure.sum(dim=2, keepdim=True) - unsure)).clamp(min=0.0)
    most = votes + torch.minimum(left, unsure)
    return _Votes(least, most, torch.zeros_like(length), (least == most).all(dim=2))


def _is_clear(votes: _Votes) -> Tensor:
    """Whether no row in doubt could change which class is named: the first of the most voted."""
    best = votes.least.argmax(dim=2, keepdim=True)
    classes = torch.arange(votes.least.shape[2], device=best.device)
    highest = votes.least.gather(2, best)
    beaten = (votes.most > highest) | ((votes.most == highest) & (classes < best))
    clear = ~(beaten & (classes != best)).any(dim=2)
    return clear & votes.sure if bool((votes.error > 0.0).any()) else clear


def _count_by_distance(
    table: _Table, distances: Tensor, length: Tensor, doubt: Tensor, k: int
) -> _Votes:
    nearest, places = distances.topk(k, dim=2, largest=False)
    away, moved = nearest + length.unsqueeze(2), doubt.unsqueeze(2)
    near = distances <= nearest[:, :, -1:] + moved
    unsure = (near & ~(distances < nearest[:, :, -1:] - moved)).double() @ table.member
    one_class = (unsure > 0.0).sum(dim=2) == 1
    apart = (away > 100.0 * moved).all(dim=2)
    weights = torch.where(away > 0.0, away, 1.0).rsqrt()
    shape = (*length.shape, table.member.shape[1])
    votes = weights.new_zeros(shape).scatter_add_(2, table.codes[places], weights)
    error = (moved / away.clamp(min=_EPSILON)).amax(dim=2) + 4.0 * (k + 4) * _EPSILON
    highest = votes.topk(min(2, shape[2]), dim=2).values
    gap, total = highest[:, :, 0] - highest[:, :, -1], highest.sum(dim=2)
    clear = (gap > error * total) | torch.tensor(shape[2] == 1, device=gap.device)
    certain = (near.sum(dim=2) == k) | one_class
    return _Votes(votes, votes, error, certain & apart & clear)
