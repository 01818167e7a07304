"""From training rows to a mask: one search or several that vote, and the final choice."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import InputError
from vaega.core.files import canonical_json, fingerprint, plain
from vaega.core.randomness import derive_rng, derive_seed
from vaega.evolution.callbacks import Callback
from vaega.fitness.cross_validated import CrossValidatedFitness
from vaega.fitness.folds import Fold
from vaega.fitness.memory import FitnessMemory
from vaega.fitness.objective import Objective
from vaega.fitness.score_store import ScoreStore
from vaega.selection.confirmation import candidates_of, confirm
from vaega.selection.consensus import (
    Ballot,
    VoteBounds,
    prefix_masks,
    sizes_table,
    trial_sizes,
)
from vaega.selection.feedback import search_with_feedback
from vaega.selection.guide import guide_weights
from vaega.selection.inner import InnerValidation
from vaega.selection.result import SearchResult, front_masks, pareto_front
from vaega.selection.scoring import SearchScores
from vaega.selection.search import SavedState, check_fits, run_search
from vaega.selection.settings import FEW_ROWS, SearchSettings
from vaega.selection.subsamples import draw_subsample

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
        settings = plain(asdict(replace(self.settings, guide="see weights")))
        start = np.zeros(0) if initial is None else initial
        what = [digest, canonical_json(settings), repr(self.objective), inner.seed]
        identity = fingerprint(*what, weights, start)
        return SavedState(self.folder / f"{name}-{identity[:12]}.npz", identity)


def _checked_callbacks(callbacks: Any, owner: str) -> tuple[Callback, ...]:
    # Gone through once: what was given may be a generator.
    given = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    if not all(isinstance(callback, Callback) for callback in given):
        raise InputError(
            f"{owner}: callbacks must be a sequence of vaega.evolution.callbacks.Callback, "
            f"got {callbacks!r}."
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
