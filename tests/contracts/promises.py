"""What chaos is judged by: promises that can be broken in three ways, and commands in this process.

A trial does something to results or to a process and raises one of these where a promise is broken.
"""

import contextlib
import io
import os
import re
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from vaega.cli import main


class BrokenPromise(AssertionError):
    """A promise that was not kept."""

    kind = "unexpected"


class SilentDifference(BrokenPromise):
    """Something else than what was computed was shown, or kept, and nobody said so."""

    kind = "silent differences"


class RefusedForGood(BrokenPromise):
    """No command goes on from there."""

    kind = "refused for good"


class Unexpected(BrokenPromise):
    """A traceback, "unexpected", another exit code, more or less than one sentence, an orphan."""


@dataclass
class Tally:
    """How often something was tried, and what came of it."""

    what: str
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def sentence(self):
        """The counts."""
        counts = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        return f"{self.what}: {counts}"

    def judge(self, trial, seed):
        """Do a trial and count what came of it."""
        self.counts["tried"] += 1
        try:
            trial(seed)
        except Exception as error:  # what no promise names is as unexpected
            kind = getattr(error, "kind", "unexpected")
            self.counts[kind] += 1
            self.failures.append(f"{self.what}, seed {seed}, {kind}: {str(error)[:2000]}")
        else:
            self.counts["held"] += 1


def command(*words):
    """Return exit code, output and sentences of a command that runs in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except Exception as error:
            raise Unexpected(f"{words}: {type(error).__name__}: {error}") from error
    if "vaega: unexpected" in err.getvalue() or "Traceback" in err.getvalue():
        raise Unexpected(f"{words}: {err.getvalue()}")
    return code, out.getvalue(), err.getvalue()


def refusals(err):
    """Return the sentences of a refusal."""
    return [line for line in err.splitlines() if line.startswith("vaega: ")]


def answer(*words):
    """Return what a command shows, or None where it refuses in one sentence."""
    code, out, err = command(*words)
    if code not in (0, 2):
        raise Unexpected(f"{words}: exit code {code}: {err}")
    if code == 2 and len(refusals(err)) != 1:
        raise Unexpected(f"{words}: refused with {len(refusals(err))} sentences: {err}")
    return out if code == 0 else None


@contextlib.contextmanager
def bounded(what: str, seconds: int):
    """Break off what takes longer: it hangs."""

    def stop(*_):
        raise Unexpected(f"{what}: it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def undrawn(cache: Path, *, pages: bool = True):
    """Leave out the drawing of figures, or whole pages too: they take most of a command's time."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, VAEGA_CACHE=str(cache)))
        stack.enter_context(patch("vaega.report._section.inline_svg", lambda *_, **__: "<svg/>"))
        stack.enter_context(patch("vaega.report._page.render", lambda *_, **__: b"<svg/>"))
        if not pages:
            written = patch("vaega.report._page.write_report", lambda folder, *_: folder)
            stack.enter_context(written)
        yield


def timeless(text):
    """Return a page without what depends on when, and how quickly, it was computed."""
    text = re.sub(r"\d+(\.\d+)? (s|min|h|MB)\b", "", text)
    return re.sub(r"<td>\d+(\.\d)?</td></tr>", "", text)  # seconds and megabytes are last columns
