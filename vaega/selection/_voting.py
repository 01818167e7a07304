"""Consensus: several guided searches on subsamples of the rows, whose masks vote.

With few rows one search finds a mask that fits its inner folds by luck; what many searches on
different rows find again is less likely to be luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.checks import check_count, check_positive
from vaega.core.errors import InputError
from vaega.selection._settings import SearchSettings


def draw_subsample(
    y: np.ndarray, share: float, *, rng: np.random.Generator, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw a share of the rows of each class, or of the groups."""
    if groups is not None:
        return _draw_groups(y, groups, share, rng)
    drawn = []
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        size = round(share * rows.size)
        if share < 1.0 and rows.size >= 3:
            size = min(size, rows.size - 1)
        drawn.append(rng.permutation(rows)[: max(size, min(2, rows.size))])
    return np.sort(np.concatenate(drawn))


def _draw_groups(
    y: np.ndarray, groups: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    names = rng.permutation(np.unique(groups))
    size = ceil(share * len(names))
    drawn, rest = list(names[:size]), names[size:]
    for label in np.unique(y):
        holders = np.unique(groups[y == label])
        if not np.isin(holders, drawn).any():
            drawn.extend([name for name in rest if name in holders][:1])
    return np.flatnonzero(np.isin(groups, drawn))


_STRENGTH = 0.25  # what being the strongest feature counts, in shares of the votes
_LEADING_STRENGTH = 4.0  # where the votes do not beat the filter that guided them
_STEP = 2**0.5  # between the sizes at which the features of a search are tried


@dataclass(frozen=True, eq=False)
class VoteTally:
    """What the searches say, before features are counted out."""

    masks: np.ndarray  # The best mask of each search
    # How promising each feature is by itself, on all training rows: breaks ties
    strengths: np.ndarray
    sizes: np.ndarray  # Numbers of features at which every search's ranking was tried, rising
    unseen: np.ndarray
    # The same for the features that the guide alone ranks first, on the rows of the search
    filtered: np.ndarray | None = None
    unseen_ratio: float = 0.25  # Rows that a search did not see over those that it did
    # Smaller selections are raised to so many features, unless unseen rows are against it
    robust_size: int = 0

    @property
    def frequencies(self) -> np.ndarray:
        """Share of the searches that select each feature."""
        return self.masks.mean(axis=0)

    def ranking(self) -> np.ndarray:
        """Return the features from best to worst, by votes and by strength."""
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
        """Return how many features are selected."""
        if size == "auto":
            return self.size_by_objective()
        if size == "error_control":
            return self.size_by_error_control(false_selections)
        return min(int(size), len(self.strengths))

    def size_by_objective(self) -> int:
        """Return the size in the middle of those that unseen rows cannot tell from the best."""
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
        """Return how many features have more votes than chance would give."""
        check_positive(false_selections, "false_selections", owner="consensus")
        threshold = error_controlled_threshold(self.masks, false_selections)
        return int((self.frequencies >= threshold).sum())


@dataclass(frozen=True)
class VoteBounds:
    """What a vote may select."""

    fewest: int  # Numbers of features
    most: int  # Numbers of features
    pinned: tuple[int, ...] = ()  # Features that are always, and never, selected
    forbidden: tuple[int, ...] = ()  # Features that are always, and never, selected

    @classmethod
    def of(cls, settings: SearchSettings, n_features: int) -> "VoteBounds":
        """Return the bounds that settings mean for so many features."""
        allowed = n_features - len(set(settings.forbidden))
        most = min(settings.max_features or allowed, allowed)
        fewest = max(settings.min_features, len(set(settings.pinned)))
        return cls(fewest, most, tuple(settings.pinned), tuple(settings.forbidden))

    def ordered(self, ranking: np.ndarray) -> np.ndarray:
        """Return a ranking with the pinned features first and the forbidden ones last."""
        place = np.isin(ranking, self.forbidden).astype(int) - np.isin(ranking, self.pinned)
        return ranking[np.argsort(place, kind="stable")]


def error_controlled_threshold(masks: np.ndarray, false_selections: float) -> float:
    """Return the share of searches that a feature needs, so that few are false."""
    n_searches, n_features = masks.shape
    mean_size = masks.sum(axis=1).mean()
    needed = 0.5 + mean_size**2 / (2.0 * false_selections * n_features)
    return float(min(max(needed, 0.5 + 1.0 / n_searches), 1.0))


def trial_sizes(n_features: int, *, minimum: int, maximum: int) -> np.ndarray:
    """Return the numbers of features at which rankings are tried, each half as large again."""
    maximum = min(maximum, n_features)
    minimum = min(minimum, maximum)
    n_steps = ceil(np.log(maximum / minimum) / np.log(_STEP)) if maximum > minimum else 0
    sizes = np.rint(minimum * _STEP ** np.arange(n_steps)).astype(int)
    return np.unique(np.append(sizes[sizes < maximum], maximum))


def prefix_masks(ranking: np.ndarray, sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the masks of the first features of a ranking."""
    masks = np.zeros((len(sizes), len(ranking)), dtype=bool)
    for mask, size in zip(masks, sizes, strict=True):
        mask[ranking[:size]] = True
    return masks


def sizes_table(sizes: np.ndarray, unseen: np.ndarray) -> pd.DataFrame:
    """Return the metric on unseen rows by number of features."""
    known = unseen[~np.isnan(unseen).any(axis=1)]
    if not len(known):
        return pd.DataFrame({"n_features": sizes, "score": np.nan, "standard_error": np.nan})
    errors = known.std(axis=0, ddof=min(1, len(known) - 1)) / np.sqrt(len(known))
    return pd.DataFrame(
        {"n_features": sizes, "score": known.mean(axis=0), "standard_error": errors}
    )


_AUTO_SHARE = 0.1  # the thesis kept 1,600 of 16,063 and 400 of 12,600 features
_AUTO_LEAST = 20


def check_keep(keep: Any, *, owner: str) -> None:
    """Refuse what is neither a number of features nor a share of them nor "auto"."""
    if isinstance(keep, float):
        if not 0.0 < keep <= 1.0:
            raise InputError(f"{owner}: keep must be a share in (0, 1], got {keep!r}.")
    elif keep != "auto":
        check_count(keep, "keep", owner=owner)


def frequent_columns(
    frequencies: np.ndarray,
    weights: np.ndarray,
    support: np.ndarray,
    keep: int | float | str,
    settings: SearchSettings | None = None,
) -> np.ndarray:
    """Return the features that a first selection leaves: the most frequent ones."""
    n_features = len(frequencies)
    if keep == "auto":
        size = max(_AUTO_LEAST, round(_AUTO_SHARE * n_features), int(support.sum()))
    else:
        size = max(1, round(keep * n_features)) if isinstance(keep, float) else int(keep)
    bounds = VoteBounds.of(settings or SearchSettings(), n_features)
    ranking = bounds.ordered(np.lexsort((-weights, -frequencies, ~support)))
    return np.sort(ranking[: max(size, bounds.fewest)])
