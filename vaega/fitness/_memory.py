"""The fitness of a search: an objective of scores that are computed once a mask and then cached."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from vaega.core.checks import check_probability
from vaega.core.errors import InputError
from vaega.evolution.operators._masks import count_selected
from vaega.fitness._score_store import ScoreEntry, ScoreStore

FAILED = "masks on which the classifier failed"
_TRIED_ALONE = 10  # features, where every mask failed


class Objective(Protocol):
    """From scores and masks to what is maximised."""

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return one value a mask, shape (n_masks,)."""


@dataclass(frozen=True)
class WeightedObjective:
    """Weigh the metric against the share of features left out.

    ``alpha * score + (1 - alpha) * (1 - selected / all)``

    Parameters
    ----------
    alpha : float, default=0.9
        Weight of the metric, in [0, 1]; the thesis uses 0.5.

    Examples
    --------
    >>> objective = WeightedObjective(alpha=0.5)
    >>> objective(np.array([0.8]), np.array([[True, False, False, False]]))
    array([0.775])
    """

    alpha: float = 0.9

    def __post_init__(self) -> None:
        check_probability(self.alpha, "alpha", owner="WeightedObjective")

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the weighted sum for each mask, shape (n_masks,)."""
        left_out = 1.0 - count_selected(masks) / masks.shape[1]
        return self.alpha * scores + (1.0 - self.alpha) * left_out


@dataclass(frozen=True)
class PenaltyObjective:
    """Subtract a fixed price for each selected feature.

    ``score - per_feature * selected``

    Parameters
    ----------
    per_feature : float, default=0.001
        What a feature must add to the metric to be worth selecting; 0 is the metric alone.

    Examples
    --------
    >>> PenaltyObjective(per_feature=0.01)(np.array([0.8]), np.array([[True, True, False]]))
    array([0.78])
    """

    per_feature: float = 0.001

    def __post_init__(self) -> None:
        if not self.per_feature >= 0.0:
            raise InputError(
                f"PenaltyObjective: per_feature must be at least 0, got {self.per_feature!r}."
            )

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the score less the price for each mask, shape (n_masks,)."""
        return scores - self.per_feature * count_selected(masks)


@dataclass(frozen=True)
class Evaluations:
    """What a search asked of its fitness; the counts of several searches add up.

    Parameters
    ----------
    n_asked : int, default=0
        Masks asked for.
    n_distinct : int, default=0
        Different masks among them.
    n_scored : int, default=0
        Masks that were computed, neither restored nor found in a store.
    n_fits : int, default=0
        Fits of the classifier: pairs of a different mask and a fold.
    warnings : collections.Counter of str
        How often the classifier warned of what.
    n_failed : int, default=0
        Masks among the different ones on which the classifier failed in some fold.
    first_failure : str, default=""
        Why the first of them failed.
    """

    n_asked: int = 0
    n_distinct: int = 0
    n_scored: int = 0
    n_fits: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    n_failed: int = 0
    first_failure: str = ""

    @property
    def complaints(self) -> Counter[str]:
        """The warnings, and one line on all masks that failed."""
        if not self.n_failed:
            return self.warnings
        sentence = f"{FAILED}, the first time: {self.first_failure}"
        return self.warnings + Counter({sentence: self.n_failed})

    def __add__(self, other: "Evaluations") -> "Evaluations":
        return Evaluations(
            self.n_asked + other.n_asked,
            self.n_distinct + other.n_distinct,
            self.n_scored + other.n_scored,
            self.n_fits + other.n_fits,
            self.warnings + other.warnings,
            self.n_failed + other.n_failed,
            self.first_failure or other.first_failure,
        )


class FitnessMemory:
    """Remember the scores of another fitness, by mask; give the objective of them.

    Parameters
    ----------
    fitness : callable
        From masks, bool of shape (n_masks, n_features), to scores, float of shape (n_masks,) or
        (n_masks, n_folds). One that has ``evaluate``, as `CrossValidatedFitness`, gives fold
        scores, the warnings of each mask and why some failed.
    n_features : int
        Length of a mask.
    objective : Objective, optional
        What a search maximises, of scores and masks; None is the score itself.
    store : ScoreStore, optional
        Where scores are kept for other searches, other processes and a resume; used when the
        fitness has a ``digest`` that is not None.

    Attributes
    ----------
    n_asked : int
        Masks that were asked for.
    n_distinct : int
        Different masks among them. Like `n_asked`, it says nothing of what was in the store.
    n_scored : int
        Masks that were computed by this object, neither restored nor found in the store.

    Notes
    -----
    A mask on which the classifier failed has a score that is not a number, and counts as the worst:
    0, or the lowest score known, if that is lower. Failures are not put into the store, for what
    was wrong may be gone when somebody asks again.

    Examples
    --------
    >>> memory = FitnessMemory(lambda masks: masks.mean(axis=1), n_features=2)
    >>> memory(np.array([[True, False], [True, False], [True, True]]))
    array([0.5, 0.5, 1. ])
    >>> memory.n_asked, memory.n_distinct, memory.n_reused
    (3, 2, 1)
    """

    def __init__(
        self,
        fitness: Callable[[np.ndarray], np.ndarray],
        *,
        n_features: int,
        objective: Objective | None = None,
        store: ScoreStore | None = None,
    ) -> None:
        self.fitness = fitness
        self.n_features = n_features
        self.objective = objective
        self.store = store
        self.n_asked = 0
        self.n_scored = 0
        self._entries: dict[bytes, ScoreEntry] = {}
        self._means: dict[bytes, float] = {}
        self._failures: dict[bytes, str] = {}
        self._lowest = np.inf  # mean score known
        self._context: str | None = None

    @property
    def n_distinct(self) -> int:
        """Different masks that were asked for."""
        return len(self._entries)

    @property
    def n_reused(self) -> int:
        """Masks that were asked for again."""
        return self.n_asked - self.n_distinct

    @property
    def warnings_(self) -> Counter[str]:
        """How often the classifier warned of what, over the different masks of this search."""
        total: Counter[str] = Counter()
        for entry in self._entries.values():
            total.update(entry.warned)
        return total

    @property
    def evaluations(self) -> Evaluations:
        """All counts, and the warnings."""
        n_fits = sum(len(entry.scores) for entry in self._entries.values())
        return Evaluations(
            self.n_asked,
            self.n_distinct,
            self.n_scored,
            n_fits,
            self.warnings_,
            len(self._failures),
            next(iter(self._failures.values()), ""),
        )

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the objective of each mask, scoring only the new ones.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            May repeat itself.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks,)
        """
        scores = self.score(masks)
        return scores if self.objective is None else self.objective(scores, masks)

    def score(self, masks: np.ndarray) -> np.ndarray:
        """Return the mean score of each mask over the folds, without the objective, (n_masks,)."""
        masks = np.asarray(masks, dtype=bool)
        keys = _pack(masks)
        # The first index of each new mask, in the order asked, so that nothing depends on hashing.
        first = {key: index for index, key in reversed(list(enumerate(keys)))}
        new = sorted(index for key, index in first.items() if key not in self._entries)
        if new:
            self._learn([keys[index] for index in new], masks[new])
        self.n_asked += len(keys)
        means = np.array([self._means[key] for key in keys])
        return np.where(np.isnan(means), min(0.0, self._lowest), means)

    def has_scored(self, mask: np.ndarray) -> bool:
        """Return whether a mask (n_features,) was asked for, and the classifier did not fail."""
        return not np.isnan(self._means.get(_pack(mask[None])[0], np.nan))

    def known_score(self, mask: np.ndarray) -> float:
        """Return the mean score of a mask (n_features,) that was asked for, without counting it."""
        return self._means[_pack(mask[None])[0]]

    def fold_scores(self, masks: np.ndarray) -> np.ndarray:
        """Return the score in each fold of masks that were asked for before.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            Known masks; asking here counts nothing.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks, n_folds)
            Not-a-number where the classifier failed.

        Raises
        ------
        InputError
            When a mask is not known.
        """
        keys = _pack(np.asarray(masks, dtype=bool))
        for index, key in enumerate(keys):
            if key not in self._entries:
                raise InputError(
                    "FitnessMemory: fold_scores takes masks that were scored before, and number "
                    f"{index} was not."
                )
        return _stack([self._entries[key].scores for key in keys])

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what has a score, in the order in which it was asked for.

        Returns
        -------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            Those on which the classifier failed are left out.
        scores : numpy.ndarray of float, shape (n_masks,)
            Means over the folds.

        Raises
        ------
        InputError
            When the classifier failed on every mask.
        """
        masks = np.unpackbits(self._packed(), axis=1, count=self.n_features).view(bool)
        means = np.array(list(self._means.values()), dtype=float)
        scored = ~np.isnan(means)
        if len(means) and not scored.any():
            raise InputError(self._all_failed(len(means)))
        return masks[scored], means[scored]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the memory as plain arrays, for a checkpoint.

        Returns
        -------
        dict of numpy.ndarray
            Packed masks, their fold scores, the number asked, the different warnings as JSON, in
            rows of three which mask gave which warning how often, and why masks failed.
        """
        texts = list(self.warnings_)
        number = {text: index for index, text in enumerate(texts)}
        warned = [
            (index, number[text], times)
            for index, entry in enumerate(self._entries.values())
            for text, times in entry.warned.items()
        ]
        return {
            "memory_keys": self._packed(),
            "memory_fold_scores": _stack([entry.scores for entry in self._entries.values()]),
            "memory_n_asked": np.array(self.n_asked),
            "memory_warnings": np.array(json.dumps(texts)),
            "memory_warned": np.array(warned, dtype=np.int64).reshape(-1, 3),
            "memory_failures": np.array(json.dumps(self._failures_by_number())),
            "memory_lowest": np.array(self._lowest),
        }

    def _failures_by_number(self) -> dict[int, str]:
        numbers = {key: index for index, key in enumerate(self._entries)}
        return {numbers[key]: text for key, text in self._failures.items()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave."""
        keys = [key.tobytes() for key in arrays["memory_keys"]]
        texts = json.loads(str(arrays["memory_warnings"]))
        warned: list[Counter[str]] = [Counter() for _ in keys]
        for index, text, times in arrays["memory_warned"].tolist():
            warned[index][texts[text]] = times
        failures = json.loads(str(arrays["memory_failures"]))
        self._entries, self._means = {}, {}
        self._failures = {keys[int(number)]: text for number, text in failures.items()}
        self._remember(keys, arrays["memory_fold_scores"], warned)
        self._lowest = float(arrays["memory_lowest"])
        self.n_asked = int(arrays["memory_n_asked"])

    def _learn(self, keys: Sequence[bytes], masks: np.ndarray) -> None:
        known = self._look_up(keys)
        new = [index for index, key in enumerate(keys) if key not in known]
        if new:
            failures: dict[bytes, str] = {}
            if hasattr(self.fitness, "evaluate"):
                evaluation = self.fitness.evaluate(masks[new])
                scores, warned = evaluation.scores, evaluation.warned
                failed = getattr(evaluation, "failures", {})
                failures = {keys[new[row]]: text for row, text in sorted(failed.items())}
            else:
                scores = np.asarray(self.fitness(masks[new]), dtype=float).reshape(len(new), -1)
                warned = [Counter[str]()] * len(new)
            self.n_scored += len(new)
            computed = {
                keys[index]: ScoreEntry(*entry)
                for index, entry in zip(new, zip(scores, warned, strict=True), strict=True)
            }
            if self.store is not None and self._context is not None:
                kept = {key: entry for key, entry in computed.items() if key not in failures}
                self.store.put(self._context, kept)
            known |= computed
            self._failures |= failures
        entries = [known[key] for key in keys]
        scores = _stack([entry.scores for entry in entries])
        self._remember(keys, scores, [entry.warned for entry in entries])
        if keys and self._lowest == np.inf:
            self._try_single_features()

    def _try_single_features(self) -> None:
        """Ask for a few features alone where every mask failed; an error where these fail too.

        A search may yet find smaller masks that can be scored; a classifier that never can be is
        said at once, not after all generations.
        """
        tried = np.unique(np.linspace(0, self.n_features - 1, _TRIED_ALONE).astype(int))
        masks = np.zeros((len(tried), self.n_features), dtype=bool)
        masks[np.arange(len(tried)), tried] = True
        means = np.asarray(self.fitness(masks), dtype=float).reshape(len(tried), -1).mean(axis=1)
        if np.isnan(means).all():
            raise InputError(self._all_failed(len(self._means)))
        self._lowest = float(np.nanmin(means))

    def _all_failed(self, n_masks: int) -> str:
        first = next(iter(self._failures.values()), "no score is a number.")
        remedy = ""
        if np.isfinite(self._lowest):
            remedy = " It can be scored on single features: bound max_features."
        return (
            f"search: the classifier failed on all of {n_masks} masks, the first time: "
            f"{first}{remedy}"
        )

    def _look_up(self, keys: Sequence[bytes]) -> dict[bytes, ScoreEntry]:
        if self.store is None:
            return {}
        if self._context is None:
            digest = getattr(self.fitness, "digest", None)
            if digest is None:
                self.store = None
                return {}
            self._context = f"{digest}-{self.n_features}"
        return self.store.get(self._context, keys)

    def _remember(self, keys: Sequence[bytes], scores: np.ndarray, warned: Sequence[Any]) -> None:
        self._entries.update(zip(keys, map(ScoreEntry, scores, warned), strict=True))
        means = scores.mean(axis=1) if keys else np.empty(0)
        self._means.update(zip(keys, means.tolist(), strict=True))
        self._lowest = min(self._lowest, *means[~np.isnan(means)].tolist(), np.inf)

    def _packed(self) -> np.ndarray:
        width = -(-self.n_features // 8)
        return np.frombuffer(b"".join(self._entries), dtype=np.uint8).reshape(-1, width)


def _pack(masks: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(masks, axis=1)]


def _stack(scores: Sequence[np.ndarray]) -> np.ndarray:
    return np.array(scores, dtype=float) if scores else np.empty((0, 0))
