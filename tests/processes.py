"""Processes of their own for commands and functions, forked from one that imported what they need.

They start at once, so that tests may start and kill many. The process that they are forked from
has computed nothing: what one of them knows it has read or computed itself.
"""

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path

import pytest

from vaega.cli import main

_PAGES = "VAEGA_TEST_PAGES"  # in the environment of processes that write no page
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "skops.io",
        "vaega.engines._mlp",
        "vaega.experiments.run",
        "vaega.generative._models",
        "vaega.report._page",
    ]
)


@contextmanager
def without_pages():
    """Let commands, here and in processes of their own, draw no page of their results.

    Its figures take longer than the runs of a small experiment.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(_PAGES, "none")
        patch.setattr("vaega.report._page.write_report", _no_page)
        yield


def _no_page(folder, results=None):
    return folder / "report.html"


def ensure_running():
    """Start what processes are forked from, for others that fork from the same."""
    forkserver.ensure_running()


def start_process(function, *arguments, errors=None):
    """Start a function with the environment and in the folder of this process.

    Its standard error goes to a file, if one is named.
    """
    process = _CONTEXT.Process(
        target=_run, args=(dict(os.environ), Path.cwd(), errors, function, arguments)
    )
    process.start()
    return process


def start_command(*words, errors=os.devnull, prepare=None):
    """Start ``vaega`` with these words, after `prepare`; what it prints is not kept."""
    return start_process(_run_command, [str(word) for word in words], prepare, errors=errors)


def run_command(*words, errors=os.devnull):
    """Wait for a command and check that it succeeds."""
    process = start_command(*words, errors=errors)
    process.join()
    assert process.exitcode == 0


def pipe():
    """Return the end that reads and the end that writes, for a process that is started."""
    return _CONTEXT.Pipe(duplex=False)


def _run(environment, folder, errors, function, arguments):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup, and so a child of tests, ignores
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if errors is not None:
        _redirect(sys.stderr, errors)
    function(*arguments)


def _run_command(words, prepare):
    _redirect(sys.stdout, os.devnull)
    if prepare is not None:
        prepare()
    if _PAGES in os.environ:
        with without_pages():
            sys.exit(main(words))
    sys.exit(main(words))


def _redirect(stream, path):
    with Path(path).open("wb") as file:
        os.dup2(file.fileno(), stream.fileno())
