"""Options of commands that compute runs: processes, cluster, budget."""

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import click

from vaega.cli.app import DEVICE, JOBS
from vaega.core.errors import InputError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_OPTIONS = (
    JOBS,
    click.option(
        "--parallel",
        type=click.Choice(["auto", "runs", "fitness"]),
        default="auto",
        show_default=True,
        help="What the processes share: whole runs, or folds and masks of one run at a time; "
        "auto: runs where several are left. The results are the same.",
    ),
    click.option(
        "--backend",
        type=click.Choice(["processes", "dask"]),
        default="processes",
        show_default=True,
        help="Processes of this machine, or workers of a Dask cluster.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Of the Dask cluster, tcp://host:8786; without, --jobs processes are started here.",
    ),
    click.option(
        "--max-hours",
        type=float,
        help="Then begin no run and leave those under way after their generation; "
        "the next call goes on.",
    ),
    click.option("--max-seconds", type=float, help="The same in seconds."),
    click.option(
        "--max-evaluations", type=int, help="The same, for masks that this call may ask for."
    ),
    DEVICE,
)


def with_means(command: Decorated) -> Decorated:
    """Add the options to a command, which takes them as keywords for `runner_options`."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


def runner_options(
    *, max_hours: float | None, max_seconds: float | None, max_evaluations: int | None, **means: Any
) -> Any:
    """Return what was given as `vaega.experiments.runner.RunnerOptions`."""
    from vaega.experiments.runner import RunnerOptions

    if max_hours is not None and max_seconds is not None:
        raise InputError("--max-hours: cannot stand beside --max-seconds; give one of them.")
    for name, value in (
        ("--max-hours", max_hours),
        ("--max-seconds", max_seconds),
        ("--max-evaluations", max_evaluations),
    ):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name}: must be a positive number, got {value!r}.")
    seconds = max_seconds if max_hours is None else 3600.0 * max_hours
    options = RunnerOptions(max_seconds=seconds, max_evaluations=max_evaluations, **means)
    options.check()
    return options
