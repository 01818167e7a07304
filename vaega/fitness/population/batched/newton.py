"""Penalised logistic losses of many masks, minimised at once by Newton's method."""

from dataclasses import dataclass

import torch
from torch import Tensor

# A step that moves no margin by more leaves an error of about its square: the curvature of the
# logistic loss changes by a factor of at most exp(step) along it.
_LAST_STEP = 1e-6
_MOST_STEPS, _MOST_CUTS = 100, 40
_FLATTER = 0.5  # how steep the loss may rise at the end of a step, against its fall at the start


@dataclass(frozen=True, eq=False)
class Problem:
    """What is minimised: ``sum_i costs_i loss_i + |weights|^2 / 2``."""

    rows: Tensor  # Fit rows by column
    free: Tensor  # Columns whose weights have no penalty
    targets: Tensor
    costs: Tensor

    def share(self, scores: Tensor) -> Tensor:
        """Return the probabilities of the outputs."""
        return scores.sigmoid() if len(self.targets) == 1 else scores.softmax(dim=1)

    def pull(self, weights: Tensor, shares: Tensor) -> Tensor:
        """Return the negative gradient."""
        pulls = (self.costs * (self.targets - shares)) @ self.rows.mT
        return pulls - torch.where(self.free, 0.0, weights)

    def bend(self, shares: Tensor) -> Tensor:
        """Return the second derivatives."""
        n_masks, n_outputs, _ = shares.shape
        n_columns = self.rows.shape[1]
        blocks = shares.new_empty((n_masks, n_outputs, n_columns, n_outputs, n_columns))
        for first in range(n_outputs):
            for second in range(first, n_outputs):
                same = 1.0 if first == second else 0.0
                curvature = self.costs * shares[:, first] * (same - shares[:, second])
                block = (self.rows * curvature.unsqueeze(1)) @ self.rows.mT
                blocks[:, first, :, second] = block
                blocks[:, second, :, first] = block
        own = torch.diagonal(blocks, dim1=2, dim2=4).diagonal(dim1=1, dim2=2)
        own += torch.where(self.free, 0.0, 1.0).unsqueeze(1)
        if n_outputs > 1:
            blocks[:, :, self.free, :, self.free] += 1.0
        return blocks.reshape(n_masks, n_outputs * n_columns, -1)


def minimise(problem: Problem) -> tuple[Tensor, Tensor]:
    """Return the optimal weights."""
    n_masks, n_columns, n_fit = problem.rows.shape
    shape = (n_masks, len(problem.targets), n_columns)
    weights, scores = problem.rows.new_zeros(shape), problem.rows.new_zeros((*shape[:2], n_fit))
    live = torch.ones(n_masks, dtype=torch.bool, device=weights.device)
    done = torch.zeros_like(live)
    for _ in range(_MOST_STEPS):
        shares = problem.share(scores)
        pull = problem.pull(weights, shares)
        factors, failed = torch.linalg.cholesky_ex(problem.bend(shares))
        step = torch.cholesky_solve(pull.reshape(n_masks, -1, 1), factors).reshape(shape)
        moves = step @ problem.rows
        largest = moves.abs().amax(dim=(1, 2))
        live = live & (failed == 0) & largest.isfinite()
        ended = live & (largest <= _LAST_STEP)
        slope = -(step * pull).sum(dim=(1, 2))
        lengths = _walk(problem, weights, scores, step, moves, slope, live & ~ended)
        lengths = torch.where(ended, 1.0, lengths)[:, None, None]
        weights = torch.where(lengths > 0.0, weights + lengths * step, weights)
        scores = torch.where(lengths > 0.0, scores + lengths * moves, scores)
        done, live = done | ended, live & ~ended
        if not bool(live.any()):
            break
    return weights, done


def _walk(
    problem: Problem,
    weights: Tensor,
    scores: Tensor,
    step: Tensor,
    moves: Tensor,
    slope: Tensor,
    live: Tensor,
) -> Tensor:
    """Return how far to go along each step; 0 for masks that are not live.

    The loss is convex: while it still falls at the end of a step, no such step is too long.
    """
    lengths = torch.where(live, 1.0, 0.0).to(weights.dtype)
    for _ in range(_MOST_CUTS):
        own = lengths[:, None, None]
        shares = problem.share(scores + own * moves)
        pull = problem.pull(weights + own * step, shares)
        ahead = -(pull * step).sum(dim=(1, 2))
        long = live & (ahead > _FLATTER * slope.abs())
        if not bool(long.any()):
            break
        shorter = lengths * (slope / (slope - ahead)).clamp(min=0.1)
        lengths = torch.where(long, shorter, lengths)
    return lengths
