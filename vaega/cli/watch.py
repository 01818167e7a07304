"""A look at an experiment while it runs: ``vaega watch``."""

from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    DONE,
    FOLDER,
    SOME_FAILED,
    InterruptedCommand,
    this_command,
    vaega,
)
from vaega.core.errors import InputError


@vaega.command()
@FOLDER
@click.option("--report", is_flag=True, help="Write report.html anew when a run has ended.")
@click.option("--every", type=float, metavar="SECONDS", help="With --report: no oftener than that.")
@click.option(
    "--interval", type=float, default=1.0, show_default=True, help="Seconds between two looks."
)
def watch(folder: Path, report: bool, every: float | None, interval: float) -> int:
    r"""Watch an experiment until all of its runs have ended, from anywhere that sees its folder.

    Nothing is claimed or computed. A terminal is drawn anew, a file or a pipe gets a line for each
    change. Ctrl-C ends the watching alone.

    \b
    vaega watch results/madelon
    vaega watch results/madelon --report --every 600
    """
    from rich.console import Console

    from vaega.core.checks import check_positive
    from vaega.experiments.watch import watch as watch_runs

    check_positive(interval, "--interval", owner="vaega watch")
    page = _page_writer(folder, every) if report else None
    if every is not None and not report:
        raise InputError.of("vaega watch", "--every", "needs --report beside it", every)
    try:
        last = watch_runs(folder, Console(), seconds=interval, page=page)
    except KeyboardInterrupt as error:
        raise InterruptedCommand(this_command()) from error
    return SOME_FAILED if "failed" in last.states.values() else DONE


def _page_writer(folder: Path, every: float | None) -> Any:
    from vaega.core.checks import check_positive
    from vaega.experiments.watch import PageWriter
    from vaega.report._page import write_report

    if every is not None:
        check_positive(every, "--every", owner="vaega watch")
    return PageWriter(folder, write_report, every or 0.0)
