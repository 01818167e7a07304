"""The thesis's protocols, ``as-described`` and ``as-run``: the search sees the test rows.

They are transductive: nothing is held out, and every output says so. Configurations find them in
`vaega.experiments.protocols.PROTOCOLS`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer

from vaega.core.errors import ConfigError, InputError
from vaega.core.files import canonical_json, fingerprint, plain
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data._preprocess import Preprocessor
from vaega.data._splits import Fold
from vaega.evolution._checkpoint import SaveCheckpoint, load_latest_checkpoint, restore_callbacks
from vaega.evolution._evolution import Callback, EvolutionState, evolve
from vaega.evolution.algorithms._genetic import Generational
from vaega.experiments.config import ArmConfig
from vaega.experiments.protocols import TrialOptions, outer_splits
from vaega.experiments.registry import classifier_of, make_arm_model, make_sampler
from vaega.experiments.trial import TrialResult, objective_of
from vaega.fitness._cross_validated import CrossValidatedFitness, Preparation, prepare_fold
from vaega.fitness._memory import Evaluations, FitnessMemory, Objective
from vaega.generative._kinds import ENFORCEMENT
from vaega.selection._rankers import Views
from vaega.selection._search import build_toolbox, widened
from vaega.selection._settings import SearchSettings
from vaega.selection._voting import frequent_columns

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.experiments.config import ExperimentConfig, ProtocolConfig

# What such a search reads of the section ``search``; all else belongs to searches of the toolkit.
_SEARCH_KEYS = {
    "algorithm", "population_size", "n_generations", "n_searches", "initial_fraction", "guide",
    "selection", "tournament_size", "crossover", "crossover_probability", "mutation",
    "flip_probability", "elite", "min_features", "preselect",
}  # fmt: skip
_FIXED = {"algorithm": "generational", "n_searches": 1, "guide": "none"}


@dataclass(frozen=True, eq=False)
class TransductiveTrial:
    """One outer split of a protocol whose search sees the test rows."""

    X: np.ndarray  # Training rows
    y: np.ndarray  # Their class codes
    X_test: np.ndarray  # Test rows
    y_test: np.ndarray  # Their class codes
    seed: int  # Of everything random in this trial, the same for all arms
    generator_seed: int  # Of the generator, which several runs may share


@dataclass(frozen=True)
class Variation:
    """In what the public code varies masks otherwise than the thesis's text says."""

    mutates: bool  # Whether mutated masks are kept; the public code drops them
    redraws_parents: bool  # Whether parents are drawn again, uniformly, from the selected ones


@dataclass(frozen=True)
class AsDescribedProtocol:
    """The thesis as its text describes it: the fitness of a mask is computed on the test rows.

    Mutation works, no synthetic row is in the test part, and the generator never sees a test row.
    """

    config: "ProtocolConfig"  # The section ``protocol`` of a configuration
    name = "as-described"
    keys = frozenset[str]()
    is_transductive = True
    columns = (
        "population_accuracy", "population_n_features", "elite_accuracy", "elite_accuracy_real",
        "elite_n_features", "all_features_accuracy", "all_features_accuracy_real",
    )  # fmt: skip
    variation = Variation(mutates=True, redraws_parents=False)
    _generator = ""

    @property
    def fitness_rows(self) -> str:
        """On which rows fitness is computed."""
        return "the test rows"

    @property
    def statement(self) -> str:
        """The line that every output carries."""
        return (
            f"Protocol {self.name}: fitness is computed on {self.fitness_rows}, and the accuracies "
            f"shown are those of the same rows{self._generator}: optimistic, nothing is held out."
        )

    @classmethod
    def check_search(cls, search: Any) -> None:
        """Refuse settings of the section ``search`` that do nothing under this protocol."""
        for key in sorted(search.model_fields_set - _SEARCH_KEYS):
            raise InputError(f"search.{key} has no effect with protocol {cls.name}; remove it")
        for key, value in _FIXED.items():
            if getattr(search, key) != value:
                got = getattr(search, key)
                raise InputError(
                    f"search.{key} must be {value} with protocol {cls.name}, got {got!r}"
                )

    @classmethod
    def describe(cls, metrics: Mapping[str, Any]) -> str:
        """Return what the thesis reports of a run: means of the last population."""
        return (
            f"{metrics['population_accuracy']:.3f} on the rows of the fitness, "
            f"{metrics['population_n_features']:.1f} features"
        )

    def trials(
        self, dataset: "Dataset", seed: int, permutation: int | None = None
    ) -> Iterator[TransductiveTrial]:
        """Yield the outer splits of a run, one after the other; labels are never permuted."""
        rows = dataset.pooled()
        for index, split in enumerate(outer_splits(self.config, dataset, rows, seed)):
            trial_seed = derive_seed(seed, "trial", index)
            yield TransductiveTrial(
                rows.X[split.train],
                rows.y[split.train],
                rows.X[split.test],
                rows.y[split.test],
                trial_seed,
                self._generator_seed(seed, trial_seed),
            )

    def _generator_seed(self, seed: int, trial_seed: int) -> int:
        return derive_seed(trial_seed, "generator")

    def fold(self, run: "_TrialRun", arm: ArmConfig, columns: np.ndarray) -> Fold:
        """Return the rows of the fitness: every synthetic row is a fit row."""
        options = run.options
        sampler = make_sampler(arm, run.n_classes, device=options.device, cache=options.cache)
        if sampler is not None:
            settings = sampler.get_params(deep=False).keys() & set(ENFORCEMENT)
            sampler.set_params(**dict.fromkeys(settings, False))  # the thesis's rows are not moved
        return described_fold(run.trial, columns, run.preparation, sampler)

    def run_trial(
        self,
        config: "ExperimentConfig",
        trial: TransductiveTrial,
        arm: ArmConfig,
        options: TrialOptions,
        *,
        n_classes: int,
        **unread: Any,
    ) -> TrialResult:
        """Search for masks whose fitness is computed on the test rows, as the thesis did."""
        return _TrialRun(self, config, trial, options, n_classes).result(arm)


@dataclass(frozen=True)
class AsRunProtocol(AsDescribedProtocol):
    """The thesis as its public code did it.

    Fitness is computed on the test rows, with `synthetic_test_share` of the synthetic rows among
    them; the generator is stopped on the test rows and drawn around them; mutated masks are
    dropped.
    """

    name = "as-run"
    keys = frozenset({"synthetic_test_share", "exchange_labels", "generators"})
    variation = Variation(mutates=False, redraws_parents=True)
    _generator = ", which the generator saw too"

    @property
    def fitness_rows(self) -> str:
        """On which rows fitness is computed."""
        share = self.config.synthetic_test_share
        more = f" and {100 * share:g} % of the synthetic rows" if share else ""
        return f"the test rows{more}"

    def _generator_seed(self, seed: int, trial_seed: int) -> int:
        if self.config.generators is None:
            return super()._generator_seed(seed, trial_seed)
        return derive_seed(seed % self.config.generators, "generator")

    def fold(self, run: "_TrialRun", arm: ArmConfig, columns: np.ndarray) -> Fold:
        """Return the rows of the fitness: a share of the synthetic ones is among the test rows."""
        fold = described_fold(run.trial, columns, run.preparation, None)
        if arm.generator is None or arm.n_synthetic is None:
            return fold
        if arm.generator.kind not in ("vae", "conditional_vae"):
            raise ConfigError(
                "protocol as-run: generator.kind must be vae or conditional_vae, as in the public "
                f"code, got {arm.generator.name!r}."
            )
        from vaega.thesis.as_run_generator import AsRunGenerator  # brings torch

        device = run.options.device
        model = AsRunGenerator.of(make_arm_model(arm, device=device), run.n_classes, device=device)
        fit, test = (fold.X_fit, fold.y_fit), (fold.X_validate, fold.y_validate)
        rows = model.draw(*fit, *test, arm.n_synthetic, seed=run.trial.generator_seed)
        labels = run.n_classes - 1 - rows.y if self.config.exchange_labels else rows.y
        share = self.config.synthetic_test_share
        return with_synthetic_rows(fold, rows.X, labels, test_share=share)


def described_fold(
    trial: TransductiveTrial, columns: np.ndarray, preparation: Preparation, sampler: Any
) -> Fold:
    """Return the training rows as fit rows, with those of a sampler, and the test rows beside."""
    X = np.vstack([trial.X, trial.X_test])[:, columns]
    y = np.concatenate([trial.y, trial.y_test])
    fit, test = np.split(np.arange(len(y)), [len(trial.y)])
    seed = trial.generator_seed
    return prepare_fold(X, y, fit, test, preparation=preparation, sampler=sampler, seed=seed)


def with_synthetic_rows(fold: Fold, X: np.ndarray, y: np.ndarray, *, test_share: float) -> Fold:
    """Return a fold with synthetic rows behind its real ones, evenly spread over both parts."""
    due = np.floor(np.round(np.arange(len(y) + 1) * test_share, 9))
    test = np.diff(due) > 0
    fit = ~test
    return replace(
        fold,
        X_fit=np.vstack([fold.X_fit, X[fit]]),
        y_fit=np.concatenate([fold.y_fit, y[fit]]),
        X_validate=np.vstack([fold.X_validate, X[test]]),
        y_validate=np.concatenate([fold.y_validate, y[test]]),
    )


class _SearchRun(NamedTuple):
    """A search that has ended."""

    state: EvolutionState
    memory: FitnessMemory


@dataclass(frozen=True, eq=False)
class _TrialRun:
    """The searches of a trial: the first selection, where there is one, and the second."""

    protocol: AsDescribedProtocol
    config: "ExperimentConfig"
    trial: TransductiveTrial
    options: TrialOptions
    n_classes: int

    @property
    def objective(self) -> Objective:
        return objective_of(self.config.fitness)

    @property
    def preparation(self) -> Preparation:
        return Preprocessor(list(self.config.preprocess))

    def result(self, arm: ArmConfig) -> TrialResult:
        columns, first = self.preselected()
        fold = self.protocol.fold(self, arm, columns)
        last = self.search(fold, self.config.search.settings(), "second" if first else "search")
        figures = self.figures(last, fold)
        n_all, searches = self.trial.X.shape[1], [*first, last]
        evaluations = sum((search.memory.evaluations for search in searches), Evaluations())
        return TrialResult(
            heldout_score=figures["elite_accuracy"],
            inner_score=figures["elite_accuracy"],
            selected=np.flatnonzero(widened(last.state.best_mask, columns, n_all)),
            frequencies=widened(last.state.masks.mean(axis=0), columns, n_all, 0.0),
            history=_history(searches, self.objective),
            n_asked=evaluations.n_asked,
            n_distinct=evaluations.n_distinct,
            n_scored=evaluations.n_scored,
            n_searches=1,
            agreement=None,
            warnings=dict(evaluations.complaints),
            extra=figures,
        )

    def preselected(self) -> tuple[np.ndarray, list[_SearchRun]]:
        """Return the features that the first selection leaves, and its searches."""
        every, preselect = np.arange(self.trial.X.shape[1]), self.config.search.preselect
        if preselect is None:
            return every, []
        settings = preselect.settings(self.config.search.settings())
        n_searches = 1 if settings.n_searches == "auto" else int(settings.n_searches)
        settings, fold = (
            replace(settings, n_searches=1),
            self.protocol.fold(self, ArmConfig(), every),
        )
        searches = [self.search(fold, settings, f"first-{number}") for number in range(n_searches)]
        frequencies = np.mean([search.state.masks.mean(axis=0) for search in searches], axis=0)
        none = np.zeros(len(every), dtype=bool)
        return frequent_columns(frequencies, np.ones(len(every)), none, preselect.keep), searches

    def search(self, fold: Fold, settings: SearchSettings, name: str) -> _SearchRun:
        checkpoint, n_features = self.options.checkpoint, fold.X_fit.shape[1]
        search = TransductiveSearch(
            self.objective,
            settings.resolved(n_rows=len(self.trial.y), n_features=n_features),
            self.protocol.variation,
            derive_seed(self.trial.seed, name),
            self.options.callbacks,
            None if checkpoint is None else checkpoint / name,
        )
        with self.fitness(fold) as fitness:
            memory = FitnessMemory(fitness, n_features=n_features, store=self.options.store)
            return _SearchRun(search.run(memory, digest=fitness.digest), memory)

    def fitness(self, fold: Fold) -> CrossValidatedFitness:
        fitness = self.config.fitness
        return CrossValidatedFitness(
            classifier_of(fitness),
            [fold],
            get_scorer(fitness.metric),
            seed=derive_seed(self.trial.seed, "fitness"),
            n_jobs=self.options.n_jobs,
            engine=fitness.engine,
            device=fitness.device,
        )

    def figures(self, search: _SearchRun, fold: Fold) -> dict[str, float]:
        """Return what the thesis reports of a run; `AsDescribedProtocol.columns` names it."""
        state, n_real = search.state, len(self.trial.y_test)
        known, metric = search.memory.recall()
        values = {mask.tobytes(): float(value) for mask, value in zip(known, metric, strict=True)}
        masks = np.vstack([state.best_mask, np.ones(search.memory.n_features, dtype=bool)])
        real = replace(
            fold, X_validate=fold.X_validate[:n_real], y_validate=fold.y_validate[:n_real]
        )
        with self.fitness(fold) as fitness, self.fitness(real) as fitness_real:
            scores, scores_real = fitness(masks), fitness_real(masks)
        return {
            "population_accuracy": float(np.mean([values[mask.tobytes()] for mask in state.masks])),
            "population_n_features": float(state.masks.sum(axis=1).mean()),
            "elite_accuracy": values[state.best_mask.tobytes()],
            "elite_accuracy_real": float(scores_real[0]),
            "elite_n_features": float(state.best_mask.sum()),
            "all_features_accuracy": float(scores[1]),
            "all_features_accuracy_real": float(scores_real[1]),
        }


def _history(searches: Iterable[_SearchRun], objective: Objective) -> pd.DataFrame:
    tables = []
    for number, search in enumerate(searches):
        table = pd.DataFrame(list(search.state.history))
        table["mean_accuracy"] = [
            mean_metric(mean, size, objective, search.memory.n_features)
            for mean, size in zip(table["mean"], table["mean_n_features"], strict=True)
        ]
        tables.append(table.assign(selection=number))
    return pd.concat(tables, ignore_index=True)


def mean_metric(mean: float, n_features: float, objective: Objective, n_all: int) -> float:
    """Return the metric behind a value of the objective, which is linear in metric and size."""
    masks = np.zeros((3, n_all), dtype=bool)
    masks[2] = True
    least, most, full = objective(np.array([0.0, 1.0, 0.0]), masks).tolist()
    slope, price = most - least, (full - least) / n_all
    return float((mean - least - price * n_features) / slope) if slope else float("nan")


@dataclass(frozen=True, eq=False)
class TransductiveSearch:
    """The thesis's genetic algorithm: one run of it, which a checkpoint continues."""

    objective: Objective  # What is maximised
    settings: SearchSettings  # Resolved
    variation: Variation  # Of the protocol
    seed: int  # Of everything random
    callbacks: Iterable[Callback] = ()  # Called each generation
    folder: Path | None = None  # Where the state is kept

    def run(self, memory: FitnessMemory, *, digest: str | None) -> EvolutionState:
        """Evolve masks until the last generation."""
        memory.objective = self.objective
        algorithm = self._algorithm(memory.n_features)
        hooks = list(self.callbacks)
        for callback in hooks:
            callback.search = 0
        if self.folder is not None and digest is not None:
            hooks.append(self._resumed(algorithm, memory, hooks, digest))
        return evolve(
            algorithm, memory, n_generations=int(self.settings.n_generations), callbacks=hooks
        )

    def _algorithm(self, n_features: int) -> Generational:
        rng = derive_rng(self.seed, "search")
        toolbox = build_toolbox(self.settings, Views.none(n_features), rng)
        if not self.variation.mutates:
            toolbox.register("mutate", lambda mask: (mask,))
        if self.variation.redraws_parents:
            toolbox.register("select", _redrawn, select=toolbox.select, rng=rng)
        return Generational(
            toolbox,
            rng=rng,
            population_size=int(self.settings.population_size),
            crossover_probability=self.settings.crossover_probability,
            elite=self.settings.elite,
        )

    def _resumed(
        self, algorithm: Generational, memory: FitnessMemory, hooks: Sequence[Callback], digest: str
    ) -> SaveCheckpoint:
        settings = canonical_json(plain(asdict(self.settings)))
        parts = [digest, settings, repr(self.objective), repr(self.variation), self.seed]
        identity = fingerprint(*parts)
        path = Path(str(self.folder)) / f"search-{identity[:12]}.npz"
        found, _ = load_latest_checkpoint(path, identity=identity)
        if found is not None:
            state, arrays = found
            algorithm.restore(state)
            memory.restore(arrays)
            restore_callbacks(hooks, arrays)
        return SaveCheckpoint(path, extra=memory.to_arrays, callbacks=hooks, identity=identity)


def _redrawn(
    individuals: Sequence[Any],
    k: int,
    *,
    select: Callable[..., list[Any]],
    rng: np.random.Generator,
) -> list[Any]:
    pool = select(individuals, len(individuals))
    return [pool[index] for index in rng.integers(len(pool), size=k)]
