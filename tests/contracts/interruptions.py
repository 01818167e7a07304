"""Random signals to an experiment at random moments, and what it is like after a resume.

It ends with the exit code of the signal and says how to go on, no worker lives on, and a resume
comes to the bits of an experiment that was left alone.
"""

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import yaml

from tests.contracts.damage import contents_of, differing
from tests.contracts.promises import (
    RefusedForGood,
    SilentDifference,
    Unexpected,
    command,
    undrawn,
)
from tests.processes import start_command

CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "fitness": {"classifier": "gaussian_nb", "engine": "sklearn"},  # no kernels to compile
    "search": {"population_size": 8, "n_generations": 5, "n_searches": 1},
    "seeds": 4,
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}
SIGNALS = (*CODES, signal.SIGSTOP)
SECONDS = 300  # for a command, on any machine
# What holds the command, which is another one with other processes.
_OF_COMMAND = ("command.txt", "plan.json", "report.html")


def without_pages():
    """Let a command write no page, which takes most of its time."""
    from vaega.report import _page

    _page.write_report = lambda folder, *_: folder


class InterruptedRuns:
    """An experiment that was left alone, and copies that each trial interrupts."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.trial, self.errors = place / "trial", place / "errors"
        self.folder = self.trial / "small"
        (place / "small.yaml").write_text(yaml.safe_dump(CONFIG))
        self.seconds = {}
        for n_jobs in (1, 2):
            process = self._start(n_jobs)
            began = time.monotonic()
            process.join(SECONDS)
            self.seconds[n_jobs] = time.monotonic() - began
            assert process.exitcode == 0, self.errors.read_text()
        self.whole = self._contents()

    def _start(self, n_jobs: int):
        """Start an experiment anew and return when it is at work."""
        shutil.rmtree(self.trial, ignore_errors=True)
        words = ("run", self.place / "small.yaml", "--results", self.trial, "--jobs", n_jobs)
        process = start_command(*words, errors=self.errors, prepare=without_pages)
        deadline = time.monotonic() + SECONDS
        while not (self.folder / "plan.json").exists():
            assert process.is_alive(), self.errors.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process

    def _contents(self):
        content = contents_of(self.folder)
        return {name: said for name, said in content.items() if name not in _OF_COMMAND}

    def try_one(self, seed: int) -> None:
        """Send a signal, wait for the end, and go on."""
        rng = np.random.default_rng([seed, 3])
        number, n_jobs = SIGNALS[rng.integers(len(SIGNALS))], int(rng.integers(1, 3))
        delay = float(rng.random() * self.seconds[n_jobs])
        what = f"{number.name} after {delay:.2f} s, {n_jobs} jobs"
        process = self._start(n_jobs)
        time.sleep(delay)
        workers = _children(process.pid)
        if number == signal.SIGSTOP:
            self._stop_a_while(process, workers, rng)
        elif process.is_alive():
            os.kill(process.pid, number)
        process.join(SECONDS)
        self._check_end(what, process.exitcode, number)
        _, alive = psutil.wait_procs(workers, timeout=60)
        alive = [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
        if alive:
            for one in alive:
                one.kill()
            raise Unexpected(f"{what}: {len(alive)} workers live on")
        self._check_resume(what)

    def _stop_a_while(self, process, workers, rng) -> None:
        """Stop the command, or one of its workers, and let it go on."""
        pids = [process.pid, *(one.pid for one in workers)]
        pid = pids[rng.integers(len(pids))]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            time.sleep(float(rng.random()))

    def _check_end(self, what: str, code: int | None, number: signal.Signals) -> None:
        said = self.errors.read_text()
        if code is None:
            raise Unexpected(f"{what}: it does not end: {said}")
        if "Traceback" in said or "unexpected" in said:
            raise Unexpected(f"{what}: {said}")
        # A signal that comes behind the last run meets a command that is over, or a plain process.
        if code == 0 or (code == -number and self._contents() == self.whole):
            return
        if code != CODES.get(number):
            raise Unexpected(f"{what}: exit code {code}: {said}")
        last = (said.strip().splitlines() or [""])[-1]
        if code > 0 and last != f"vaega: interrupted; go on with: vaega resume {self.folder}":
            raise Unexpected(f"{what}: its last line is {last!r}")

    def _check_resume(self, what: str) -> None:
        with undrawn(self.trial / "cache", pages=False):
            code, _, err = command("resume", self.folder)
        if code != 0:
            raise RefusedForGood(f"{what}: {err}")
        contents = self._contents()
        for name in contents.keys() | self.whole.keys():
            if contents.get(name) != self.whole.get(name):
                said = differing(contents.get(name), self.whole.get(name))
                raise SilentDifference(f"{what}: after the resume {name} has {said}")


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
