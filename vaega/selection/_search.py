"""The search for a mask: one on all rows, or several on subsamples of them whose masks vote."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from deap import base

from vaega.core.errors import InputError
from vaega.core.files import canonical_json, fingerprint, plain
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.registry import matching_arguments
from vaega.core.trust import import_trusted
from vaega.data._splits import Fold
from vaega.evolution import operators
from vaega.evolution._checkpoint import (
    STOPPED,
    SaveCheckpoint,
    load_latest_checkpoint,
    restore_callbacks,
)
from vaega.evolution._evolution import Callback, SearchPlan, planned, run_generations
from vaega.evolution._progress import ProgressBar
from vaega.evolution._stopping import (
    RestartWhenStagnant,
    StopAfterEvaluations,
    StopAfterSeconds,
    StopAtTarget,
    StopWhenStagnant,
)
from vaega.evolution.algorithms import ALGORITHMS
from vaega.evolution.algorithms._genetic import AskTell, MakeToolbox, make_from_settings
from vaega.evolution.operators._masks import count_selected
from vaega.evolution.operators._population import init_guided
from vaega.fitness._cross_validated import (
    CrossValidatedFitness,
    Preparation,
    prepare_fold,
    prepare_folds,
)
from vaega.fitness._memory import Evaluations, FitnessMemory, Objective
from vaega.fitness._score_store import ScoreStore, cache_key
from vaega.selection._choice import choose
from vaega.selection._error_control import (
    N_PAIRS,
    StableSelection,
    complementary_halves,
    select_stable,
)
from vaega.selection._rankers import Views, average_views, rank_views
from vaega.selection._settings import ERROR_CONTROL, SearchSettings
from vaega.selection._voting import (
    VOTES,
    Contest,
    candidate_orders,
    companions,
    deal_subsamples,
    fitted_sizes,
    n_of_round,
    prefix_masks,
    ranker_weights,
    sizes_table,
    trial_sizes,
    worst_for_failures,
)

Splits = Sequence[tuple[np.ndarray, np.ndarray]]

_CONFIRMATION = 1_000_000  # number of the first partition for confirmation; the search uses 0


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The result of a search, or of several that voted, or of a classical selection."""

    mask: np.ndarray  # (n_features,) bool: the final mask
    # Its metric on validate rows of inner folds: optimistic, since it was maximised. After a vote
    # the mean metric that the searches' own features had, at the size selected, on rows which
    # their search did not see; where no such rows can be scored, the mean of the searches' scores.
    score: float
    frequencies: np.ndarray  # (n_features,): share of the last population; of the searches, voting
    history: pd.DataFrame  # One row a generation; ``search`` numbers the searches of a vote
    # Masks that no other beats in both metric and size: ``n_features``, ``score``, ``mask``
    front: pd.DataFrame
    evaluations: Evaluations
    masks: np.ndarray  # (n_searches, n_features) bool: the best mask of each search
    weights: np.ndarray  # (n_features,): chances of the features to be drawn; their mean, voting
    # After a vote: metric on unseen rows by ``n_features``: ``score``, ``standard_error``
    sizes: pd.DataFrame
    # After a vote: the rankings that competed, see `Contest.table`; after a confirmation: the masks
    # scored again: ``n_features``, ``score``, ``standard_error``, ``inner_score``, ``chosen``
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)
    # (n_features, n_rankings): the rank of each feature, from 1, by the rankers and, after a vote,
    # by every candidate
    ranks: pd.DataFrame = field(default_factory=pd.DataFrame)
    led_by: str = ""  # The candidate that leads, after a vote, or what else selected

    @classmethod
    def of(
        cls,
        mask: np.ndarray,
        score: float,
        *,
        scored: tuple[np.ndarray, np.ndarray],
        history: pd.DataFrame,
        evaluations: Evaluations,
        frequencies: np.ndarray | None = None,
        masks: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        sizes: pd.DataFrame | None = None,
    ) -> "SearchResult":
        """Return the result with its front, from the masks that were scored and their metric."""
        return cls(
            mask=mask,
            score=score,
            frequencies=mask.astype(float) if frequencies is None else frequencies,
            history=history,
            front=pareto_front(*scored),
            evaluations=evaluations,
            masks=mask[None] if masks is None else masks,
            weights=np.full(len(mask), 1.0 / len(mask)) if weights is None else weights,
            sizes=pd.DataFrame() if sizes is None else sizes,
        )

    def widened(self, columns: np.ndarray, n_features: int) -> "SearchResult":
        """Return the result of a search among some features as one over all of them."""
        front = front_masks(self.front, len(columns))
        return replace(
            self,
            mask=widened(self.mask, columns, n_features),
            masks=widened(self.masks, columns, n_features),
            frequencies=widened(self.frequencies, columns, n_features, 0.0),
            weights=widened(self.weights, columns, n_features, 0.0),
            front=pareto_front(
                widened(front, columns, n_features), self.front["score"].to_numpy(dtype=float)
            ),
            ranks=self.ranks.set_axis(columns).reindex(range(n_features)),
        )


def pareto_front(masks: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Return the sizes and scores that no smaller mask reaches, and the indices selected."""
    sizes = count_selected(masks)
    rows, best = [], -np.inf
    for index in np.lexsort((-scores, sizes)):
        if scores[index] > best:
            best = float(scores[index])
            selected = np.flatnonzero(masks[index])
            rows.append({"n_features": int(sizes[index]), "score": best, "mask": selected})
    return pd.DataFrame(rows, columns=["n_features", "score", "mask"])


def ranks_table(names: Iterable[str], orders: Sequence[np.ndarray] | np.ndarray) -> pd.DataFrame:
    """Return the rank of each feature, from 1, by each of some orders."""
    ranks = [np.argsort(order) + 1 for order in orders]
    return pd.DataFrame(dict(zip(names, ranks, strict=True)))


def front_masks(front: pd.DataFrame, n_features: int) -> np.ndarray:
    """Return the masks of a front, bool of shape (n_masks, n_features)."""
    masks = np.zeros((len(front), n_features), dtype=bool)
    for mask, selected in zip(masks, front["mask"], strict=True):
        mask[selected] = True
    return masks


def widened(values: np.ndarray, columns: np.ndarray, n_features: int, fill: Any = False) -> Any:
    """Return values of some features, (..., n_columns), as values of all, (..., n_features)."""
    wide = np.full((*values.shape[:-1], n_features), fill, dtype=values.dtype)
    wide[..., columns] = values
    return wide


@dataclass(frozen=True, eq=False)
class InnerValidation:
    """The rows that a search may see, and how masks are scored on them."""

    X: np.ndarray  # (n_rows, n_features): training rows
    y: np.ndarray  # (n_rows,): their labels
    # ``split(rows, seed)`` gives (fit, validate) pairs of indices within ``X[rows]``
    split: Callable[[np.ndarray, int], Splits]
    estimator: Any  # Scores a mask
    scorer: Any  # A scikit-learn scorer
    seed: int  # Everything random in folds and evaluations comes from it
    preparation: Preparation | None = None  # Fitted on the fit rows of each fold
    sampler: Any = None  # Augments the fit rows of each fold
    n_draws: int = 1  # How often each split is a fold, with generated rows of its own
    groups: np.ndarray | None = None  # Rows that belong together
    sample_weight: np.ndarray | None = None  # Weights of the rows
    weighs_fit: bool = True  # Whether the classifier is fitted with them
    weighs_score: bool = True  # Whether scores are weighted
    is_routed: bool = False  # Whether a pipeline hands weights to its steps as these ask for them
    feature_names: np.ndarray | None = None  # For classifiers that choose columns by name
    n_jobs: int | None = None  # Processes, as in joblib
    engine: str = "auto"  # See `CrossValidatedFitness`
    device: str = "cpu"  # See `CrossValidatedFitness`
    error_score: float | str = float("nan")  # See `CrossValidatedFitness`
    class_names: Sequence[str] | None = None  # Of the labels 0, 1, ..., for messages

    @property
    def n_features(self) -> int:
        """Length of a mask."""
        return self.X.shape[1]

    @property
    def n_independent(self) -> int:
        """How many rows there are that do not belong together: groups, where these are given."""
        return len(self.y) if self.groups is None else len(np.unique(self.groups))

    def restricted(self, rows: np.ndarray, *labels: Any) -> "InnerValidation":
        """Return the same on some of the rows, with a seed of its own."""

        def split(indices: np.ndarray, seed: int) -> Splits:
            return self.split(rows[indices], seed)

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
        names = None if self.feature_names is None else self.feature_names[columns]
        seed = derive_seed(self.seed, *labels)
        return replace(self, X=self.X[:, columns], feature_names=names, seed=seed)

    def prepared(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows, prepared by what they say themselves, and their labels."""
        if self.preparation is None:
            return self.X, self.y
        seed = derive_seed(self.seed, "all rows")
        everyone = np.arange(len(self.y))
        fold = prepare_fold(
            self.X, self.y, everyone, everyone[:1], preparation=self.preparation, seed=seed
        )
        return widened(fold.X_fit, fold.columns, self.n_features, 0.0), fold.y_fit

    def folds(self, repeat: int = 0) -> list[Fold]:
        """Return the prepared folds of one partition, all splits of the first draw in front."""
        labels = [repeat] if repeat else []
        splits = self.split(np.arange(len(self.y)), derive_seed(self.seed, "inner splits", *labels))
        return self.folds_of(list(splits) * self.n_draws, "folds", *labels)

    def fitness(self, folds: Sequence[Fold], repeat: int = 0) -> CrossValidatedFitness:
        """Return the fitness of masks on the prepared folds of one partition."""
        labels = [repeat] if repeat else []
        return self._fitness(folds, derive_seed(self.seed, "fitness", *labels))

    def folds_of(self, splits: Splits, *labels: Any) -> list[Fold]:
        """Return prepared folds of these rows."""
        folds = prepare_folds(
            self.X,
            self.y,
            splits,
            preparation=self.preparation,
            sampler=self.sampler,
            seed=derive_seed(self.seed, *labels),
            n_jobs=self.n_jobs,
            sample_weight=self.sample_weight,
            groups=self.groups,
            class_names=self.class_names,
        )
        if not self.weighs_fit:
            folds = [replace(fold, weight_fit=None) for fold in folds]
        if not self.weighs_score:
            folds = [replace(fold, weight_validate=None) for fold in folds]
        return folds

    def fitness_on(self, fold: Fold, *labels: Any) -> CrossValidatedFitness:
        """Return the fitness of masks on one fold."""
        return self._fitness([fold], derive_seed(self.seed, *labels))

    def _fitness(self, folds: Sequence[Fold], seed: int) -> CrossValidatedFitness:
        return CrossValidatedFitness(
            self.estimator,
            folds,
            self.scorer,
            seed=seed,
            n_jobs=self.n_jobs,
            engine=self.engine,
            device=self.device,
            error_score=self.error_score,
            feature_names=self.feature_names,
            is_routed=self.is_routed,
            class_names=self.class_names,
        )


@dataclass(frozen=True, eq=False)
class Search:
    """A search for a mask: what is maximised, how, and where it keeps its state."""

    objective: Objective  # What is maximised
    settings: SearchSettings  # How
    callbacks: Iterable[Callback] = ()  # Called each generation of each search
    # Where states are kept; a search that finds its state there goes on from it
    folder: Path | None = None
    store: ScoreStore | None = None  # Of scores, for other searches, processes and a resume
    owner: str = "search"  # Who searches, for messages
    verbose: bool = False  # Whether a bar shows how far it is

    def run(self, inner: InnerValidation) -> SearchResult:
        """Search for a mask on the rows of `inner`."""
        self.settings.check(owner=self.owner)
        callbacks = _checked_callbacks(self.callbacks, self.owner)
        n_rows, n_features = inner.n_independent, inner.n_features
        self.settings.check_fits(n_features, owner=self.owner)
        settings = self.settings.resolved(n_rows=n_rows, n_features=n_features)
        if inner.sampler is None:
            settings = replace(settings, n_draws=1)
        inner = replace(inner, n_draws=int(settings.n_draws))
        if self.verbose:
            callbacks = (*callbacks, ProgressBar())
        search = replace(self, settings=settings, callbacks=callbacks)
        plan = SearchPlan(int(settings.n_searches), int(settings.n_generations))
        with planned(callbacks, plan):
            if settings.n_searches != 1:
                return _Vote(search, inner).run()
            for callback in callbacks:
                callback.search = 0
            return search.single(inner, "search")

    def single(self, inner: InnerValidation, name: str, views: Views | None = None) -> SearchResult:
        """Search once on all rows of `inner`; `name` is that of the file of its state."""
        folds = inner.folds()
        if views is None:
            # The real rows of a split are the same in every draw.
            views = self._views_of_folds(folds[: len(folds) // inner.n_draws], inner)
        with inner.fitness(folds) as fitness:
            memory = self._memory(fitness, inner.n_features)
            result = run_search(
                memory,
                self.settings,
                views=views,
                seed=inner.seed,
                callbacks=self.callbacks,
                saved=self._saved_state(fitness, views, inner.seed, name),
            )
        result = replace(result, ranks=ranks_table(views.names, views.orders))
        return self._confirmed(result, memory, inner) if self.settings.confirm else result

    def _views_of_folds(self, folds: Sequence[Fold], inner: InnerValidation) -> Views:
        """Return what the guide's rankers say of the real fit rows of folds, on average."""
        guide, seed = self.settings.guide, derive_seed(inner.seed, "guide")
        views = []
        for fold in folds:
            X, y = fold.X_fit[: fold.n_real], fold.y_fit[: fold.n_real]
            if len(np.unique(y)) < 2:
                continue  # a sampler dropped the real rows, and others say nothing of the features
            wide = widened(X, fold.columns, inner.n_features, 0.0)
            views.append(rank_views(wide, y, guide, seed=seed))
        return average_views(views) if views else rank_views(inner.X, inner.y, "none")

    def views_of(self, inner: InnerValidation) -> Views:
        """Return what the guide's rankers say of all rows."""
        seed = derive_seed(inner.seed, "guide")
        return rank_views(*inner.prepared(), self.settings.guide, seed=seed)

    def _confirmed(
        self, result: SearchResult, memory: FitnessMemory, inner: InnerValidation
    ) -> SearchResult:
        """Let a rule choose among the best masks by their scores on fresh folds."""
        masks, inner_scores = memory.recall()
        order = np.argsort(-self.objective(inner_scores, masks), kind="stable")
        best = order[: self.settings.confirm]
        masks, inner_scores = masks[best], inner_scores[best]
        fresh, outside = [], Evaluations()
        for number in range(_CONFIRMATION, _CONFIRMATION + self.settings.confirm_repeats):
            with inner.fitness(inner.folds(number), number) as fitness:
                drawn, evaluations = self.fold_scores(fitness, masks)
            fresh.append(_means_of_draws(drawn, inner.n_draws))
            outside += evaluations
        scores = np.hstack(fresh)  # (n_candidates, n_fresh_splits)
        scored = ~np.isnan(scores).any(axis=1)
        if not scored.any():
            return replace(result, evaluations=result.evaluations + outside)
        masks, inner_scores, scores = masks[scored], inner_scores[scored], scores[scored]
        values = _objective_by_fold(masks, scores, self.objective)
        chosen = choose(self.settings.choice, masks.sum(axis=1), values)
        n_folds = scores.shape[1]
        errors = scores.std(axis=1, ddof=min(1, n_folds - 1)) / np.sqrt(n_folds)
        table = pd.DataFrame(
            {
                "n_features": masks.sum(axis=1),
                "score": scores.mean(axis=1),
                "standard_error": errors,
                "inner_score": inner_scores,
                "chosen": np.arange(len(masks)) == chosen,
            }
        )
        return replace(
            result,
            mask=masks[chosen],
            masks=masks[chosen][None],
            score=float(table["score"].iloc[chosen]),
            candidates=table,
            evaluations=result.evaluations + outside,
        )

    def fold_scores(
        self, fitness: CrossValidatedFitness, masks: np.ndarray
    ) -> tuple[np.ndarray, Evaluations]:
        """Return the score of masks in each fold, and the fits, warnings and failures of these."""
        memory = self._memory(fitness, masks.shape[1])
        memory.score(masks)
        scores, asked = memory.fold_scores(masks), memory.evaluations
        return scores, replace(asked, n_asked=0, n_distinct=0, n_scored=0, n_fits=scores.size)

    def _memory(self, fitness: CrossValidatedFitness, n_features: int) -> FitnessMemory:
        return FitnessMemory(
            fitness, n_features=n_features, objective=self.objective, store=self.store
        )

    def _saved_state(
        self, fitness: CrossValidatedFitness, views: Views, seed: int, name: str
    ) -> "SavedState | None":
        if self.folder is None:
            return None
        # The digest covers rows, splits, generator, classifier, scorer and versions.
        digest = fitness.digest
        if digest is None:
            return None  # it has said why
        settings = self._cache_keys()
        if settings is None:
            return None
        failing = repr(fitness.error_score)
        what = [digest, canonical_json(settings), repr(self.objective), seed, failing]
        counts = np.ones(len(views.names)) if views.weights is None else views.weights
        identity = fingerprint(*what, views.scores, counts)
        return SavedState(self.folder / f"{name}-{identity[:12]}.npz", identity)

    def _cache_keys(self) -> dict[str, Any] | None:
        """Return the settings, with texts for what is given as an object; None without a text."""
        # The views stand for the guide; the rule of choice is read when a search is over.
        texts: dict[str, Any] = {"guide": "", "choice": ""}
        for name in ("algorithm", "selection", "crossover", "mutation"):
            value = getattr(self.settings, name)
            if isinstance(value, Mapping):
                code = import_trusted(value["class"], owner=self.owner, key=name)
                value = {**value, "class": code}
            texts[name] = value if isinstance(value, str) else cache_key(value)
        unknown = [name for name, text in texts.items() if text is None]
        if unknown:
            warnings.warn(
                f"{self.owner}: the state of the search is not kept on disk: {unknown[0]} holds an "
                "object that has no text to know it by.",
                stacklevel=2,
            )
            return None
        settings: dict[str, Any] = plain(asdict(replace(self.settings, **texts)))
        return settings


class _Vote:
    """Searches on subsamples of the rows, whose rankings compete on the rows that they left out.

    First the rankers of the guide compete alone, which says how much each counts in the stack that
    guides the searches; then the stack and the votes join them.
    """

    def __init__(self, search: Search, inner: InnerValidation) -> None:
        self.search, self.inner, self.settings = search, inner, search.settings
        self.bounds = search.settings.bounds(inner.n_features)
        self.sizes = trial_sizes(
            inner.n_features, minimum=self.bounds.fewest, maximum=self.bounds.most_tried
        )
        self.unseen_ratio = (1.0 - self.settings.subsample) / self.settings.subsample
        self.outside = Evaluations()  # of rankings on unseen rows
        self.augmented: dict[int, Fold] = {}  # by the search that did not see their validation rows
        n_searches, share = int(self.settings.n_searches), self.settings.subsample
        self.subsamples = deal_subsamples(
            inner.y,
            share,
            n_searches,
            rng=derive_rng(inner.seed, "subsamples"),
            groups=inner.groups,
        )
        self.rounds = np.arange(n_searches) // n_of_round(share)
        # Rows of a search and those it does not see, where these are of all classes
        everyone, n_classes = np.arange(len(inner.y)), len(np.unique(inner.y))
        pairs = [(rows, np.setdiff1d(everyone, rows)) for rows in self.subsamples]
        self.with_all_classes = {
            index: pair
            for index, pair in enumerate(pairs)
            if len(np.unique(inner.y[pair[1]])) == n_classes
        }

    def part(self, index: int) -> InnerValidation:
        """Return the rows of a search."""
        return self.inner.restricted(self.subsamples[index], "search", index)

    def run(self) -> SearchResult:
        """Return what the rows that no search saw choose."""
        views = [self.search.views_of(self.part(index)) for index in range(len(self.subsamples))]
        several = views[0].names if len(views[0].names) > 1 else ()
        raw_alone = self._scores([ranks.orders[: len(several)] for ranks in views])
        alone = worst_for_failures(raw_alone)
        weights = ranker_weights(alone, self.unseen_ratio) if several else None
        weighted = [ranks.weighted(weights) for ranks in views]
        results = [self._search(index, ranks) for index, ranks in enumerate(weighted)]
        orders = [
            candidate_orders(ranks, result.frequencies, result.mask)
            for ranks, result in zip(weighted, results, strict=True)
        ]
        independent = self._independent(views, results, alone) if several else orders
        joined = self._scores(
            [
                [*one.values(), *(other.values() if several else ())]
                for one, other in zip(orders, independent, strict=True)
            ]
        )
        n_joined = len(orders[0])
        unseen = np.concatenate([joined, raw_alone])
        kept = fitted_sizes(unseen)
        unseen = worst_for_failures(unseen)[:, :, kept]
        contest = Contest(
            names=(*orders[0], *several),
            sizes=self.sizes[kept],
            unseen=np.delete(unseen, np.s_[n_joined : len(joined)], axis=0),
            unseen_ratio=self.unseen_ratio,
            size="auto" if self._controls_errors else self.settings.consensus_size,
            independent=np.delete(unseen, np.s_[:n_joined], axis=0) if several else None,
            rounds=self.rounds,
        )
        return self._conclude(contest, results, several, weights)

    def _independent(
        self, views: list[Views], results: list[SearchResult], alone: np.ndarray
    ) -> list[dict[str, np.ndarray]]:
        """Return the candidates of each search, its stack weighted by what its companions saw."""
        orders = []
        for ranks, result, others in zip(views, results, companions(self.rounds), strict=True):
            weighted = ranks.weighted(ranker_weights(alone[:, others], self.unseen_ratio))
            orders.append(candidate_orders(weighted, result.frequencies, result.mask))
        return orders

    def _search(self, index: int, views: Views) -> SearchResult:
        for callback in self.search.callbacks:
            callback.search = index
        return self.search.single(self.part(index), f"search-{index:02d}", views)

    def _scores(self, orders: Sequence[Any]) -> np.ndarray:
        """Return the metric of rankings cut at each size, (n_rankings, n_searches, n_sizes).

        `orders` has those of each search, scored on the rows that it did not see.
        """
        scores = [
            self._scores_on_unseen(index, ranked, self.sizes) for index, ranked in enumerate(orders)
        ]
        return np.array(scores).swapaxes(0, 1)

    def _scores_on_unseen(
        self, index: int, orders: Sequence[np.ndarray], sizes: Sequence[int] | np.ndarray
    ) -> np.ndarray:
        """Return the metric of rankings, (n_rankings, n_sizes).

        NaN where a class has no row, or the classifier failed.
        """
        shape = (len(orders), len(sizes))
        if not len(orders):
            return np.zeros(shape)
        if index not in self.with_all_classes:
            return np.full(shape, np.nan)
        masks = [prefix_masks(self.bounds.ordered(order), sizes) for order in orders]
        with self.inner.fitness_on(self._unseen_fold(index), "unseen", index) as fitness:
            scores, evaluations = self.search.fold_scores(fitness, np.vstack(masks))
        self.outside += evaluations
        return scores[:, 0].reshape(shape)

    def _unseen_fold(self, index: int) -> Fold:
        """Return the fold that scores a search on what it did not see.

        Augmented ones are made together and kept: their generators cost more than their memory.
        """
        if self.inner.sampler is None:
            return self.inner.folds_of([self.with_all_classes[index]], "unseen", index)[0]
        if not self.augmented:
            folds = self.inner.folds_of(list(self.with_all_classes.values()), "unseen")
            self.augmented = dict(zip(self.with_all_classes, folds, strict=True))
        return self.augmented[index]

    def _conclude(
        self,
        contest: Contest,
        results: list[SearchResult],
        several: Sequence[str],
        weights: np.ndarray | None,
    ) -> SearchResult:
        """Cut the ranking that leads, now of all rows, or take what passes the error control."""
        views = self.search.views_of(self.inner).weighted(weights)
        votes = np.mean([result.mask for result in results], axis=0)
        populations = np.mean([result.frequencies for result in results], axis=0)
        orders = candidate_orders(views, populations, votes)
        orders |= dict(zip(several, views.orders, strict=False))
        if self._controls_errors:
            leader, led_by, table = 0, ERROR_CONTROL, contest.table().assign(leads=False)
            order, size = self.bounds.passing(self._stable().mask)
            score = contest.score_at(leader, size) if size else self._score_of_nothing()
        else:
            leader, table, score = contest.leader, contest.table(), contest.honest_score()
            led_by = contest.names[leader]
            order = self.bounds.ordered(orders[led_by])
            size = int(np.clip(contest.size_of(leader), self.bounds.fewest, self.bounds.most))
        return replace(
            _voted(results, prefix_masks(order, [size])[0], score, self.outside),
            sizes=sizes_table(contest.sizes, contest.unseen[leader], self.unseen_ratio),
            ranks=ranks_table(orders, list(orders.values())),
            candidates=table,
            led_by=led_by,
        )

    def _score_of_nothing(self) -> float:
        """Return the mean metric on unseen rows of what knows the classes' shares alone."""
        order = np.arange(self.inner.n_features)
        scores = [self._scores_on_unseen(k, [order], [0]) for k in range(len(self.subsamples))]
        return float(np.mean(scores))

    @property
    def _controls_errors(self) -> bool:
        return self.settings.consensus_size == ERROR_CONTROL

    def _stable(self) -> StableSelection:
        """Return what the guide's ranking, or without a guide a search, finds on many halves."""
        rng, inner = derive_rng(self.inner.seed, "halves"), self.inner
        halves = complementary_halves(inner.y, N_PAIRS, rng=rng, groups=inner.groups)
        parts = [inner.restricted(rows, "half", index) for index, rows in enumerate(halves)]
        orders = [self._order_of_half(part) for part in parts]
        return select_stable(orders, self.settings.false_selections)

    def _order_of_half(self, part: InnerValidation) -> np.ndarray:
        if not (isinstance(self.settings.guide, str) and self.settings.guide == "none"):
            return np.argsort(-self.search.views_of(part).worth, kind="stable")
        result = replace(self.search, callbacks=(), folder=None).single(part, "half")
        return candidate_orders(Views.none(part.n_features), result.frequencies, result.mask)[VOTES]


def _checked_callbacks(callbacks: Any, owner: str) -> tuple[Callback, ...]:
    # Gone through once: it may be a generator.
    callbacks = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    if not all(isinstance(callback, Callback) for callback in callbacks):
        raise InputError(
            f"{owner}: callbacks must be a sequence of vaega.evolution.Callback, got {callbacks!r}."
        )
    return callbacks


def _voted(
    results: list[SearchResult], mask: np.ndarray, score: float, outside: Evaluations
) -> SearchResult:
    """Return the result of a vote: its mask and score, and what its searches came to."""
    histories = [
        result.history.assign(search=index)[["search", *result.history.columns]]
        for index, result in enumerate(results)
    ]
    fronts = [front_masks(result.front, len(mask)) for result in results]
    scores = np.concatenate([result.front["score"].to_numpy() for result in results])
    if np.isnan(score):  # no unseen row could be scored: the searches' own scores are all there is
        score = float(np.mean([result.score for result in results]))
    masks = np.array([result.mask for result in results])
    return SearchResult.of(
        mask,
        score,
        scored=(np.concatenate(fronts), scores),
        history=pd.concat(histories, ignore_index=True),
        evaluations=sum((result.evaluations for result in results), outside),
        frequencies=masks.mean(axis=0),
        masks=masks,
        weights=np.mean([result.weights for result in results], axis=0),
    )


@dataclass(frozen=True)
class SavedState:
    """Where a search keeps its state, and whose it is."""

    path: Path  # The file
    # Digest of everything that the search depends on: a state of another search is refused
    identity: str = ""


def run_search(
    memory: FitnessMemory,
    settings: SearchSettings,
    *,
    views: Views,
    seed: int,
    callbacks: Iterable[Callback] = (),
    saved: SavedState | None = None,
) -> SearchResult:
    """Search once for the mask with the highest objective; go on from a saved state, if any."""
    algorithm = build_algorithm(settings, views, seed)
    callbacks = tuple(callbacks)
    # What others have to remember, a checkpoint finds by their indices: bars stand behind them.
    bars = [callback for callback in callbacks if isinstance(callback, ProgressBar)]
    others = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    hooks = [*others, *_stops(settings, memory), *bars]
    stopped = False
    if saved is not None:
        stopped = _resume(algorithm, memory, hooks, saved)
        hooks.append(
            SaveCheckpoint(
                saved.path, extra=memory.to_arrays, callbacks=hooks, identity=saved.identity
            )
        )
    if stopped:
        for callback in callbacks:  # they hear of it, and cannot start it again
            callback.on_start(algorithm)
            callback.on_end(algorithm)
        state = algorithm.state
    else:
        fitness = partial(_score_and_size, memory) if settings.multi_objective else memory
        state = run_generations(algorithm, fitness, int(settings.n_generations), hooks)
    mask = state.best_mask
    if settings.multi_objective:
        mask = _choose_from_front(memory, settings)
    elif not memory.has_scored(mask):  # it failed, and is small
        masks, scores = memory.recall()
        values = scores if memory.objective is None else memory.objective(scores, masks)
        mask = masks[np.argmax(values)]
    return SearchResult.of(
        mask,
        memory.known_score(mask),
        scored=memory.recall(),
        history=pd.DataFrame(list(state.history)),
        evaluations=memory.evaluations,
        frequencies=state.masks.mean(axis=0),
        weights=views.chances(float(settings.guide_share)),
    )


def _stops(settings: SearchSettings, memory: FitnessMemory) -> list[Callback]:
    hooks: list[Callback] = []
    if settings.patience is not None:
        hooks.append(StopWhenStagnant(settings.patience))
    if settings.restart_after is not None:
        hooks.append(RestartWhenStagnant(settings.restart_after))
    if settings.max_evaluations is not None:
        hooks.append(
            StopAfterEvaluations(settings.max_evaluations, counter=lambda: memory.n_distinct)
        )
    if settings.max_seconds is not None:
        hooks.append(StopAfterSeconds(settings.max_seconds))
    if settings.target is not None:
        hooks.append(StopAtTarget(settings.target))
    return hooks


def _resume(
    algorithm: AskTell, memory: FitnessMemory, hooks: Iterable[Callback], saved: SavedState
) -> bool:
    """Restore the saved state, if there is one; return whether a callback had ended that search."""
    checkpoint, sentences = load_latest_checkpoint(saved.path, identity=saved.identity)
    if sentences:
        what = "An earlier state is used." if checkpoint else "The search starts anew."
        warnings.warn(f"{sentences[0]} {what}", stacklevel=3)
    if checkpoint is None:
        return False
    state, arrays = checkpoint
    algorithm.restore(state)
    memory.restore(arrays)
    restore_callbacks(hooks, arrays)
    return bool(arrays.get(STOPPED, False))


def _score_and_size(memory: FitnessMemory, masks: np.ndarray) -> np.ndarray:
    """Return the two objectives of a front, (n_masks, 2)."""
    return np.column_stack([memory.score(masks), -count_selected(masks) / masks.shape[1]])


def _choose_from_front(memory: FitnessMemory, settings: SearchSettings) -> np.ndarray:
    assert memory.objective is not None
    masks = front_masks(pareto_front(*memory.recall()), memory.n_features)
    scores = _means_of_draws(memory.fold_scores(masks), int(settings.n_draws))
    values = _objective_by_fold(masks, scores, memory.objective)
    return masks[choose(settings.choice, masks.sum(axis=1), values)]


def _means_of_draws(scores: np.ndarray, n_draws: int) -> np.ndarray:
    """Return the mean score of each split, (n_masks, n_splits), over draws of generated rows.

    Folds of one split share their validate rows: a standard error counts them once.
    """
    return scores.reshape(len(scores), n_draws, -1).mean(axis=1)


def _objective_by_fold(
    masks: np.ndarray, fold_scores: np.ndarray, objective: Objective
) -> np.ndarray:
    """Return the objective of each mask in each fold, (n_masks, n_folds)."""
    return np.column_stack([objective(scores, masks) for scores in fold_scores.T])


# Start with so many features whatever their number: sparse starts find small masks, dense ones
# end where they began, with half of all features at chance stability.
_AUTO_SIZE = 20
_VOTING_SIZE = 10  # small masks of several searches differ more, and their union is the larger
_RANKED_SHARE, _SIZE_RANGE = 0.5, 4.0  # of first masks that a ranker makes, and of their sizes


def build_toolbox(settings: SearchSettings, views: Views, rng: np.random.Generator) -> base.Toolbox:
    """Return a DEAP toolbox with the operators that `settings` name, bound to `rng`."""
    weights = views.chances(float(settings.guide_share))
    n_features = len(weights)
    select, mate, mutate = settings.operators(owner="search")
    flip_probability = settings.flip_probability
    if flip_probability == "auto":
        flip_probability = 1.0 / n_features if mutate is operators.mutate_bitflip else 0.1
    offered = {  # an operator gets what its signature names
        "tournament_size": settings.tournament_size,
        "window_size": settings.tournament_size,
        "flip_probability": float(flip_probability),
        "weights": weights,
    }
    toolbox = base.Toolbox()
    toolbox.register("initialize", _FirstMasks(settings, views, weights, rng))
    for name, operator in (("select", select), ("mate", mate), ("mutate", mutate)):
        toolbox.register(name, operator, **matching_arguments(operator, offered), rng=rng)
    toolbox.register(
        "repair",
        operators.repair_bounds,
        min_features=min(settings.min_features, n_features),
        max_features=settings.max_features,
        pinned=np.array(sorted(settings.pinned), dtype=int),
        forbidden=np.array(sorted(settings.forbidden), dtype=int),
        rng=rng,
    )
    return toolbox


def build_algorithm(settings: SearchSettings, views: Views, seed: int) -> AskTell:
    """Return the algorithm that `settings` name."""

    def make_toolbox(rng: np.random.Generator) -> base.Toolbox:
        return build_toolbox(settings, views, rng)

    return _make_algorithm(settings, make_toolbox, derive_rng(seed, "search"))


def _make_algorithm(
    settings: SearchSettings, make_toolbox: MakeToolbox, rng: np.random.Generator
) -> AskTell:
    algorithm = ALGORITHMS.resolve(settings.algorithm, "algorithm", owner="search")
    bare = getattr(algorithm, "func", algorithm)  # where parameters are bound to it
    if hasattr(bare, "from_settings"):
        params = getattr(algorithm, "keywords", {})
        return bare.from_settings(settings, make_toolbox, rng, **params)
    return make_from_settings(algorithm, settings, make_toolbox, rng)


class _FirstMasks:
    """Draws the first masks: what a ranker of the guide puts first, or features by their chances.

    With a guide of rankers every other mask is the first features of one of them, drawn by how much
    it counts, at a size between a quarter and four times of what is aimed at.
    """

    def __init__(
        self,
        settings: SearchSettings,
        views: Views,
        weights: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        self.weights, self.rng = weights, rng
        self.share = _first_share(settings, len(weights))
        ranked = views.names if views.is_ranked else ()
        counts = np.ones(len(ranked)) if views.weights is None else views.weights
        self.orders = views.orders[: len(ranked)]
        self.chances = counts / counts.sum() if len(ranked) else counts

    def __call__(self) -> np.ndarray:
        return self.on_population(1)[0]

    def on_population(self, n_masks: int) -> np.ndarray:
        """Return many first masks, bool (n_masks, n_features)."""
        n_features, rng = len(self.weights), self.rng
        sizes = rng.binomial(n_features, self.share, size=n_masks)
        ranked = np.zeros(0, dtype=np.intp)
        if len(self.orders):
            ranked = np.flatnonzero(rng.random(n_masks) < _RANKED_SHARE)
            sizes[ranked] = 0
        masks = init_guided(self.weights, sizes, rng=rng)
        if not ranked.size:
            return masks
        rankers = rng.choice(len(self.orders), p=self.chances, size=len(ranked))
        aims = self.share * n_features * _SIZE_RANGE ** rng.uniform(-1.0, 1.0, size=len(ranked))
        sizes = np.clip(np.rint(aims), 1, n_features).astype(int)
        for row, ranker, size in zip(ranked, rankers, sizes, strict=True):
            masks[row, self.orders[ranker, :size]] = True
        return masks


def _first_share(settings: SearchSettings, n_features: int) -> float:
    if settings.initial_fraction == "auto":
        size = _AUTO_SIZE if settings.n_searches == 1 else _VOTING_SIZE
        return min(0.5, size / n_features)
    return float(settings.initial_fraction)
