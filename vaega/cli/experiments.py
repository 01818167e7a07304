"""The command that compares arms, of one experiment or of several."""

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from vaega.cli.app import (
    DEVICE,
    DONE,
    FILE,
    JOBS,
    JSON,
    SET,
    SOME_FAILED,
    InterruptedCommand,
    this_command,
    vaega,
)
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


def with_execution_options(command: Decorated) -> Decorated:
    """Add the options to a command, which takes them as keywords for `execution_options`."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


def execution_options(
    *, max_hours: float | None, max_seconds: float | None, max_evaluations: int | None, **given: Any
) -> Any:
    """Return what was given as `vaega.experiments.runner.ExecutionOptions`."""
    from vaega.experiments.runner import ExecutionOptions

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
    options = ExecutionOptions(max_seconds=seconds, max_evaluations=max_evaluations, **given)
    options.check()
    return options


_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@vaega.command()
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object for all runs.")
def status(folder: Path, as_json: bool) -> None:
    r"""Say where an experiment stands, also while others work on it.

    \b
    vaega status results/madelon
    vaega status results/madelon --json
    """
    from vaega.experiments.status import read_status

    experiment = read_status(folder)
    if as_json:
        click.echo(json.dumps(_as_record(experiment), indent=2))
        return
    _print_counts(experiment)
    for run in experiment.runs:
        if run.state == "failed":
            click.echo(f"{run.arm}, seed {run.seed}: failed: {run.error}")
    if experiment.leftovers:
        n = len(experiment.leftovers)
        what = f"{n} {'folder' if n == 1 else 'folders'} of earlier settings or data"
        click.echo(f"{what}; remove with: vaega clean {folder}")


@vaega.command()
@_FOLDER
@click.option("--failed", is_flag=True, help="Failed runs too; the next call tries them anew.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def clean(folder: Path, failed: bool, dry_run: bool, yes: bool) -> None:
    r"""Remove runs of earlier settings or data from a results folder.

    Runs of the present plan stay, and so does what a process works on.

    \b
    vaega clean results/madelon --dry-run
    vaega clean results/madelon --failed --yes
    """
    from vaega.experiments.status import clean_results, read_status

    experiment = read_status(folder)
    places, n_bytes = clean_results(experiment, failed=failed, dry=True)
    if dry_run or not places:
        click.echo(_said("would be removed" if places else "to remove", len(places), n_bytes))
        return
    if not yes:
        click.confirm(_said("to remove", len(places), n_bytes) + " Go on?", abort=True)
    places, n_bytes = clean_results(experiment, failed=failed)
    click.echo(_said("removed", len(places), n_bytes))


def _said(what: str, n: int, n_bytes: int) -> str:
    return f"{n} {'folder' if n == 1 else 'folders'} {what}, {n_bytes / 1e6:.1f} MB."


def _as_record(experiment: Any) -> dict[str, Any]:
    return {
        "folder": str(experiment.folder),
        "name": experiment.name,
        "counts": experiment.counts,
        "runs": [asdict(run) for run in experiment.runs],
        "leftovers": [place.name for place in experiment.leftovers],
    }


def _print_counts(experiment: Any) -> None:
    from rich.console import Console

    from vaega.core.tables import Table
    from vaega.experiments.status import STATES
    from vaega.report._tables import terminal

    rows = [[arm, *map(str, counts.values())] for arm, counts in experiment.counts.items()]
    Console().print(terminal(Table(["arm", *STATES], rows, experiment.name)))
    click.echo(experiment.sentence)


FORMAT = click.option(
    "--format",
    "kind",
    type=click.Choice(["terminal", "markdown", "latex", "csv"]),
    default="terminal",
    show_default=True,
    help="How tables are printed; latex is for the package booktabs.",
)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for tables as CSV, Markdown and LaTeX, and figures as PNG, SVG and PDF.",
)


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@FORMAT
@OUT
@JSON
def report(folder: Path, kind: str, out: Path | None, as_json: bool) -> None:
    r"""Write report.html anew from a results folder, and print its summary.

    \b
    vaega report results/quickstart
    vaega report results/quickstart --format latex
    vaega report results/quickstart --out paper
    """
    from vaega.report._export import write_experiment
    from vaega.report._page import write_report
    from vaega.report._results import read_results

    results = read_results(folder)
    page = write_report(folder)
    told = as_json or kind != "terminal"
    print_record(folder) if as_json else _print_summary(results, kind)
    if out is not None:
        write_experiment(results, out, command=this_command())
        click.echo(f"tables and figures  {out}", err=told)
    click.echo(f"report   {page}", err=told)


def print_record(folder: Path) -> None:
    """Print what a results folder holds as JSON."""
    from vaega.report._results import read_results
    from vaega.report._tables import summary_record

    click.echo(json.dumps(summary_record(read_results(folder)), indent=2))


def _print_summary(results: Any, kind: str) -> None:
    from rich.console import Console

    from vaega.experiments.config import statement_of
    from vaega.report._tables import summary_table, summary_text, terminal

    if kind != "terminal":
        click.echo(summary_text(results, kind), nl=False)
        return
    Console().print(terminal(summary_table(results.summary, title=str(results.config["name"]))))
    click.echo(statement_of(results.config))


@vaega.command()
@FILE
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of all experiments; this one writes to a folder of its name.",
)
@with_execution_options
@SET
@JSON
def run(file: Path, results: Path, overrides: tuple[str, ...], as_json: bool, **given: Any) -> int:
    r"""Run an experiment; runs that are finished are skipped.

    \b
    vaega run configs/quickstart.yaml
    vaega run configs/madelon.yaml --jobs 2 --set seeds=3
    vaega run configs/madelon.yaml --jobs -1 --max-hours 8
    vaega run configs/madelon.yaml --backend dask --scheduler tcp://head:8786
    """
    from vaega.core.files import path_inside
    from vaega.experiments.config import load_config
    from vaega.experiments.store import Origin

    options = execution_options(**given)
    config = load_config(file, overrides)
    dataset = config.dataset.load(beside=file.parent)
    origin = Origin(file.parent, Path.cwd(), this_command())
    folder = path_inside(results, config.name)
    return _run_and_show(folder, config, dataset, options, origin, as_json=as_json)


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@with_execution_options
@JSON
def resume(folder: Path, as_json: bool, **given: Any) -> int:
    r"""Go on with an experiment in a results folder, from what is in it.

    \b
    vaega resume results/madelon --jobs 2
    vaega resume results/madelon --max-evaluations 100000
    """
    from vaega.experiments.runs import plan_runs
    from vaega.experiments.store import read_plan

    options = execution_options(**given)
    plan = read_plan(folder)
    dataset = plan.load_dataset()
    plan.check_runs([run.id for run in plan_runs(plan.config, dataset)])
    return _run_and_show(folder, plan.config, dataset, options, plan.origin, as_json=as_json)


def _run_and_show(
    folder: Path, config: Any, dataset: Any, options: Any, origin: Any, *, as_json: bool
) -> int:
    from rich.console import Console

    from vaega.experiments.monitor import make_observer, measure_run, plain_warnings
    from vaega.experiments.run import complete_runs
    from vaega.experiments.runs import plan_runs
    from vaega.experiments.status import read_status
    from vaega.experiments.store import is_planned
    from vaega.report._page import write_report

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
    states = [run.state for run in read_status(folder).runs]
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

    from vaega.experiments.protocols import make_protocol
    from vaega.report._tables import summary_table, terminal

    title = f"{dataset.name}: {dataset.n_rows} rows, {dataset.n_features} features"
    Console().print(terminal(summary_table(summary, title=title)))
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
    from vaega.experiments.config import load_config

    records = []
    for file in files:
        config = load_config(file, overrides)
        arms, seeds, source = list(config.arms), config.seed_list(), config.dataset.source
        named = {"file": str(file), "name": config.name, "dataset": source}
        records.append({**named, "arms": arms, "seeds": list(seeds)})
        if not as_json:
            click.echo(f"{file}: valid, {len(arms)} arms x {len(seeds)} seeds on {source}")
    if as_json:
        click.echo(json.dumps(records, indent=2))


@vaega.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--measure",
    default="heldout_score",
    show_default=True,
    help="A figure of the trials: inner_score, optimism, n_features, ...",
)
@click.option("--against", metavar="ARM", help="Compare the others with this arm alone.")
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="Chance of any false difference on a dataset.",
)
@FORMAT
@OUT
@JSON
def compare(
    folders: tuple[Path, ...],
    measure: str,
    against: str | None,
    alpha: float,
    kind: str,
    out: Path | None,
    as_json: bool,
) -> None:
    r"""Compare the arms of experiments: in pairs, and in ranks over datasets.

    \b
    vaega compare results/quickstart
    vaega compare results/leukemia results/gcm1363 results/madelon --against original --out paper
    vaega compare results/leukemia --format latex > comparison.tex
    """
    from vaega.report._comparison import compare_experiments, comparison_text
    from vaega.report._export import write_comparison

    found = compare_experiments(folders, measure=measure, against=against, alpha=alpha)
    if as_json:
        click.echo(found.table.to_json(orient="records", indent=2, double_precision=15))
    elif kind == "terminal":
        _show(found)
    else:
        click.echo(comparison_text(found, kind, command=this_command()), nl=False)
    if out is not None:
        write_comparison(found, out, command=this_command())
        click.echo(f"tables and figures  {out}", err=as_json or kind != "terminal")


def _show(found: Any) -> None:
    from rich.console import Console

    from vaega.report._comparison import arm_table, pair_table
    from vaega.report._tables import terminal

    console = Console()
    for one in found.datasets:
        title = f"{one.dataset}: {found.measure}"
        console.print(terminal(arm_table(one, title=title)))
        console.print(terminal(pair_table(one)))
        for note in one.notes:
            console.print(note, markup=False, highlight=False)
        console.print()
    for sentence in found.sentences:
        console.print(sentence, markup=False, highlight=False)
