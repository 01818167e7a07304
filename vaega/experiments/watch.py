"""Watching an experiment that others run: nothing is written, and no run is claimed.

A look costs what has changed since the last one: results that are final are read once, of runs that
nobody has begun there is nothing to read.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vaega.core.errors import printable
from vaega.core.locks import Holder, read_holder
from vaega.core.progress import say_clock
from vaega.experiments.monitor import HEARTBEAT_FILE, Heartbeat, describe_run, read_heartbeat
from vaega.experiments.plan import read_planned
from vaega.experiments.protocols import PROTOCOLS
from vaega.experiments.runs import Run, is_final
from vaega.experiments.status import STATES
from vaega.experiments.store import CLAIM, RECORD, Store

_QUIET = 120.0  # seconds without a word from a run, after which that is said
_SETTLE = 1.0  # seconds in which the tables follow the last run
_MOST_ACTIVE = 8  # runs that are shown one by one; a cluster may compute more
Stamp = tuple[int, int] | None  # Of a file: when it was written, and its size


@dataclass(frozen=True)
class ActiveRun:
    """A run that a process works on."""

    run: Run
    heartbeat: Heartbeat | None  # How far it has come; None before it has said anything
    seconds: float  # Since the process took it
    quiet: float  # Seconds since it last said where it is

    @property
    def position(self) -> str:
        """Where it is, in words."""
        beat = self.heartbeat
        if beat is not None and beat.compiling:
            return "compiling, once"
        words = "preparing"
        if beat is not None and beat.n_searches:
            words = f"search {beat.n_searches}, generation {beat.generation}"
        return f"{words} (quiet for {say_clock(self.quiet)})" if self.quiet > _QUIET else words


@dataclass(frozen=True)
class Snapshot:
    """Where an experiment stands."""

    name: str
    states: Mapping[str, str]  # By the id of each run, in the order of the plan: one of `STATES`
    counts: Mapping[str, Mapping[str, int]]  # By arm: how many runs are in each state
    means: Mapping[str, float]  # By arm: held-out score, mean over the runs that are done
    score_name: str  # What that score is of
    active: Sequence[ActiveRun]
    seconds_left: float | None  # At the pace so far; None where nothing tells it

    @property
    def is_over(self) -> bool:
        """Whether every run has ended, and no process is on one."""
        return all(state in ("done", "failed") for state in self.states.values())

    @property
    def has_scores(self) -> bool:
        """Whether a run has a score, so that there is something to report."""
        return any(state == "done" and not is_final(one) for one, state in self.states.items())

    @property
    def sentence(self) -> str:
        """How many runs are in which state, and what is left."""
        total = Counter(self.states.values())
        parts = [f"{total[state]} {state}" for state in STATES if total[state]]
        return f"{len(self.states)} runs: {', '.join(parts)}{self._left()}."

    def _left(self) -> str:
        if self.is_over:
            return ""
        if not self.active:
            return "; no process is on a run"
        if self.seconds_left is None:
            return "; the time left is not known before a run is done"
        return f"; roughly {say_clock(self.seconds_left)} left"


class Watcher:
    """Looks at a results folder again and again.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``.
    clock : callable, default=time.time
        Returns the seconds since the epoch.

    Raises
    ------
    ResultsError
        When the folder holds no plan of an experiment.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from vaega import load_dataset
    >>> from vaega.experiments import make_config, run_experiment
    >>> config = make_config({
    ...     "name": "wine",
    ...     "dataset": {"source": "sklearn:wine"},
    ...     "fitness": {"classifier": "decision_tree"},
    ...     "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
    ...     "seeds": 2,
    ... })
    >>> with TemporaryDirectory() as folder:
    ...     _ = run_experiment(config, load_dataset("sklearn:wine"), Path(folder))
    ...     print(Watcher(Path(folder) / "wine").look().sentence)
    3 runs: 3 done.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.store = Store(folder)
        self._clock = clock
        self._plan_stamp: Stamp = None
        self._runs: dict[str, Run] = {}
        self._done: dict[str, Mapping[str, Any]] = {}  # What final runs recorded
        self._read: dict[str, tuple[Stamp, Mapping[str, Any]]] = {}  # What others did
        self._read_plan()

    def look(self) -> Snapshot:
        """Return where the experiment stands now."""
        if _stamp(self.store.folder / "plan.json") != self._plan_stamp:
            self._read_plan()  # a later call may have added seeds or arms
        begun, active = self._begun(), []
        states = dict.fromkeys(self._runs, "waiting")
        for run_id, run in self._runs.items():
            if run_id in self._done:
                states[run_id] = "done"
            elif run_id in begun:
                states[run_id], holder = self._state(run)
                if holder is not None:
                    active.append(self._activity(run, holder))
        counts: dict[str, Counter[str]] = {}
        for run_id, state in states.items():
            counts.setdefault(self._runs[run_id].group, Counter())[state] += 1
        left = self._seconds_left(states, active)
        means = self._means()
        return Snapshot(self._name, states, counts, means, self._score_name, active, left)

    def metrics(self, run_id: str) -> Mapping[str, Any]:
        """Return what a run recorded when it was last looked at; nothing if it has not ended."""
        return self._done.get(run_id) or self._read.get(run_id, (None, {}))[1]

    def run(self, run_id: str) -> Run:
        """Return a run of the plan."""
        return self._runs[run_id]

    def _read_plan(self) -> None:
        self._plan_stamp = _stamp(self.store.folder / "plan.json")
        planned, runs = read_planned(self.store.folder)
        protocol = PROTOCOLS[planned.protocol.kind]
        self._score_name = "test rows, seen" if protocol.is_transductive else "held-out"
        self._name, self._runs = planned.name, {run.id: run for run in runs}
        self._done = {key: value for key, value in self._done.items() if key in self._runs}

    def _begun(self) -> set[str]:
        # One listing of the folder, in place of a question for each run that waits.
        with suppress(OSError):
            return {path.name for path in (self.store.folder / "runs").iterdir()}
        return set()

    def _state(self, run: Run) -> tuple[str, Holder | None]:
        folder = self.store.run_folder(run.id)
        stamp = _stamp(folder / RECORD)  # the last of its files
        if stamp is not None and self._read.get(run.id, (None, {}))[0] != stamp:
            self._read[run.id] = stamp, self.store.metrics(run.id) or {}
        status = self.metrics(run.id).get("status")
        if status == "done":
            self._done[run.id] = self._read.pop(run.id)[1]
            return "done", None
        holder = read_holder(folder / CLAIM)
        if holder is not None and not holder.has_died:
            return "running", holder
        if status == "failed":
            return "failed", None
        return ("stopped" if self.store.record(run.id).is_begun else "waiting"), None

    def _activity(self, run: Run, holder: Holder) -> ActiveRun:
        folder, now = self.store.checkpoints(run.id), self._clock()
        try:
            begun = datetime.fromisoformat(holder.since).timestamp()
        except ValueError:
            begun = now
        stamp = _stamp(folder / HEARTBEAT_FILE)
        written = begun if stamp is None else max(begun, stamp[0] / 1e9)
        # Clocks of two machines may disagree.
        seconds, quiet = max(0.0, now - begun), max(0.0, now - written)
        return ActiveRun(run, read_heartbeat(folder), seconds, quiet)

    def _means(self) -> dict[str, float]:
        scores: dict[str, list[float]] = {}
        for run_id, metrics in self._done.items():
            if metrics.get("heldout_score") is not None:
                own = scores.setdefault(self._runs[run_id].group, [])
                own.append(float(metrics["heldout_score"]))
        return {group: sum(own) / len(own) for group, own in scores.items()}

    def _seconds_left(self, states: Mapping[str, str], active: Sequence[ActiveRun]) -> float | None:
        """Return what is left at the mean duration of each arm's runs, shared by those at work."""
        known: dict[str, list[float]] = {}
        for run_id, metrics in self._done.items():
            own = known.setdefault(self._runs[run_id].arm, [])
            own.append(float(metrics.get("seconds") or 0.0))
        if not known or not active:
            return None
        means = {arm: sum(own) / len(own) for arm, own in known.items()}
        other = sum(means.values()) / len(means)  # of an arm that has no result yet
        left = {
            run_id: means.get(self._runs[run_id].arm, other)
            for run_id, state in states.items()
            if state not in ("done", "failed")
        }
        spent = sum(min(one.seconds, left[one.run.id]) for one in active)
        return (sum(left.values()) - spent) / len(active)


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def changes(watcher: Watcher, before: Snapshot | None, now: Snapshot) -> Iterator[str]:
    """Yield a line on each run whose state is another one than before, and on the whole."""
    if before is None:
        yield f"{now.name}: {now.sentence}"
        return
    n_ended = sum(state in ("done", "failed") for state in before.states.values())
    for run_id, state in now.states.items():
        if state == before.states.get(run_id, "waiting"):
            continue
        run = watcher.run(run_id)
        if state in ("done", "failed"):
            n_ended += 1
            told = describe_run(run, watcher.metrics(run_id))
            yield f"[{n_ended}/{len(now.states)}] {told}"
        else:
            yield f"{run.title}: {state}"
    idle = not now.active and not now.is_over
    if now.is_over or (idle and before.active):
        yield now.sentence


def render(snapshot: Snapshot) -> RenderableType:
    """Return what a terminal shows of a snapshot."""
    name = Text(printable(snapshot.name), style="bold")
    parts: list[RenderableType] = [name, _arm_table(snapshot), ""]
    if snapshot.active:
        parts += [_active_table(snapshot.active[:_MOST_ACTIVE])]
        more = len(snapshot.active) - _MOST_ACTIVE
        parts += [f"and {more} more at work"] if more > 0 else []
        parts += [""]
    return Group(*parts, Text(printable(snapshot.sentence)))


def _table(columns: Sequence[str], *, n_left: int = 1) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for index, heading in enumerate(columns):
        justify: Literal["left", "right"] = "left" if index < n_left else "right"
        table.add_column(Text(printable(heading)), justify=justify)
    return table


def _arm_table(snapshot: Snapshot) -> Table:
    there = [state for state in STATES if state in snapshot.states.values()]
    table = _table(["arm", *there, snapshot.score_name])
    for arm, counts in snapshot.counts.items():
        mean = snapshot.means.get(arm)
        shown = [str(counts[state] or "") for state in there]
        table.add_row(Text(printable(arm)), *shown, "" if mean is None else f"{mean:.3f}")
    return table


def _active_table(active: Sequence[ActiveRun]) -> Table:
    table = _table(["at work", "where", "time", "best mask"], n_left=2)
    table.columns[3].justify = "left"
    for one in active:
        # Of the figures of a generation, the first is the best mask.
        best = one.heartbeat.figures.split(", ")[0] if one.heartbeat is not None else ""
        clock = say_clock(one.seconds)
        cells = (one.run.title, one.position, clock, best.removeprefix("best "))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


@dataclass
class PageWriter:
    """Writes the page anew when results have changed, so many seconds after the last one."""

    folder: Path
    write: Callable[[Path], Any]
    seconds: float = 0.0  # between two pages
    _shown: Stamp = None
    _written: float = -float("inf")

    def look(self) -> None:
        """Write the page if it is due."""
        stamp = _stamp(self.folder / "runs.csv")  # written anew behind runs that end
        if stamp is None or stamp == self._shown:
            return
        if time.monotonic() - self._written >= self.seconds:
            self.write(self.folder)
            self._shown, self._written = stamp, time.monotonic()

    def finish(self) -> None:
        """Write the last page, once the tables have the last run."""
        self.seconds = 0.0
        time.sleep(_SETTLE)
        while _stamp(self.folder / "runs.csv") not in (None, self._shown):
            self.look()


def watch(
    folder: Path,
    console: Console,
    *,
    seconds: float = 1.0,
    page: PageWriter | None = None,
) -> Snapshot:
    """Show where an experiment stands until it is over, and return where it ended.

    A terminal is drawn anew each time; a file or a pipe gets a line for each change.
    """
    watcher, before = Watcher(folder), None
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    with live or nullcontext():
        while True:
            now = watcher.look()
            if live is not None:
                live.update(render(now), refresh=True)
            else:
                for line in changes(watcher, before, now):
                    shown = printable(line)
                    console.print(shown, markup=False, emoji=False, highlight=False, soft_wrap=True)
            if now.is_over:
                break
            if page is not None and now.has_scores:  # without one there is nothing to show
                page.look()
            before = now
            time.sleep(seconds)
    if page is not None and now.has_scores:
        page.finish()
    return now
