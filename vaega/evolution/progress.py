"""A progress bar of one evolution, for a terminal or a notebook."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vaega.core.checks import check_count
from vaega.evolution.callbacks import Callback
from vaega.evolution.state import EvolutionState


class ProgressBar(Callback):
    """Show best and mean score, sizes, diversity, masks a second and the time left.

    Parameters
    ----------
    n_generations : int
        Length of the bar: the generations of the search it is given to.
    console : rich.console.Console, optional
        Where to draw; the standard error stream when absent.

    Examples
    --------
    >>> from vaega import GeneticSelector
    >>> from sklearn.naive_bayes import GaussianNB
    >>> selector = GeneticSelector(GaussianNB(), n_generations=20, callbacks=[ProgressBar(20)])
    """

    def __init__(self, n_generations: int, *, console: Console | None = None) -> None:
        self.n_generations = check_count(n_generations, "n_generations", owner="ProgressBar")
        self.console = console
        self._progress: Progress | None = None
        self._pace = Pace()

    def on_start(self, algorithm: Any) -> None:
        """Draw the bar where the evolution stands."""
        state = algorithm.state
        self._pace.start(state)
        self._progress = make_progress(self.console or Console(stderr=True))
        self._task = self._progress.add_task(
            "search", total=self.n_generations, completed=state.generation, figures=""
        )
        self._progress.start()

    def on_generation(self, algorithm: Any) -> None:
        """Move the bar on."""
        if self._progress is not None:
            state = algorithm.state
            figures = describe_state(state, masks_per_second=self._pace.masks_per_second(state))
            self._progress.update(self._task, completed=state.generation, figures=figures)

    def on_end(self, algorithm: Any) -> None:
        """Leave the last figures standing."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class Pace:
    """How fast an evolution goes, measured from where this process took it up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked = 0.0

    def start(self, state: EvolutionState) -> None:
        """Begin to measure."""
        self._started = self._clock()
        self._asked = _n_asked(state) or 0.0

    def masks_per_second(self, state: EvolutionState) -> float | None:
        """Return the masks asked for in a second, on average since the start."""
        asked = _n_asked(state)
        seconds = self._clock() - self._started
        return None if asked is None or seconds <= 0.0 else (asked - self._asked) / seconds


def _n_asked(state: EvolutionState) -> float | None:
    return state.history[-1].get("n_asked") if state.history else None


def make_progress(console: Console) -> Progress:
    """Return the bar that all of vaega's progress displays share."""
    return _BarsAndFigures(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
    )


class _BarsAndFigures(Progress):
    """Figures on lines of their own: beside the bars they would push these out of 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        for task in self.tasks:
            if task.visible and task.fields["figures"]:
                yield Text(task.fields["figures"], style="dim", no_wrap=True, overflow="ellipsis")


def describe_state(state: EvolutionState, *, masks_per_second: float | None = None) -> str:
    """Return the figures of the last generation in one line."""
    record = state.history[-1]
    figures = (
        f"best {state.best_score:.3f} with {int(state.best_mask.sum())} features, "
        f"mean {record['mean']:.3f} with {record['mean_n_features']:.0f}, "
        f"diversity {record['diversity']:.1f}"
    )
    if masks_per_second is None:
        return figures
    return f"{figures}, {masks_per_second:.{0 if masks_per_second >= 10 else 1}f} masks/s"
