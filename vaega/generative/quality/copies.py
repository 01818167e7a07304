"""Whether synthetic rows are copies of fit rows. It says nothing about anybody's privacy."""

from dataclasses import dataclass

import numpy as np

from vaega.generative.quality.rows import ComparedRows

# Rows whose distances are computed at once.
BLOCK = 1024
# Rows are the same when no standardised value differs by more.
SAME = 1e-9


@dataclass(frozen=True)
class CopyCheck:
    """How near synthetic rows are to the rows that their generator was fitted on.

    Distances are Euclidean, on columns standardised by the fit rows. This finds copies and near
    copies; rows that are none may give people away all the same.
    """

    duplicates: float  # Share of synthetic rows equal to a fit row
    repeated: float  # Share of synthetic rows equal to an earlier synthetic row
    near: float
    near_heldout: float
    closer: float
    closer_heldout: float
    ratio: float  # Median of the two distances' ratio
    ratio_heldout: float  # Median of the two distances' ratio
    to_fit: float


def check_copies(rows: ComparedRows, *, rng: np.random.Generator) -> CopyCheck:
    """Look for copies of fit rows among synthetic ones."""
    fitted, synthetic = rows.X_fit, rows.X_synthetic
    _, own = nearest(fitted, fitted, without_self=True)
    place, distance = nearest(synthetic, fitted)
    same = np.abs(synthetic - fitted[place]).max(axis=1) <= SAME
    place_heldout, distance_heldout = nearest(rows.X_test, fitted)
    ratio = _ratio(distance, own[place])
    ratio_heldout = _ratio(distance_heldout, own[place_heldout])
    return CopyCheck(
        duplicates=float(same.mean()),
        repeated=1.0 - len(np.unique(synthetic, axis=0)) / len(synthetic),
        near=float((ratio < 0.5).mean()),
        near_heldout=float((ratio_heldout < 0.5).mean()),
        closer=float((ratio < 1.0).mean()),
        closer_heldout=float((ratio_heldout < 1.0).mean()),
        ratio=float(np.median(ratio)),
        ratio_heldout=float(np.median(ratio_heldout)),
        to_fit=_to_fit(rows, rng),
    )


def _ratio(distance: np.ndarray, own: np.ndarray) -> np.ndarray:
    # Fit rows that are equal have no distance: nothing is nearer than that.
    return np.divide(distance, own, out=np.ones(len(distance)), where=own > 0)


def nearest(
    rows: np.ndarray, among: np.ndarray, *, without_self: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return position and Euclidean distance of each row's nearest one `among` others."""
    positions = np.empty(len(rows), dtype=int)
    lengths = np.square(among).sum(axis=1)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        gaps = lengths - 2.0 * part @ among.T
        if without_self:
            here = np.arange(len(part))
            gaps[here, start + here] = np.inf
        positions[start : start + BLOCK] = gaps.argmin(axis=1)
    # From the differences: the squares above cancel where rows are near.
    return positions, np.linalg.norm(rows - among[positions], axis=1)


def _to_fit(rows: ComparedRows, rng: np.random.Generator) -> float:
    n = min(len(rows.X_fit), len(rows.X_test))
    fitted = rng.permutation(len(rows.X_fit))[:n]
    heldout = rng.permutation(len(rows.X_test))[:n]
    _, to_fit = nearest(rows.X_synthetic, rows.X_fit[fitted])
    _, to_heldout = nearest(rows.X_synthetic, rows.X_test[heldout])
    return float((to_fit < to_heldout).mean() + 0.5 * (to_fit == to_heldout).mean())
