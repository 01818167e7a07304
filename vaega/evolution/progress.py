"""A progress bar of one evolution, for a terminal or a notebook."""

from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from vaega.core.checks import check_count
from vaega.evolution.callbacks import Callback
from vaega.evolution.state import EvolutionState


class ProgressBar(Callback):
    """Show generation, best and mean score, sizes and diversity while an evolution runs.

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

    def on_start(self, algorithm: Any) -> None:
        """Draw the bar where the evolution stands."""
        self._progress = make_progress(self.console or Console(stderr=True))
        self._task = self._progress.add_task("search", total=self.n_generations, figures="")
        self._progress.start()

    def on_generation(self, algorithm: Any) -> None:
        """Move the bar on."""
        if self._progress is not None:
            state = algorithm.state
            figures = describe_state(state)
            self._progress.update(self._task, completed=state.generation, figures=figures)

    def on_end(self, algorithm: Any) -> None:
        """Leave the last figures standing."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def make_progress(console: Console) -> Progress:
    """Return the bar that all of vaega's progress displays share.

    Parameters
    ----------
    console : rich.console.Console
        Where to draw.

    Returns
    -------
    rich.progress.Progress
        Its tasks need a field ``figures``, the text behind the bar.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(compact=True),
        console=console,
    )


def describe_state(state: EvolutionState) -> str:
    """Return the figures of the last generation in one line.

    Parameters
    ----------
    state : EvolutionState
        After at least one generation.

    Returns
    -------
    str
    """
    record = state.history[-1]
    return (
        f"best {state.best_score:.3f} with {int(state.best_mask.sum())} features, "
        f"mean {record['mean']:.3f} with {record['mean_n_features']:.0f}, "
        f"diversity {record['diversity']:.1f}"
    )
