"""One search for a mask: the evolution run, stopped, resumed, its result gathered."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vaega.core.errors import InputError
from vaega.evolution.algorithms.base import AskTell
from vaega.evolution.callbacks import (
    Callback,
    RestartWhenStagnant,
    StopAfterEvaluations,
    StopAfterSeconds,
    StopAtTarget,
    StopWhenStagnant,
)
from vaega.evolution.checkpoint import (
    STOPPED,
    SaveCheckpoint,
    load_latest_checkpoint,
    restore_callbacks,
)
from vaega.evolution.loop import evolve
from vaega.evolution.state import EvolutionState
from vaega.fitness.objective import Objective, ObjectiveFitness
from vaega.selection.choice import RULES
from vaega.selection.result import SearchResult, front_masks, pareto_front
from vaega.selection.scoring import Metric, SearchScores
from vaega.selection.settings import SearchSettings
from vaega.selection.toolbox import build_algorithm


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
    if settings.algorithm != "nsga2":
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
    if settings.algorithm == "nsga2":
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
