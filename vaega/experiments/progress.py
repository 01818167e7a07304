"""What a person sees while an experiment runs: bars in a terminal, plain lines elsewhere."""

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import TaskID

from vaega.data.dataset import Dataset
from vaega.evolution.progress import make_progress
from vaega.experiments.activity import Activity, read_activity
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.observer import Observer
from vaega.experiments.protocols import make_protocol
from vaega.experiments.store import Run

_MOST_BARS = 8  # of runs at once; a cluster may compute more than a terminal has lines


def describe_run(run: Run, metrics: dict[str, Any]) -> str:
    """Return one line on a finished run."""
    if metrics.get("status") != "done":
        return f"{run.title}: failed: {metrics.get('error', 'no result')}"
    if metrics.get("protocol", "honest") != "honest":
        return (
            f"{run.title}: {metrics['population_accuracy']:.3f} on the "
            f"rows of the fitness, {metrics['population_n_features']:.1f} features, "
            f"{metrics['n_distinct']} masks in {metrics['seconds']:.1f} s"
        )
    return (
        f"{run.title}: held out {metrics['heldout_score']:.3f}, inner "
        f"{metrics['inner_score']:.3f}, {metrics['n_features']:.0f} features, "
        f"{metrics['n_distinct']} masks in {metrics['seconds']:.1f} s"
    )


@dataclass(frozen=True)
class RunLength:
    """How long the bar of a run is."""

    n_searches: int  # Searches in all trials of the run
    n_generations: int  # Of each search


def measure_run(config: ExperimentConfig, dataset: Dataset) -> RunLength:
    """Return how many searches and generations each run of an experiment has."""
    trials = list(make_protocol(config.protocol).trials(dataset, config.seed_list()[0]))
    n_rows, n_features = trials[0].X.shape
    settings = config.search.settings().resolved(n_rows=n_rows, n_features=n_features)
    return RunLength(len(trials) * int(settings.n_searches), int(settings.n_generations))


class PlainObserver(Observer):
    """One line a run, for logs and pipes; and one a minute on what is under way."""

    seconds = 60.0  # between two looks at what is under way

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._under_way: dict[str, tuple[Run, Path]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_again, daemon=True)

    def __enter__(self) -> "PlainObserver":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look_again(self) -> None:
        while not self._over.wait(self.seconds):
            self.look()

    def look(self) -> None:
        """Say how far the runs under way have come."""
        with self._lock:
            runs = list(self._under_way.values())
        if runs:
            parts = [_describe_activity(run, read_activity(folder)) for run, folder in runs]
            self._say(f"under way: {'; '.join(parts)}")

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Say how much there is to do."""
        self._total, self._finished = len(runs), n_done
        if n_done:
            self._say(f"{n_done} of {len(runs)} runs were finished before and are skipped")

    def on_run_start(self, run: Run, folder: Path) -> None:
        """Take note of what is under way."""
        with self._lock:
            self._under_way[run.id] = run, folder

    def on_run_left(self, run: Run) -> None:
        """Forget the run."""
        with self._lock:
            self._under_way.pop(run.id, None)

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Say how the run ended."""
        self.on_run_left(run)
        self._finished += 1
        self._say(f"[{self._finished}/{self._total}] {describe_run(run, metrics)}")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _describe_activity(run: Run, activity: Activity | None) -> str:
    if activity is None:
        return f"{run.title} (preparing)"
    return f"{run.title} (search {activity.n_searches}, generation {activity.generation})"


class LiveObserver(PlainObserver):
    """A bar of all runs, and one of the generations of each that is under way, wherever it is."""

    seconds = 0.25

    def __init__(self, console: Console, *, length: RunLength) -> None:
        super().__init__(console)
        self.length = length
        self.progress = make_progress(console)
        self.all_runs = self.progress.add_task("runs", total=None, figures="")
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> "LiveObserver":
        self.progress.start()
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        for run, _ in list(self._under_way.values()):
            self.on_run_left(run)
        self.progress.stop()

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Draw the bar where the experiment stands."""
        super().on_plan(runs, n_done)
        self.progress.update(self.all_runs, total=len(runs), completed=n_done)

    def on_run_start(self, run: Run, folder: Path) -> None:
        """Show the generations of this run."""
        self.on_run_left(run)  # one that goes on elsewhere after its process died
        total = self.length.n_searches * self.length.n_generations
        super().on_run_start(run, folder)
        with self._lock:
            self._bars[run.id] = self.progress.add_task(run.title, total=total, figures="")
        self.look()

    def on_run_left(self, run: Run) -> None:
        """Take its bar away."""
        super().on_run_left(run)
        with self._lock:
            bar = self._bars.pop(run.id, None)
            if bar is not None:
                self.progress.remove_task(bar)

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Say how the run ended, and move on."""
        super().on_run_end(run, metrics)
        self.progress.update(self.all_runs, completed=self._finished)

    def look(self) -> None:
        """Move the bars to where the runs have come; figures are for a single one."""
        with self._lock:
            for place, (run_id, bar) in enumerate(self._bars.items()):
                activity = read_activity(self._under_way[run_id][1])
                figures = "preparing the folds" if activity is None else activity.figures
                self.progress.update(
                    bar,
                    completed=0 if activity is None else self._generations(activity),
                    figures=figures if len(self._bars) == 1 else "",
                    visible=place < _MOST_BARS,
                )

    def _generations(self, activity: Activity) -> int:
        # A search that stopped early counts whole once the next one has begun.
        return (activity.n_searches - 1) * self.length.n_generations + activity.generation


def make_observer(console: Console, *, length: RunLength) -> PlainObserver:
    """Return the display that suits the console; it is a context manager."""
    if console.is_terminal:
        return LiveObserver(console, length=length)
    return PlainObserver(console)


@contextmanager
def plain_warnings() -> Iterator[None]:
    r"""Show warnings meant for people as one sentence, without the line of code that gave them."""
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
