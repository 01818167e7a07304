"""From training rows to a mask: one search or several that vote, and the final choice."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from deap import base
from sklearn.base import clone

from vaega.core.errors import InputError
from vaega.core.files import canonical_json, fingerprint, plain
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.registry import import_object, matching_arguments
from vaega.core.threads import one_thread
from vaega.data._folds import Fold
from vaega.evolution import operators
from vaega.evolution._checkpoint import (
    STOPPED,
    SaveCheckpoint,
    load_latest_checkpoint,
    restore_callbacks,
)
from vaega.evolution._evolution import (
    Callback,
    EvolutionState,
    evolve,
)
from vaega.evolution._stopping import (
    RestartWhenStagnant,
    StopAfterEvaluations,
    StopAfterSeconds,
    StopAtTarget,
    StopWhenStagnant,
)
from vaega.evolution.algorithms import ALGORITHMS, Memetic, MultiStage
from vaega.evolution.algorithms._genetic import (
    AskTell,
    MakeToolbox,
    make_from_settings,
)
from vaega.fitness._cross_validated import CrossValidatedFitness
from vaega.fitness._folds import Preparation, prepare_fold, prepare_folds, seed_unset
from vaega.fitness._memory import (
    FitnessMemory,
    Objective,
    ObjectiveFitness,
    ScoreStore,
    stable_text,
)
from vaega.fitness._parallel import counted_warnings
from vaega.fitness._racing import RacingFitness, ResampledFitness
from vaega.selection._choice import RULES
from vaega.selection._filters import guide_weights
from vaega.selection._settings import FEW_ROWS, SearchSettings
from vaega.selection._voting import (
    Ballot,
    VoteBounds,
    draw_subsample,
    prefix_masks,
    sizes_table,
    trial_sizes,
)

Metric = Callable[[np.ndarray], np.ndarray]
_FIRST_FOLDS = 2  # of a race: enough to see who is hopeless


class PartitionScores:
    """Metric of masks on the folds of one partition; no mask is scored twice on a fold."""

    def __init__(
        self,
        fitness: Metric,
        n_features: int,
        *,
        racing: float | None = None,
        store: ScoreStore | None = None,
    ) -> None:
        self.fitness = fitness
        stages: Sequence[Metric] = [fitness]
        n_folds = [1]
        if isinstance(fitness, CrossValidatedFitness):
            n_folds = [len(fitness.folds)]
            if racing is not None and n_folds[0] > _FIRST_FOLDS:
                n_folds = [_FIRST_FOLDS, n_folds[0] - _FIRST_FOLDS]
                places = list(range(sum(n_folds)))
                stages = [
                    fitness.subset(part) for part in (places[:_FIRST_FOLDS], places[_FIRST_FOLDS:])
                ]
        self.n_folds = n_folds
        self.memories = [
            FitnessMemory(stage, n_features=n_features, store=store) for stage in stages
        ]
        self._race = RacingFitness(self.memories, n_folds, keep=racing or 1.0)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of each mask, shape (n_masks,)."""
        return self._race(masks)

    @property
    def n_fits(self) -> int:
        """Pairs of a mask and a fold that were asked for."""
        pairs = zip(self.memories, self.n_folds, strict=True)
        return sum(memory.n_distinct * n_folds for memory, n_folds in pairs)

    @property
    def n_scored(self) -> int:
        """Masks that were computed, not found in the store."""
        return self.memories[0].n_scored

    @property
    def warnings_(self) -> Counter[str]:
        """How often the classifier warned of what."""
        return sum((memory.warnings_ for memory in self.memories), Counter())

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the masks that ran all folds, and their metric."""
        masks, scores = self.memories[-1].recall()
        if len(self.memories) == 1 or not len(masks):
            return masks, scores
        first = self.memories[0].fold_scores(masks).mean(axis=1)
        return masks, np.average([first, scores], axis=0, weights=self.n_folds)

    def fold_scores(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of known masks in each fold, shape (n_masks, n_folds)."""
        return np.hstack([memory.fold_scores(masks) for memory in self.memories])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the memories as plain arrays, for a checkpoint."""
        return {
            f"{name}_{place}": array
            for place, memory in enumerate(self.memories)
            for name, array in memory.to_arrays().items()
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave."""
        for place, memory in enumerate(self.memories):
            end = f"_{place}"
            own = {name.removesuffix(end): array for name, array in arrays.items()}
            memory.restore({name: own[name] for name in memory.to_arrays()})


class SearchScores:
    """Metric of masks for a whole search, on one partition or on a fresh one each generation."""

    def __init__(
        self,
        partition_of: Callable[[int], Metric],
        n_features: int,
        *,
        racing: float | None = None,
        fresh: bool = False,
        store: ScoreStore | None = None,
    ) -> None:
        self.partition_of = partition_of
        self.n_features = n_features
        self.racing = racing
        self.store = store
        self.n_asked = 0
        self._now: tuple[int, PartitionScores] | None = None
        self._past_fits = 0
        self._past_scored = 0
        self._past_warnings: Counter[str] = Counter()
        self._fresh = ResampledFitness(self._partition) if fresh else None

    def __enter__(self) -> "SearchScores":
        return self

    def __exit__(self, *reason: Any) -> None:
        self.close()

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of each mask, shape (n_masks,)."""
        self.n_asked += len(masks)
        return self._fresh(masks) if self._fresh is not None else self._partition(0)(masks)

    @property
    def n_distinct(self) -> int:
        """Different masks asked for."""
        if self._fresh is not None:
            return self._fresh.n_distinct
        return self._partition(0).memories[0].n_distinct

    @property
    def n_fits(self) -> int:
        """Pairs of a mask and a fold: what a search costs, whichever way it spends it."""
        return self._past_fits + (self._now[1].n_fits if self._now else 0)

    @property
    def n_scored(self) -> int:
        """Masks that were computed, not found in the store."""
        return self._past_scored + (self._now[1].n_scored if self._now else 0)

    @property
    def warnings_(self) -> Counter[str]:
        """How often the classifier warned of what."""
        return self._past_warnings + (self._now[1].warnings_ if self._now else Counter())

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return masks and their metric: those that ran all folds."""
        if self._fresh is not None:
            return self._fresh.recall(self.n_features)
        return self._partition(0).recall()

    def fold_scores(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of known masks in each fold."""
        if self._fresh is None:
            return self._partition(0).fold_scores(masks)
        known, scores = self._fresh.recall(self.n_features)
        places = {mask.tobytes(): place for place, mask in enumerate(known)}
        return np.array([[scores[places[mask.tobytes()]]] for mask in masks])

    def metric_of(self, mask: np.ndarray) -> float:
        """Return the metric of a mask that was asked for, without counting it as asked."""
        masks, scores = self.recall()
        same = np.flatnonzero((masks == mask).all(axis=1))
        if same.size:
            return float(scores[same[0]])
        return float(self._partition(0)(mask[None])[0])  # it dropped out of its race

    def close(self) -> None:
        """Remove the files of the partition in use."""
        if self._now is not None and hasattr(self._now[1].fitness, "close"):
            self._now[1].fitness.close()

    def _partition(self, number: int) -> PartitionScores:
        if self._now is None or self._now[0] != number:
            self._leave()
            fitness = self.partition_of(number)
            scores = PartitionScores(fitness, self.n_features, racing=self.racing, store=self.store)
            self._now = (number, scores)
        return self._now[1]

    def _leave(self) -> None:
        if self._now is not None:
            self._past_fits, self._past_scored = self.n_fits, self.n_scored
            self._past_warnings = self.warnings_
            self.close()
            self._now = None

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything remembered as plain arrays, for a checkpoint."""
        counts = {"scores_n_asked": np.array(self.n_asked)}
        if self._fresh is None:
            return counts | self._partition(0).to_arrays()
        warned = sorted(self.warnings_.items())
        return (
            counts
            | self._fresh.to_arrays()
            | {
                "scores_n_fits": np.array(self.n_fits),
                "scores_warned": np.array([text for text, _ in warned], dtype=str),
                "scores_warned_times": np.array([times for _, times in warned], dtype=np.int64),
            }
        )

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave."""
        self.n_asked = int(arrays["scores_n_asked"])
        if self._fresh is None:
            self._partition(0).restore(arrays)
            return
        self._fresh.restore(arrays)
        self._past_fits = int(arrays["scores_n_fits"])
        texts, times = arrays["scores_warned"].tolist(), arrays["scores_warned_times"].tolist()
        self._past_warnings = Counter(dict(zip(texts, times, strict=True)))


# Start with so many features whatever their number: sparse starts find small masks, dense ones
# end where they began, with half of all features at chance stability.
_AUTO_SIZE = 20
_VOTING_SIZE = 10  # small masks of several searches differ more, and their union is the larger


def build_toolbox(
    settings: SearchSettings,
    weights: np.ndarray,
    rng: np.random.Generator,
    features: np.ndarray | None = None,
) -> base.Toolbox:
    """Return a DEAP toolbox with the operators that `settings` name, bound to `rng`."""
    features = np.arange(len(weights)) if features is None else features
    weights, n_features = weights[features], len(features)
    select, mate, mutate = settings.operators(owner="search")
    size = settings.tournament_size
    flip_probability = settings.flip_probability
    if flip_probability == "auto":
        flip_probability = 1.0 / n_features if mutate is operators.mutate_bitflip else 0.1
    offered = {"flip_probability": float(flip_probability), "weights": weights}
    toolbox = base.Toolbox()
    toolbox.register("initialize", _first_mask, weights, _first_share(settings, n_features), rng)
    offered |= {"tournament_size": size, "window_size": size}
    for name, operator in (("select", select), ("mate", mate), ("mutate", mutate)):
        toolbox.register(name, operator, **matching_arguments(operator, offered), rng=rng)
    toolbox.register(
        "repair",
        operators.repair_bounds,
        min_features=min(settings.min_features, n_features),
        max_features=settings.max_features,
        pinned=np.flatnonzero(np.isin(features, settings.pinned)),
        forbidden=np.flatnonzero(np.isin(features, settings.forbidden)),
        rng=rng,
    )
    return toolbox


def build_algorithm(
    settings: SearchSettings, weights: np.ndarray, seed: int, initial: np.ndarray | None = None
) -> AskTell:
    """Return the algorithm that `settings` name."""

    def one_stage(features: np.ndarray, stage: int) -> AskTell:
        rng = derive_rng(seed, "search", *([stage] if stage else []))
        # One iterator for all islands: each mask opens in one of them.
        given = iter(() if initial is None or stage else initial)

        def make_toolbox(rng: np.random.Generator) -> base.Toolbox:
            toolbox = build_toolbox(settings, weights, rng, features)
            toolbox.register("initialize", _next_or_drawn, given, toolbox.initialize)
            return toolbox

        algorithm = _make_algorithm(settings, make_toolbox, rng)
        if settings.local_search is None:
            return algorithm
        return Memetic(algorithm, rng=rng, weights=weights[features], every=settings.local_search)

    if not settings.stages:
        return one_stage(np.arange(len(weights)), 0)
    return MultiStage(
        one_stage,
        n_features=len(weights),
        stages=[(int(n_generations), keep) for n_generations, keep in settings.stages],
        rng=derive_rng(seed, "stages"),
    )


def _make_algorithm(
    settings: SearchSettings, make_toolbox: MakeToolbox, rng: np.random.Generator
) -> AskTell:
    algorithm = ALGORITHMS.resolve(settings.algorithm, "algorithm", owner="search")
    bare = getattr(algorithm, "func", algorithm)  # where parameters are bound to it
    if hasattr(bare, "from_settings"):
        params = getattr(algorithm, "keywords", {})
        return bare.from_settings(settings, make_toolbox, rng, **params)
    return make_from_settings(algorithm, settings, make_toolbox, rng)


def _next_or_drawn(given: Iterator[np.ndarray], draw: Callable[[], np.ndarray]) -> np.ndarray:
    mask = next(given, None)
    return draw() if mask is None else mask.copy()


def _first_share(settings: SearchSettings, n_features: int) -> float:
    if settings.initial_fraction == "auto":
        size = _AUTO_SIZE if settings.n_searches == 1 else _VOTING_SIZE
        return min(0.5, size / n_features)
    return float(settings.initial_fraction)


def _first_mask(weights: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    size = int(rng.binomial(len(weights), share))
    return operators.init_filter_guided(len(weights), weights=weights, size=size, rng=rng)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search, or several that voted, found."""

    mask: np.ndarray  # The final mask
    score: float
    frequencies: np.ndarray
    # One row a generation, and ``search``, its number, where there were several
    history: pd.DataFrame
    # The masks that no other beats in both metric and size: ``n_features``, ``score``, ``mask``
    front: pd.DataFrame
    n_asked: int  # Masks asked for, and different masks among them
    n_distinct: int  # Masks asked for, and different masks among them
    n_scored: int  # Masks that were computed now, not found in a store
    n_fits: int  # Fits of the classifier: pairs of a different mask and a fold
    warnings: Counter[str]  # How often the classifier warned of what
    masks: np.ndarray  # The best mask of each search
    # Chances of the features to be drawn, from the guide; their mean after a vote
    weights: np.ndarray
    sizes: pd.DataFrame = field(default_factory=pd.DataFrame)
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)


def pareto_front(masks: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Return the sizes and scores that no smaller mask reaches."""
    sizes = masks.sum(axis=1)
    rows, best = [], -np.inf
    for place in np.lexsort((-scores, sizes)):
        if scores[place] > best:
            best = float(scores[place])
            selected = np.flatnonzero(masks[place])
            rows.append({"n_features": int(sizes[place]), "score": best, "mask": selected})
    return pd.DataFrame(rows, columns=["n_features", "score", "mask"])


def front_masks(front: pd.DataFrame, n_features: int) -> np.ndarray:
    """Return the masks of a front."""
    masks = np.zeros((len(front), n_features), dtype=bool)
    for mask, selected in zip(masks, front["mask"], strict=True):
        mask[selected] = True
    return masks


def widen_result(found: SearchResult, columns: np.ndarray, n_features: int) -> SearchResult:
    """Return what was found among some features as a result over all of them."""
    front = front_masks(found.front, len(columns))
    return replace(
        found,
        mask=widened(found.mask, columns, n_features),
        masks=widened(found.masks, columns, n_features),
        frequencies=widened(found.frequencies, columns, n_features, 0.0),
        weights=widened(found.weights, columns, n_features, 0.0),
        front=pareto_front(
            widened(front, columns, n_features), found.front["score"].to_numpy(dtype=float)
        ),
    )


def widened(mask: np.ndarray, columns: np.ndarray, n_features: int, fill: Any = False) -> Any:
    """Return values of some features as values of all."""
    wide = np.full((*mask.shape[:-1], n_features), fill, dtype=mask.dtype)
    wide[..., columns] = mask
    return wide


Splits = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class InnerValidation:
    """The rows that a search may see, and how masks are scored on them."""

    X: np.ndarray  # Training rows
    y: np.ndarray  # Their labels
    # ``split(rows, seed)`` gives (fit, validate) pairs of positions within ``X[rows]``
    split: Callable[[np.ndarray, int], Splits]
    estimator: Any  # Scores a mask
    scorer: Any  # A scikit-learn scorer
    seed: int  # Everything random in folds and evaluations comes from it
    preparation: Preparation | None = None  # Fitted on the fit rows of each fold
    sampler: Any = None  # Augments the fit rows of each fold
    groups: np.ndarray | None = None  # Rows that belong together
    sample_weight: np.ndarray | None = None  # Weights of the rows, in fits and in scores
    n_jobs: int | None = None  # Processes, as in joblib
    engine: str = "auto"  # See `CrossValidatedFitness`
    device: str = "cpu"  # See `CrossValidatedFitness`

    @property
    def n_features(self) -> int:
        """Length of a mask."""
        return self.X.shape[1]

    def restricted(self, rows: np.ndarray, *labels: Any) -> "InnerValidation":
        """Return the same on some of the rows, with a seed of its own."""

        def split(positions: np.ndarray, seed: int) -> Splits:
            return self.split(rows[positions], seed)

        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows],
            split=split,
            seed=derive_seed(self.seed, *labels),
            groups=None if self.groups is None else self.groups[rows],
            sample_weight=None if self.sample_weight is None else self.sample_weight[rows],
        )

    def with_columns(self, columns: np.ndarray, *labels: Any) -> "InnerValidation":
        """Return the same on some of the features, with a seed of its own."""
        return replace(self, X=self.X[:, columns], seed=derive_seed(self.seed, *labels))

    def folds(self, repeat: int = 0) -> list[Fold]:
        """Return the prepared folds of one partition."""
        labels = [repeat] if repeat else []
        splits = self.split(np.arange(len(self.y)), derive_seed(self.seed, "inner splits", *labels))
        return prepare_folds(
            self.X,
            self.y,
            splits,
            preparation=self.preparation,
            sampler=self.sampler,
            seed=derive_seed(self.seed, "folds", *labels),
            n_jobs=self.n_jobs,
            sample_weight=self.sample_weight,
        )

    def fitness(self, folds: Sequence[Fold], repeat: int = 0) -> CrossValidatedFitness:
        """Return the fitness of masks on prepared folds."""
        labels = [repeat] if repeat else []
        return CrossValidatedFitness(
            self.estimator,
            folds,
            self.scorer,
            seed=derive_seed(self.seed, "fitness", *labels),
            n_jobs=self.n_jobs,
            engine=self.engine,
            device=self.device,
        )

    def fitness_on(
        self, fit: np.ndarray, validate: np.ndarray, *labels: Any
    ) -> CrossValidatedFitness:
        """Return the fitness of masks on one fold of one's own."""
        seed = derive_seed(self.seed, *labels)
        fold = prepare_fold(
            self.X,
            self.y,
            fit,
            validate,
            preparation=self.preparation,
            sampler=self.sampler,
            seed=seed,
            sample_weight=self.sample_weight,
        )
        return CrossValidatedFitness(
            self.estimator,
            [fold],
            self.scorer,
            seed=seed,
            n_jobs=self.n_jobs,
            engine=self.engine,
            device=self.device,
        )


_FLOOR = 0.1  # of the error of a class, so that no class is left without new rows


@dataclass(frozen=True)
class HardClasses:
    """A sampling strategy: so many new rows in all, more of the classes that are hard."""

    shares: Mapping[Any, float]  # Share of each class in the new rows
    total: int  # New rows in all

    def __call__(self, y: np.ndarray) -> dict[Any, int]:
        """Return the rows of each class afterwards, as imbalanced-learn's strategies do."""
        labels, counts = np.unique(y, return_counts=True)
        return {
            label: int(count) + round(self.total * self.shares.get(label, 0.0))
            for label, count in zip(labels.tolist(), counts, strict=True)
        }


RunPhase = Callable[
    [InnerValidation, SearchSettings, list[Fold], int, np.ndarray | None], SearchResult
]


def search_with_feedback(
    run_phase: RunPhase, settings: SearchSettings, inner: InnerValidation
) -> SearchResult:
    """Search in phases, with a sampler fitted anew before each."""
    n_left = int(settings.n_generations)
    columns, masks = np.arange(inner.n_features), None
    sampler, phases = inner.sampler, list[tuple[np.ndarray, SearchResult]]()
    while n_left > 0 and not _spent(settings, phases):
        n_generations = min(int(settings.feedback or n_left), n_left)
        part = replace(inner.with_columns(columns, "phase", len(phases)), sampler=sampler)
        own = replace(
            _remaining(settings, [found for _, found in phases]).on_columns(columns),
            n_generations=n_generations,
            feedback=None,
        )
        folds = part.folds()
        found = run_phase(part, own, folds, len(phases), masks)
        phases.append((columns, found))
        n_left -= n_generations
        if len(found.history) < n_generations:
            break  # a stop that the settings ask for ends all phases
        survivors = np.flatnonzero((found.frequencies > 0.0) | found.mask)
        masks = _carried(found, survivors)
        sampler = _weighted(inner.sampler, part, folds, found.mask)
        columns = columns[survivors]
    return _joined(phases, inner.n_features)


def _spent(settings: SearchSettings, phases: list[tuple[np.ndarray, SearchResult]]) -> bool:
    if settings.max_evaluations is None:
        return False
    return sum(found.n_distinct for _, found in phases) >= settings.max_evaluations


def _remaining(settings: SearchSettings, found: list[SearchResult]) -> SearchSettings:
    if settings.max_evaluations is None or not found:
        return settings
    scored = sum(result.n_distinct for result in found)
    return replace(settings, max_evaluations=max(1, settings.max_evaluations - scored))


def class_errors(inner: InnerValidation, folds: list[Fold], mask: np.ndarray) -> dict[Any, float]:
    """Return how often a mask gets each class wrong on the validate rows of the folds."""
    wrong, seen = Counter[Any](), Counter[Any]()
    for fold in folds:
        kept = np.flatnonzero(mask[fold.columns])
        if not kept.size:
            continue
        estimator = seed_unset(clone(inner.estimator), inner.seed % 2**32)
        with one_thread(), counted_warnings():
            estimator.fit(fold.X_fit.take(kept, axis=1), fold.y_fit)
            predicted = estimator.predict(fold.X_validate.take(kept, axis=1))
        for label, missed in zip(
            fold.y_validate.tolist(), predicted != fold.y_validate, strict=True
        ):
            seen[label] += 1
            wrong[label] += int(missed)
    return {label: wrong[label] / count for label, count in sorted(seen.items())}


def _weighted(sampler: Any, inner: InnerValidation, folds: list[Fold], mask: np.ndarray) -> Any:
    total = len(folds[0].y_fit) - folds[0].n_real
    kind = getattr(sampler, "_sampling_type", "over-sampling")
    if "sampling_strategy" not in sampler.get_params() or kind != "over-sampling" or total <= 0:
        return sampler
    errors = {label: error + _FLOOR for label, error in class_errors(inner, folds, mask).items()}
    shares = {label: error / sum(errors.values()) for label, error in errors.items()}
    changed: dict[str, Any] = {"sampling_strategy": HardClasses(shares, total)}
    if "n_per_class" in sampler.get_params():
        changed["n_per_class"] = None
    return clone(sampler).set_params(**changed)


def _carried(found: SearchResult, survivors: np.ndarray) -> np.ndarray:
    # The best mask and the front go on; the rest of the new population is drawn around them.
    masks = np.vstack([found.mask[None], front_masks(found.front, len(found.mask))])
    return masks[:, survivors]


def _joined(phases: list[tuple[np.ndarray, SearchResult]], n_features: int) -> SearchResult:
    columns, last = phases[-1]
    results = [found for _, found in phases]
    generations = np.cumsum([0, *(len(found.history) for found in results)])
    histories = [
        found.history.assign(generation=found.history["generation"] + before, phase=place)
        for place, (found, before) in enumerate(zip(results, generations, strict=False))
    ]
    return replace(
        widen_result(last, columns, n_features),
        history=pd.concat(histories, ignore_index=True),
        n_asked=sum(found.n_asked for found in results),
        n_distinct=sum(found.n_distinct for found in results),
        n_scored=sum(found.n_scored for found in results),
        n_fits=sum(found.n_fits for found in results),
        warnings=sum((found.warnings for found in results), Counter[str]()),
    )


def confirm(
    found: SearchResult,
    masks: np.ndarray,
    inner_scores: np.ndarray,
    folds: np.ndarray,
    objective: Objective,
    *,
    choice: str,
) -> SearchResult:
    """Let a rule choose among candidates that were scored on fresh folds."""
    values = np.column_stack([objective(fold, masks) for fold in folds.T])
    sizes = masks.sum(axis=1)
    chosen = RULES[choice](sizes, values)
    table = pd.DataFrame(
        {
            "n_features": sizes,
            "score": folds.mean(axis=1),
            "standard_error": folds.std(axis=1, ddof=min(1, folds.shape[1] - 1))
            / np.sqrt(folds.shape[1]),
            "inner_score": inner_scores,
            "chosen": np.arange(len(masks)) == chosen,
        }
    )
    return replace(
        found,
        mask=masks[chosen],
        masks=masks[chosen][None],
        score=float(table["score"].iloc[chosen]),
        candidates=table,
        n_fits=found.n_fits + folds.size,
    )


def candidates_of(
    masks: np.ndarray, scores: np.ndarray, objective: Objective, n_candidates: int
) -> np.ndarray:
    """Return the positions of the masks with the highest objective, the best first."""
    return np.argsort(-objective(scores, masks), kind="stable")[:n_candidates]


@dataclass(frozen=True)
class SavedState:
    """Where a search keeps its state, and whose it is."""

    path: Path  # The file
    # Digest of everything that the search depends on: a state of another search is refused
    identity: str = ""


def run_search(
    fitness: Metric | SearchScores,
    objective: Objective,
    settings: SearchSettings,
    *,
    weights: np.ndarray,
    seed: int,
    initial: np.ndarray | None = None,
    callbacks: Iterable[Callback] = (),
    saved: SavedState | None = None,
    owner: str = "search",
) -> SearchResult:
    """Search for the mask with the highest objective."""
    settings.check(owner=owner)
    check_fits(settings, len(weights), owner=owner)
    scores = fitness
    if not isinstance(scores, SearchScores):
        scores = SearchScores(lambda _: fitness, len(weights), racing=settings.racing)
    algorithm = build_algorithm(settings, weights, seed, initial)
    callbacks = tuple(callbacks)
    hooks = [*callbacks, *_stops(settings, scores)]
    over = False
    if saved is not None:
        over = _resume(algorithm, scores, hooks, saved)
        hooks.append(
            SaveCheckpoint(
                saved.path, extra=scores.to_arrays, callbacks=hooks, identity=saved.identity
            )
        )
    state = algorithm.state
    if over:
        for callback in callbacks:  # they hear of it, and cannot start it again
            callback.on_start(algorithm)
            callback.on_end(algorithm)
    else:
        state = evolve(
            algorithm,
            _valued(scores, objective, settings),
            n_generations=int(settings.n_generations),
            callbacks=hooks,
        )
    return _gather(state, scores, objective, settings, weights)


def check_fits(settings: SearchSettings, n_features: int, *, owner: str) -> None:
    """Refuse settings that no mask of `n_features` features fulfils."""
    if settings.min_features > n_features:
        raise InputError(
            f"{owner}: min_features must be at most the number of features, {n_features}, "
            f"got {settings.min_features}."
        )
    for name in ("pinned", "forbidden"):
        beyond = [feature for feature in getattr(settings, name) if feature >= n_features]
        if beyond:
            raise InputError(
                f"{owner}: {name} must hold positions below {n_features}, the number of "
                f"features, got {beyond[0]}."
            )


def _stops(settings: SearchSettings, scores: SearchScores) -> list[Callback]:
    hooks: list[Callback] = []
    if settings.patience is not None:
        hooks.append(StopWhenStagnant(settings.patience))
    if settings.restart_after is not None:
        hooks.append(RestartWhenStagnant(settings.restart_after))
    if settings.max_evaluations is not None:
        hooks.append(
            StopAfterEvaluations(settings.max_evaluations, counter=lambda: scores.n_distinct)
        )
    if settings.max_seconds is not None:
        hooks.append(StopAfterSeconds(settings.max_seconds))
    if settings.target is not None:
        hooks.append(StopAtTarget(settings.target))
    return hooks


def _resume(
    algorithm: AskTell, scores: SearchScores, hooks: Iterable[Callback], saved: SavedState
) -> bool:
    """Go on from what is saved, if anything is; return whether a callback had ended that search."""
    found, sentences = load_latest_checkpoint(saved.path, identity=saved.identity)
    if sentences:
        what = "An earlier state is used." if found else "The search starts anew."
        warnings.warn(f"{sentences[0]} {what}", stacklevel=3)
    if found is None:
        return False
    state, arrays = found
    algorithm.restore(state)
    scores.restore(arrays)
    restore_callbacks(hooks, arrays)
    return bool(arrays.get(STOPPED, False))


def _valued(
    scores: SearchScores, objective: Objective, settings: SearchSettings
) -> Callable[[np.ndarray], np.ndarray]:
    if not settings.multi_objective:
        return ObjectiveFitness(scores, objective)
    return lambda masks: np.column_stack([scores(masks), -masks.mean(axis=1)])


def _gather(
    state: EvolutionState,
    scores: SearchScores,
    objective: Objective,
    settings: SearchSettings,
    weights: np.ndarray,
) -> SearchResult:
    masks, metric = scores.recall()
    front = pareto_front(masks, metric)
    mask = state.best_mask
    if settings.multi_objective:
        mask = _from_front(front, scores, objective, settings.choice)
    score = scores.metric_of(mask)
    return SearchResult(
        mask=mask,
        score=score,
        frequencies=state.masks.mean(axis=0),
        history=pd.DataFrame(list(state.history)),
        front=front,
        n_asked=scores.n_asked,
        n_distinct=scores.n_distinct,
        n_scored=scores.n_scored,
        n_fits=scores.n_fits,
        warnings=scores.warnings_,
        masks=mask[None],
        weights=weights,
    )


def _from_front(
    front: pd.DataFrame, scores: SearchScores, objective: Objective, choice: str
) -> np.ndarray:
    masks = front_masks(front, scores.n_features)
    folds = scores.fold_scores(masks)
    values = np.column_stack([objective(fold, masks) for fold in folds.T])
    return masks[RULES[choice](masks.sum(axis=1), values)]


_FRESH = 1_000_000  # partitions from here on are for confirmation, no search reaches them
_ROBUST_SIZE = 30  # of a vote where rows are few
_MOST_FEATURES = 256  # that a ranking is cut at


@dataclass(frozen=True, eq=False)
class Search:
    """Everything that a search for a mask needs, beside the rows."""

    objective: Objective  # What is maximised
    settings: SearchSettings  # How
    callbacks: Iterable[Callback] = field(default=())  # Called each generation of each search
    # Where states are kept; a search that finds its state there goes on from it
    folder: Path | None = None
    # Where scores are kept for other searches, processes and a resume
    store: ScoreStore | None = None
    owner: str = "search"  # Who searches, for messages

    def run(self, inner: InnerValidation) -> SearchResult:
        """Search for a mask on the rows of `inner`."""
        self.settings.check(owner=self.owner)
        callbacks = _checked_callbacks(self.callbacks, self.owner)
        check_fits(self.settings, inner.n_features, owner=self.owner)
        n_rows, n_features = inner.X.shape
        settings = self.settings.resolved(n_rows=n_rows, n_features=n_features)
        resolved = replace(self, settings=settings, callbacks=callbacks)
        if settings.n_searches == 1:
            for callback in callbacks:
                callback.search = 0
            return resolved.single(inner, "search")
        return resolved.vote(inner)

    def single(self, inner: InnerValidation, name: str) -> SearchResult:
        """Search once on all rows of `inner`."""
        if self.settings.feedback is not None and inner.sampler is not None:
            return search_with_feedback(partial(self._phase, name), self.settings, inner)
        return self.on_folds(inner, inner.folds(), name)

    def _phase(
        self,
        name: str,
        inner: InnerValidation,
        settings: SearchSettings,
        folds: list[Fold],
        number: int,
        initial: np.ndarray | None,
    ) -> SearchResult:
        phase = replace(self, settings=settings)
        return phase.on_folds(inner, folds, f"{name}-{number}", initial=initial)

    def on_folds(
        self,
        inner: InnerValidation,
        folds: list[Fold],
        name: str,
        *,
        initial: np.ndarray | None = None,
    ) -> SearchResult:
        """Search once on folds that are prepared already."""
        weights = self._weights(folds, inner)
        with self._scores(inner, folds) as scores:
            saved = self._saved(inner, folds, name, weights, initial)
            found = run_search(
                scores,
                self.objective,
                self.settings,
                weights=weights,
                seed=inner.seed,
                initial=initial,
                callbacks=self.callbacks,
                saved=saved,
                owner=self.owner,
            )
            if not self.settings.confirm:
                return found
            masks, metric = scores.recall()
        best = candidates_of(masks, metric, self.objective, self.settings.confirm)
        return self._confirmed(found, masks[best], metric[best], inner)

    def vote(self, inner: InnerValidation) -> SearchResult:
        """Search on subsamples of the rows of `inner` and count votes."""
        settings = self.settings
        bounds = VoteBounds.of(settings, inner.n_features)
        sizes = trial_sizes(
            inner.n_features,
            minimum=bounds.fewest,
            maximum=min(bounds.most, max(_MOST_FEATURES, bounds.fewest)),
        )
        searches, unseen, warned = [], [], Counter[str]()
        for place in range(int(settings.n_searches)):
            rng = derive_rng(inner.seed, "subsample", place)
            rows = draw_subsample(inner.y, settings.subsample, rng=rng, groups=inner.groups)
            part = inner.restricted(rows, "search", place)
            for callback in self.callbacks:
                callback.search = place
            found = self.single(part, f"search-{place:02d}")
            searches.append(found)
            masks = np.vstack(
                [
                    prefix_masks(bounds.ordered(np.lexsort((-found.weights, *first))), sizes)
                    for first in ([~found.mask], [])
                ]
            )
            unseen.append(self._judge(masks, inner, rows, place, warned).reshape(2, -1))
        metric = np.array(unseen)
        prefixes = prefix_masks(np.arange(inner.n_features), sizes)
        value = np.apply_along_axis(self.objective, 2, metric, prefixes)
        ballot = Ballot(
            masks=np.array([found.mask for found in searches]),
            strengths=np.mean([found.weights for found in searches], axis=0),
            sizes=sizes,
            unseen=value[:, 0],
            filtered=value[:, 1],
            unseen_ratio=(1.0 - settings.subsample) / settings.subsample,
            robust_size=_ROBUST_SIZE if len(inner.y) < FEW_ROWS else 0,
        )
        size = ballot.count(settings.consensus_size, settings.false_selections)
        size = int(np.clip(size, bounds.fewest, bounds.most))
        mask = prefix_masks(bounds.ordered(ballot.ranking()), [size])[0]
        table = sizes_table(sizes, metric[:, 0 if ballot.searches_lead() else 1])
        return _merged(searches, mask, ballot, table, warned)

    def _weights(self, folds: list[Fold], inner: InnerValidation) -> np.ndarray:
        return guide_weights(
            folds,
            inner.n_features,
            self.settings.guide,
            share=float(self.settings.guide_share),
            seed=derive_seed(inner.seed, "guide"),
        )

    def _scores(self, inner: InnerValidation, folds: list[Fold]) -> SearchScores:
        def partition_of(number: int) -> CrossValidatedFitness:
            return inner.fitness(inner.folds(number) if number else folds, number)

        return SearchScores(
            partition_of,
            inner.n_features,
            racing=self.settings.racing,
            fresh=self.settings.fresh_folds,
            store=self.store,
        )

    def _confirmed(
        self, found: SearchResult, masks: np.ndarray, scores: np.ndarray, inner: InnerValidation
    ) -> SearchResult:
        folds, warned = [], Counter[str]()
        for number in range(_FRESH, _FRESH + self.settings.confirm_repeats):
            with inner.fitness(inner.folds(number), number) as fitness:
                folds.append(self._fold_scores(fitness, masks, warned))
        confirmed = confirm(
            found, masks, scores, np.hstack(folds), self.objective, choice=self.settings.choice
        )
        return replace(confirmed, warnings=found.warnings + warned)

    def _judge(
        self,
        masks: np.ndarray,
        inner: InnerValidation,
        rows: np.ndarray,
        place: int,
        warned: Counter[str],
    ) -> np.ndarray:
        # Each search is judged by rows that it did not see.
        unseen = np.setdiff1d(np.arange(len(inner.y)), rows)
        if len(np.unique(inner.y[unseen])) < len(np.unique(inner.y)):
            return np.full(len(masks), np.nan)  # they cannot judge what they do not hold
        with inner.fitness_on(rows, unseen, "unseen", place) as fitness:
            return self._fold_scores(fitness, masks, warned)[:, 0]

    def _fold_scores(
        self, fitness: CrossValidatedFitness, masks: np.ndarray, warned: Counter[str]
    ) -> np.ndarray:
        memory = FitnessMemory(fitness, n_features=masks.shape[1], store=self.store)
        memory(masks)
        warned.update(memory.warnings_)
        return memory.fold_scores(masks)

    def _saved(
        self,
        inner: InnerValidation,
        folds: list[Fold],
        name: str,
        weights: np.ndarray,
        initial: np.ndarray | None,
    ) -> SavedState | None:
        if self.folder is None:
            return None
        # The digest covers rows, weights, splits, generator, classifier, scorer and versions.
        digest = inner.fitness(folds).digest
        if digest is None:
            return None  # it has said why
        known = self._known_settings()
        if known is None:
            return None
        settings = plain(asdict(replace(known, guide="see weights")))
        start = np.zeros(0) if initial is None else initial
        what = [digest, canonical_json(settings), repr(self.objective), inner.seed]
        identity = fingerprint(*what, weights, start)
        return SavedState(self.folder / f"{name}-{identity[:12]}.npz", identity)

    def _known_settings(self) -> SearchSettings | None:
        """Return the settings with texts for what is given as an object; None without a text."""
        texts: dict[str, Any] = {}
        for name in ("algorithm", "selection", "crossover", "mutation"):
            given = getattr(self.settings, name)
            if isinstance(given, Mapping):
                code = import_object(given["class"], owner=self.owner, key=name)
                given = {**given, "class": code}
            texts[name] = given if isinstance(given, str) else stable_text(given)
        unknown = [name for name, text in texts.items() if text is None]
        if unknown:
            warnings.warn(
                f"{self.owner}: the state of the search is not kept on disk: {unknown[0]} holds an "
                "object that has no text to know it by.",
                stacklevel=2,
            )
            return None
        return replace(self.settings, **texts)


def _checked_callbacks(callbacks: Any, owner: str) -> tuple[Callback, ...]:
    # Gone through once: what was given may be a generator.
    given = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    if not all(isinstance(callback, Callback) for callback in given):
        raise InputError(
            f"{owner}: callbacks must be a sequence of vaega.evolution.Callback, got {callbacks!r}."
        )
    return given


def _merged(
    searches: list[SearchResult],
    mask: np.ndarray,
    ballot: Ballot,
    sizes: pd.DataFrame,
    warned: Counter[str],
) -> SearchResult:
    histories = [
        found.history.assign(search=place)[["search", *found.history.columns]]
        for place, found in enumerate(searches)
    ]
    n_features = len(mask)
    fronts = [front_masks(found.front, n_features) for found in searches]
    scores = np.concatenate([found.front["score"].to_numpy() for found in searches])
    score = float(sizes["score"].iloc[np.abs(sizes["n_features"] - mask.sum()).argmin()])
    if np.isnan(score):  # no unseen row could judge: the searches' own scores are all there is
        score = float(np.mean([found.score for found in searches]))
    return SearchResult(
        mask=mask,
        score=score,
        frequencies=ballot.frequencies,
        history=pd.concat(histories, ignore_index=True),
        front=pareto_front(np.concatenate(fronts), scores),
        n_asked=sum(found.n_asked for found in searches),
        n_distinct=sum(found.n_distinct for found in searches),
        n_scored=sum(found.n_scored for found in searches),
        n_fits=sum(found.n_fits for found in searches) + 2 * len(searches) * len(sizes),
        warnings=sum((found.warnings for found in searches), warned),
        masks=ballot.masks,
        weights=ballot.strengths,
        sizes=sizes,
    )
