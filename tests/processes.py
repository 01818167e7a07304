"""Commands of vaega in processes of their own, forked from one that has imported what they need.

They start at once, so that tests may start and kill many. The process that they are forked from
has computed nothing: what a command holds it has read or computed itself.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from vaega.cli import main

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["vaega.engines._mlp", "vaega.experiments.run", "vaega.report._page"]
)


def start_command(*words, errors=os.devnull):
    """Start ``vaega`` with these words; what it writes to its standard error is in a file."""
    arguments = (words, str(errors), dict(os.environ), Path.cwd())
    process = _CONTEXT.Process(target=_run_command, args=arguments)
    process.start()
    return process


def run_command(*words, errors=os.devnull):
    """Wait for a command and check that it succeeds."""
    process = start_command(*words, errors=errors)
    process.join()
    assert process.exitcode == 0


def _run_command(words, errors, environment, folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream, path in ((sys.stdout, os.devnull), (sys.stderr, errors)):
        with Path(path).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    sys.exit(main([str(word) for word in words]))
