"""Bars of a terminal: a spinner, what is done, how long it has taken and may take."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from vaega.core.errors import printable

COMPILING_NOTE = "compiling, once"  # `vaega.core.compilation` says it in a line of its own
WORDS: dict[str, Any] = {"count": "", "note": "", "figures": "", "begun": None}
_BAR_WIDTH = 20  # the rest of 80 columns is for words


def make_progress(console: Console, *, transient: bool = False) -> Progress:
    """Return the bars that all of vaega's displays share.

    A task has the fields ``count`` (how much is done, in words), ``note`` (behind its name),
    ``figures`` (on a line below the bars) and ``begun`` (what was done before, for the time left;
    None while that is not known).
    """
    return _BarsAndFigures(
        SpinnerColumn("line" if console.options.ascii_only else "dots", finished_text=" "),
        _Name(),
        TextColumn("{task.fields[note]}", markup=False, style="dim"),
        BarColumn(bar_width=_BAR_WIDTH, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[count]}", markup=False, justify="right"),
        _Times(),
        console=console,
        transient=transient,
    )


class _BarsAndFigures(Progress):
    """Figures on lines of their own: beside the bars they would push these out of 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        for task in self.tasks:
            if task.visible and task.fields["figures"]:
                figures = printable(task.fields["figures"])
                yield Text(figures, style="dim", no_wrap=True, overflow="ellipsis")


class _Name(ProgressColumn):
    """The name of a task, the one thing that is shortened where a line is too long."""

    def render(self, task: Task) -> Text:
        return Text(printable(task.description), no_wrap=True, overflow="ellipsis")


class _Times(ProgressColumn):
    """The time since a task began and, once something is done, the time left at that pace."""

    def render(self, task: Task) -> Text:
        elapsed = (task.finished_time if task.finished else task.elapsed) or 0.0
        shown, begun = say_clock(elapsed), task.fields["begun"]
        done = 0.0 if begun is None else task.completed - begun
        if task.total is not None and done > 0 and not task.finished:
            shown = f"{shown}, {say_clock(elapsed / done * (task.total - task.completed))} left"
        return Text(shown, no_wrap=True)


def say_clock(seconds: float) -> str:
    """Return seconds as a stopwatch shows them: 0:07, 12:00, 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


@contextmanager
def spinning(console: Console, what: str) -> Iterator[None]:
    """Show in a terminal that something is under way, of which nobody knows how long it takes."""
    if not console.is_interactive:
        yield
        return
    with make_progress(console, transient=True) as progress:
        progress.columns = tuple(
            column for column in progress.columns if not isinstance(column, BarColumn)
        )
        progress.add_task(what, total=None, **WORDS)
        yield
