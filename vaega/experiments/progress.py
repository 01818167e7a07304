"""What a person sees while an experiment runs: bars in a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console

from vaega.evolution.callbacks import Callback
from vaega.evolution.progress import describe_state, make_progress
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
    return (
        f"{run.arm}, seed {run.seed}: held out {metrics['heldout_score']:.3f}, inner "
        f"{metrics['inner_score']:.3f}, {metrics['n_features']:.0f} features, "
        f"{metrics['n_distinct']} masks in {metrics['seconds']:.1f} s"
    )


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
    """A bar of all runs, and one of the search that runs in this process.

    Parameters
    ----------
    console : rich.console.Console
        A terminal.
    n_generations : int
        Of each search.
    """

    def __init__(self, console: Console, *, n_generations: int) -> None:
        super().__init__(console)
        self.callbacks = (_MoveBar(self),)
        self.progress = make_progress(console)
        self.all_runs = self.progress.add_task("runs", total=None, figures="")
        self.search = self.progress.add_task(
            "search", total=n_generations, figures="", visible=False
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
        """Show the search of this run."""
        self.progress.update(
            self.search,
            description=f"{run.arm}, seed {run.seed}",
            completed=0,
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

    def on_generation(self, algorithm: Any) -> None:
        state = algorithm.state
        figures = describe_state(state)
        self.observer.progress.update(
            self.observer.search, completed=state.generation, figures=figures
        )


def make_observer(console: Console, *, n_generations: int) -> PlainObserver:
    """Return the display that suits the console; it is a context manager.

    Parameters
    ----------
    console : rich.console.Console
        A terminal gets bars, anything else plain lines.
    n_generations : int
        Of each search.

    Returns
    -------
    PlainObserver
    """
    if console.is_terminal:
        return LiveObserver(console, n_generations=n_generations)
    return PlainObserver(console)
