"""Classical selections on the folds of a search, so that both are compared on equal terms."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.threads import captured_warnings
from vaega.data._splits import Fold
from vaega.fitness._cross_validated import prepare_fold
from vaega.fitness._memory import Evaluations, FitnessMemory, Objective
from vaega.fitness._score_store import ScoreStore
from vaega.selection._rankers import RANKERS, rank_features
from vaega.selection._search import InnerValidation, SearchResult
from vaega.selection._voting import prefix_masks, trial_sizes

KINDS = (*RANKERS, "forward", "random", "all")
_LARGEST = 256  # size that is tried
_IDLE_STEPS = 2  # of a forward selection, before it ends


@dataclass(frozen=True)
class ClassicalSelection:
    """A selection without a genetic algorithm: a ranking cut at sizes, forward, random or all."""

    kind: str
    size: int | None = None
    n_masks: int = 1000  # That "random" draws

    def run(
        self, inner: InnerValidation, objective: Objective, store: ScoreStore | None = None
    ) -> SearchResult:
        """Select features on the rows of `inner`."""
        folds = inner.folds()
        if self.kind in RANKERS:
            return self._ranked(inner, objective, folds, store)
        with inner.fitness(folds) as fitness:
            memory = FitnessMemory(fitness, n_features=inner.n_features, store=store)
            if self.kind == "forward":
                masks = self._forward(memory, objective)
            else:
                masks = self._drawn(inner) if self.kind == "random" else _all(inner)
            metric = memory(masks)
            memory.recall()  # refuses a search in which every mask failed
        return _best(masks, metric, objective, memory.evaluations)

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
        scores, warned, failed = [], Counter[str](), Evaluations()
        with inner.fitness(folds) as fitness:
            for index, fold in enumerate(folds):
                with captured_warnings() as counted:
                    order = self._order(fold, n, derive_seed(inner.seed, index))
                masks = prefix_masks(order, sizes)
                memory = FitnessMemory(fitness.subset([index]), n_features=n, store=store)
                scores.append(memory(masks))
                warned.update(memory.warnings_ + counted)
                failed += memory.evaluations
        metric = np.mean(scores, axis=0)
        with captured_warnings() as counted:
            masks = prefix_masks(self._order(_all_rows(inner), n, inner.seed), sizes)
        n_masks = len(sizes)
        if failed.n_failed == n_masks * len(folds):
            raise InputError(f"{self.kind}: no mask can be scored: {failed.first_failure}")
        evaluations = replace(
            Evaluations(n_masks, n_masks, n_masks, n_masks * len(folds), warned + counted),
            n_failed=failed.n_failed,
            first_failure=failed.first_failure,
        )
        return _best(masks, metric, objective, evaluations)

    def _order(self, fold: Fold, n_features: int, seed: int) -> np.ndarray:
        """Return all features by the ranking of fit rows; those not prepared come last."""
        ranked = fold.columns[rank_features(self.kind, fold.X_fit, fold.y_fit, seed=seed)]
        return np.concatenate([ranked, np.setdiff1d(np.arange(n_features), fold.columns)])

    def _forward(self, memory: FitnessMemory, objective: Objective) -> np.ndarray:
        n = memory.n_features
        path, value, idle = [np.zeros(n, dtype=bool)], -np.inf, 0
        limit = min(self.size or _LARGEST, n)
        while len(path) <= limit and (self.size is not None or idle < _IDLE_STEPS):
            candidates = np.flatnonzero(~path[-1])
            masks = np.repeat(path[-1][None], len(candidates), axis=0)
            masks[np.arange(len(candidates)), candidates] = True
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
        groups=inner.groups,
        class_names=inner.class_names,
    )


def _all(inner: InnerValidation) -> np.ndarray:
    return np.ones((1, inner.n_features), dtype=bool)


def _best(
    masks: np.ndarray, metric: np.ndarray, objective: Objective, evaluations: Evaluations
) -> SearchResult:
    """Return the result with the mask of the highest objective, as of one generation."""
    values = objective(metric, masks)
    best = int(np.argmax(values))
    history = {
        "generation": [0],
        "best": [float(values[best])],
        "best_score": [float(metric[best])],
        "best_size": [int(masks[best].sum())],
    }
    return SearchResult.of(
        masks[best],
        float(metric[best]),
        scored=(masks, metric),
        history=pd.DataFrame(history),
        evaluations=evaluations,
    )
