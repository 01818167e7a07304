"""What completes one run: claim it, compute its trials, record the result or the failure."""

import os
import platform
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vaega import __version__
from vaega.core.errors import InputError, ResultsError
from vaega.data.dataset import Dataset
from vaega.evolution.callbacks import Callback
from vaega.experiments.arm_config import ArmConfig, SelectorConfig
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.open_trial import OpenMeans, run_open_trial
from vaega.experiments.protocols import OpenTrial, Trial, make_protocol
from vaega.experiments.samplers import make_sampler
from vaega.experiments.store import Run, Store
from vaega.experiments.trial import TrialResult, run_trial
from vaega.fitness.score_store import ScoreStore

_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "deap", "torch")


@dataclass(frozen=True, eq=False)
class Worker:
    """Completes runs of one experiment, in this process or in another.

    Parameters
    ----------
    config : ExperimentConfig
        The experiment.
    dataset : Dataset
        Its data.
    store : Store
        Where results go.
    device : {"auto", "cpu", "cuda"}
        Where autoencoders are trained.
    cache : path or "auto" or None
        Where trained autoencoders are kept.
    memory : ScoreStore, optional
        Scores that the runs of the experiment share and that outlive a run which is killed.
    runs : tuple of Run
        All runs; an arm may take the size of its selection from another.
    """

    config: ExperimentConfig
    dataset: Dataset
    store: Store
    device: str
    cache: Any
    memory: ScoreStore | None = None
    runs: tuple[Run, ...] = ()

    def complete(
        self,
        run: Run,
        *,
        wait: bool = False,
        n_jobs: int = 1,
        callbacks: Iterable[Callback] = (),
    ) -> bool:
        """Compute a run, unless it is done or another process holds it.

        Parameters
        ----------
        run : Run
        wait : bool, default=False
            Wait for another process rather than give up.
        n_jobs : int, default=1
            Processes within the run.
        callbacks : iterable of Callback
            Called each generation.

        Returns
        -------
        bool
            False when another process holds the run.
        """
        with self.store.claim(run.id, wait=wait) as ours:
            if not ours:
                return False
            if not self.store.is_done(run.id):
                self._compute(run, n_jobs, callbacks)
        return True

    def _compute(self, run: Run, n_jobs: int, callbacks: Iterable[Callback]) -> None:
        started = time.perf_counter()
        self.store.record_start(run, describe_environment(self.device))
        try:
            results = self._trials(run, n_jobs, callbacks)
        except ResultsError:
            raise  # the folder itself fails: no use in trying to write that into it
        except Exception as error:
            seconds = time.perf_counter() - started
            self.store.record_failure(run, _sentence(error), traceback.format_exc(), seconds)
            return
        protocol = make_protocol(self.config.protocol)
        self.store.record_done(
            run,
            results,
            self.dataset.feature_names,
            self.dataset.relevant,
            time.perf_counter() - started,
            about={
                "protocol": protocol.name,
                "fitness_rows": protocol.fitness_rows,
                "statement": protocol.statement,
            },
        )

    def _trials(self, run: Run, n_jobs: int, callbacks: Iterable[Callback]) -> list[TrialResult]:
        arm = self.config.arms[run.arm]
        sizes = self._sizes(run, arm.selector, n_jobs)
        trials = make_protocol(self.config.protocol).trials(self.dataset, run.seed)
        folder = self.store.run_folder(run.id) / "checkpoint"
        results = []
        for n, trial in enumerate(trials):
            size = None if sizes is None else max(1, sizes[n])
            results.append(self._trial(trial, arm, n_jobs, callbacks, folder / f"trial-{n}", size))
        return results

    def _sizes(self, run: Run, selector: SelectorConfig | None, n_jobs: int) -> list[int] | None:
        """Return how many features another arm selected with this seed, trial by trial."""
        if selector is None or selector.size_of is None:
            return None
        other = next(
            one for one in self.runs if (one.arm, one.seed) == (selector.size_of, run.seed)
        )
        self.complete(other, wait=True, n_jobs=n_jobs)
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
        checkpoint: Path,
        size: int | None,
    ) -> TrialResult:
        how: dict[str, Any] = {
            "n_jobs": n_jobs,
            "callbacks": callbacks,
            "checkpoint": checkpoint,
            "store": self.memory,
        }
        n_classes = self.dataset.n_classes
        if isinstance(trial, Trial):
            sampler = make_sampler(arm, n_classes, device=self.device, cache=self.cache)
            selection = None if arm.selector is None else arm.selector.selection(size)
            return run_trial(self.config, trial, sampler, selection=selection, **how)
        means = OpenMeans(device=self.device, cache=self.cache, **how)
        return run_open_trial(self.config, trial, arm, n_classes=n_classes, means=means)


def describe_environment(device: str) -> dict[str, Any]:
    """Return the versions and the machine that a run was computed with.

    Parameters
    ----------
    device : str
        As asked for.

    Returns
    -------
    dict

    Examples
    --------
    >>> sorted(describe_environment("cpu"))
    ['cores', 'device', 'packages', 'platform', 'python', 'vaega']
    """
    return {
        "vaega": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": device,
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _sentence(error: Exception) -> str:
    first = str(error).strip().split("\n", 1)[0]
    return first or type(error).__name__
