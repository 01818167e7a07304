"""How far a search is: a bar in a terminal, a line that changes in a notebook, lines elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from rich.console import Console

from vaega.core.checks import check_count
from vaega.core.compilation import ANNOUNCEMENT
from vaega.core.progress import COMPILING_NOTE, WORDS, make_progress, say_clock
from vaega.evolution._evolution import Callback, EvolutionState, SearchPlan

_PREPARING = "preparing"


class ProgressBar(Callback):
    """Show which search of how many it is, its generation, the best mask and the time.

    One bar for all searches that vote. In a terminal it has a spinner from the first second, the
    mean of the population, its diversity, masks a second and the time left; in a notebook it is one
    line that changes; elsewhere, in a file or a pipe, a line is written for each search, and one a
    minute. It changes no result.

    Parameters
    ----------
    n_generations : int, optional
        Length of the bar, where the search does not say it: `vaega.GeneticSelector` and
        `vaega.evolution.evolve` do, a loop of your own does not.
    console : rich.console.Console, optional
        Where to draw; the standard error stream when absent.

    Raises
    ------
    InputError
        When `n_generations` is no whole number, at least 1.

    Examples
    --------
    >>> from vaega import GeneticSelector
    >>> from sklearn.naive_bayes import GaussianNB
    >>> selector = GeneticSelector(GaussianNB(), callbacks=[ProgressBar()])

    In a loop of your own, ``algorithm`` is anything whose ``state`` is an `EvolutionState`: call
    ``on_start(algorithm)`` before it, ``on_generation(algorithm)`` in it, ``on_end(algorithm)``
    behind it.
    """

    def __init__(self, n_generations: int | None = None, *, console: Console | None = None) -> None:
        if n_generations is not None:
            check_count(n_generations, "n_generations", owner="ProgressBar")
        self.n_generations = n_generations
        self.console = console
        self._plan: SearchPlan | None = None
        self._display: _Display | None = None
        self._pace = Pace()

    def on_plan(self, plan: SearchPlan) -> None:
        """Show that it begins."""
        self._open()
        self._plan = plan
        self._show(Position(plan.n_searches, self._length(plan)))

    def on_start(self, algorithm: Any) -> None:
        """Show where the search stands."""
        if self._display is None:
            self._open()
        self._pace.start(algorithm.state)
        self._show_state(algorithm.state)

    def on_generation(self, algorithm: Any) -> None:
        """Move the bar on."""
        self._show_state(algorithm.state)

    def on_end(self, algorithm: Any) -> None:
        """Leave the last figures standing."""
        self._show_state(algorithm.state, ended=True)
        if self._plan is None:
            self.on_close()

    def on_close(self) -> None:
        """Let go of the terminal."""
        display, self._display, self._plan = self._display, None, None
        if display is not None:
            display.close()

    def _open(self) -> None:
        self.on_close()  # what a search that failed in a loop of one's own has left
        self._display = _open_display(self.console or Console(stderr=True))

    def _show_state(self, state: EvolutionState, *, ended: bool = False) -> None:
        plan, figures = self._plan or SearchPlan(), ""
        if state.history:
            figures = describe_state(state, masks_per_second=self._pace.masks_per_second(state))
        position = Position(
            plan.n_searches, self._length(plan), self.search + 1, state.generation, figures, ended
        )
        self._show(position)

    def _show(self, position: "Position") -> None:
        if self._display is not None:
            self._display.show(position)

    def _length(self, plan: SearchPlan) -> int | None:
        return self.n_generations if plan.n_generations is None else plan.n_generations


@dataclass(frozen=True)
class Position:
    """Where searches stand."""

    n_searches: int = 1
    n_generations: int | None = None  # Of each search, if it is known
    search: int = 0  # From 1; 0 before the first
    generation: int = 0
    figures: str = ""  # Of the last generation, in words
    ended: bool = False  # Whether this search is over

    @property
    def name(self) -> str:
        """Which search it is, where there are several."""
        return f"search {self.search}/{self.n_searches}" if self.n_searches > 1 else "search"

    @property
    def count(self) -> str:
        """Which generation it is."""
        of = "" if self.n_generations is None else f"/{self.n_generations}"
        return f"generation {self.generation}{of}"

    @property
    def total(self) -> int | None:
        """Generations of all searches."""
        return None if self.n_generations is None else self.n_searches * self.n_generations

    @property
    def completed(self) -> int:
        """Generations done; a search that stopped before its last one counts whole."""
        if self.n_generations is None:
            return self.generation
        here = self.n_generations if self.ended else self.generation
        return max(self.search - 1, 0) * self.n_generations + here


class _Display(Protocol):
    def show(self, position: Position) -> None:
        """Show where searches stand."""

    def close(self) -> None:
        """Show no more."""


def _open_display(console: Console) -> _Display:
    if console.is_interactive:
        return _Terminal(console)
    if console.is_jupyter:
        return _Notebook()
    return _Lines(lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))


class _Terminal:
    """A bar, and the figures below it."""

    def __init__(self, console: Console) -> None:
        self._progress = make_progress(console)
        self._task = self._progress.add_task(_PREPARING, total=None, **WORDS)
        self._begun: int | None = None
        self._hearing = ANNOUNCEMENT.heard_by(self._note)
        self._hearing.__enter__()
        self._note()
        self._progress.start()

    def show(self, position: Position) -> None:
        if self._begun is None and position.search:
            self._begun = position.completed
        self._progress.update(
            self._task,
            begun=self._begun,
            description=position.name if position.search else _PREPARING,
            total=position.total,
            completed=position.completed,
            count=position.count if position.search else "",
            figures=position.figures,
        )

    def close(self) -> None:
        self._hearing.__exit__(None, None, None)
        self._progress.stop()

    def _note(self) -> None:
        self._progress.update(self._task, note=COMPILING_NOTE if ANNOUNCEMENT.is_active else "")


class _Notebook:
    """A line that changes, by IPython's own means: no package of widgets is needed."""

    seconds = 0.25  # between two changes

    def __init__(self) -> None:
        display = import_module("IPython.display").display
        self._started, self._changed = time.monotonic(), time.monotonic()
        self._handle = display(self._content(_PREPARING), raw=True, display_id=True)

    def show(self, position: Position) -> None:
        now = time.monotonic()
        if position.ended or now - self._changed >= self.seconds:
            self._changed = now
            text = _describe(position, now - self._started) if position.search else _PREPARING
            self._handle.update(self._content(text), raw=True)

    def close(self) -> None:
        """Leave the line as it is."""

    @staticmethod
    def _content(text: str) -> dict[str, str]:
        return {"text/plain": text}


class _Lines:
    """A line when a search ends, and one a minute while it goes on."""

    seconds = 60.0

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._started = self._written = time.monotonic()

    def show(self, position: Position) -> None:
        now = time.monotonic()
        if position.ended or now - self._written >= self.seconds:
            self._written = now
            self._write(_describe(position, now - self._started))

    def close(self) -> None:
        """Nothing is held."""


def _describe(position: Position, seconds: float) -> str:
    figures = f", {position.figures}" if position.figures else ""
    return f"{position.name}, {position.count}{figures}, {say_clock(seconds)}"


class Pace:
    """Masks a second of an evolution, measured from where this process began or resumed it."""

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
