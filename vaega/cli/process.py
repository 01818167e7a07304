"""The process of a command: signals that ask it to end, and readers of its output that go away."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

# `kill`, docker stop, a scheduler; a terminal that is closed, which Windows has not
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_BURST = 1.0  # seconds in which several signals are one request, as a service manager sends them


@contextmanager
def ending_signals() -> Iterator[list[signal.Signals]]:
    """Let SIGTERM and SIGHUP interrupt the block as Ctrl-C does; yield those that came.

    A signal that is ignored, as SIGHUP by nohup, or that a program around this one handles is left
    alone.
    """
    came: list[signal.Signals] = []
    at = -_BURST

    def interrupt(number: int, frame: Any) -> None:
        nonlocal at
        before, at = at, time.monotonic()
        if at - before >= _BURST:  # what follows at once shall not cut what the first one tidies up
            came.append(signal.Signals(number))
            raise KeyboardInterrupt

    ours = []
    if threading.current_thread() is threading.main_thread():
        ours = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def outliving_readers() -> Iterator[None]:
    """Let a reader that goes away (``| head``, a closed terminal) end nothing in the block."""
    before = sys.stdout, sys.stderr
    streams: list[Any] = [None if stream is None else _Outliving(stream) for stream in before]
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Outliving:
    """A stream that writes to nowhere once nobody reads it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._end(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._end(error)

    def _end(self, error: OSError) -> None:
        gone = {errno.EPIPE, errno.EIO} if self._is_terminal else {errno.EPIPE}
        if error.errno not in gone:
            raise error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream.flush()  # what was left in its buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
