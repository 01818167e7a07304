"""What a vote selects: which candidate ranking leads, at how many features, by unseen rows.

Several searches on subsamples of the rows leave rows that they did not see. On these compete the
rankers alone, their stack, the votes of the searches, and votes and stack together: a search that
finds no more than its filter has no say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil

import numpy as np
import pandas as pd

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.selection._rankers import STACK, Views

VOTES, TOGETHER = "votes", "votes and guide"
_TEMPERATURE = 0.5  # standard errors by which a size's weight falls by e
_MORE = 0.25  # standard deviations of the weighted sizes that are taken more
_MOSTLY = 0.5  # share of failures at a size that is not taken
_STEP = 2**0.5  # between the sizes at which rankings are tried
_AUTO_SHARE = 0.1  # the thesis went on with 1,600 of 16,063 and 400 of 12,600 features
_AUTO_LEAST = 20


def candidate_orders(
    views: Views, votes: np.ndarray, masks: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the rankings that compete with single rankers, the one that leads in a tie first.

    `votes`, (n_features,), are shares of searches or of a population that select each feature;
    those of `masks`, where given, come first, and the views' worth orders what is equal.
    """
    worth = views.worth
    chosen = votes if masks is None else masks
    by_votes = np.lexsort((-worth, -votes, -chosen.astype(float)))
    if not views.names:
        return {VOTES: by_votes}
    together = votes / (votes.max() or 1.0) + worth / (worth.max() or 1.0)
    guide = STACK if len(views.names) > 1 else views.names[0]
    return {
        guide: np.argsort(-worth, kind="stable"),
        VOTES: by_votes,
        TOGETHER: np.argsort(-together, kind="stable"),
    }


def worst_for_failures(unseen: np.ndarray) -> np.ndarray:
    """Return scores in which a failure has the worst score of its search.

    `unseen` is (n_rankings, n_searches, n_sizes), see `Contest`; a search without any score keeps
    none.
    """
    known = ~np.isnan(unseen)
    worst = np.where(known, unseen, np.inf).min(axis=(0, 2), initial=np.inf)[None, :, None]
    return np.where(known | ~np.isfinite(worst), unseen, worst)


def fitted_sizes(unseen: np.ndarray) -> np.ndarray:
    """Return at which sizes, (n_sizes,) bool, the classifier mostly did not fail.

    At all of them, where it failed at all: there is no better choice then.
    """
    failed = np.isnan(unseen)
    failed = failed[:, ~failed.all(axis=(0, 2))]
    if not failed.size:
        return np.ones(unseen.shape[2], dtype=bool)
    fitted: np.ndarray = failed.mean(axis=(0, 1)) < _MOSTLY
    return fitted if fitted.any() else ~fitted


def ranker_weights(unseen: np.ndarray, unseen_ratio: float) -> np.ndarray:
    """Return how much each ranker counts in a stack, (n_rankers,), the best one 1.

    By e to the power of the distance of its mean score, over all sizes, from the best one in half
    standard errors. `unseen` is (n_rankers, n_searches, n_sizes), see `Contest`.
    """
    scores = unseen.mean(axis=2)
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    n_rankers, n_known = scores.shape
    if n_rankers < 2 or n_known < 2:
        return np.ones(n_rankers)
    mean = scores.mean(axis=1)
    error = _overlapping(n_known, unseen_ratio) * float(scores.var(axis=1, ddof=1).mean()) ** 0.5
    weights: np.ndarray = np.exp((mean - mean.max()) / max(_TEMPERATURE * error, 1e-12))
    return weights


def companions(rounds: np.ndarray) -> list[np.ndarray]:
    """Return the indices of the searches that may choose for each without its unseen rows.

    The others of its round, whose unseen rows are disjoint from its own, where these are two at
    least; else all others.
    """
    others = []
    for index, number in enumerate(rounds):
        same = np.delete(np.flatnonzero(rounds == number), np.sum(rounds[:index] == number))
        others.append(same if len(same) > 1 else np.delete(np.arange(len(rounds)), index))
    return others


def _overlapping(n_searches: int, unseen_ratio: float) -> float:
    """Return the standard error of a mean over searches, in standard deviations.

    Nadeau and Bengio (2003): scores on overlapping subsamples are less independent than they look.
    """
    return float((1.0 / n_searches + unseen_ratio) ** 0.5)


@dataclass(frozen=True, eq=False)
class Contest:
    """Candidates and what the rows that a search did not see say of each, at each size."""

    names: tuple[str, ...]  # of the candidates; the first one leads unless another is shown better
    sizes: np.ndarray  # (n_sizes,), rising: numbers of features at which rankings were cut
    # (n_candidates, n_searches, n_sizes): metric on unseen rows; NaN where there were none
    unseen: np.ndarray
    unseen_ratio: float = 0.25  # Rows that a search did not see over those that it did
    size: int | str = "auto"  # A number, "auto" or "one_standard_error"
    # As `unseen`, with stacks whose weights come from a search's companions; None: the same
    independent: np.ndarray | None = None
    # (n_searches,): searches of a round left disjoint rows out, see `companions`; None: one round
    rounds: np.ndarray | None = None

    @cached_property
    def known(self) -> np.ndarray:
        """The searches that left rows to score on, (n_candidates, n_known, n_sizes)."""
        return self._of_known(self.unseen)

    def _of_known(self, scores: np.ndarray) -> np.ndarray:
        kept: np.ndarray = scores[:, ~np.isnan(self.unseen).any(axis=(0, 2))]
        return kept

    @property
    def leader(self) -> int:
        """The candidate that leads: the first, unless one is better by a standard error.

        Each is taken at its own size, with the two sizes around it. The standard error of the
        paired difference is the candidate's own or, where that is smaller, that of all candidates,
        for a handful of scores may agree by chance.
        """
        gains, errors = self.gains()
        if not len(gains):
            return 0
        ahead = np.divide(gains, errors, out=np.full(len(gains), -np.inf), where=errors > 0.0)
        best = int(ahead.argmax())
        return best if ahead[best] > 1.0 else 0

    def gains(self) -> tuple[np.ndarray, np.ndarray]:
        """Return each candidate's gain over the first on unseen rows, and its standard error."""
        n_candidates, n_known, _ = self.known.shape
        if n_known < 2:
            return np.zeros(0), np.zeros(0)
        around = np.array([self._around(index) for index in range(n_candidates)])
        gains = around - around[0]  # (n_candidates, n_known)
        deviations = gains.std(axis=1, ddof=1)
        others = deviations[1:]
        if len(others):
            deviations[1:] = np.maximum(others, float((others**2).mean()) ** 0.5)
        return gains.mean(axis=1), self._standard_error(deviations)

    def _around(self, candidate: int) -> np.ndarray:
        """Return the scores of a candidate at its size and its neighbours, (n_known,)."""
        at = self.size_index(candidate)
        scores: np.ndarray = self.known[candidate][:, max(at - 1, 0) : at + 2].mean(axis=1)
        return scores

    def size_of(self, candidate: int) -> int:
        """Return the number of features of a candidate."""
        if not isinstance(self.size, str):
            return int(self.size)
        return int(self.sizes[self.size_index(candidate)])

    def size_index(self, candidate: int) -> int:
        """Return where among the sizes a candidate is cut.

        "auto" is the geometric mean of all sizes, each weighted by how close its score comes to the
        best one, by e to the power of its distance in half standard errors, and a quarter of their
        standard deviation more: a few features too many cost less than a few too few. The curve of
        a handful of rows is flat and noisy, and its maximum moves with every draw; the mean does
        not.
        "one_standard_error" is the smallest size that comes as close as that.
        """
        if not isinstance(self.size, str):
            return int(np.abs(self.sizes - self.size).argmin())
        scores = self.known[candidate]
        if not len(scores):
            return int(np.abs(self.sizes - _AUTO_LEAST).argmin())
        mean = scores.mean(axis=0)
        # Pooled over the sizes: at the best one all scores may be 1.0, which is no certainty.
        deviation = float(scores.var(axis=0, ddof=min(1, len(scores) - 1)).mean()) ** 0.5
        error = max(float(self._standard_error(np.array(deviation))), 1e-12)
        below = (mean.max() - mean) / error
        if self.size == "one_standard_error":
            return int(np.flatnonzero(below <= 1.0)[0])
        weights, logs = np.exp(-below / _TEMPERATURE), np.log(self.sizes)
        centre = float(np.average(logs, weights=weights))
        spread = float(np.average((logs - centre) ** 2, weights=weights)) ** 0.5
        return int(np.abs(logs - centre - _MORE * spread).argmin())

    def _standard_error(self, deviation: np.ndarray) -> np.ndarray:
        error: np.ndarray = _overlapping(self.known.shape[1], self.unseen_ratio) * deviation
        return error

    def honest_score(self) -> float:
        """Return the mean score on a search's unseen rows at what its companions choose.

        The highest of many scores is too high; what is chosen without a search's rows is not.
        NaN where there is nothing to choose by.
        """
        n_known = self.known.shape[1]
        if n_known < 2:
            return float(self.known[0, :, self.size_index(0)].mean()) if n_known else float("nan")
        kept = ~np.isnan(self.unseen).any(axis=(0, 2))
        rounds = np.zeros(n_known) if self.rounds is None else self.rounds[kept]
        scores = []
        for index, chosen_by in enumerate(companions(rounds)):
            others = replace(self, unseen=self.known[:, chosen_by], independent=None, rounds=None)
            leader = others.leader
            scores.append(self._fair[leader, index, others.size_index(leader)])
        return float(np.mean(scores))

    def score_at(self, candidate: int, size: int) -> float:
        """Return the mean score of a candidate at the size tried that is nearest; NaN if none."""
        scores = self._fair[candidate, :, int(np.abs(self.sizes - size).argmin())]
        return float(scores.mean()) if len(scores) else float("nan")

    @property
    def _fair(self) -> np.ndarray:
        """Scores that say how good a choice is: no row that is scored had a part in it.

        But for the guide of the searches, which all unseen rows have weighted together.
        """
        return self.known if self.independent is None else self._of_known(self.independent)

    def table(self) -> pd.DataFrame:
        """Return each candidate's size, score, gain over the first, errors, and which leads."""
        n_candidates, n_known, _ = self.known.shape
        gains, errors = self.gains()
        unknown = np.full(n_candidates, np.nan)
        rows = {
            "candidate": list(self.names),
            "n_features": [self.size_of(index) for index in range(n_candidates)],
            "score": unknown,
            "standard_error": unknown,
            "gain": gains if len(gains) else unknown,
            "gain_error": errors if len(errors) else unknown,
            "leads": np.arange(n_candidates) == self.leader,
        }
        if n_known:
            cut = [self.size_index(index) for index in range(n_candidates)]
            scores = self.known[np.arange(n_candidates), :, cut]
            rows["score"] = scores.mean(axis=1)
            rows["standard_error"] = self._standard_error(
                scores.std(axis=1, ddof=min(1, n_known - 1))
            )
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class VoteBounds:
    """What a vote may select."""

    fewest: int  # Features
    most: int
    most_tried: int  # Largest size that unseen rows are asked about
    pinned: tuple[int, ...] = ()  # Features that are always selected
    forbidden: tuple[int, ...] = ()  # Features that are never selected

    def passing(self, mask: np.ndarray) -> tuple[np.ndarray, int]:
        """Return an order in which what passes a threshold, or is pinned, comes first; how many."""
        passes = mask.copy()
        passes[list(self.pinned)] = True
        passes[list(self.forbidden)] = False
        return self.ordered(np.argsort(~passes, kind="stable")), min(int(passes.sum()), self.most)

    def ordered(self, ranking: np.ndarray) -> np.ndarray:
        """Return a ranking with the pinned features first and the forbidden ones last."""
        rank = np.isin(ranking, self.forbidden).astype(int) - np.isin(ranking, self.pinned)
        return ranking[np.argsort(rank, kind="stable")]


def deal_subsamples(
    y: np.ndarray,
    share: float,
    n_subsamples: int,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Deal a share of the rows of each class, or of the groups, to each; sorted row indices.

    In rounds, see `n_of_round`: what the subsamples of a round leave out is disjoint, as the folds
    of a cross-validation are, but for classes (or groups) fewer than a round has subsamples. Each
    class keeps two rows, or two groups, at least where it has them, and leaves one out where it has
    three or more.
    """
    size, dealt = n_of_round(share), []
    for start in range(0, n_subsamples, size):
        n = min(size, n_subsamples - start)
        if groups is None:
            dealt += _deal_rows(y, share, n, rng)
        else:
            dealt += _deal_groups(y, groups, share, n, rng)
    return dealt


def n_of_round(share: float) -> int:
    """Return how many subsamples of a share of the rows can leave different rows out."""
    return int(1.0 / (1.0 - share) + 1e-9) if share < 1.0 else 1


def _deal_rows(y: np.ndarray, share: float, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    left_out: list[list[np.ndarray]] = [[] for _ in range(n)]
    for label in np.unique(y):
        parts = _parts_left_out(np.flatnonzero(y == label), share, keep=2, rng=rng)
        for out, part in zip(left_out, parts, strict=False):
            out.append(part)
    return [np.setdiff1d(np.arange(len(y)), np.concatenate(out)) for out in left_out]


def _deal_groups(
    y: np.ndarray, groups: np.ndarray, share: float, n: int, rng: np.random.Generator
) -> list[np.ndarray]:
    dealt = []
    for names in _parts_left_out(np.unique(groups), share, keep=2, rng=rng)[:n]:
        out = names
        for label in np.unique(y):
            holders = np.unique(groups[y == label])
            leaving = [name for name in out if name in holders]
            n_staying = len(holders) - len(leaving)
            staying = leaving[len(leaving) - max(min(2, len(holders)) - n_staying, 0) :]
            out = out[~np.isin(out, staying)]  # the class keeps the last that would leave
        dealt.append(np.flatnonzero(~np.isin(groups, out)))
    return dealt


def _parts_left_out(
    members: np.ndarray, share: float, *, keep: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return what each subsample of a round leaves out of some members, in random order."""
    n, members = n_of_round(share), rng.permutation(members)
    most = max(len(members) - keep, 0) if share < 1.0 else 0
    if len(members) < n:  # one each, and from the start again
        return [np.take(members, [index][:most], mode="wrap") for index in range(n)]
    ends = np.rint((1.0 - share) * len(members) * np.arange(n + 1)).astype(int)
    parts = [members[start:end][:most] for start, end in pairwise(ends)]
    return [parts[index] for index in rng.permutation(n)]  # so that no search has all large ones


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


def sizes_table(sizes: np.ndarray, unseen: np.ndarray, unseen_ratio: float = 0.0) -> pd.DataFrame:
    """Return ``n_features``, ``score`` and ``standard_error`` of the metric on unseen rows."""
    known = unseen[~np.isnan(unseen).any(axis=1)]
    if not len(known):
        return pd.DataFrame({"n_features": sizes, "score": np.nan, "standard_error": np.nan})
    deviations = known.std(axis=0, ddof=min(1, len(known) - 1))
    errors = _overlapping(len(known), unseen_ratio) * deviations
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
    bounds = bounds or VoteBounds(1, n_features, n_features)
    if keep == "auto":
        size = max(_AUTO_LEAST, round(_AUTO_SHARE * n_features), int(support.sum()))
    else:
        size = max(1, round(keep * n_features)) if isinstance(keep, float) else int(keep)
    ranking = bounds.ordered(np.lexsort((-weights, -frequencies, ~support)))
    return np.sort(ranking[: max(size, bounds.fewest)])
