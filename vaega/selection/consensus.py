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
from vaega.selection.settings import SearchSettings

_STRENGTH = 0.25  # what being the strongest feature counts, in shares of the votes
_LEADING_STRENGTH = 4.0  # where the votes do not beat the filter that guided them
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
    filtered : numpy.ndarray of float, shape (n_searches, n_sizes), optional
        The same for the features that the guide alone ranks first, on the rows of the search.
    unseen_ratio : float, default=0.25
        Rows that a search did not see over those that it did.
    robust_size : int, default=0
        Smaller selections are raised to so many features, unless unseen rows are against it.
    """

    masks: np.ndarray
    strengths: np.ndarray
    sizes: np.ndarray
    unseen: np.ndarray
    filtered: np.ndarray | None = None
    unseen_ratio: float = 0.25
    robust_size: int = 0

    @property
    def frequencies(self) -> np.ndarray:
        """Share of the searches that select each feature."""
        return self.masks.mean(axis=0)

    def ranking(self) -> np.ndarray:
        """Return the features from best to worst, by votes and by strength.

        A share of the votes and the strength, relative to the strongest feature, add up. Where the
        searches beat the guide on unseen rows the strength counts a quarter, to order features
        with equally many votes; where they don't, it leads, and the votes order what it leaves
        close: a search has to earn its say.
        """
        spread = float(np.ptp(self.strengths)) or 1.0
        relative = (self.strengths - self.strengths.min()) / spread
        weight = _STRENGTH if self.searches_lead() else _LEADING_STRENGTH
        return np.argsort(-(self.frequencies + weight * relative), kind="stable")

    def searches_lead(self) -> bool:
        """Return whether the searches' features beat the guide's on rows that neither saw.

        By more than one standard error of the mean difference over all sizes, where the guide has
        an opinion; without one, or without unseen rows, the votes are all there is.
        """
        if self.filtered is None or np.ptp(self.strengths) == 0.0:
            return True
        gains = (self.unseen - self.filtered).mean(axis=1)
        gains = gains[~np.isnan(gains)]
        if not gains.size:
            return True
        return bool(
            gains.mean() > self._error_of(float(gains.std(ddof=min(1, gains.size - 1))), gains.size)
        )

    def _error_of(self, deviation: float, n_searches: int) -> float:
        # Nadeau and Bengio (2003): scores on overlapping subsamples are less independent than
        # they look.
        return float((1.0 / n_searches + self.unseen_ratio) ** 0.5 * deviation)

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
        votes bound what it may say. A size below `robust_size` is raised to it (to a third of all
        features at most): where rows are few a few features more cost little, and small selections
        are the shakiest. Neither raises a size that unseen rows are against by two standard errors.

        Notes
        -----
        The subsamples overlap, so their scores are less independent than they look: the standard
        error is that of Nadeau and Bengio (2003), ``sqrt(1 / n_searches + ratio) * sd``, with the
        standard deviation pooled over the sizes.
        """
        votes = self.masks.sum(axis=0)
        fewest = max(int((votes >= 2).sum()), 1)
        most = min(max(2 * int((votes >= 1).sum()), 1), votes.size)
        unseen = self.unseen
        if self.filtered is not None and not self.searches_lead():
            unseen = self.filtered
        known = unseen[~np.isnan(unseen).any(axis=1)]
        if not len(known):
            return fewest
        mean = known.mean(axis=0)
        best = int(mean.argmax())
        # Pooled over the sizes: at the best one all scores may be 1.0, which is no certainty.
        spread = float(known.var(axis=0, ddof=min(1, len(known) - 1)).mean()) ** 0.5
        error = self._error_of(spread, len(known))
        close = self.sizes[mean >= mean[best] - error]
        tolerable = int(self.sizes[mean >= mean[best] - 2.0 * error].max())
        middle = round(float(np.exp(np.log(close).mean())))
        size = int(np.clip(middle, min(fewest, tolerable), most))
        robust = min(self.robust_size, -(-votes.size // 3))
        return max(size, min(robust, tolerable))

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


@dataclass(frozen=True)
class VoteBounds:
    """What a vote may select.

    Parameters
    ----------
    fewest, most : int
        Numbers of features.
    pinned, forbidden : tuple of int
        Features that are always, and never, selected.

    Examples
    --------
    >>> bounds = VoteBounds(1, 3, pinned=(2,), forbidden=(0,))
    >>> bounds.ordered(np.array([0, 1, 2, 3]))
    array([2, 1, 3, 0])
    """

    fewest: int
    most: int
    pinned: tuple[int, ...] = ()
    forbidden: tuple[int, ...] = ()

    @classmethod
    def of(cls, settings: SearchSettings, n_features: int) -> "VoteBounds":
        """Return the bounds that settings mean for so many features.

        Parameters
        ----------
        settings : SearchSettings
        n_features : int

        Returns
        -------
        VoteBounds
        """
        allowed = n_features - len(set(settings.forbidden))
        most = min(settings.max_features or allowed, allowed)
        fewest = max(settings.min_features, len(set(settings.pinned)))
        return cls(fewest, most, tuple(settings.pinned), tuple(settings.forbidden))

    def ordered(self, ranking: np.ndarray) -> np.ndarray:
        """Return a ranking with the pinned features first and the forbidden ones last.

        Parameters
        ----------
        ranking : numpy.ndarray of int, shape (n_features,)

        Returns
        -------
        numpy.ndarray of int, shape (n_features,)
        """
        place = np.isin(ranking, self.forbidden).astype(int) - np.isin(ranking, self.pinned)
        return ranking[np.argsort(place, kind="stable")]


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
