"""The MLP on real and on synthetic rows: runs that are computed once and kept."""

import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from vaega.core.errors import InputError, ResultsError
from vaega.core.files import write_json
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data.dataset import Dataset
from vaega.data.splits import Split, holdout_split
from vaega.experiments.store import Store
from vaega.experiments.worker import describe_environment
from vaega.fitness.thread_limit import one_thread
from vaega.fitness.warned import counted_warnings
from vaega.generative.quality.rows import check_rows
from vaega.generative.quality.transfer import measure_transfer
from vaega.thesis.provenance import describe_runs
from vaega.thesis.request import Request
from vaega.thesis.stand_ins import load_thesis_dataset
from vaega.thesis.synthetic_rows import TITLES, RealRows, draw_synthetic
from vaega.thesis.synthetic_task import TEST_SIZE, Effort, SyntheticTask, plan_task

OWNER = "reproduce thesis"


def complete_tasks(
    thesis_name: str, generators: Sequence[str], sizes: Sequence[int], request: Request
) -> pd.DataFrame:
    """Compute what is not finished on a dataset, and return all of it."""
    dataset, store = load_thesis_dataset(thesis_name), Store(request.out / "runs" / "synthetic")
    tasks = [
        plan_task(thesis_name, dataset, generator, n_drawn, seed, request)
        for generator in generators
        for n_drawn in sizes
        for seed in range(Effort.of(request).n_runs)
    ]
    pending = [task for task in tasks if not store.is_done(task.run.id)]
    for place, task in enumerate(_computed(pending, dataset, store, request.jobs), 1):
        request.tell(f"[{place}/{len(pending)}] {_describe(task, store)}")
    lines = pd.DataFrame([line for task in tasks for line in _lines(task, store)])
    runs = lines.drop_duplicates("run")
    folders = [store.run_folder(task.run.id) for task in tasks]
    lines.attrs["runs"] = describe_runs(runs, folders)
    return lines


def _computed(
    pending: Sequence[SyntheticTask], dataset: Dataset, store: Store, jobs: int
) -> Iterator[SyntheticTask]:
    if min(effective_n_jobs(jobs), len(pending)) <= 1:
        for task in pending:
            yield _compute(task, dataset, store)
        return
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    yield from parallel(delayed(_compute)(task, dataset, store) for task in pending)


def _compute(task: SyntheticTask, dataset: Dataset, store: Store) -> SyntheticTask:
    with store.claim(task.run.id, wait=True):
        if store.is_done(task.run.id):
            return task
        started = time.perf_counter()
        store.record_start(task.run, describe_environment(task.network.device))
        try:
            metrics = measure_task(task, dataset)
        except ResultsError:
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            said = text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
            seconds = time.perf_counter() - started
            store.record_failure(task.run, said, traceback.format_exc(), seconds)
            return task
        content = {"status": "done", "seconds": time.perf_counter() - started, **metrics}
        write_json(store.run_folder(task.run.id) / "metrics.json", content)
    return task


def measure_task(task: SyntheticTask, dataset: Dataset) -> dict[str, Any]:
    """Fit the generator, draw, train the MLP on real and on synthetic rows, test both."""
    seed = task.run.seed
    dataset = _reduced(dataset, task.effort)
    pooled = dataset.pooled()
    split = _split(pooled, seed)
    fit, test = ((pooled.X[rows], pooled.y[rows]) for rows in (split.train, split.test))
    with one_thread(), counted_warnings() as counted:
        shown = _shown(task.run.arm, dataset, RealRows(*fit, *test))
        drawing_seed = derive_seed(seed, "synthetic", task.run.arm)
        drawn = draw_synthetic(task.run.arm, shown, task.network, task.n_drawn, drawing_seed)
        _check_classes(drawn[1], dataset)
        rows = check_rows(*fit, *drawn, *test, owner=OWNER).scaled()
        transfer = measure_transfer(rows, {"mlp": thesis_mlp()}, seed=derive_seed(seed, "mlp"))
    names = np.asarray(dataset.class_names)
    by_class = transfer.by_class.assign(
        label=names[transfer.by_class["label"].astype(int).to_numpy()]
    )
    return {
        "n_fit": len(fit[1]),
        "n_test": len(test[1]),
        "n_columns": pooled.n_features,
        "scores": transfer.scores.to_dict("records"),
        "by_class": by_class.to_dict("records"),
        "warnings": dict(counted),
    }


def thesis_mlp() -> Pipeline:
    """Return the classifier of chapter 3, not fitted; it has a scaler of its own."""
    single = FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})
    network = MLPClassifier((500, 200, 100), alpha=1e-3, max_iter=500)
    return make_pipeline(StandardScaler(), single, network)


def _check_classes(drawn: np.ndarray, dataset: Dataset) -> None:
    counts = np.bincount(drawn, minlength=dataset.n_classes)
    if counts.min() < 2:
        name = dataset.class_names[int(counts.argmin())]
        raise InputError(
            f"{OWNER}: the generator must draw two rows or more of each class, got {counts.min()} "
            f"of {name!r} among {len(drawn)}."
        )


def _split(pooled: Dataset, seed: int) -> Split:
    return holdout_split(
        pooled.y,
        test_size=TEST_SIZE,
        seed=derive_seed(seed, "synthetic", "test rows"),
        class_names=pooled.class_names,
        owner=OWNER,
    )


def _shown(generator: str, dataset: Dataset, rows: RealRows) -> RealRows:
    # The thesis's scripts of chapter 3 train the generator on the official parts, and the
    # classifier on a split of the pooled rows.
    if generator != "thesis_code" or dataset.X_test is None or dataset.y_test is None:
        return rows
    return RealRows(dataset.X, dataset.y, dataset.X_test, dataset.y_test)


def _reduced(dataset: Dataset, effort: Effort) -> Dataset:
    if effort.max_columns is None or effort.max_rows is None:
        return dataset
    pooled = dataset.pooled()
    columns = derive_rng(0, "synthetic", "columns").permutation(pooled.n_features)
    columns = np.sort(columns[: effort.max_columns])
    share = min(1.0, effort.max_rows / pooled.n_rows)
    train = _part(dataset.y, share)
    parts: dict[str, Any] = {"X": dataset.X[train][:, columns], "y": dataset.y[train]}
    if dataset.X_test is not None and dataset.y_test is not None:
        test = _part(dataset.y_test, share)
        parts |= {"X_test": dataset.X_test[test][:, columns], "y_test": dataset.y_test[test]}
    names = tuple(dataset.feature_names[column] for column in columns)
    return replace(dataset, feature_names=names, relevant=None, groups=None, **parts)


def _part(y: np.ndarray, share: float) -> np.ndarray:
    if share >= 1.0:
        return np.arange(len(y))
    return holdout_split(y, test_size=share, seed=derive_seed(0, "synthetic", "rows")).test


def _describe(task: SyntheticTask, store: Store) -> str:
    metrics = store.metrics(task.run.id) or {}
    name = f"{task.run.dataset}, {TITLES[task.run.arm]}, {task.n_drawn} rows, seed {task.run.seed}"
    if metrics.get("status") != "done":
        return f"{name}: failed: {metrics.get('error', 'no result')}"
    found = {(s["trained_on"], s["tested_on"]): s["accuracy"] for s in metrics["scores"]}
    real, synthetic = found["real", "real"], found["synthetic", "real"]
    seconds = metrics["seconds"]
    return f"{name}: accuracy real {real:.3f}, synthetic {synthetic:.3f}, {seconds:.0f} s"


def _lines(task: SyntheticTask, store: Store) -> list[dict[str, Any]]:
    metrics = store.metrics(task.run.id)
    if metrics is None:
        return []
    place = {
        "run": task.run.id,
        "thesis_name": task.thesis_name,
        "dataset": task.run.dataset,
        "protocol": task.protocol,
        "generator": task.run.arm,
        "n_drawn": task.n_drawn,
        "seed": task.run.seed,
        "seconds": metrics["seconds"],
    }
    if metrics["status"] != "done":
        return [{**place, "label": "failed", "error": metrics["error"]}]
    place |= {"n_fit": metrics["n_fit"], "n_test": metrics["n_test"]}
    columns = ("trained_on", "tested_on", "label", "precision", "recall", "f1", "support")
    lines = [{**place, **{k: line[k] for k in columns}} for line in metrics["by_class"]]
    for score in metrics["scores"]:
        where = {k: score[k] for k in ("trained_on", "tested_on")}
        where |= {"n_training": score["n_training"], "support": score["n_test"]}
        lines.append({**place, **where, "label": "accuracy", "f1": score["accuracy"]})
        macro = {k: score[f"macro_{k}"] for k in ("precision", "recall", "f1")}
        lines.append({**place, **where, "label": "macro average", **macro})
    return lines
