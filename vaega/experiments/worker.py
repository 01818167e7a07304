"""What completes one run: claim it, compute its trials, record the result or the failure."""

import os
import platform
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vaega import __version__
from vaega.core.errors import InputError, ResultsError, first_line
from vaega.data._dataset import Dataset
from vaega.evolution._evolution import Callback
from vaega.experiments.config import ArmConfig, ExperimentConfig
from vaega.experiments.gate import choose_candidate
from vaega.experiments.monitor import Allowance, BudgetSpentError, Meter, PeakMemory, WriteActivity
from vaega.experiments.open_protocols import OpenMeans, run_open_trial
from vaega.experiments.protocols import OpenTrial, Trial, make_protocol
from vaega.experiments.store import Run, Store
from vaega.experiments.trial import TrialResult, make_sampler, permute_labels, run_trial
from vaega.fitness._score_store import ScoreStore


@dataclass(frozen=True)
class Completion:
    """How a call of `Worker.complete` ended."""

    held: bool = False  # Another process holds the run: nothing was done
    stopped: bool = False  # The allowance was spent: the run is left where it stands
    n_asked: int = 0  # Masks that it asked for now


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of the computation of a run."""

    seconds: float  # It took
    n_asked: int  # Masks that it asked for now, not before a resume
    results: list[TrialResult] | None = None  # One a trial; absent when it failed or was stopped
    error: str = ""  # Why it failed: the sentence, and the traceback
    trace: str = ""  # Why it failed: the sentence, and the traceback
    stopped: bool = False  # The allowance was spent
    # Versions and machine, where they are not those of the process that records
    environment: dict[str, Any] = field(default_factory=dict)
    # The most memory, in megabytes, that its process held meanwhile; absent where unknown
    peak_memory: float | None = None


_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "deap", "torch")


@dataclass(frozen=True, eq=False)
class Worker:
    """Completes runs of one experiment, in this process or in another."""

    config: ExperimentConfig  # The experiment
    dataset: Dataset  # Its data
    store: Store  # Where results go
    device: str  # Where autoencoders are trained
    cache: Any  # Where trained autoencoders are kept
    # Scores that the runs of the experiment share and that outlive a run which is killed
    memory: ScoreStore | None = None
    runs: tuple[Run, ...] = ()  # All runs; an arm may take the size of its selection from another

    def complete(
        self,
        run: Run,
        *,
        wait: bool = False,
        n_jobs: int = 1,
        callbacks: Iterable[Callback] = (),
        allowance: Allowance | None = None,
    ) -> Completion:
        """Compute a run, unless it is done or another process holds it, and record what came."""
        allowance, asked_at = allowance or Allowance(), time.monotonic()
        with self.store.claim(run.id, wait=wait, seconds=allowance.seconds) as ours:
            if not ours:
                return Completion(held=True)
            if self.store.is_done(run.id):
                return Completion()
            self.store.record_start(run, describe_environment(self.device))
            folder = self.store.checkpoints(run.id)
            outcome = self.compute(
                run,
                partial(self.sizes, run),
                n_jobs=n_jobs,
                callbacks=callbacks,
                allowance=allowance.after(time.monotonic() - asked_at),
                folder=folder,
            )
            self.record(run, outcome)
        return Completion(stopped=outcome.stopped, n_asked=outcome.n_asked)

    def compute(
        self,
        run: Run,
        sizes: Callable[[], list[int] | None],
        *,
        n_jobs: int = 1,
        callbacks: Iterable[Callback] = (),
        allowance: Allowance | None = None,
        folder: Path | None = None,
    ) -> Outcome:
        """Compute a run and record nothing."""
        started, meter = time.perf_counter(), Meter(allowance or Allowance())
        peak = PeakMemory()
        hooks = [meter, *callbacks, *([] if folder is None else [WriteActivity(folder)])]
        results, error, trace, stopped = None, "", "", False
        try:
            results = self._trials(run, sizes(), n_jobs, hooks, folder)
        except BudgetSpentError:
            stopped = True
        except ResultsError:
            raise  # the folder itself fails: no use in trying to write that into it
        except Exception as exception:
            error, trace = first_line(exception), traceback.format_exc()
        n_asked = meter.n_asked
        if results is not None:  # selections in place of a search have no generations
            n_asked = max(0, sum(result.n_asked for result in results) - meter.n_restored)
        seconds = time.perf_counter() - started
        return Outcome(
            seconds, n_asked, results, error, trace, stopped, peak_memory=peak.megabytes()
        )

    def record(self, run: Run, outcome: Outcome) -> None:
        """Record what came of a run: a result, a failure, or nothing when it was stopped."""
        if outcome.stopped:
            return
        if outcome.results is None:
            self.store.record_failure(run, outcome.error, outcome.trace, outcome.seconds)
            return
        protocol = make_protocol(self.config.protocol)
        self.store.record_done(
            run,
            outcome.results,
            self.dataset.feature_names,
            self.dataset.relevant,
            outcome.seconds,
            about={
                "protocol": protocol.name,
                "fitness_rows": protocol.fitness_rows,
                "statement": protocol.statement,
                "class_names": [str(name) for name in self.dataset.class_names],
                "peak_memory_mb": outcome.peak_memory,
            },
        )

    def _trials(
        self,
        run: Run,
        sizes: list[int] | None,
        n_jobs: int,
        callbacks: Iterable[Callback],
        folder: Path | None,
    ) -> list[TrialResult]:
        arm = self.config.arms[run.arm]
        # One trial of an arm shows how good its synthetic rows are.
        described = run.permutation is None and run.seed == self.config.seed_list()[0]
        results = []
        for n, trial in enumerate(self._splits(run)):
            size = None if sizes is None else max(1, sizes[n])
            place = None if folder is None else folder / f"trial-{n}"
            describe = described and n == 0
            results.append(self._trial(trial, arm, n_jobs, callbacks, place, size, describe))
        return results

    def _splits(self, run: Run) -> Iterator[Trial | OpenTrial]:
        for trial in make_protocol(self.config.protocol).trials(self.dataset, run.seed):
            if run.permutation is not None and isinstance(trial, Trial):
                yield permute_labels(trial, run.permutation)
            else:
                yield trial

    def sizes(self, run: Run) -> list[int] | None:
        """Return how many features another arm selected with this seed, trial by trial."""
        selector = self.config.arms[run.arm].selector
        if selector is None or selector.size_of is None:
            return None
        wanted = (selector.size_of, run.seed, run.permutation)
        other = next(one for one in self.runs if (one.arm, one.seed, one.permutation) == wanted)
        metrics = self.store.metrics(other.id) or {}
        if metrics.get("status") != "done":
            raise InputError(
                f"arms.{run.arm}.selector.size: is that of {other.arm}, whose run with seed "
                f"{run.seed} failed: {metrics.get('error', 'it has no result')}"
            )
        return [int(trial["n_features"]) for trial in metrics["trials"]]

    def _trial(
        self,
        trial: Trial | OpenTrial,
        arm: ArmConfig,
        n_jobs: int,
        callbacks: Iterable[Callback],
        checkpoint: Path | None,
        size: int | None,
        describe: bool,
    ) -> TrialResult:
        how: dict[str, Any] = {
            "n_jobs": n_jobs,
            "callbacks": callbacks,
            "checkpoint": checkpoint,
            "store": self.memory,
        }
        n_classes, where = self.dataset.n_classes, {"device": self.device, "cache": self.cache}
        if not isinstance(trial, Trial):
            means = OpenMeans(**where, **how)
            return run_open_trial(self.config, trial, arm, n_classes=n_classes, means=means)
        gate = None
        if arm.gated:
            gate = choose_candidate(
                self.config, trial, arm, n_classes=n_classes, n_jobs=n_jobs, **where
            )
        sampler = make_sampler(arm if gate is None else gate.arm, n_classes, **where)
        how["selection"] = None if arm.selector is None else arm.selector.selection(size)
        result = run_trial(self.config, trial, sampler, describe=describe, **how)
        return result if gate is None else replace(result, gate=gate.record)


def describe_environment(device: str) -> dict[str, Any]:
    """Return the versions and the machine that a run was computed with."""
    return {
        "vaega": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": device,
        "packages": {name: version(name) for name in _PACKAGES},
    }
