"""Every model on every dataset: finished ones are skipped, failed ones recorded and retried."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs

from vaega.core.errors import DataError, InputError, ResultsError
from vaega.core.files import canonical_json, fingerprint, plain, write_json
from vaega.data.dataset import Dataset
from vaega.data.sources import available_datasets, load_dataset
from vaega.experiments.baselines.evaluation import BaselineSettings, evaluate
from vaega.experiments.baselines.models import BaselineModel, find_model
from vaega.experiments.store import Run, Store
from vaega.experiments.worker import describe_environment


@dataclass(frozen=True)
class BaselineTask:
    """One model on one split of one dataset."""

    run: Run  # Its identity; the arm is the model
    source: str  # What `load_dataset` takes
    settings: BaselineSettings  # Split and search

    @property
    def model(self) -> BaselineModel:
        """The model."""
        return find_model(self.run.arm)


def loadable_sources() -> list[str]:
    """Return the datasets that are here: files by name, then scikit-learn's, no network."""
    return [entry.source for entry in available_datasets() if "network" not in entry.where]


def plan_tasks(
    source: str,
    dataset: Dataset,
    models: Sequence[str],
    settings: BaselineSettings,
    seeds: Sequence[int],
) -> list[BaselineTask]:
    """Return a dataset's tasks: seeds in order, models in order."""
    tasks = []
    for seed in seeds:
        for name in models:
            model = find_model(name)
            resolved = {
                "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint},
                "model": name,
                "grid": plain(model.grid_for(dataset.n_features)),
                "fixed": plain(model.fixed),
                "settings": asdict(settings),
                "seed": seed,
            }
            digest = fingerprint(canonical_json(resolved))[:10]
            run = Run(
                f"{dataset.name}-{name}-{seed:03d}-{digest}", dataset.name, name, seed, resolved
            )
            tasks.append(BaselineTask(run, source, settings))
    return tasks


def complete_baselines(
    sources: Sequence[str],
    models: Sequence[str],
    folder: Path,
    *,
    settings: BaselineSettings | None = None,
    seeds: Sequence[int] = (0,),
    jobs: int = 1,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[BaselineTask], dict[str, str]]:
    """Compute what is not finished."""
    settings, store = settings or BaselineSettings(), Store(folder)
    tasks: list[BaselineTask] = []
    unloaded: dict[str, str] = {}
    for source in dict.fromkeys(sources):
        try:
            dataset = load_dataset(source)
        except DataError as error:
            if len(set(sources)) == 1:
                raise
            unloaded[source] = str(error)
            tell(f"{source}: not loaded: {error}")
            continue
        planned = plan_tasks(source, dataset, models, settings, seeds)
        tasks += planned
        _complete(planned, dataset, store, jobs, tell)
    return tasks, unloaded


def _complete(
    planned: Sequence[BaselineTask],
    dataset: Dataset,
    store: Store,
    jobs: int,
    tell: Callable[[str], None],
) -> None:
    pending = [task for task in planned if not store.is_done(task.run.id)]
    finished = len(planned) - len(pending)
    if finished:
        tell(f"{dataset.name}: {finished} of {len(planned)} were finished before and are skipped")
    for task in _computed(pending, dataset, store, jobs):
        finished += 1
        outcome = describe_task(task, store.metrics(task.run.id) or {})
        tell(f"[{finished}/{len(planned)}] {outcome}")


def _computed(
    pending: Sequence[BaselineTask], dataset: Dataset, store: Store, jobs: int
) -> Iterator[BaselineTask]:
    if min(effective_n_jobs(jobs), len(pending)) <= 1:
        for task in pending:
            yield _compute(task, dataset, store)
        return
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    yield from parallel(delayed(_compute)(task, dataset, store) for task in pending)


def _compute(task: BaselineTask, dataset: Dataset, store: Store) -> BaselineTask:
    run = task.run
    with store.claim(run.id, wait=True):
        if store.is_done(run.id):
            return task
        started = time.perf_counter()
        store.record_start(run, describe_environment("cpu"))
        try:
            metrics = evaluate(task.model, dataset, task.settings, run.seed)
        except ResultsError:
            raise
        except Exception as error:
            seconds = time.perf_counter() - started
            store.record_failure(run, _sentence(error), traceback.format_exc(), seconds)
            return task
        content = {"status": "done", "seconds": time.perf_counter() - started, **metrics}
        write_json(store.run_folder(run.id) / "metrics.json", content)
    return task


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def describe_task(task: BaselineTask, metrics: dict[str, Any]) -> str:
    """Return one line on a task that ended."""
    name = f"{task.run.dataset}, {task.model.title}, seed {task.run.seed}"
    if metrics.get("status") != "done":
        return f"{name}: failed: {metrics.get('error', 'no result')}"
    what = "AUC" if metrics["metric"] == "roc_auc" else "macro-F1"
    return (
        f"{name}: {what} {metrics['score']:.3f}, inner {metrics['inner_score']:.3f}, "
        f"{metrics['seconds']:.1f} s"
    )
