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

    Attributes
    ----------
    duplicates : float
        Share of synthetic rows equal to a fit row.
    repeated : float
        Share of synthetic rows equal to an earlier synthetic row.
    near, near_heldout : float
        Share of synthetic rows, and of held-out ones, that are nearer to a fit row than half the
        distance from that one to its nearest other fit row.
    closer, closer_heldout : float
        The same with the whole distance. Where columns are many, distances are nearly equal, so
        that little makes this share large: `ratio` says how much it is.
    ratio, ratio_heldout : float
        Median of the two distances' ratio.
    to_fit : float
        Share of synthetic rows whose nearest real row is a fit row, among as many fit rows as
        held-out ones; one half where the generator did not memorise.

    Examples
    --------
    >>> CopyCheck(duplicates=0.0, repeated=0.0, near=0.0, near_heldout=0.0, closer=0.12,
    ...     closer_heldout=0.15, ratio=1.1, ratio_heldout=1.1, to_fit=0.51).closer
    0.12
    """

    duplicates: float
    repeated: float
    near: float
    near_heldout: float
    closer: float
    closer_heldout: float
    ratio: float
    ratio_heldout: float
    to_fit: float


def check_copies(rows: ComparedRows, *, rng: np.random.Generator) -> CopyCheck:
    """Look for copies of fit rows among synthetic ones.

    Parameters
    ----------
    rows : ComparedRows
        Standardised, see `ComparedRows.scaled`.
    rng : numpy.random.Generator
        Chooses the fit or held-out rows that are left aside for `CopyCheck.to_fit`.

    Returns
    -------
    CopyCheck

    Examples
    --------
    >>> from vaega.generative.quality.rows import check_rows
    >>> X, y = np.arange(8.0).reshape(8, 1), [0, 1] * 4
    >>> check_copies(check_rows(X, y, X, y, X + 0.5, y), rng=np.random.default_rng(0)).duplicates
    1.0
    """
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
    """Return position and Euclidean distance of each row's nearest one `among` others.

    Parameters
    ----------
    rows, among : numpy.ndarray of shape (n, n_features) and (m, n_features)
        Rows.
    without_self : bool, default=False
        Whether the i-th is no neighbour of the i-th, for ``rows is among``.

    Returns
    -------
    positions : numpy.ndarray of int, shape (n,)
    distances : numpy.ndarray of float, shape (n,)

    Examples
    --------
    >>> nearest(np.array([[0.0], [5.0]]), np.array([[1.0], [4.0], [9.0]]))
    (array([0, 1]), array([1., 1.]))
    """
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
