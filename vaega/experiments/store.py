"""The results folder of an experiment: runs and tables, read and written here alone.

``results/NAME`` holds the plan (``plan.json``, ``config.json``, ``experiment.yaml``,
``command.txt``), a folder for each run (``runs/ID``) and the tables made of them (``runs.csv``,
``summary.csv``, ``null.csv``). Every file is written whole or not at all.

"""

import csv
import hashlib
import json
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy

from vaega.core.errors import ResultsError, first_line
from vaega.core.files import (
    check_links,
    check_within,
    fingerprint,
    path_inside,
    read_file,
    read_json,
    write_json,
    write_text,
)
from vaega.core.locks import HeldLock, read_holder
from vaega.core.records import digests_of, file_digest, read_record, write_record
from vaega.core.tables import csv_text, json_records, read_csv
from vaega.experiments.intervals import (
    LEAST_RUNS,
    NONE,
    Interval,
    heldout_interval,
    overlap_share,
)
from vaega.experiments.protocols import PROTOCOLS
from vaega.experiments.runs import Run, is_final
from vaega.selection._stability import StabilityEstimate, nogueira_interval

if TYPE_CHECKING:
    from vaega.experiments.trial import TrialResult


RECORD = "record.json"  # of a run: the digests of its files
CLAIM = ".claim"  # in the folder of a run; locked by the process that works on it


@dataclass(frozen=True)
class RunRecord:
    """What one run has written, each file read when it is first asked for."""

    folder: Path  # ``runs/ID``

    @property
    def config(self) -> dict[str, Any]:
        """What the run was begun with: its resolved configuration."""
        return dict(read_json(self.folder / "config.json"))

    @property
    def environment(self) -> dict[str, Any]:
        """Versions and machine."""
        return dict(read_json(self.folder / "environment.json"))

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digests of what the run wrote, by name; empty where it did not end, or is damaged."""
        try:
            return dict(read_record(self.folder / RECORD)["files"])
        except (ResultsError, LookupError, TypeError, ValueError):
            return {}

    @cached_property
    def metrics(self) -> dict[str, Any] | None:
        """Status, scores, counts and seconds; None where the run did not end or a file is damaged.

        So nothing of a damaged run is shown, and it is nowhere called done.
        """
        name, others = "metrics.json", dict(self.digests)
        try:
            content = read_file(self.folder / name)
            whole = others.pop(name) == hashlib.sha256(content).hexdigest()
            if whole and digests_of(self.folder, others) == others:
                return dict(json.loads(content))
        except (OSError, LookupError, TypeError, ValueError, RecursionError):
            pass
        return None

    @property
    def is_begun(self) -> bool:
        """Whether a process has been on the run."""
        return (self.folder / "config.json").is_file()

    @property
    def is_done(self) -> bool:
        """Whether the run is finished, and each of its files is as it was written.

        A failed or damaged one is not: it is tried again.
        """
        return self.metrics is not None and self.metrics.get("status") == "done"

    def _whole(self, name: str) -> Path:
        """Return the path of a file, once its content is what the run wrote."""
        path = self.folder / name
        if self.digests.get(name) != file_digest(path):
            raise ResultsError(
                f"{path}: is damaged; the run is computed again by: "
                f"vaega resume {self.folder.parent.parent}"
            )
        return path

    @property
    def generator(self) -> dict[str, Any] | None:
        """How good the synthetic rows are, of the one run of an arm that measured it."""
        if not (self.folder / "generator.json").is_file():
            return None
        return dict(read_json(self._whole("generator.json")))

    def history(self) -> pd.DataFrame:
        """Return one row a generation of each search of each trial."""
        return read_csv(self._whole("history.csv"))

    def selected(self) -> pd.DataFrame:
        """Return one row a selected feature of each trial."""
        return _read_features(self._whole("selected.csv"))

    def votes(self) -> pd.DataFrame:
        """Return one row a feature of a final run, see `vaega.experiments.final.votes_table`."""
        return _read_features(self._whole("votes.csv"))

    def predictions(self) -> pd.DataFrame:
        """Return what the final model predicted of the test rows; empty where that is not kept."""
        return self._table_if_there("predictions.csv")

    def rows(self) -> pd.DataFrame:
        """Return values of a final run's features, see `vaega.experiments.final.rows_table`."""
        return self._table_if_there("rows.csv")

    def _table_if_there(self, name: str) -> pd.DataFrame:
        return read_csv(self._whole(name)) if (self.folder / name).is_file() else pd.DataFrame()

    def masks(self) -> np.ndarray | None:
        """Return what each trial selected, (n_trials, n_columns); None where that is not known."""
        metrics = self.metrics or {}
        if metrics.get("n_columns") is None:
            return None
        masks = np.zeros((len(metrics["trials"]), int(metrics["n_columns"])), dtype=bool)
        try:
            with (self.folder / "selected.csv").open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    masks[int(row["trial"]), int(row["feature"])] = True
        except (OSError, LookupError, ValueError, TypeError):
            return None
        return masks


def _read_features(path: Path) -> pd.DataFrame:
    """Return a table of features, each name as it is: a gene may be called NA."""
    columns = pd.read_csv(path, nrows=0).columns
    missing = {column: [""] for column in columns if column != "name"}
    return read_csv(path, dtype={"name": str}, keep_default_na=False, na_values=missing)


class Store:
    """The results of one experiment in one folder.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``; made when something is written.

    Examples
    --------
    Of a finished experiment, ``Store(folder).done()`` has the runs, each with its ``metrics``,
    ``history()`` and ``selected()``:

    >>> from tempfile import TemporaryDirectory
    >>> from vaega import load_dataset
    >>> from vaega.experiments import make_config, run_experiment
    >>> config = make_config({
    ...     "name": "wine",
    ...     "dataset": {"source": "sklearn:wine"},
    ...     "fitness": {"classifier": "decision_tree"},
    ...     "search": {"population_size": 4, "n_generations": 2, "n_searches": 1},
    ...     "seeds": 1,
    ... })
    >>> with TemporaryDirectory() as folder:
    ...     _ = run_experiment(config, load_dataset("sklearn:wine"), Path(folder))
    ...     (run,) = Store(Path(folder) / "wine").done()
    ...     print(run.metrics["status"], run.history()["generation"].tolist())
    done [1, 2]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of a run; a link that leads out of the results is not followed."""
        folder = self.folder / "runs"
        return check_within(path_inside(check_within(folder, self.folder), run_id), self.folder)

    def checkpoints(self, run_id: str) -> Path:
        """Return the folder of what a run keeps while it is under way."""
        return check_within(self.run_folder(run_id) / "checkpoint", self.folder)

    def record(self, run_id: str) -> RunRecord:
        """Return what a run has written."""
        return RunRecord(self.run_folder(run_id))

    def metrics(self, run_id: str) -> dict[str, Any] | None:
        """Return what a run recorded of itself."""
        return self.record(run_id).metrics

    def is_done(self, run_id: str) -> bool:
        """Return whether a run is finished; a failed one is not, it is tried again."""
        return self.record(run_id).is_done

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the present plan, resolved."""
        path = self.folder / "config.json"
        if self._plan()["files"]["config.json"] != file_digest(path):
            raise ResultsError(
                f"{path}: is damaged; it is written again by: vaega resume {self.folder}"
            )
        return dict(read_json(path))

    def _plan(self) -> dict[str, Any]:
        return read_record(self.folder / "plan.json")

    @property
    def command(self) -> str | None:
        """The command that was given last, as the plan has it; None where a program began it."""
        return self._plan().get("command") or None

    def plan_digest(self) -> str:
        """Return a digest of the plan, which tells whether two processes see one folder."""
        try:
            return hashlib.sha256((self.folder / "plan.json").read_bytes()).hexdigest()
        except OSError:
            return "no plan"

    def done(self) -> list[RunRecord]:
        """Return the finished runs of the present plan, without final ones and permuted labels.

        Folders of other settings or of other data stay beside them.
        """
        records = [self.record(run_id) for run_id in self._planned() if not is_final(run_id)]
        return [one for one in records if one.is_done and "permutation" not in one.config]

    def permuted(self) -> list[RunRecord]:
        """Return the finished runs of the present plan on permuted labels."""
        records = map(self.record, self._planned())
        return [one for one in records if one.is_done and "permutation" in one.config]

    def final(self, arm: str) -> RunRecord | None:
        """Return the final run of an arm, on all rows; None where it is not planned or not done."""
        records = [self.record(run_id) for run_id in self._planned() if is_final(run_id)]
        own = (one for one in records if one.is_done and one.config["arm"]["name"] == arm)
        return next(own, None)

    def _planned(self) -> list[str]:
        return list(self._plan()["runs"])

    def environments(self) -> Iterator[dict[str, Any]]:
        """Yield versions and machine of every run that has begun, by name."""
        for path in sorted((self.folder / "runs").glob("*/environment.json")):
            yield RunRecord(path.parent).environment

    def recorded(self) -> list[tuple[Run, dict[str, Any]]]:
        """Return the runs of the present plan that ended, with what they recorded.

        Without final ones, which have no score.
        """
        plan, recorded = self._plan(), []
        for run_id in plan["runs"]:
            record = self.record(run_id)
            if is_final(run_id) or (metrics := record.metrics) is None:
                continue
            config = record.config
            permutation = config.get("permutation")
            arm, seed = str(config["arm"]["name"]), int(config["seed"])
            run = Run(run_id, plan["dataset"], arm, seed, config, permutation)
            recorded.append((run, metrics))
        return recorded

    def runs_table(self) -> pd.DataFrame:
        """Return what ``runs.csv`` holds once the present plan is at its end."""
        return _runs_table(self.recorded())

    def null_table(self) -> pd.DataFrame:
        """Return what ``null.csv`` holds, without rows where no labels are permuted."""
        return _null_table(self.recorded())

    def null_stability(self) -> dict[str, float]:
        """Return by arm the stability on permuted labels, as in ``summary.csv``."""
        return self._agreement_by_chance(self.recorded())

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Refuse a folder without results; what damaged files raise becomes one sentence."""
        for name in ("runs.csv", "plan.json"):
            if not (self.folder / name).is_file() and not (self.folder / "plan.json").is_file():
                raise ResultsError(f"{self.folder}: is no results folder, it has no {name}.")
        check_links(self.folder)
        try:
            if not any((self.run_folder(run_id) / RECORD).is_file() for run_id in self._planned()):
                raise ResultsError(
                    f"{self.folder}: no run is finished yet, so that there is nothing to show; "
                    f"go on with: vaega resume {self.folder}"
                )
            yield
        except ResultsError:
            raise
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
            sentence = f"{self.folder}: the results cannot be read back: {first_line(error)}."
            raise ResultsError(sentence) from error

    @contextmanager
    def claim(
        self, run_id: str, *, wait: bool, seconds: float | None = None, name: str = CLAIM
    ) -> Iterator[bool]:
        """Hold a run for this process, so that no other works on it."""
        folder = self.run_folder(run_id)
        check_links(folder, deep=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = HeldLock(folder / name, f"the run {run_id}")
            is_held = lock.acquire(seconds if wait else 0.0)
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be written: {error.strerror}.") from error
        if not is_held:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def at_work(self, runs: Sequence[Run]) -> Iterator[None]:
        """Be at work on the runs of a plan; refused while a process is on those of another one."""
        plan = fingerprint([run.id for run in runs])[:10]
        places = self.folder / ".at-work"
        check_links(self.folder)
        check_links(places)
        own = HeldLock(places / f"{plan}-{secrets.token_hex(4)}", "a plan")
        try:
            places.mkdir(parents=True, exist_ok=True)
            own.acquire(0.0)
        except OSError as error:
            raise ResultsError(f"{places}: cannot be written: {error.strerror}.") from error
        try:
            for path in [one for one in places.iterdir() if one.suffix != ".holder"]:
                other = HeldLock(path, "a plan")
                if path.name.startswith(plan):
                    # Whoever is on the same plan may be; one whose process is not seen here, as of
                    # another container, may live all the same, and holds the lock then.
                    holder = read_holder(path)
                    if holder is not None and holder.has_died and other.acquire(0.0):
                        other.remove()
                    continue
                if not other.acquire(0.0):
                    raise ResultsError(
                        f"{self.folder}: {other.holder()} is at work here on another configuration "
                        "of this name; wait for its end, or give this one another name."
                    )
                other.remove()
            yield
        finally:
            own.remove()

    def environment_under_way(self, run_id: str) -> dict[str, Any] | None:
        """Return the environment in which a run was begun; None where there is no state of it.

        Empty where it is damaged.
        """
        if not any(self.checkpoints(run_id).rglob("*.npz")):
            return None
        try:
            return self.record(run_id).environment
        except (ResultsError, TypeError, ValueError):
            return {}

    def remove_checkpoints(self, run_id: str) -> None:
        """Remove what a run keeps while it is under way."""
        shutil.rmtree(self.checkpoints(run_id), ignore_errors=True)

    def record_start(self, run: Run, environment: dict[str, Any]) -> None:
        """Write down what a run is and where it runs."""
        folder = self.run_folder(run.id)
        write_json(folder / "config.json", run.resolved)
        write_json(folder / "environment.json", environment)

    def record_done(
        self,
        run: Run,
        results: "Sequence[TrialResult]",
        feature_names: Sequence[str],
        relevant: np.ndarray | None,
        seconds: float,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the result of a run; ``record.json`` comes last and makes it final."""
        folder = self.run_folder(run.id)
        write_text(folder / "history.csv", csv_text(_histories(results)))
        write_text(folder / "selected.csv", csv_text(_selections(results, feature_names)))
        predictions = [one.predictions.assign(trial=k) for k, one in enumerate(results)]
        if all(len(table) for table in predictions):
            table = pd.concat(predictions, ignore_index=True)
            ordered = table[["trial", *table.columns.drop("trial")]]
            write_text(folder / "predictions.csv", csv_text(ordered))
        metrics = _metrics(results, relevant, seconds) | {"n_columns": len(feature_names)}
        metrics |= dict(about or {})
        described = [result.generator for result in results if result.generator is not None]
        if described:
            write_json(folder / "generator.json", described[0])
        self.record_metrics(run, metrics)
        self.remove_checkpoints(run.id)

    def record_final(
        self, run: Run, tables: Mapping[str, pd.DataFrame], metrics: Mapping[str, Any]
    ) -> None:
        """Write the result of a final run, see `vaega.experiments.final`; the metrics come last."""
        for name, table in tables.items():
            write_text(self.run_folder(run.id) / f"{name}.csv", csv_text(table))
        self.record_metrics(run, metrics)
        self.remove_checkpoints(run.id)

    def record_failure(self, run: Run, sentence: str, trace: str, seconds: float) -> None:
        """Write why a run failed; it is tried again on the next call."""
        content = {"status": "failed", "error": sentence, "seconds": seconds, "traceback": trace}
        self.record_metrics(run, content)

    def record_metrics(self, run: Run, metrics: Mapping[str, Any]) -> None:
        """Write what a run came to, then the digests of its files, which make it final."""
        folder = self.run_folder(run.id)
        write_json(folder / "metrics.json", dict(metrics))
        write_record(folder / RECORD, {"files": digests_of(folder, files_of(folder))})

    def tabulate(
        self, runs: Sequence[Run], *, intervals: bool = True
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Write ``runs.csv``, ``summary.csv`` and ``null.csv`` from what the runs recorded.

        Runs with permuted labels stand in ``null.csv`` alone, which is there where there are any;
        final runs, which have no score, stand nowhere.
        Intervals of held-out scores may take seconds, too many after each run: without them their
        columns are empty.
        """
        recorded = [
            (run, metrics)
            for run in runs
            if not run.final and (metrics := self.metrics(run.id)) is not None
        ]
        table, null = _runs_table(recorded), _null_table(recorded)
        records: dict[str, list[RunRecord]] = {}
        for run, metrics in recorded:
            if _counts(run, metrics):
                records.setdefault(run.arm, []).append(self.record(run.id))
        ends = heldout_intervals(records) if intervals else dict.fromkeys(records, NONE)
        by_chance = self._agreement_by_chance(recorded) if intervals else {}
        summary = summarise(table, self._agreement(recorded), null, ends, by_chance)
        write_text(self.folder / "runs.csv", csv_text(table))
        write_text(self.folder / "summary.csv", csv_text(summary))
        if len(null):
            write_text(self.folder / "null.csv", csv_text(null))
        else:
            (self.folder / "null.csv").unlink(missing_ok=True)  # of an earlier plan
        return table, summary

    def _agreement(
        self, recorded: Sequence[tuple[Run, Mapping[str, Any]]]
    ) -> dict[str, StabilityEstimate | None]:
        masks: dict[str, list[np.ndarray | None]] = {}
        for run, metrics in recorded:
            if _counts(run, metrics):
                masks.setdefault(run.arm, []).append(self.record(run.id).masks())
        return {arm: measure_agreement(arm_masks) for arm, arm_masks in masks.items()}

    def _agreement_by_chance(
        self, recorded: Sequence[tuple[Run, Mapping[str, Any]]]
    ) -> dict[str, float]:
        """Return the mean stability over the seeds of a permutation of the labels."""
        masks: dict[tuple[str, int], list[np.ndarray | None]] = {}
        for run, metrics in recorded:
            if run.permutation is not None and metrics.get("status") == "done":
                own = masks.setdefault((run.arm, run.permutation), [])
                own.append(self.record(run.id).masks())
        values: dict[str, list[float]] = {}
        for (arm, _), of_seeds in masks.items():
            estimate = measure_agreement(of_seeds)
            if estimate is not None:
                values.setdefault(arm, []).append(estimate.value)
        return {arm: float(np.mean(own)) for arm, own in values.items()}


def files_of(folder: Path) -> list[str]:
    """Return the names of the files of a run, without its record and what it worked with."""
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        name.as_posix()
        for name in names
        if name.as_posix() != RECORD
        and name.parts[0] != "checkpoint"
        and not any(part.startswith(".") for part in name.parts)
    ]


def _counts(run: Run, metrics: Mapping[str, Any]) -> bool:
    """Return whether a run belongs to the summary of its arm."""
    return run.is_scored and metrics.get("status") == "done"


def heldout_intervals(records: Mapping[str, Sequence[RunRecord]]) -> dict[str, Interval]:
    """Return the interval of each arm's mean held-out score, of its finished runs."""
    return {arm: _interval_of(runs) for arm, runs in records.items() if runs}


def _interval_of(records: Sequence[RunRecord]) -> Interval:
    if any((record.metrics or {}).get("pooled") for record in records):
        return NONE
    settings = records[0].config
    share = overlap_share(settings["protocol"])
    trials = [(record.metrics or {})["trials"] for record in records]
    scores = [np.array([float(trial["heldout_score"]) for trial in run]) for run in trials]
    predictions = [record.predictions() for record in records] if share is None else []
    metric = str(settings["fitness"]["metric"])
    return heldout_interval(scores, predictions, metric=metric, test_share=share)


def _runs_table(recorded: Sequence[tuple[Run, Mapping[str, Any]]]) -> pd.DataFrame:
    rows = [_row(*pair) for pair in recorded if pair[0].permutation is None]
    table = pd.DataFrame(rows, columns=[*RUN_COLUMNS, *_further_columns(rows)])
    for column in ("n_asked", "n_distinct", "n_reused"):
        table[column] = table[column].astype("Int64")
    return table


def _null_table(recorded: Sequence[tuple[Run, Mapping[str, Any]]]) -> pd.DataFrame:
    rows = [_row(*pair) for pair in recorded if pair[0].permutation is not None]
    return pd.DataFrame(rows, columns=NULL_COLUMNS)


def _row(run: Run, metrics: Mapping[str, Any]) -> dict[str, Any]:
    where = {"dataset": run.dataset, "arm": run.arm, "seed": run.seed}
    return {**where, "permutation": run.permutation, **metrics}


def _further_columns(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    # Where nothing is held out, every file says on which rows fitness was computed.
    for row in rows:
        protocol = PROTOCOLS[row.get("protocol", "honest")]
        if protocol.is_transductive:
            return (*protocol.columns, *PROTOCOL_COLUMNS)
    return ()


def _histories(results: "Sequence[TrialResult]") -> pd.DataFrame:
    tables = [result.history.assign(trial=index) for index, result in enumerate(results)]
    table = pd.concat(tables, ignore_index=True)
    return table[["trial", *table.columns.drop("trial")]]


def _selections(results: "Sequence[TrialResult]", names: Sequence[str]) -> pd.DataFrame:
    rows = [
        {
            "trial": index,
            "feature": int(feature),
            "name": names[feature],
            "frequency": float(result.frequencies[feature]),
        }
        for index, result in enumerate(results)
        for feature in result.selected
    ]
    return pd.DataFrame(rows, columns=["trial", "feature", "name", "frequency"])


def _metrics(
    results: "Sequence[TrialResult]", relevant: np.ndarray | None, seconds: float
) -> dict[str, Any]:
    trials = [_trial_metrics(result, relevant) for result in results]
    warned: Counter[str] = Counter()
    for result in results:
        warned.update(result.warnings)
    means = {key: float(np.mean([trial[key] for trial in trials])) for key in trials[0]}
    counts = {key: sum(trial[key] for trial in trials) for key in _COUNTS}
    return {
        "status": "done",
        **means,
        **counts,
        "seconds": seconds,
        "trials": trials,
        "warnings": dict(warned),
        **({"pooled": True} if results[0].is_pooled else {}),
        **records_of(results),
    }


def records_of(results: "Sequence[TrialResult]") -> dict[str, Any]:
    """Return what is no figure of a trial alone: classes, candidates, and what its gate chose."""
    classes = [
        {"trial": index, **figures}
        for index, result in enumerate(results)
        for figures in result.classes
    ]
    gates = [
        {"trial": index, **result.gate}
        for index, result in enumerate(results)
        if result.gate is not None
    ]
    candidates = [
        {"trial": index, **candidate}
        for index, result in enumerate(results)
        if result.led_by
        for candidate in json_records(result.candidates)
    ]
    leaders = [result.led_by for result in results if result.led_by]
    lists = {"classes": classes, "candidates": candidates, "gate": gates}
    led_by = {"led_by": ", ".join(dict.fromkeys(leaders))} if leaders else {}
    return {name: records for name, records in lists.items() if records} | led_by


def _trial_metrics(result: "TrialResult", relevant: np.ndarray | None) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "heldout_score": result.heldout_score,
        "inner_score": result.inner_score,
        "optimism": result.inner_score - result.heldout_score,
        "n_features": len(result.selected),
        "n_asked": result.n_asked,
        "n_distinct": result.n_distinct,
        "n_scored": result.n_scored,
        "n_reused": result.n_asked - result.n_distinct,
        **result.extra,
    }
    if result.brier is not None:
        metrics["brier"] = result.brier
    return metrics | truth_figures(result.selected, relevant)


def truth_figures(selected: np.ndarray, relevant: np.ndarray | None) -> dict[str, float]:
    """Return precision and recall of selected features, where the relevant ones are known."""
    if relevant is None:
        return {}
    hits = int(relevant[selected].sum())
    return {
        "precision": hits / max(len(selected), 1),
        "recall": hits / max(int(relevant.sum()), 1),
    }


def measure_agreement(masks: Sequence[np.ndarray | None]) -> StabilityEstimate | None:
    """Return Nogueira's stability over all trials of an arm; below five without an interval."""
    known = [one for one in masks if one is not None]
    if len({one.shape[1] for one in known}) != 1:
        return None
    trials = np.concatenate(known)
    if len(trials) < 2 or not trials.any() or trials.all():
        return None
    estimate = nogueira_interval(trials)
    if len(trials) >= LEAST_RUNS:
        return estimate
    return replace(estimate, low=NONE[0], high=NONE[1])


RUN_COLUMNS = (
    "dataset", "arm", "seed", "status", "heldout_score", "heldout_real", "inner_score", "optimism",
    "n_features", "n_asked", "n_distinct", "seconds", "n_reused", "brier", "precision", "recall",
    "led_by",
)  # fmt: skip
_COUNTS = ("n_asked", "n_distinct", "n_scored", "n_reused")


SUMMARY_COLUMNS = (
    "dataset", "arm", "n_runs", "heldout_mean", "heldout_low", "heldout_high", "inner_mean",
    "optimism_mean", "n_features_mean", "n_distinct_mean", "seconds_mean", "brier_mean",
    "precision_mean", "recall_mean", "stability", "stability_low", "stability_high",
)  # fmt: skip

# Under protocols that hold nothing out: on which rows fitness was computed, in every table.
PROTOCOL_COLUMNS = ("protocol", "fitness_rows")


def summarise(
    runs: pd.DataFrame,
    agreement: Mapping[str, StabilityEstimate | None] | None = None,
    null: pd.DataFrame | None = None,
    intervals: Mapping[str, Interval] | None = None,
    null_stability: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return each arm's means over its finished runs, with an interval of the held-out score.

    Without `intervals`, see `heldout_intervals`, runs count as independent of each other.
    """
    done = runs[runs["status"] == "done"]
    ends = {
        arm: {"heldout_low": low, "heldout_high": high}
        for arm, (low, high) in (intervals or {}).items()
    }
    rows = [
        _summarise_arm(str(dataset), str(arm), group)
        | ends.get(str(arm), {})
        | _stability((agreement or {}).get(str(arm)))
        for (dataset, arm), group in done.groupby(["dataset", "arm"], sort=False)
    ]
    further = [name for name in PROTOCOL_COLUMNS if name in runs]
    summary = pd.DataFrame(rows, columns=[*SUMMARY_COLUMNS, *further])
    if null is None or null.empty:
        return summary
    summary = summary.merge(null_figures(runs, null, null_stability), on="arm", how="left")
    return summary[[*SUMMARY_COLUMNS, *NULL_FIGURES, *further]]


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean and Student's interval of it, of values that are independent draws."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
    return mean, float(mean - half), float(mean + half)


_MEANS = ("optimism", "n_features", "n_distinct", "seconds")


def _summarise_arm(dataset: str, arm: str, runs: pd.DataFrame) -> dict[str, object]:
    mean, low, high = mean_interval(runs["heldout_score"].to_numpy(dtype=float))
    return {
        "dataset": dataset,
        "arm": arm,
        "n_runs": len(runs),
        "heldout_mean": mean,
        "heldout_low": low,
        "heldout_high": high,
        "inner_mean": float(runs["inner_score"].mean()),
        **{f"{name}_mean": float(runs[name].mean()) for name in _MEANS},
        **{f"{name}_mean": _mean(runs, name) for name in ("brier", "precision", "recall")},
        **{name: runs[name].iloc[0] for name in PROTOCOL_COLUMNS if name in runs},
    }


def _mean(runs: pd.DataFrame, column: str) -> float:
    return float(runs[column].astype(float).mean()) if column in runs else float("nan")


def _stability(estimate: StabilityEstimate | None) -> dict[str, float]:
    nan = float("nan")
    value, low, high = (
        (nan, nan, nan) if estimate is None else (estimate.value, estimate.low, estimate.high)
    )
    return {"stability": value, "stability_low": low, "stability_high": high}


NULL_COLUMNS = (
    "dataset", "arm", "seed", "permutation", "status", "heldout_score", "inner_score", "n_features",
    "seconds",
)  # fmt: skip
# What a summary gains where there is a null.
NULL_FIGURES = (
    "null_permutations", "null_seeds", "null_heldout_mean", "null_inner_mean", "null_stability",
    "p_value",
)  # fmt: skip


_DIGITS = 12  # to which means are told apart


def p_value(score: float, null_scores: np.ndarray) -> float:
    """Return how often labels without meaning score as well, the actual ones counted among them.

    Means of the same scores in another order are equal, whatever their last digits say.
    """
    as_well = np.round(null_scores, _DIGITS) >= np.round(score, _DIGITS)
    return (int(as_well.sum()) + 1) / (len(as_well) + 1)


def null_figures(
    runs: pd.DataFrame, nulls: pd.DataFrame, stability: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return the null of each arm beside its runs.

    The statistic is the mean held-out score over the same seeds on both sides. A permutation counts
    once all of its seeds are done.
    """
    rows = []
    done = runs[runs["status"] == "done"].set_index(["arm", "seed"])["heldout_score"]
    for arm, group in nulls.groupby("arm", sort=False):
        seeds = group["seed"].unique().tolist()
        finished = group[group["status"] == "done"]
        n_finished = finished["permutation"].map(finished["permutation"].value_counts())
        whole, wanted = finished[n_finished == len(seeds)], [(arm, seed) for seed in seeds]
        if whole.empty or done.index.isin(wanted).sum() != len(wanted):
            continue
        scores = whole.groupby("permutation")["heldout_score"].mean().to_numpy(dtype=float)
        figures = (
            len(scores),
            len(seeds),
            float(scores.mean()),
            float(whole["inner_score"].mean()),
            (stability or {}).get(str(arm), float("nan")),
            p_value(float(done.loc[wanted].mean()), scores),
        )
        rows.append({"arm": arm, **dict(zip(NULL_FIGURES, figures, strict=True))})
    return pd.DataFrame(rows, columns=["arm", *NULL_FIGURES])
