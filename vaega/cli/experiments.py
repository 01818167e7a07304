"""Commands of experiments: run, resume, check, report."""

import shlex
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    DEVICE,
    DONE,
    FILE,
    JOBS,
    SET,
    SOME_FAILED,
    InterruptedCommand,
    this_command,
    vaega,
)
from vaega.core.errors import InputError


@vaega.command()
@FILE
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of all experiments; this one writes to a folder of its name.",
)
@JOBS
@DEVICE
@SET
def run(file: Path, results: Path, jobs: int, device: str, overrides: tuple[str, ...]) -> int:
    r"""Run an experiment; runs that are finished are skipped.

    \b
    vaega run configs/quickstart.yaml
    vaega run configs/madelon.yaml --jobs 2 --set seeds=3
    """
    from vaega.core.files import path_inside
    from vaega.experiments.loading import load_configured
    from vaega.experiments.plan import Origin
    from vaega.experiments.reading import read_config

    options = _options(jobs, device)
    config = read_config(file, overrides)
    dataset = load_configured(config.dataset, beside=file.parent)
    origin = Origin(file.parent, Path.cwd(), this_command())
    return _run_and_show(path_inside(results, config.name), config, dataset, options, origin)


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@JOBS
@DEVICE
def resume(folder: Path, jobs: int, device: str) -> int:
    r"""Go on with an experiment in a results folder, from what is in it.

    \b
    vaega resume results/madelon --jobs 2
    """
    from vaega.experiments.plan import read_plan
    from vaega.experiments.runner import plan_runs

    options = _options(jobs, device)
    plan = read_plan(folder)
    dataset = plan.load_dataset()
    plan.check_runs([run.id for run in plan_runs(plan.config, dataset)])
    return _run_and_show(folder, plan.config, dataset, options, plan.origin)


def _options(jobs: int, device: str) -> Any:
    from vaega.experiments.runner import RunnerOptions

    if jobs == 0:
        raise InputError("--jobs: must be a whole number other than 0, got 0.")
    return RunnerOptions(jobs=jobs, device=device)


def _run_and_show(folder: Path, config: Any, dataset: Any, options: Any, origin: Any) -> int:
    from rich.console import Console

    from vaega.analysis.html_report import write_report
    from vaega.experiments.plan import is_planned
    from vaega.experiments.progress import make_observer, measure_run, plain_warnings
    from vaega.experiments.runner import complete_runs, plan_runs

    length = measure_run(config, dataset)
    try:
        with plain_warnings(), make_observer(Console(stderr=True), length=length) as observer:
            runs, summary = complete_runs(
                folder, config, dataset, options=options, observer=observer, origin=origin
            )
    except KeyboardInterrupt as error:
        if is_planned(folder, [run.id for run in plan_runs(config, dataset)]):
            raise InterruptedCommand(_resume(folder)) from error
        raise
    if len(summary):
        _show_summary(config, dataset, summary)
        click.echo(f"results  {folder}\nreport   {write_report(folder)}")
    failed = runs[runs["status"] == "failed"]
    if len(failed):
        click.echo(
            f"{len(failed)} of {len(runs)} runs failed; try them again with: {_resume(folder)}"
        )
    return SOME_FAILED if len(failed) else DONE


def _resume(folder: Path) -> str:
    return f"vaega resume {shlex.quote(str(folder))}"


def _show_summary(config: Any, dataset: Any, summary: Any) -> None:
    from rich.console import Console

    from vaega.analysis.tables import terminal_table
    from vaega.experiments.protocols import make_protocol

    title = f"{dataset.name}: {dataset.n_rows} rows, {dataset.n_features} features"
    Console().print(terminal_table(summary, title=title))
    click.echo("Means over seeds, one run a seed; masks: different masks that a run scored.")
    click.echo(make_protocol(config.protocol).statement)


@vaega.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@SET
def check(files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    r"""Check configuration files without running anything.

    \b
    vaega check configs/*.yaml
    """
    from vaega.experiments.reading import read_config

    for file in files:
        config = read_config(file, overrides)
        arms, seeds = len(config.arms), len(config.seed_list())
        click.echo(f"{file}: valid, {arms} arms x {seeds} seeds on {config.dataset.source}")


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def report(folder: Path) -> None:
    r"""Write report.html anew from a results folder.

    \b
    vaega report results/quickstart
    """
    from vaega.analysis.html_report import write_report
    from vaega.analysis.results_folder import read_results
    from vaega.analysis.tables import markdown_table
    from vaega.experiments.protocols import statement_of

    results = read_results(folder)
    click.echo(f"{markdown_table(results.summary)}\n{statement_of(results.config)}")
    click.echo(f"report   {write_report(folder)}")
