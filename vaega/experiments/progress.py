"""What a person sees while an experiment runs: bars in a terminal, plain lines elsewhere."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console

from vaega.data.dataset import Dataset
from vaega.evolution.callbacks import Callback
from vaega.evolution.progress import Pace, describe_state, make_progress
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.protocols import make_protocol
from vaega.experiments.runner import Observer
from vaega.experiments.store import Run


def describe_run(run: Run, metrics: dict[str, Any]) -> str:
    """Return one line on a finished run.

    Parameters
    ----------
    run : Run
    metrics : dict
        As in ``metrics.json``.

    Returns
    -------
    str
    """
    if metrics.get("status") != "done":
        return f"{run.arm}, seed {run.seed}: failed: {metrics.get('error', 'no result')}"
    if metrics.get("protocol", "honest") != "honest":
        return (
            f"{run.arm}, seed {run.seed}: {metrics['population_accuracy']:.3f} on the "
            f"rows of the fitness, {metrics['population_n_features']:.1f} features, "
            f"{metrics['n_distinct']} masks in {metrics['seconds']:.1f} s"
        )
    return (
        f"{run.arm}, seed {run.seed}: held out {metrics['heldout_score']:.3f}, inner "
        f"{metrics['inner_score']:.3f}, {metrics['n_features']:.0f} features, "
        f"{metrics['n_distinct']} masks in {metrics['seconds']:.1f} s"
    )


@dataclass(frozen=True)
class RunLength:
    """How long the bar of a run is.

    Parameters
    ----------
    n_searches : int
        Searches in all trials of the run.
    n_generations : int
        Of each search.
    """

    n_searches: int
    n_generations: int


def measure_run(config: ExperimentConfig, dataset: Dataset) -> RunLength:
    """Return how many searches and generations each run of an experiment has.

    Parameters
    ----------
    config : ExperimentConfig
        The experiment.
    dataset : Dataset
        Its data; how many rows they have decides where a setting is "auto".

    Returns
    -------
    RunLength
    """
    trials = list(make_protocol(config.protocol).trials(dataset, config.seed_list()[0]))
    n_rows, n_features = trials[0].X.shape
    settings = config.search.settings().resolved(n_rows=n_rows, n_features=n_features)
    return RunLength(len(trials) * int(settings.n_searches), int(settings.n_generations))


class PlainObserver(Observer):
    """One line a run, for logs and pipes.

    Parameters
    ----------
    console : rich.console.Console
        Where to print.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def __enter__(self) -> "PlainObserver":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left open."""

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Say how much there is to do."""
        self._total, self._finished = len(runs), n_done
        if n_done:
            self._say(f"{n_done} of {len(runs)} runs were finished before and are skipped")

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Say how the run ended."""
        self._finished += 1
        self._say(f"[{self._finished}/{self._total}] {describe_run(run, metrics)}")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveObserver(PlainObserver):
    """A bar of all runs, and one of the generations of the run that this process computes.

    Parameters
    ----------
    console : rich.console.Console
        A terminal.
    length : RunLength
        Of each run.
    """

    def __init__(self, console: Console, *, length: RunLength) -> None:
        super().__init__(console)
        self.length = length
        self.n_searches = 0
        self.callbacks = (_MoveBar(self),)
        self.progress = make_progress(console)
        self.all_runs = self.progress.add_task("runs", total=None, figures="")
        self.search = self.progress.add_task(
            "search",
            total=length.n_searches * length.n_generations,
            figures="",
            visible=False,
        )

    def __enter__(self) -> "LiveObserver":
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.update(self.search, visible=False)
        self.progress.stop()

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Draw the bar where the experiment stands."""
        super().on_plan(runs, n_done)
        self.progress.update(self.all_runs, total=len(runs), completed=n_done)

    def on_run_start(self, run: Run) -> None:
        """Show the generations of this run."""
        self.n_searches = 0
        self.progress.reset(
            self.search,
            description=f"{run.arm}, seed {run.seed}",
            figures="preparing the folds",
            visible=True,
        )

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Say how the run ended, and move on."""
        super().on_run_end(run, metrics)
        self.progress.update(self.all_runs, completed=self._finished)


class _MoveBar(Callback):
    def __init__(self, observer: LiveObserver) -> None:
        self.observer = observer
        self.pace = Pace()

    def on_start(self, algorithm: Any) -> None:
        self.observer.n_searches += 1
        self.pace.start(algorithm.state)
        self._move(algorithm.state.generation)

    def on_generation(self, algorithm: Any) -> None:
        state, progress = algorithm.state, self.observer.progress
        figures = describe_state(state, masks_per_second=self.pace.masks_per_second(state))
        progress.update(self.observer.search, figures=figures)
        self._move(state.generation)

    def on_end(self, algorithm: Any) -> None:
        self._move(self.observer.length.n_generations)  # also where the search stopped early

    def _move(self, generation: int) -> None:
        before = (self.observer.n_searches - 1) * self.observer.length.n_generations
        self.observer.progress.update(self.observer.search, completed=before + generation)


def make_observer(console: Console, *, length: RunLength) -> PlainObserver:
    """Return the display that suits the console; it is a context manager.

    Parameters
    ----------
    console : rich.console.Console
        A terminal gets bars, anything else plain lines.
    length : RunLength
        Of each run.

    Returns
    -------
    PlainObserver
    """
    if console.is_terminal:
        return LiveObserver(console, length=length)
    return PlainObserver(console)


@contextmanager
def plain_warnings() -> Iterator[None]:
    r"""Show warnings meant for people as one sentence, without the line of code that gave them.

    Examples
    --------
    >>> with plain_warnings():
    ...     warnings.formatwarning("the disk is full", UserWarning, "store.py", 7)
    'vaega: the disk is full\n'
    """
    before = warnings.formatwarning

    def format_warning(message: Any, category: type[Warning], *where: Any, **more: Any) -> str:
        if issubclass(category, UserWarning):
            return f"vaega: {message}\n"
        return before(message, category, *where, **more)

    warnings.formatwarning = format_warning
    try:
        yield
    finally:
        warnings.formatwarning = before
