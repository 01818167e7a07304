"""Experiments: every arm with every seed, each trial under the protocol of the configuration."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from vaega.core.errors import InputError
from vaega.core.files import path_inside
from vaega.core.provenance import class_digests
from vaega.data._dataset import Dataset
from vaega.evolution._evolution import Callback
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.facts import data_record
from vaega.experiments.faults import find_faults
from vaega.experiments.final import final_metrics, final_tables
from vaega.experiments.model import FOLDER, UnwritableModelError, write_model
from vaega.experiments.monitor import Observer
from vaega.experiments.plan import Origin, write_plan
from vaega.experiments.pooling import pool_trials
from vaega.experiments.protocols import TrialOptions, make_protocol
from vaega.experiments.runner import ExecutionOptions, Worker, complete
from vaega.experiments.runs import Run, RunResult, plan_runs
from vaega.experiments.store import Store, records_of, truth_figures
from vaega.experiments.trial import TrialResult
from vaega.experiments.univariate import write_univariate
from vaega.fitness._score_store import ScoreStore


def run_experiment(
    config: ExperimentConfig,
    dataset: Dataset,
    results: Path,
    *,
    options: ExecutionOptions | None = None,
    observer: Observer | None = None,
    origin: Origin | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run what is not finished, and return the tables of runs and of arms.

    Parameters
    ----------
    config : ExperimentConfig
        The experiment, as `load_config` and `make_config` return it.
    dataset : Dataset
        Its rows; those that `config` names are not loaded again.
    results : pathlib.Path
        Folder of all experiments; this one writes to ``results / config.name``.
    options : ExecutionOptions, optional
        Processes, device, cache, budget.
    observer : Observer, optional
        Hears of the progress.
    origin : Origin, optional
        From where it is started, for a resume; the working folder when absent.

    Returns
    -------
    runs : pandas.DataFrame
        One row a run, as in ``runs.csv``; a failed run has a status and no scores.
    summary : pandas.DataFrame
        One row an arm, as in ``summary.csv``.

    Raises
    ------
    InputError
        When the data do not fit the protocol, or the folder cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from vaega import load_dataset
    >>> from vaega.experiments import make_config
    >>> config = make_config({
    ...     "name": "wine",
    ...     "dataset": {"source": "sklearn:wine"},
    ...     "fitness": {"classifier": "decision_tree"},
    ...     "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
    ...     "seeds": 2,
    ... })
    >>> with TemporaryDirectory() as folder:
    ...     runs, summary = run_experiment(config, load_dataset("sklearn:wine"), Path(folder))
    >>> runs["status"].tolist(), summary["arm"].tolist()
    (['done', 'done'], ['original'])
    """
    folder = path_inside(results, config.name)
    return complete_runs(folder, config, dataset, options=options, observer=observer, origin=origin)


def complete_runs(
    folder: Path,
    config: ExperimentConfig,
    dataset: Dataset,
    *,
    options: ExecutionOptions | None = None,
    observer: Observer | None = None,
    origin: Origin | None = None,
    describe: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run what is not finished in a results folder, and return the tables of runs and of arms.

    `describe` asks for figures of each feature (``univariate.json``), and of each generator's rows,
    which one run of an arm computes.
    """
    options, observer = options or ExecutionOptions(), observer or Observer()
    options.check()
    budget, store, runs = options.budget(), Store(folder), plan_runs(config, dataset)
    pending = [run for run in runs if not store.is_done(run.id)]
    if pending:
        seeds = list(dict.fromkeys(run.seed for run in pending))
        for fault in find_faults(config, dataset, seeds=seeds, device=options.device):
            raise fault
    origin = origin or Origin(beside=Path.cwd(), started_in=Path.cwd())
    with store.at_work(runs), ScoreStore(folder / "memory.sqlite3") as memory:
        write_plan(folder, config, runs, origin)
        tables = _LiveTables(store, runs)
        tables.renew()  # of this plan alone, from its first moment
        if describe:
            write_univariate(folder, config, dataset)
        worker = ExperimentWorker(
            dataset,
            store,
            options.device,
            memory,
            config=config,
            cache=options.cache,
            runs=tuple(runs),
            describe=describe,
        )
        for _ in complete(worker, runs, options=options, observer=observer, budget=budget):
            tables.renew()
        return store.tabulate(runs)


class _LiveTables:
    """The tables of an experiment under way, made anew after its runs.

    That takes longer the more runs there are, so it waits until twenty times as long has passed.
    """

    pause = 20.0  # times as long as they took last, before they are made again

    def __init__(self, store: Store, runs: Sequence[Run]) -> None:
        self.store, self.runs = store, runs
        self._next = 0.0  # on the monotonic clock

    def renew(self) -> None:
        """Write the tables, unless that was done just now."""
        began = time.monotonic()
        if began >= self._next:
            self.store.tabulate(self.runs, intervals=False)
            ended = time.monotonic()
            self._next = ended + self.pause * (ended - began)


@dataclass(frozen=True, eq=False, kw_only=True)
class ExperimentWorker(Worker):
    """Completes runs of one experiment."""

    config: ExperimentConfig
    cache: Any  # Where trained autoencoders are kept
    runs: tuple[Run, ...] = ()  # All runs; an arm may take the size of its selection from another
    describe: bool = True  # Whether one trial of an arm shows how good its synthetic rows are

    def measure(
        self,
        run: Run,
        inputs: list[int] | None,
        *,
        n_jobs: int,
        callbacks: Sequence[Callback],
        folder: Path | None,
    ) -> list[TrialResult]:
        """Compute the trials of a run; `inputs` are the sizes of their selections."""
        config = self.config.on_features(self.dataset.feature_names)
        protocol, arm = make_protocol(config.protocol), config.arms[run.arm]
        first = run.is_scored and run.seed == config.seed_list()[0]
        options = TrialOptions(self.device, self.cache, n_jobs, callbacks, None, self.memory)
        trials = protocol.trials(self.dataset, run.seed, run.permutation)
        if run.final:
            trials = [protocol.final_trial(self.dataset, run.seed)]
        results, is_pooled = [], False
        for index, trial in enumerate(trials):
            is_pooled = getattr(trial, "is_pooled", False)
            checkpoint = None if folder is None else folder / f"trial-{index}"
            result = protocol.run_trial(
                config,
                trial,
                arm,
                replace(options, checkpoint=checkpoint),
                n_classes=self.dataset.n_classes,
                size=None if inputs is None else max(1, inputs[index]),
                describe=self.describe and first and index == 0,
            )
            results.append(result)
        if is_pooled:
            return pool_trials(results, self.config.fitness.metric)
        return results

    def record_value(self, run: Run, result: RunResult) -> None:
        """Record the trials, and the protocol that they were computed under."""
        protocol, dataset = make_protocol(self.config.protocol), self.dataset
        about = {
            "protocol": protocol.name,
            "fitness_rows": protocol.fitness_rows,
            "statement": protocol.statement,
            "class_names": [str(name) for name in dataset.class_names],
            "data": data_record(dataset),
            "notes": list(dataset.notes),
            "peak_memory_mb": result.peak_memory,
        }
        if run.final:
            (trial,) = result.value
            metrics = about | {"seconds": result.seconds} | records_of([trial])
            metrics |= truth_figures(trial.selected, dataset.relevant)
            metrics |= final_metrics(trial, dataset) | self._write_model(run, trial)
            self.store.record_final(run, final_tables(trial, dataset), metrics)
            return
        self.store.record_done(
            run,
            result.value,
            dataset.feature_names,
            dataset.relevant,
            result.seconds,
            about=about,
        )

    def _write_model(self, run: Run, result: TrialResult) -> dict[str, str]:
        """Write the model of a final run, or return why there can be none."""
        assert result.model is not None, "a final run returns what it fitted"
        try:
            write_model(
                self.store.run_folder(run.id) / FOLDER,
                preparation=result.model.preparation,
                columns=result.model.columns,
                selected=result.model.kept,
                classifier=result.model.classifier,
                feature_names=self.dataset.feature_names,
                class_names=self.dataset.class_names,
                rows=self.dataset.pooled().X,
                about={
                    "name": self.config.name,
                    "arm": run.arm,
                    "run": run.id,
                    "dataset": run.resolved["dataset"],
                },
            )
        except UnwritableModelError as error:
            return {"no_model": str(error)}
        return {}

    def environment(self) -> dict[str, Any]:
        """Return what computes a run, classes of the user's own included."""
        own = class_digests(self.config.model_dump(by_alias=True))
        return super().environment() | ({"classes": own} if own else {})

    def stage(self, run: Run) -> int:
        """Return one more for an arm that takes its size from another, which comes before it.

        Where there are such arms, final runs come behind the others of all stages.
        """
        takes_size = self._size_of(run.arm) is not None
        return takes_size + (run.final and any(map(self._size_of, self.config.arms)))

    def _size_of(self, arm: str) -> str | None:
        selector = self.config.arms[arm].selector
        return None if selector is None else selector.size_of

    def inputs(self, run: Run) -> list[int] | None:
        """Return how many features another arm selected with this seed, trial by trial."""
        size_of = self._size_of(run.arm)
        if size_of is None:
            return None
        key = (size_of, run.seed, run.permutation, run.final)
        other = next(
            one for one in self.runs if (one.arm, one.seed, one.permutation, one.final) == key
        )
        metrics = self.store.metrics(other.id) or {}
        if metrics.get("status") != "done":
            which = "final run" if run.final else f"run with seed {run.seed}"
            raise InputError(
                f"arms.{run.arm}.selector.size: is that of {other.arm}, whose {which} failed: "
                f"{metrics.get('error', 'it has no result')}"
            )
        trials = [metrics] if run.final else metrics["trials"]
        return [int(trial["n_features"]) for trial in trials]

    def count_asked(self, value: list[TrialResult]) -> int:
        """Return the masks that all trials asked for."""
        return sum(result.n_asked for result in value)

    def without_data(self, folder: Path) -> Worker:
        """Return the worker for another process, which gets the sizes of other runs beside it."""
        worker: Any = super().without_data(folder)
        return replace(worker, runs=())
