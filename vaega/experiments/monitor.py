"""Progress and budget of an experiment: observers, heartbeats of runs, what a call may use."""

import contextlib
import json
import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import TaskID

from vaega.core.checks import check_count, check_positive
from vaega.core.compilation import ANNOUNCEMENT
from vaega.core.errors import printable
from vaega.core.progress import COMPILING_NOTE, WORDS, make_progress
from vaega.core.wording import counted
from vaega.evolution._evolution import Callback, count_asked
from vaega.evolution._progress import Pace, describe_state
from vaega.experiments.final import describe_final
from vaega.experiments.protocols import PROTOCOLS, make_protocol
from vaega.experiments.runs import Run

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.experiments.config import ExperimentConfig


@dataclass
class Observer:
    """Is called as an experiment proceeds; every hook is empty."""

    # For searches that run in this process
    callbacks: tuple[Callback, ...] = field(default=())

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Before the first run: all runs, and how many were done before."""

    def on_run_start(self, run: Run, folder: Path) -> None:
        """Before a run, in this process or another; `folder` is that of its checkpoints.

        Perhaps called by another thread than the other hooks, and again for a run whose process
        died. `read_heartbeat` says how far it has come.
        """

    def on_run_left(self, run: Run) -> None:
        """When a run was begun and left: another process holds it, or the budget is spent."""

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """After a run: what it recorded."""


class LineObserver(Observer):
    """Hands a line on each run that ends to a function."""

    def __init__(
        self, write: Callable[[str], None], describe: Callable[[Run, dict[str, Any]], str]
    ) -> None:
        super().__init__()
        self.write, self.describe = write, describe
        self.n_runs = self.n_done = self.n_ended = 0

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Take note of how much there is to do."""
        self.n_runs, self.n_done, self.n_ended = len(runs), n_done, 0

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Describe the run."""
        self.n_ended += 1
        self.write(self.describe(run, metrics))


HEARTBEAT_FILE = "activity.json"
_SECONDS = 0.25  # between two writes


@dataclass(frozen=True)
class Heartbeat:
    """How far a run has come."""

    n_searches: int  # Searches begun, in all trials so far
    generation: int  # Of the last one
    figures: str = ""  # Its last generation in words
    compiling: bool = False  # Whether its process compiles kernels just now


class WriteHeartbeat(Callback):
    """Write how far a run has come, at most four times a second."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / HEARTBEAT_FILE
        self.n_searches = 0
        self._pace = Pace()
        self._written = -float("inf")
        self._last = Heartbeat(0, 0)

    def beat(self) -> None:
        """Write where it stands, and whether kernels are compiled: no generation ends in that."""
        self._write(self._last)

    def on_start(self, algorithm: Any) -> None:
        """Count the search."""
        self.n_searches += 1
        self._pace.start(algorithm.state)
        self._write(Heartbeat(self.n_searches, algorithm.state.generation))

    def on_generation(self, algorithm: Any) -> None:
        """Write when the last write is old enough."""
        if time.monotonic() - self._written >= _SECONDS:
            state = algorithm.state
            figures = describe_state(state, masks_per_second=self._pace.masks_per_second(state))
            self._write(Heartbeat(self.n_searches, state.generation, figures))

    def _write(self, heartbeat: Heartbeat) -> None:
        self._written, self._last = time.monotonic(), heartbeat
        heartbeat = replace(heartbeat, compiling=ANNOUNCEMENT.is_active)
        temporary = self.path.with_name(f".{HEARTBEAT_FILE}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_text(json.dumps(asdict(heartbeat)), encoding="utf-8")
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)


def read_heartbeat(folder: Path) -> Heartbeat | None:
    """Return how far a run has come."""
    try:
        content = json.loads((folder / HEARTBEAT_FILE).read_text(encoding="utf-8"))
        position = content["n_searches"], content["generation"], content["figures"]
        return Heartbeat(*position, content.get("compiling", False))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class BudgetSpentError(Exception):
    """Raised within a run to leave it where it stands, as an interrupt would."""


@dataclass(frozen=True)
class Allowance:
    """What one run may use of what is left; None is no limit."""

    seconds: float | None = None
    n_asked: int | None = None  # Masks

    def after(self, seconds: float) -> "Allowance":
        """Return what is left of it some time later."""
        return self if self.seconds is None else replace(self, seconds=self.seconds - seconds)


class Budget:
    """What a call may use; the clock starts when it is made."""

    def __init__(
        self, max_seconds: float | None = None, max_evaluations: int | None = None
    ) -> None:
        if max_seconds is not None:
            check_positive(max_seconds, "max_seconds", owner="budget")
        if max_evaluations is not None:
            check_count(max_evaluations, "max_evaluations", owner="budget")
        self.max_seconds = max_seconds
        self.max_evaluations = max_evaluations
        self.n_asked = 0
        self._started = time.monotonic()

    def use(self, n_asked: int) -> None:
        """Count masks that a run has asked for."""
        self.n_asked += n_asked

    def allowance(self) -> Allowance:
        """Return what a run that starts now may use."""
        seconds = n_asked = None
        if self.max_seconds is not None:
            seconds = max(0.0, self.max_seconds - (time.monotonic() - self._started))
        if self.max_evaluations is not None:
            n_asked = max(0, self.max_evaluations - self.n_asked)
        return Allowance(seconds, n_asked)

    @property
    def is_spent(self) -> bool:
        """Whether no further run may start."""
        left = self.allowance()
        return 0 in (left.seconds, left.n_asked)


class Meter(Callback):
    """Counts the masks that the searches of a run ask for, and leaves the run when it must."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.n_restored = 0  # asked for before, in searches that were resumed
        self._n_before = 0  # in searches that are over
        self._n_here = 0
        self._started = time.monotonic()

    @property
    def n_asked(self) -> int:
        """Masks asked for since this was made."""
        return self._n_before + self._n_here

    def on_start(self, algorithm: Any) -> None:
        """Take note of where the search stands."""
        self._n_before += self._n_here
        self._n_here, self._n_start = 0, count_asked(algorithm.state)
        self.n_restored += self._n_start

    def on_generation(self, algorithm: Any) -> None:
        """Count what the generation asked for."""
        self._n_here = count_asked(algorithm.state) - self._n_start

    def on_decision(self, algorithm: Any, *, stopped: bool) -> None:
        """Leave when the allowance is used up.

        Checkpoints are written before, the first generation's always: each call gets further.
        """
        limit, seconds = self.allowance.n_asked, self.allowance.seconds
        if limit is not None and self.n_asked >= limit:
            raise BudgetSpentError
        if seconds is not None and time.monotonic() - self._started >= seconds:
            raise BudgetSpentError


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Watches the process from when it is made; processes that it starts are not counted.

    Linux sets its high-water mark back when asked. Elsewhere, and where that is forbidden, the mark
    is that of the process since it began, which may have computed other runs before.
    """

    def __init__(self) -> None:
        with suppress(OSError):  # no such file here, or not ours to write
            _CLEAR.write_text("5")

    def megabytes(self) -> float | None:
        """Return the peak resident memory so far, in 1e6 bytes; None where it is not known."""
        with suppress(OSError):
            found = re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text(encoding="ascii"))
            if found is not None:
                return int(found[1]) * 1024 / 1e6
        return _since_the_process_began()


def _since_the_process_began() -> float | None:
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


_PREPARING = "preparing the folds"
_MOST_BARS = 8  # of runs at once; a cluster may compute more than a terminal has lines


def describe_run(run: Run, metrics: Mapping[str, Any]) -> str:
    """Return one line on a finished run."""
    if metrics.get("status") != "done":
        return f"{run.title}: failed: {metrics.get('error', 'no result')}"
    if run.final:
        scores = describe_final(metrics)
    else:
        scores = PROTOCOLS[metrics.get("protocol", "honest")].describe(metrics)
    masks, seconds = counted(metrics["n_distinct"], "mask"), metrics["seconds"]
    return f"{run.title}: {scores}, {masks} in {seconds:.1f} s"


@dataclass(frozen=True)
class RunLength:
    """How long the bar of a run is."""

    n_searches: int  # Searches in all trials of the run
    n_generations: int  # Of each search

    @property
    def total(self) -> int:
        """Generations of all searches."""
        return self.n_searches * self.n_generations


def measure_run(
    config: "ExperimentConfig", dataset: "Dataset", *, final: bool = False
) -> RunLength:
    """Return how many searches and generations a run of an experiment has, or a final one."""
    protocol, seed = make_protocol(config.protocol), config.seed_list()[0]
    if final:
        trials = [protocol.final_trial(dataset, seed)]
    else:
        trials = list(protocol.trials(dataset, seed))
    n_rows, n_features = trials[0].X.shape
    n_rows = getattr(trials[0], "n_independent", n_rows)
    settings = config.search.settings().resolved(n_rows=n_rows, n_features=n_features)
    return RunLength(len(trials) * int(settings.n_searches), int(settings.n_generations))


class PlainObserver(Observer):
    """One line a run, for logs and pipes; and one a minute on what is under way."""

    seconds = 60.0  # between two polls of what is under way
    _look = 1.0  # between two looks whether kernels are compiled

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._under_way: dict[str, tuple[Run, Path]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll_until_over, daemon=True)

    def __enter__(self) -> "PlainObserver":
        self._thread.start()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._over.set()
        self._thread.join()

    def _poll_until_over(self) -> None:
        polled = time.monotonic()
        while not self._over.wait(min(self.seconds, self._look)):
            if not ANNOUNCEMENT.said and any(one and one.compiling for _, one in self._positions()):
                ANNOUNCEMENT.say()  # processes that compute runs leave it to this one
            if time.monotonic() - polled >= self.seconds:
                self.poll()
                polled = time.monotonic()

    def poll(self) -> None:
        """Say how far the runs under way have come."""
        parts = [_describe_heartbeat(run, heartbeat) for run, heartbeat in self._positions()]
        if parts:
            self._say(f"under way: {'; '.join(parts)}")

    def _positions(self) -> list[tuple[Run, Heartbeat | None]]:
        with self._lock:
            under_way = list(self._under_way.values())
        return [(run, read_heartbeat(folder)) for run, folder in under_way]

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
            self._forget(run)

    def _forget(self, run: Run) -> None:
        """Drop all that is kept of a run; the lock is held."""
        self._under_way.pop(run.id, None)

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Say how the run ended."""
        self.on_run_left(run)
        self._finished += 1
        self._say(f"[{self._finished}/{self._total}] {describe_run(run, metrics)}")

    def _say(self, text: str) -> None:
        shown = printable(text)
        self.console.print(shown, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _describe_heartbeat(run: Run, heartbeat: Heartbeat | None) -> str:
    if heartbeat is None or not heartbeat.n_searches:
        return f"{run.title} (preparing)"
    return f"{run.title} (search {heartbeat.n_searches}, generation {heartbeat.generation})"


def _searches(run: Run) -> bool:
    return not run.resolved.get("arm", {}).get("selector")


class LiveObserver(PlainObserver):
    """A bar of all runs, and one of the generations of each that is under way, wherever it is."""

    seconds = 0.25

    def __init__(
        self, console: Console, *, length: RunLength, final: RunLength | None = None
    ) -> None:
        super().__init__(console)
        self.length = length
        self.final_length = final or length
        self.progress = make_progress(console)
        self.all_runs = self.progress.add_task("runs", total=None, **WORDS)
        self._bars: dict[str, TaskID] = {}
        self._begun: dict[TaskID, int] = {}  # generations that a bar began with
        self._heard: dict[TaskID, Heartbeat] = {}  # the last one: a search that ended leaves none

    def __enter__(self) -> "LiveObserver":
        self.progress.start()
        super().__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        for run, _ in list(self._under_way.values()):
            self.on_run_left(run)
        self.progress.stop()

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Draw the bar where the experiment stands."""
        super().on_plan(runs, n_done)
        self.progress.update(self.all_runs, total=len(runs), begun=n_done)
        self._count_runs()

    def on_run_start(self, run: Run, folder: Path) -> None:
        """Show the generations of this run."""
        self.on_run_left(run)  # one that goes on elsewhere after its process died
        super().on_run_start(run, folder)
        with self._lock:
            total = self._length_of(run).total if _searches(run) else None
            self._bars[run.id] = self.progress.add_task(run.title, total=total, **WORDS)
        self.poll()

    def _forget(self, run: Run) -> None:
        # Its bar goes in the same moment: one without a run could not be moved.
        super()._forget(run)
        bar = self._bars.pop(run.id, None)
        if bar is not None:
            self.progress.remove_task(bar)

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """Say how the run ended, and move on."""
        super().on_run_end(run, metrics)
        self._count_runs()

    def _count_runs(self) -> None:
        count = f"{self._finished}/{self._total}"
        self.progress.update(self.all_runs, completed=self._finished, count=count)

    def poll(self) -> None:
        """Move the bars to where the runs have come; figures are for a single one."""
        with self._lock:
            for index, (run_id, bar) in enumerate(self._bars.items()):
                run, folder = self._under_way[run_id]
                heartbeat = read_heartbeat(folder) or self._heard.get(bar, Heartbeat(0, 0))
                self._heard[bar] = heartbeat
                if _searches(run):
                    self._move(bar, heartbeat, self._length_of(run))
                else:
                    note = COMPILING_NOTE if heartbeat.compiling else "selecting"
                    self.progress.update(bar, note=note)
                idle = "" if heartbeat.n_searches or not _searches(run) else _PREPARING
                figures = heartbeat.figures or idle
                self.progress.update(
                    bar,
                    figures=figures if len(self._bars) == 1 else "",
                    visible=index < _MOST_BARS,
                )

    def _length_of(self, run: Run) -> RunLength:
        return self.final_length if run.final else self.length

    def _move(self, bar: TaskID, heartbeat: Heartbeat, length: RunLength) -> None:
        # A search that stopped early counts whole once the next one has begun.
        before = max(heartbeat.n_searches - 1, 0) * length.n_generations
        completed = before + heartbeat.generation
        if heartbeat.n_searches:
            self._begun.setdefault(bar, completed)
        self.progress.update(
            bar,
            completed=completed,
            begun=self._begun.get(bar),
            count=f"{completed}/{length.total}",
            note=self._note(heartbeat, length),
        )

    def _note(self, heartbeat: Heartbeat, length: RunLength) -> str:
        if heartbeat.compiling:
            return COMPILING_NOTE
        if not heartbeat.n_searches:
            return "preparing"
        several = length.n_searches > 1
        return f"search {heartbeat.n_searches}/{length.n_searches}" if several else ""

    def _say(self, text: str) -> None:
        shown = printable(text)
        self.console.print(
            shown, markup=False, emoji=False, highlight=False
        )  # wrapped between words


def make_observer(
    console: Console, *, length: RunLength, final: RunLength | None = None
) -> PlainObserver:
    """Return the display that suits the console; it is a context manager.

    `length` is that of a run, `final` that of a final one, where there are any.
    """
    if console.is_terminal:
        return LiveObserver(console, length=length, final=final)
    return PlainObserver(console)


@contextmanager
def quiet_logger(name: str, level: int) -> Iterator[None]:
    """Let a logger pass what is of a level or above alone, within the block."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
