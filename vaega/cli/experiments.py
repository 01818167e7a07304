"""Commands of experiments: run, resume, check."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    DONE,
    FILE,
    JSON,
    SET,
    SOME_FAILED,
    InterruptedCommand,
    this_command,
    vaega,
)
from vaega.cli.means import runner_options, with_means
from vaega.cli.report import print_record


@vaega.command()
@FILE
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of all experiments; this one writes to a folder of its name.",
)
@with_means
@SET
@JSON
def run(file: Path, results: Path, overrides: tuple[str, ...], as_json: bool, **means: Any) -> int:
    r"""Run an experiment; runs that are finished are skipped.

    \b
    vaega run configs/quickstart.yaml
    vaega run configs/madelon.yaml --jobs 2 --set seeds=3
    vaega run configs/madelon.yaml --jobs -1 --max-hours 8
    vaega run configs/madelon.yaml --backend dask --scheduler tcp://head:8786
    """
    from vaega.core.files import path_inside
    from vaega.experiments.loading import load_configured
    from vaega.experiments.plan import Origin
    from vaega.experiments.reading import read_config

    options = runner_options(**means)
    config = read_config(file, overrides)
    dataset = load_configured(config.dataset, beside=file.parent)
    origin = Origin(file.parent, Path.cwd(), this_command())
    folder = path_inside(results, config.name)
    return _run_and_show(folder, config, dataset, options, origin, as_json=as_json)


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@with_means
@JSON
def resume(folder: Path, as_json: bool, **means: Any) -> int:
    r"""Go on with an experiment in a results folder, from what is in it.

    \b
    vaega resume results/madelon --jobs 2
    vaega resume results/madelon --max-evaluations 100000
    """
    from vaega.experiments.plan import read_plan
    from vaega.experiments.runner import plan_runs

    options = runner_options(**means)
    plan = read_plan(folder)
    dataset = plan.load_dataset()
    plan.check_runs([run.id for run in plan_runs(plan.config, dataset)])
    return _run_and_show(folder, plan.config, dataset, options, plan.origin, as_json=as_json)


def _run_and_show(
    folder: Path, config: Any, dataset: Any, options: Any, origin: Any, *, as_json: bool
) -> int:
    from rich.console import Console

    from vaega.analysis.html_report import write_report
    from vaega.experiments.plan import is_planned
    from vaega.experiments.progress import make_observer, measure_run, plain_warnings
    from vaega.experiments.runner import complete_runs, plan_runs
    from vaega.experiments.standing import read_standing

    length = measure_run(config, dataset)
    try:
        with plain_warnings(), make_observer(Console(stderr=True), length=length) as observer:
            _, summary = complete_runs(
                folder, config, dataset, options=options, observer=observer, origin=origin
            )
    except KeyboardInterrupt as error:
        if is_planned(folder, [run.id for run in plan_runs(config, dataset)]):
            raise InterruptedCommand(_resume(folder)) from error
        raise
    if len(summary):
        page = write_report(folder)
        if not as_json:
            _show_summary(config, dataset, summary)
            click.echo(f"results  {folder}\nreport   {page}")
    if as_json:
        print_record(folder)
    # Runs on permuted labels, which stand in a table of their own, count as all others do.
    states = [run.state for run in read_standing(folder).runs]
    n_failed, n_recorded = states.count("failed"), states.count("failed") + states.count("done")
    if n_failed:
        click.echo(
            f"{n_failed} of {n_recorded} runs failed; try them again with: {_resume(folder)}",
            err=as_json,
        )
    if n_recorded < len(states):
        click.echo(
            f"the budget is spent: {n_recorded} of {len(states)} runs are recorded; "
            f"go on with: {_resume(folder)}",
            err=as_json,
        )
    return SOME_FAILED if n_failed or n_recorded < len(states) else DONE


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
@JSON
def check(files: tuple[Path, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    r"""Check configuration files without running anything.

    \b
    vaega check configs/*.yaml
    vaega check configs/madelon.yaml --json
    """
    from vaega.experiments.reading import read_config

    records = []
    for file in files:
        config = read_config(file, overrides)
        arms, seeds, source = list(config.arms), config.seed_list(), config.dataset.source
        named = {"file": str(file), "name": config.name, "dataset": source}
        records.append({**named, "arms": arms, "seeds": list(seeds)})
        if not as_json:
            click.echo(f"{file}: valid, {len(arms)} arms x {len(seeds)} seeds on {source}")
    if as_json:
        click.echo(json.dumps(records, indent=2))
