"""Feedback: the generator learns again, from what the search has left and what it finds hard.

Between two phases of a search the features that no member of the population selects are dropped;
the generator is then fitted on those that survive, a smaller and easier task, and makes more rows
of the classes that the best mask so far gets wrong.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from vaega.fitness.folds import Fold
from vaega.fitness.seeding import seed_unset
from vaega.fitness.warned import counted_warnings
from vaega.selection.inner import InnerValidation
from vaega.selection.result import SearchResult, front_masks, widen_result
from vaega.selection.settings import SearchSettings

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
        with threadpool_limits(limits=1), counted_warnings():
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
