"""Classical selections on the folds of a search, so that both are compared on equal terms."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vaega.core.randomness import derive_rng, derive_seed
from vaega.data._folds import Fold
from vaega.fitness._folds import prepare_fold
from vaega.fitness._memory import FitnessMemory, Objective, ScoreStore
from vaega.fitness._parallel import counted_warnings
from vaega.selection._filters import RANKINGS, rank_features
from vaega.selection._search import InnerValidation, SearchResult, pareto_front
from vaega.selection._voting import prefix_masks, trial_sizes

KINDS = (*RANKINGS, "forward", "random", "all")
_LARGEST = 256  # size that is tried
_IDLE_STEPS = 2  # of a forward selection, before it ends


@dataclass(frozen=True)
class ClassicalSelection:
    """A selection without a genetic algorithm."""

    kind: str
    size: int | None = None
    n_masks: int = 1000  # That "random" draws

    def run(
        self, inner: InnerValidation, objective: Objective, store: ScoreStore | None = None
    ) -> SearchResult:
        """Select features on the rows of `inner`."""
        folds = inner.folds()
        if self.kind in RANKINGS:
            return self._ranked(inner, objective, folds, store)
        with inner.fitness(folds) as fitness:
            memory = FitnessMemory(fitness, n_features=inner.n_features, store=store)
            if self.kind == "forward":
                masks = self._forward(memory, objective)
            else:
                masks = self._drawn(inner) if self.kind == "random" else _all(inner)
            metric = memory(masks)
        best = int(np.argmax(objective(metric, masks)))
        return _result(masks, metric, objective, best, memory)

    def _ranked(
        self,
        inner: InnerValidation,
        objective: Objective,
        folds: list[Fold],
        store: ScoreStore | None,
    ) -> SearchResult:
        n = inner.n_features
        largest = min(_LARGEST, n)
        sizes = trial_sizes(n, minimum=1, maximum=largest)
        if self.size is not None:
            sizes = np.array([min(self.size, n)])
        scores, warned = [], Counter[str]()
        with inner.fitness(folds) as fitness:
            for place, fold in enumerate(folds):
                with counted_warnings() as counted:
                    order = self._order(fold, n, derive_seed(inner.seed, place))
                masks = prefix_masks(order, sizes)
                memory = FitnessMemory(fitness.subset([place]), n_features=n, store=store)
                scores.append(memory(masks))
                warned.update(memory.warnings_ + counted)
        metric = np.mean(scores, axis=0)
        with counted_warnings() as counted:
            masks = prefix_masks(self._order(_all_rows(inner), n, inner.seed), sizes)
        best = int(np.argmax(objective(metric, masks)))
        found = _result(masks, metric, objective, best, memory)
        return replace(
            found,
            n_asked=len(sizes),
            n_distinct=len(sizes),
            n_scored=len(sizes),
            n_fits=len(sizes) * len(folds),
            warnings=warned + counted,
        )

    def _order(self, fold: Fold, n_features: int, seed: int) -> np.ndarray:
        """Return all features by the ranking of fit rows; those not prepared come last."""
        ranked = fold.columns[rank_features(self.kind, fold.X_fit, fold.y_fit, seed=seed)]
        return np.concatenate([ranked, np.setdiff1d(np.arange(n_features), fold.columns)])

    def _forward(self, memory: FitnessMemory, objective: Objective) -> np.ndarray:
        n = memory.n_features
        path, value, idle = [np.zeros(n, dtype=bool)], -np.inf, 0
        limit = min(self.size or _LARGEST, n)
        while len(path) <= limit and (self.size is not None or idle < _IDLE_STEPS):
            left = np.flatnonzero(~path[-1])
            masks = np.repeat(path[-1][None], len(left), axis=0)
            masks[np.arange(len(left)), left] = True
            values = objective(memory(masks), masks)
            best = int(np.argmax(values))
            idle = 0 if values[best] > value else idle + 1
            value = max(value, float(values[best]))
            path.append(masks[best])
        return np.array(path[-1:] if self.size is not None else path[1:])

    def _drawn(self, inner: InnerValidation) -> np.ndarray:
        n, rng = inner.n_features, derive_rng(inner.seed, "random masks")
        masks = np.zeros((self.n_masks, n), dtype=bool)
        for mask in masks:
            size = self.size or round(float(np.exp(rng.uniform(0.0, np.log(min(_LARGEST, n))))))
            mask[rng.permutation(n)[: min(size, n)]] = True
        return masks


def _all_rows(inner: InnerValidation) -> Fold:
    """Return all training rows, prepared and augmented as those of a fold; nothing is validated."""
    return prepare_fold(
        inner.X,
        inner.y,
        np.arange(len(inner.y)),
        np.arange(1),
        preparation=inner.preparation,
        sampler=inner.sampler,
        seed=derive_seed(inner.seed, "all rows"),
    )


def _all(inner: InnerValidation) -> np.ndarray:
    return np.ones((1, inner.n_features), dtype=bool)


def _result(
    masks: np.ndarray, metric: np.ndarray, objective: Objective, best: int, memory: FitnessMemory
) -> SearchResult:
    values = objective(metric, masks)
    sizes = masks.sum(axis=1)
    history = {
        "generation": [0],
        "best": [float(values[best])],
        "best_score": [float(metric[best])],
        "best_size": [int(sizes[best])],
    }
    return SearchResult(
        mask=masks[best],
        score=float(metric[best]),
        frequencies=masks[best].astype(float),
        history=pd.DataFrame(history),
        front=pareto_front(masks, metric),
        n_asked=memory.n_asked,
        n_distinct=memory.n_distinct,
        n_scored=memory.n_scored,
        n_fits=memory.n_distinct,
        warnings=memory.warnings_,
        masks=masks[best][None],
        weights=np.full(masks.shape[1], 1.0 / masks.shape[1]),
    )
