"""How much work an experiment is: runs, masks, and roughly how many minutes.

The time is measured on one inner fold of its own data: what preparing the fold takes, and what
scikit-learn takes for one mask. An engine's part of that is what `ENGINE_GAIN` says.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import get_scorer

from vaega.core.errors import InputError, first_line
from vaega.core.threads import captured_warnings, one_thread
from vaega.core.wording import counted
from vaega.data._dataset import Dataset
from vaega.data._preprocess import Preprocessor
from vaega.engines._registry import EngineSpec, match
from vaega.experiments.protocols import Trial, leaves_out, make_protocol
from vaega.experiments.registry import classifier_of
from vaega.fitness._cross_validated import prepare_fold

if TYPE_CHECKING:
    from vaega.experiments.config import ArmConfig, ExperimentConfig, ProtocolConfig

# How many masks an engine scores while scikit-learn scores one: in the middle of the cases of
# results/benchmarks/fitness_throughput.jsonl.
ENGINE_GAIN = {
    "discriminant": 42.0,
    "linear_svm": 20.0,
    "logistic": 14.0,
    "mlp": 50.0,
    "naive_bayes": 200.0,
    "nearest_centroid": 150.0,
    "neighbours": 16.0,
    "ridge": 70.0,
}
# Measured on tables of 60 x 3,000, 60 x 20,000, 400 x 50 and 2,000 x 200: what a search does beside
# scoring masks, and what a classical selection does, in preparations of one fold; the share of the
# masks asked for that are new; and what rows of a generator make of a run
# (results/benchmarks/augmented_fit.md).
_FOLDS_OF_SEARCH, _FOLDS_OF_RANKING = 5.0, 6.0
_NEW_MASKS = 0.65
_AUGMENTED = 3.3
_COLUMNS = 20  # of the mask that is timed
_QUICK = 0.05  # seconds; what takes less is timed twice


@dataclass(frozen=True)
class TrialWork:
    """The searches of one trial."""

    n_searches: int = 0
    n_generations: int = 0
    population_size: int = 0
    n_masks: int = 0  # At most, of all its searches

    @classmethod
    def of(cls, config: "ExperimentConfig", trial: Any) -> "TrialWork":
        """Count what a trial asks for, where its arm searches."""
        n_rows, n_features = trial.X.shape
        n_rows = getattr(trial, "n_independent", n_rows)
        settings = config.search.settings().resolved(n_rows=n_rows, n_features=n_features)
        n_searches, n_generations = int(settings.n_searches), int(settings.n_generations)
        size = int(settings.population_size)
        of_search = n_generations * size
        if settings.max_evaluations is not None:
            of_search = min(of_search, int(settings.max_evaluations) + size)
        return cls(n_searches, n_generations, size, n_searches * of_search)

    def seconds(self, n_folds: int, fold_seconds: float, mask_seconds: float) -> float:
        """Return how long the searches take, roughly."""
        prepared = _FOLDS_OF_SEARCH * self.n_searches * fold_seconds
        return n_folds * (prepared + _NEW_MASKS * self.n_masks * mask_seconds)

    def sentence(self, n_runs: int, n_trials: int = 1, *, kind: str = "") -> str:
        """Return what so many runs of a kind ask for, in words."""
        parts = [counted(n_trials, "trial")] if n_trials > 1 else []
        parts += [counted(self.n_searches, "search", "searches")]
        parts += [counted(self.n_generations, "generation"), counted(self.population_size, "mask")]
        n_masks = n_runs * n_trials * self.n_masks
        runs = f"{kind} run".strip() + ("" if n_runs == 1 else "s")
        return f"{n_runs} {runs} of {' x '.join(parts)}: at most {n_masks:,} masks"


@dataclass(frozen=True)
class Workload:
    """The work of an experiment."""

    n_runs: int
    n_permuted: int  # Runs on permuted labels, among them
    n_final: int  # Final runs on all rows, among them
    n_searching: int  # Runs that search, among those that are not final; the others rank
    n_final_searching: int  # Final runs that search
    n_trials: int  # Outer splits of a run that is not final
    trial: TrialWork  # Of one such split
    final: TrialWork  # Of a final run
    seconds: float  # Roughly, in one process

    @property
    def n_searches(self) -> int:
        """Searches of an outer split."""
        return self.trial.n_searches

    @property
    def n_masks(self) -> int:
        """Masks that all runs ask for, at most."""
        of_splits = self.n_searching * self.n_trials * self.trial.n_masks
        return of_splits + self.n_final_searching * self.final.n_masks

    @property
    def sentences(self) -> list[str]:
        """The work in words."""
        kinds = {"on permuted labels": self.n_permuted, "final, on all rows": self.n_final}
        said = " and ".join(f"{n} of them {what}" for what, n in kinds.items() if n)
        sentences = [f"{self.n_runs} runs, {said}" if said else f"{self.n_runs} runs"]
        if self.n_searching:
            sentences.append(self.trial.sentence(self.n_searching, self.n_trials))
        else:
            sentences.append("no run searches")
        if self.n_final_searching:
            sentences.append(self.final.sentence(self.n_final_searching, kind="final"))
        duration = say_duration(self.seconds)
        return [*sentences, f"{duration} in one process, judged roughly by one fold and one mask"]


def measure_workload(config: "ExperimentConfig", dataset: Dataset) -> Workload:
    """Count the work of an experiment on its data, and time a small part of it."""
    # The first partition of all: ten thousand repeats are not made to be counted.
    section = config.protocol.model_copy(update={"n_repeats": 1})
    protocol, seed = make_protocol(section), config.seed_list()[0]
    n_trials, split = _count_trials(config.protocol, dataset), next(protocol.trials(dataset, seed))
    trial, final = TrialWork.of(config, split), TrialWork()
    if config.protocol.has_final_runs:
        final = TrialWork.of(config, protocol.final_trial(dataset, seed))
    n_folds = len(split.inner) if isinstance(split, Trial) else 1
    fold_seconds, mask_seconds = _time_one(config, split)
    ranking = _FOLDS_OF_RANKING * n_folds * fold_seconds
    runs, searching, seconds = config.run_list(), [], 0.0
    for run in runs:
        arm, work = config.arms[run.arm], final if run.final else trial
        if arm.selector is None:
            searching.append(run)
        search = work.seconds(n_folds, fold_seconds, mask_seconds)
        seconds += (1 if run.final else n_trials) * _seconds(arm, search, ranking)
    n_final_searching = sum(run.final for run in searching)
    return Workload(
        n_runs=len(runs),
        n_permuted=sum(run.permutation is not None for run in runs),
        n_final=sum(run.final for run in runs),
        n_searching=len(searching) - n_final_searching,
        n_final_searching=n_final_searching,
        n_trials=n_trials,
        trial=trial,
        final=final,
        seconds=seconds,
    )


def _count_trials(protocol: "ProtocolConfig", dataset: Dataset) -> int:
    rows = dataset.pooled()
    if leaves_out(protocol, rows):
        return len(rows.y) if rows.groups is None else len(np.unique(rows.groups))
    return protocol.n_splits * protocol.n_repeats if protocol.outer == "kfold" else 1


def _seconds(arm: "ArmConfig", search: float, ranking: float) -> float:
    own = search if arm.selector is None else ranking
    return own * (1.0 if arm.generator is None else _AUGMENTED)


def _time_one(config: "ExperimentConfig", trial: Any) -> tuple[float, float]:
    """Return the seconds of preparing one fold, and of scoring one mask on it."""
    split = trial.inner[0] if isinstance(trial, Trial) else None
    rows = np.arange(len(trial.y))
    fit, validate = (rows, rows) if split is None else (split.train, split.test)
    preparation = Preprocessor(list(config.preprocess), random_state=0)
    estimator, scorer = classifier_of(config.fitness), get_scorer(config.fitness.metric)

    def prepare() -> Any:
        return prepare_fold(trial.X, trial.y, fit, validate, preparation=preparation, seed=0)

    fold = prepare()

    def score(n_columns: int) -> None:
        fitted = clone(estimator).fit(fold.X_fit[:, :n_columns], fold.y_fit)
        scorer(fitted, fold.X_validate[:, :n_columns], fold.y_validate)

    with one_thread(), captured_warnings():
        fold_seconds, mask_seconds = _time(prepare), _time_mask(score, type(estimator).__name__)
    engine = match(estimator, scorer) if config.fitness.engine != "sklearn" else None
    gain = ENGINE_GAIN.get(engine.name, 1.0) if isinstance(engine, EngineSpec) else 1.0
    return fold_seconds, mask_seconds / gain


def _time_mask(score: Any, classifier: str) -> float:
    try:
        return _time(partial(score, _COLUMNS))
    except Exception:  # To a search that mask is the worst one; smaller ones may do.
        try:
            return _time(partial(score, 1))
        except Exception as error:
            raise InputError(
                f"fitness: {classifier} cannot be fitted and scored on an inner fold, not on a "
                f"single feature either: {first_line(error).rstrip('.')}."
            ) from error


def _time(step: Any) -> float:
    seconds = _seconds_of(step)
    return min(seconds, _seconds_of(step)) if seconds < _QUICK else seconds


def _seconds_of(step: Any) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def say_duration(seconds: float) -> str:
    """Write a rough duration: "less than a minute", "about 12 minutes", "about 6 hours".

    >>> say_duration(20), say_duration(700), say_duration(20_000)
    ('less than a minute', 'about 12 minutes', 'about 6 hours')
    """
    if seconds < 45:
        return "less than a minute"
    unit, length = ("minute", 60.0) if seconds < 5400 else ("hour", 3600.0)
    unit, length = (unit, length) if seconds < 172_800 else ("day", 86_400.0)
    number = max(1, round(seconds / length))
    return f"about {number} {unit}" if number == 1 else f"about {number} {unit}s"
