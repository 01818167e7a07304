"""Hyperparameter tuning: the parameters of one arm's generator, searched with Optuna.

A study is kept in a file, trial by trial, and can be stopped and continued.
"""

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from joblib import delayed
from sklearn.metrics import get_scorer

from vaega.core.errors import ConfigError, InputError, MissingExtraError, ResultsError, first_line
from vaega.core.files import (
    canonical_json,
    check_links,
    check_within,
    fingerprint,
    path_beside,
    plain,
    relative_path,
    write_text,
)
from vaega.core.locks import HeldLock
from vaega.core.randomness import derive_seed, global_seed, seed_unset
from vaega.core.tables import csv_text
from vaega.core.threads import captured_warnings, one_thread
from vaega.core.yaml import parse_yaml
from vaega.data._dataset import Dataset
from vaega.data._preprocess import Preprocessor
from vaega.experiments.config import (
    ArmConfig,
    ExperimentConfig,
    GeneratorConfig,
    RangeConfig,
    TuneConfig,
    make_config,
)
from vaega.experiments.monitor import quiet_logger
from vaega.experiments.old_names import protocol_in_digests
from vaega.experiments.protocols import HonestProtocol, Trial
from vaega.experiments.registry import (
    MODELS,
    check_generator,
    classifier_of,
    known_keys,
    make_arm_model,
    make_sampler,
)
from vaega.fitness._cross_validated import for_workers, in_workers, make_parallel, prepare_fold
from vaega.generative._registry import fit_model

# A plain autoencoder has no prior, and the samplers without a model know no density at all.
DENSITIES = tuple(kind for kind in MODELS if kind != "autoencoder")


@dataclass(frozen=True)
class Measured:
    """What the inner folds say about one set of parameters."""

    value: float  # Mean over folds: nats per row, or the metric
    folds: tuple[float, ...]  # One value a fold
    seconds: float  # Of the wall clock
    warnings: int  # How often a generator or a classifier warned


@dataclass(frozen=True, eq=False)
class Objective:
    """Measures generators on the inner folds of one trial of an experiment; see `Measured`."""

    config: ExperimentConfig  # Preprocessing, classifier and metric
    trial: Trial  # Training rows and their inner splits; its test rows stay sealed
    kind: str
    n_classes: int  # Of the dataset
    device: str = "cpu"  # Where autoencoders are trained
    n_jobs: int = 1  # Processes among which the folds are shared; the results are the same

    @property
    def label(self) -> str:
        """What the values are."""
        return "nats per row" if self.kind == "elbo" else self.config.fitness.metric

    def check(self, arm: ArmConfig) -> None:
        """Refuse an arm that this objective cannot measure."""
        kind = None if arm.generator is None else arm.generator.kind
        if self.kind == "elbo" and kind not in DENSITIES:
            raise ConfigError(f"tune.objective: generator {kind} has no density; use score.")

    def measure(self, arm: ArmConfig) -> Measured:
        """Return what the inner folds say about the generator of `arm`."""
        started = time.perf_counter()
        processes = make_parallel(self.n_jobs)
        fold = for_workers(self._fold, processes)
        tasks = [delayed(fold)(arm, index) for index in range(len(self.trial.inner))]
        results = in_workers(processes, tasks)
        values = tuple(value for value, _ in results)
        if not all(math.isfinite(value) for value in values):
            raise InputError(f"tune: a fold's value must be a number, got {list(values)}.")
        warned = sum((counted for _, counted in results), Counter[str]())
        return Measured(
            float(np.mean(values)), values, time.perf_counter() - started, warned.total()
        )

    def _fold(self, arm: ArmConfig, index: int) -> tuple[float, Counter[str]]:
        seed, split = derive_seed(self.trial.seed, "tune", index), self.trial.inner[index]
        with one_thread(), captured_warnings() as counted:
            measure = self._density if self.kind == "elbo" else self._score
            value = measure(arm, split, seed)
        return value, counted

    def _density(self, arm: ArmConfig, split: Any, seed: int) -> float:
        fold = self._prepared(None, split, seed)
        model = seed_unset(make_arm_model(arm, device=self.device), derive_seed(seed, "model"))
        groups = None if self.trial.groups is None else self.trial.groups[split.train]
        with global_seed(seed, model):
            fit_model(model, fold.X_fit, fold.y_fit, cache=None, groups=groups)
            return float(model.score(fold.X_validate, fold.y_validate))

    def _score(self, arm: ArmConfig, split: Any, seed: int) -> float:
        sampler = make_sampler(arm, self.n_classes, device=self.device, cache=None)
        fold = self._prepared(sampler, split, seed)
        classifier = classifier_of(self.config.fitness)
        seed_unset(classifier, derive_seed(seed, "classifier"))
        scorer = get_scorer(self.config.fitness.metric)
        with global_seed(seed, classifier):
            classifier.fit(fold.X_fit, fold.y_fit)
            return float(scorer(classifier, fold.X_validate, fold.y_validate))

    def _prepared(self, sampler: Any, split: Any, seed: int) -> Any:
        return prepare_fold(
            self.trial.X,
            self.trial.y,
            split.train,
            split.test,
            preparation=Preprocessor(list(self.config.preprocess)),
            sampler=sampler,
            seed=seed,
            groups=self.trial.groups,
            class_names=self.trial.split.class_names,
        )


_NETWORKS: dict[str, Any] = {
    "hidden": ((64, 32), (128, 64), (256, 128), (512, 256)),
    "latent": RangeConfig(low=2, high=64, log=True),
    "learning_rate": RangeConfig(low=1e-4, high=1e-2, log=True),
    "max_epochs": RangeConfig(low=50, high=1000, log=True),
    "beta": RangeConfig(low=0.25, high=4.0, log=True),
}
DEFAULT_SPACES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("vae", "conditional_vae", "hierarchical_vae"), _NETWORKS),
    "autoencoder": {key: value for key, value in _NETWORKS.items() if key != "beta"},
    "ppca": {"latent": RangeConfig(low=1, high=32, log=True)},
    "jitter": {"share": RangeConfig(low=0.05, high=1.0, log=True)},
    "smote": {"k_neighbors": RangeConfig(low=1, high=10)},
}


@dataclass(frozen=True)
class Dimension:
    """One key of a generator and the values that it may take."""

    key: str  # Of the generator's section
    values: Any  # A range, or choices

    def points(self) -> list[Any]:
        """Return the choices, or the points of the range that a grid visits."""
        if not isinstance(self.values, RangeConfig):
            return list(self.values)
        low, high = self.values.ends()
        n, log = self.values.points, self.values.log
        line = np.geomspace(low, high, n) if log else np.linspace(low, high, n)
        whole = isinstance(low, int)
        return list(dict.fromkeys(round(v) if whole else float(v) for v in line.tolist()))

    def suggest(self, trial: Any, *, grid: bool) -> Any:
        """Return the value that an Optuna trial draws, from the grid's points or from all."""
        if grid or not isinstance(self.values, RangeConfig):
            # Optuna keeps choices that are text or numbers; a list of widths is kept as JSON.
            texts = [json.dumps(value) for value in self.points()]
            return json.loads(trial.suggest_categorical(self.key, texts))
        low, high = self.values.ends()
        suggest = trial.suggest_int if isinstance(low, int) else trial.suggest_float
        return suggest(self.key, low, high, log=self.values.log)


@dataclass(frozen=True)
class Space:
    """All that a study varies."""

    dimensions: tuple[Dimension, ...]

    def size(self) -> int:
        """Return how many combinations a grid visits."""
        return math.prod(len(dimension.points()) for dimension in self.dimensions)

    def grid(self) -> Iterator[dict[str, str]]:
        """Yield each combination of points, as Optuna keeps it."""
        keys = [dimension.key for dimension in self.dimensions]
        for values in product(*(dimension.points() for dimension in self.dimensions)):
            yield dict(zip(keys, map(json.dumps, values), strict=True))

    def suggest(self, trial: Any, *, grid: bool) -> dict[str, Any]:
        """Return the parameters that an Optuna trial draws."""
        return {dimension.key: dimension.suggest(trial, grid=grid) for dimension in self.dimensions}

    def described(self) -> dict[str, Any]:
        """Return the space as JSON can hold it."""
        return {
            dimension.key: dimension.values.model_dump()
            if isinstance(dimension.values, RangeConfig)
            else list(dimension.values)
            for dimension in self.dimensions
        }


def make_space(generator: GeneratorConfig, values: Mapping[str, Any] | None) -> Space:
    """Return the space of a generator: the values by key, or the default one of its kind."""
    kind = generator.name
    if values is None:
        # A preset brings widths of its own, but the search is for others.
        values = DEFAULT_SPACES.get(kind, {})
    if not values:
        known = ", ".join(known_keys(kind))
        raise ConfigError(f"tune.space: generator {kind} has no default, name keys of: {known}.")
    space = Space(tuple(Dimension(key, choices) for key, choices in values.items()))
    for dimension in space.dimensions:
        for value in dimension.points():
            _check(generator, dimension.key, value)
    return space


def _check(generator: GeneratorConfig, key: str, value: Any) -> None:
    try:
        check_generator(generator.name, {**generator.parameters(), key: value})
    except InputError as error:
        raise ConfigError(f"tune.space.{key}: {error}.") from error


STATEMENT = (
    "Tuned on inner folds of the training rows of the first seed's first split; its test rows were "
    "not read. Test rows of other seeds and splits may be among these training rows: only an "
    "official test part, or fresh rows, judge the tuned generator without bias."
)


@dataclass(frozen=True)
class StudyResult:
    """The trials of a study so far, and the best."""

    table: pd.DataFrame
    best: dict[str, Any]  # The best parameters
    value: float  # Theirs
    # Columns parameter and importance, summing to 1; empty while there is too little to tell
    importances: pd.DataFrame


class Study:
    """A search for the parameters of one arm's generator, which can be stopped and gone on with.

    Trials are kept in ``study.sqlite3`` of `folder` as they end. What is drawn for a trial depends
    on the seed, its number and the values before it: a study that was killed goes on with the same
    trials as one that was not.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        dataset: Dataset,
        folder: Path,
        *,
        device: str = "cpu",
        n_jobs: int = 1,
    ):
        self._optuna = _import_optuna()
        self.config, self.folder = config, folder
        self.tune: TuneConfig = config.tune
        self.arm_name, self.generator = _tuned_arm(config)
        self.space: Space = make_space(self.generator, self.tune.space)
        trial = next(HonestProtocol(config.protocol).trials(dataset, config.seed_list()[0]))
        self.objective = Objective(
            config, trial, self.tune.objective, dataset.n_classes, device, n_jobs
        )
        self.objective.check(self._arm({}))
        self.name = f"{self.arm_name}-{self._digest(dataset)}"

    @property
    def n_trials(self) -> int:
        """Trials in all; a grid has no more than its combinations."""
        grid = self.tune.sampler == "grid"
        return min(self.tune.trials, self.space.size()) if grid else self.tune.trials

    def run(self, on_trial: Callable[[int, StudyResult], None] | None = None) -> StudyResult:
        """Run the trials that are missing."""
        with self._opened() as study:
            combinations = list(self.space.grid()) if self.tune.sampler == "grid" else []
            for number in range(len(_ended(study)), self.n_trials):
                self._run_one(study, number, combinations)
                if on_trial is not None and _complete(study):
                    on_trial(number + 1, self._result(study, importances=False))
            return self._result(study)

    def _run_one(self, study: Any, number: int, combinations: list[dict[str, str]]) -> None:
        states = self._optuna.trial.TrialState
        seed = derive_seed(self.tune.seed, "tune", number)
        study.sampler = self._optuna.samplers.TPESampler(seed=seed)
        if combinations:
            study.enqueue_trial(combinations[number])
        trial = study.ask()
        try:
            params = self.space.suggest(trial, grid=bool(combinations))
            trial.set_user_attr("place", number)
            before = self._measured_before(study, trial.params)
            measured = before or self.objective.measure(self._arm(params))
        except InputError as error:  # of these parameters: the others go on
            trial.set_user_attr("error", str(error))
            study.tell(trial, state=states.FAIL)
        except BaseException:
            study.tell(trial, state=states.FAIL)
            raise
        else:
            trial.set_user_attr("seconds", round(measured.seconds, 3))
            trial.set_user_attr("warnings", measured.warnings)
            trial.set_user_attr("folds", list(measured.folds))
            study.tell(trial, measured.value)

    def _measured_before(self, study: Any, drawn: dict[str, Any]) -> Measured | None:
        for trial in _complete(study):  # whole numbers are often drawn twice
            if trial.params == drawn:
                return Measured(trial.value, tuple(trial.user_attrs["folds"]), 0.0, 0)
        return None

    def _arm(self, params: dict[str, Any]) -> ArmConfig:
        generator = {"kind": self.generator.kind, **self.generator.parameters(), **params}
        n_synthetic = self.config.arms[self.arm_name].n_synthetic
        return ArmConfig.model_validate({"generator": generator, "n_synthetic": n_synthetic})

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        check_links(check_within(self.folder, self.folder.parent), deep=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = HeldLock(self.folder / "study.lock", "the study")
            is_free = lock.acquire(0.0)
        except OSError as error:
            raise ResultsError(f"{self.folder}: cannot be written: {error.strerror}.") from error
        if not is_free:
            raise ResultsError(f"{self.folder}: {lock.holder()} runs this study.")
        try:
            with quiet_logger("optuna", logging.WARNING):
                yield self._stored()
        finally:
            lock.release()

    def _stored(self) -> Any:
        path = self.folder / "study.sqlite3"
        try:
            storage = self._optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")
            study = self._optuna.create_study(
                storage=storage, study_name=self.name, direction="maximize", load_if_exists=True
            )
        except Exception as error:  # SQLAlchemy's, of which we import nothing
            raise ResultsError(f"{path}: cannot be used as a study: {first_line(error)}") from error
        self._give_up_what_was_killed(study)
        return study

    def _give_up_what_was_killed(self, study: Any) -> None:
        states = self._optuna.trial.TrialState
        while study.get_trials(deepcopy=False, states=(states.WAITING,)):
            study.ask()
        for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            study.tell(trial.number, state=states.FAIL)  # it is drawn again, the same

    def _digest(self, dataset: Dataset) -> str:
        shared = self.config.model_dump(by_alias=True, include={"preprocess", "protocol"})
        shared["protocol"] = protocol_in_digests(shared["protocol"])
        fitness = self.config.fitness.model_dump(by_alias=True, exclude={"objective"})
        parts = {
            **shared,
            "fitness": fitness if self.tune.objective == "score" else None,
            "n_synthetic": self.config.arms[self.arm_name].n_synthetic,
            "dataset": dataset.fingerprint,
            "generator": {"kind": self.generator.kind, **self.generator.parameters()},
            "seed": [self.config.seed_list()[0], self.tune.seed],
            "how": [self.tune.sampler, self.tune.objective],
            "space": self.space.described(),
        }
        return fingerprint(canonical_json(plain(parts)))[:10]

    def _result(self, study: Any, *, importances: bool = True) -> StudyResult:
        table = self._table(study)
        done = _complete(study)
        if not done:
            error = table["error"].iloc[0] if len(table) else "no trial was run"
            raise InputError(f"tune: no trial could be fitted; the first one: {error}")
        best = max(done, key=lambda trial: trial.value)
        shares = self._importances(study) if importances else {}
        return StudyResult(
            table,
            self._params(best),
            float(best.value),
            pd.DataFrame({"parameter": list(shares), "importance": list(shares.values())}),
        )

    def _table(self, study: Any) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        best = -math.inf
        for trial in _ended(study):
            value = math.nan if trial.value is None else float(trial.value)
            best = value if value > best else best
            row = {
                "trial": trial.user_attrs["place"] + 1,
                "state": "done" if trial.value is not None else "failed",
                "value": value,
                "best": best if math.isfinite(best) else math.nan,
                "seconds": trial.user_attrs.get("seconds", math.nan),
                "warnings": trial.user_attrs.get("warnings", 0),
                "error": trial.user_attrs.get("error", ""),
            }
            for key, drawn in self._params(trial).items():
                row[key] = "-".join(map(str, drawn)) if isinstance(drawn, list | tuple) else drawn
            rows.append(row)
        return pd.DataFrame(rows)

    def _params(self, trial: Any) -> dict[str, Any]:
        fixed = self._optuna.trial.FixedTrial(trial.params)
        return self.space.suggest(fixed, grid=self.tune.sampler == "grid")

    def _importances(self, study: Any) -> dict[str, float]:
        values = {trial.value for trial in _complete(study)}
        if len(values) < 4 or len(self.space.dimensions) < 2:
            return {}
        evaluator = self._optuna.importance.FanovaImportanceEvaluator(seed=self.tune.seed)
        try:
            return dict(self._optuna.importance.get_param_importances(study, evaluator=evaluator))
        except (RuntimeError, ValueError):  # a parameter that took one value alone, for instance
            return {}


def tuned_config(
    config: ExperimentConfig, arm_name: str, best: dict[str, Any], *, beside: Path, out: Path
) -> str:
    """Return a configuration with the best parameters, as YAML that ``vaega check`` accepts."""
    content = plain(config.model_dump(by_alias=True, exclude_unset=True))
    content["name"] = f"{config.name}-tuned"[:100]
    content["arms"][arm_name]["generator"].update(plain(best))
    data = content["dataset"]
    data["source"] = _moved(data["source"], beside, out)
    if data.get("labels"):
        data["labels"]["file"] = _moved(data["labels"]["file"], beside, out)
    text = yaml.safe_dump(content, sort_keys=False)
    make_config(parse_yaml(text, origin="tuned configuration"), origin="tuned configuration")
    return "".join(f"# {line}\n" for line in STATEMENT.split(". ")) + text


def _moved(path: str, beside: Path, out: Path) -> str:
    """Return a path beside a configuration as it is seen from one in `out`."""
    found = path_beside(path, beside)
    return path if found == path else relative_path(Path(found), out)


def write_study(result: StudyResult, folder: Path) -> None:
    """Write ``trials.csv`` and ``importances.csv``."""
    write_text(folder / "trials.csv", csv_text(result.table))
    write_text(folder / "importances.csv", csv_text(result.importances))


def _tuned_arm(config: ExperimentConfig) -> tuple[str, GeneratorConfig]:
    generators = {
        name: arm.generator
        for name, arm in config.arms.items()
        if arm.generator is not None and arm.generator.kind is not None and not arm.gated
    }
    name = config.tune.arm
    if name is None and generators:
        name = next(iter(generators))
    if name is None or name not in generators:
        known = ", ".join(generators) or "none"
        raise ConfigError(f"tune.arm: must be an arm that has a generator ({known}), got {name!r}.")
    return name, generators[name]


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError(owner="vaega tune", package="optuna", extra="tune") from error
    return optuna


def _ended(study: Any) -> list[Any]:
    # A trial that failed and says not why was interrupted.
    trials = study.get_trials(deepcopy=False)
    ended = [t for t in trials if t.value is not None or "error" in t.user_attrs]
    return sorted(ended, key=lambda trial: trial.user_attrs["place"])


def _complete(study: Any) -> list[Any]:
    return [trial for trial in _ended(study) if trial.value is not None]
