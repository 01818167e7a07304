"""Votes of several searches on subsamples of the rows: which features, and how many.

With few rows one search finds a mask that fits its inner folds by luck; what many searches on
different rows find again is less likely to be luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from vaega.core.checks import check_count, check_positive
from vaega.core.errors import InputError

_STRENGTH = 0.25  # what being the strongest feature counts, in shares of the votes
_LEADING_STRENGTH = 4.0  # where the votes do not beat the filter that guided them
_STEP = 2**0.5  # between the sizes at which the features of a search are tried
_AUTO_SHARE = 0.1  # the thesis went on with 1,600 of 16,063 and 400 of 12,600 features
_AUTO_LEAST = 20


@dataclass(frozen=True, eq=False)
class VoteTally:
    """The masks of the searches and their out-of-sample scores, before features are counted out."""

    masks: np.ndarray  # (n_searches, n_features) bool: the best mask of each search
    # (n_features,): how promising each feature is by itself, on all training rows: breaks ties
    strengths: np.ndarray
    # (n_sizes,), rising: numbers of features at which every search's ranking was tried
    sizes: np.ndarray
    # (n_searches, n_sizes): objective of each search's ranking, cut at each size, on rows that the
    # search did not see; NaN where there were none
    unseen: np.ndarray
    # (n_searches, n_sizes): the same for the features that the guide alone ranks first
    filtered: np.ndarray | None = None
    unseen_ratio: float = 0.25  # Rows that a search did not see over those that it did
    # Smaller selections are raised to so many features, unless unseen rows are against it
    robust_size: int = 0

    @property
    def frequencies(self) -> np.ndarray:
        """Share of the searches that select each feature."""
        return self.masks.mean(axis=0)

    def ranking(self) -> np.ndarray:
        """Return the features from best to worst, by votes and by strength.

        A share of the votes and the strength, relative to the strongest feature, add up. Where the
        searches beat the guide on unseen rows the strength counts a quarter, to order features with
        equally many votes; where they don't, it leads, and the votes order what it leaves close.
        """
        spread = float(np.ptp(self.strengths)) or 1.0
        relative = (self.strengths - self.strengths.min()) / spread
        weight = _STRENGTH if self.searches_lead() else _LEADING_STRENGTH
        return np.argsort(-(self.frequencies + weight * relative), kind="stable")

    def searches_lead(self) -> bool:
        """Return whether the searches' features beat the guide's on rows that neither saw.

        By more than one standard error of the mean difference over all sizes, where the guide
        prefers any feature; without one, or without unseen rows, the votes are all there is.
        """
        if self.filtered is None or np.ptp(self.strengths) == 0.0:
            return True
        gains = (self.unseen - self.filtered).mean(axis=1)
        gains = gains[~np.isnan(gains)]
        if not gains.size:
            return True
        deviation = float(gains.std(ddof=min(1, gains.size - 1)))
        return bool(gains.mean() > self._standard_error(deviation, gains.size))

    def _standard_error(self, deviation: float, n_searches: int) -> float:
        # Nadeau and Bengio (2003): scores on overlapping subsamples are less independent than
        # they look.
        return float((1.0 / n_searches + self.unseen_ratio) ** 0.5 * deviation)

    def count(self, size: int | str, false_selections: float) -> int:
        """Return how many features are selected: "auto", "error_control" or a number."""
        if size == "auto":
            return self.size_by_objective()
        if size == "error_control":
            return self.size_by_error_control(false_selections)
        return min(int(size), len(self.strengths))

    def size_by_objective(self) -> int:
        """Return the size in the middle of those that unseen rows cannot tell from the best.

        The middle (geometric mean) of the sizes within one standard error of the best objective,
        but at least as many features as two searches agree on, and at most twice as many as any
        search selected: the objective of a handful of unseen rows is flat and noisy, and the votes
        bound it. A size below `robust_size` is raised to it (to a third of all features at most):
        where rows are few a few features more cost little, and small selections are the shakiest.
        Neither raises a size that unseen rows are against by two standard errors.
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
        deviation = float(known.var(axis=0, ddof=min(1, len(known) - 1)).mean()) ** 0.5
        error = self._standard_error(deviation, len(known))
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


def error_controlled_threshold(masks: np.ndarray, false_selections: float) -> float:
    """Return the share of searches that a feature needs, so that so many are false in expectation.

    Stability selection (Meinshausen and Buehlmann, 2010): where searches select q of p features on
    average, those in a share above t > 1/2 of the searches hold at most q**2 / ((2 t - 1) p) false
    ones in expectation; 1 where even unanimity cannot promise so few. The bound is proved for
    subsamples of half of the rows and exchangeable features; guided searches keep neither.
    """
    n_searches, n_features = masks.shape
    mean_size = masks.sum(axis=1).mean()
    needed = 0.5 + mean_size**2 / (2.0 * false_selections * n_features)
    return float(min(max(needed, 0.5 + 1.0 / n_searches), 1.0))


@dataclass(frozen=True)
class VoteBounds:
    """What a vote may select."""

    fewest: int  # Features
    most: int
    pinned: tuple[int, ...] = ()  # Features that are always selected
    forbidden: tuple[int, ...] = ()  # Features that are never selected

    def ordered(self, ranking: np.ndarray) -> np.ndarray:
        """Return a ranking with the pinned features first and the forbidden ones last."""
        rank = np.isin(ranking, self.forbidden).astype(int) - np.isin(ranking, self.pinned)
        return ranking[np.argsort(rank, kind="stable")]


def draw_subsample(
    y: np.ndarray, share: float, *, rng: np.random.Generator, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw a share of the rows of each class, or of the groups; return sorted row indices.

    Each class keeps two rows at least where it has them, and leaves one out where it has three or
    more; with groups, each class keeps one group at least.
    """
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
    drawn, others = list(names[:size]), names[size:]
    for label in np.unique(y):
        holders = np.unique(groups[y == label])
        if not np.isin(holders, drawn).any():
            drawn.extend([name for name in others if name in holders][:1])
    return np.flatnonzero(np.isin(groups, drawn))


def trial_sizes(n_features: int, *, minimum: int, maximum: int) -> np.ndarray:
    """Return the numbers of features at which rankings are tried, each half as large again."""
    maximum = min(maximum, n_features)
    minimum = min(minimum, maximum)
    n_steps = ceil(np.log(maximum / minimum) / np.log(_STEP)) if maximum > minimum else 0
    sizes = np.rint(minimum * _STEP ** np.arange(n_steps)).astype(int)
    return np.unique(np.append(sizes[sizes < maximum], maximum))


def prefix_masks(ranking: np.ndarray, sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the masks of the first features of a ranking, (n_sizes, n_features)."""
    masks = np.zeros((len(sizes), len(ranking)), dtype=bool)
    for mask, size in zip(masks, sizes, strict=True):
        mask[ranking[:size]] = True
    return masks


def sizes_table(sizes: np.ndarray, unseen: np.ndarray) -> pd.DataFrame:
    """Return ``n_features``, ``score`` and ``standard_error`` of the metric on unseen rows."""
    known = unseen[~np.isnan(unseen).any(axis=1)]
    if not len(known):
        return pd.DataFrame({"n_features": sizes, "score": np.nan, "standard_error": np.nan})
    errors = known.std(axis=0, ddof=min(1, len(known) - 1)) / np.sqrt(len(known))
    return pd.DataFrame(
        {"n_features": sizes, "score": known.mean(axis=0), "standard_error": errors}
    )


def check_keep(keep: int | float | str, *, owner: str) -> None:
    """Refuse what is neither a number of features nor a share of them nor "auto"."""
    if isinstance(keep, float):
        if not 0.0 < keep <= 1.0:
            raise InputError.of(owner, "keep", "must be a share in (0, 1]", keep)
    elif keep != "auto":
        check_count(keep, "keep", owner=owner)


def frequent_columns(
    frequencies: np.ndarray,
    weights: np.ndarray,
    support: np.ndarray,
    keep: int | float | str,
    bounds: VoteBounds | None = None,
) -> np.ndarray:
    """Return the sorted features that a first selection leaves: the most frequent ones.

    The selected come first, then the more frequent, then the heavier; "auto" leaves a tenth of all
    features, but 20 at least, and every one selected.
    """
    n_features = len(frequencies)
    bounds = bounds or VoteBounds(1, n_features)
    if keep == "auto":
        size = max(_AUTO_LEAST, round(_AUTO_SHARE * n_features), int(support.sum()))
    else:
        size = max(1, round(keep * n_features)) if isinstance(keep, float) else int(keep)
    ranking = bounds.ordered(np.lexsort((-weights, -frequencies, ~support)))
    return np.sort(ranking[: max(size, bounds.fewest)])
