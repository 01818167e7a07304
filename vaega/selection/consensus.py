"""Consensus: several guided searches on subsamples of the rows, whose masks vote.

With few rows one search finds a mask that fits its inner folds by luck; what many searches on
different rows find again is less likely to be luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from vaega.core.checks import check_positive

_STRENGTH = 0.25  # what being the strongest feature counts, in shares of the votes
_ROBUST_SIZE = 30
_STEP = 2**0.5  # between the sizes at which the features of a search are tried


@dataclass(frozen=True, eq=False)
class Ballot:
    """What the searches say, before features are counted out.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_searches, n_features)
        The best mask of each search.
    strengths : numpy.ndarray of float, shape (n_features,)
        How promising each feature is by itself, on all training rows: breaks ties.
    sizes : numpy.ndarray of int, shape (n_sizes,)
        Numbers of features at which every search's ranking was tried, rising.
    unseen : numpy.ndarray of float, shape (n_searches, n_sizes)
        Objective of each search's ranking, cut at each size, on rows that the search did not see;
        NaN where there were none.
    unseen_ratio : float, default=0.25
        Rows that a search did not see over those that it did.
    """

    masks: np.ndarray
    strengths: np.ndarray
    sizes: np.ndarray
    unseen: np.ndarray
    unseen_ratio: float = 0.25

    @property
    def frequencies(self) -> np.ndarray:
        """Share of the searches that select each feature."""
        return self.masks.mean(axis=0)

    def ranking(self) -> np.ndarray:
        """Return the features from best to worst: by votes, and by a quarter as much for strength.

        A share of the votes and a quarter of the strength, relative to the strongest, add up: ten
        searches tell few features apart, and what the whole of the training rows says by itself
        orders those with the same number of votes, or with none.
        """
        spread = float(np.ptp(self.strengths)) or 1.0
        relative = (self.strengths - self.strengths.min()) / spread
        return np.argsort(-(self.frequencies + _STRENGTH * relative), kind="stable")

    def count(self, size: int | str, false_selections: float) -> int:
        """Return how many features are selected.

        Parameters
        ----------
        size : int or "auto" or "error_control"
            "auto" is `size_by_objective`, "error_control" is `size_by_error_control`.
        false_selections : float
            With ``error_control``.

        Returns
        -------
        int
        """
        if size == "auto":
            return self.size_by_objective()
        if size == "error_control":
            return self.size_by_error_control(false_selections)
        return min(int(size), len(self.strengths))

    def size_by_objective(self) -> int:
        """Return the size in the middle of those that unseen rows cannot tell from the best.

        The middle (geometric mean) of the sizes within one standard error of the best objective,
        but at least as many features as two searches agree on, and at most twice as many as any
        search selected: the objective of a handful of unseen rows is flat and noisy, and the
        votes bound what it may say. A size below 30 is raised to it (to a third of all features
        where they are fewer than 90) unless unseen rows are against that: a few features more
        cost little, and small selections from few rows are the shakiest.

        Notes
        -----
        The subsamples overlap, so their scores are less independent than they look: the standard
        error is that of Nadeau and Bengio (2003), ``sqrt(1 / n_searches + ratio) * sd``.
        """
        votes = self.masks.sum(axis=0)
        fewest = max(int((votes >= 2).sum()), 1)
        most = min(max(2 * int((votes >= 1).sum()), 1), votes.size)
        if np.isnan(self.unseen).all():
            return fewest
        mean = np.nanmean(self.unseen, axis=0)
        best = int(mean.argmax())
        known = self.unseen[~np.isnan(self.unseen[:, best]), best]
        spread = float(known.std(ddof=min(1, known.size - 1)))
        error = (1.0 / known.size + self.unseen_ratio) ** 0.5 * spread
        close = self.sizes[mean >= mean[best] - error]
        size = int(np.clip(round(float(np.exp(np.log(close).mean()))), fewest, most))
        robust = min(_ROBUST_SIZE, -(-votes.size // 3))
        return max(size, min(robust, int(close.max())))

    def size_by_error_control(self, false_selections: float) -> int:
        """Return how many features have more votes than chance would give.

        Parameters
        ----------
        false_selections : float
            Expected number of features selected by chance that is accepted.

        Returns
        -------
        int

        Notes
        -----
        Stability selection (Meinshausen and Bühlmann, 2010): where searches select q of p features
        on average, those in a share above t > 1/2 of the searches hold at most
        q**2 / ((2 t - 1) p) false ones in expectation. The bound is proved for subsamples of half
        of the rows and exchangeable features; guided searches keep neither, so it is a guide.

        Examples
        --------
        >>> masks = np.tile(np.arange(100) < 5, (10, 1))
        >>> ballot = Ballot(masks, np.ones(100), np.array([5]), np.full((10, 1), np.nan))
        >>> ballot.size_by_error_control(1.0)
        5
        """
        check_positive(false_selections, "false_selections", owner="consensus")
        threshold = error_controlled_threshold(self.masks, false_selections)
        return int((self.frequencies >= threshold).sum())


def error_controlled_threshold(masks: np.ndarray, false_selections: float) -> float:
    """Return the share of searches that a feature needs, so that few are false.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_searches, n_features)
        The best mask of each search.
    false_selections : float
        Expected number of false features that is accepted.

    Returns
    -------
    float
        In (1/2, 1]; 1 where even unanimity cannot promise so few.

    Examples
    --------
    >>> error_controlled_threshold(np.tile(np.arange(100) < 5, (10, 1)), 1.0)
    0.625
    """
    n_searches, n_features = masks.shape
    mean_size = masks.sum(axis=1).mean()
    needed = 0.5 + mean_size**2 / (2.0 * false_selections * n_features)
    return float(min(max(needed, 0.5 + 1.0 / n_searches), 1.0))


def trial_sizes(n_features: int, *, minimum: int, maximum: int) -> np.ndarray:
    """Return the numbers of features at which rankings are tried, each half as large again.

    Parameters
    ----------
    n_features : int
        How many there are.
    minimum, maximum : int
        Smallest and largest size.

    Returns
    -------
    numpy.ndarray of int
        Rising, without repetition.

    Examples
    --------
    >>> trial_sizes(30, minimum=1, maximum=256)
    array([ 1,  2,  3,  4,  6,  8, 11, 16, 23, 30])
    """
    maximum = min(maximum, n_features)
    minimum = min(minimum, maximum)
    n_steps = ceil(np.log(maximum / minimum) / np.log(_STEP)) if maximum > minimum else 0
    sizes = np.rint(minimum * _STEP ** np.arange(n_steps)).astype(int)
    return np.unique(np.append(sizes[sizes < maximum], maximum))


def prefix_masks(ranking: np.ndarray, sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the masks of the first features of a ranking.

    Parameters
    ----------
    ranking : numpy.ndarray of int, shape (n_features,)
        Features, the best first.
    sizes : sequence of int
        How many of them.

    Returns
    -------
    numpy.ndarray of bool, shape (n_sizes, n_features)

    Examples
    --------
    >>> prefix_masks(np.array([2, 0, 1]), [1, 2])
    array([[False, False,  True],
           [ True, False,  True]])
    """
    masks = np.zeros((len(sizes), len(ranking)), dtype=bool)
    for mask, size in zip(masks, sizes, strict=True):
        mask[ranking[:size]] = True
    return masks


def sizes_table(sizes: np.ndarray, unseen: np.ndarray) -> pd.DataFrame:
    """Return the metric on unseen rows by number of features.

    Parameters
    ----------
    sizes : numpy.ndarray of int, shape (n_sizes,)
    unseen : numpy.ndarray of float, shape (n_searches, n_sizes)

    Returns
    -------
    pandas.DataFrame
        ``n_features``, ``score``, ``standard_error``.
    """
    known = unseen[~np.isnan(unseen).any(axis=1)]
    if not len(known):
        return pd.DataFrame({"n_features": sizes, "score": np.nan, "standard_error": np.nan})
    errors = known.std(axis=0, ddof=min(1, len(known) - 1)) / np.sqrt(len(known))
    return pd.DataFrame(
        {"n_features": sizes, "score": known.mean(axis=0), "standard_error": errors}
    )
