"""Experiments: ``vaega run``, ``resume``, ``status``, ``clean`` and ``baselines``."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    DEVICE,
    DONE,
    FILE,
    FOLDER,
    JOBS,
    JSON,
    SET,
    SOME_FAILED,
    TRUST,
    Decorated,
    InterruptedCommand,
    check_jobs,
    choice_option,
    folder_option,
    print_progress,
    print_table,
    read_config,
    say,
    spinning,
    split_reading,
    this_command,
    trust_options,
    vaega,
    with_reading_options,
)
from vaega.cli.reading import reading_bar
from vaega.cli.report import print_record, print_summary
from vaega.core.errors import InputError
from vaega.core.tables import TextTable

_OPTIONS = (
    JOBS,
    choice_option(
        "--parallel",
        ["auto", "runs", "fitness"],
        "What the processes share: whole runs, or folds and masks of one run at a time; "
        "auto: runs where several are left. The results are the same.",
    ),
    choice_option(
        "--backend",
        ["processes", "dask"],
        "Processes of this machine, or workers of a Dask cluster.",
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
    *,
    max_hours: float | None,
    max_seconds: float | None,
    max_evaluations: int | None,
    **options: Any,
) -> Any:
    """Return the values of the options as `vaega.experiments.runner.ExecutionOptions`."""
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
    execution = ExecutionOptions(max_seconds=seconds, max_evaluations=max_evaluations, **options)
    execution.check()
    return execution


@vaega.command()
@FILE
@folder_option(
    "--results", "Folder of all experiments; this one writes to a folder of its name.", "results"
)
@with_execution_options
@SET
@TRUST
@JSON
def run(
    file: Path, results: Path, overrides: tuple[str, ...], as_json: bool, **options: Any
) -> int:
    r"""Run an experiment; runs that are finished are skipped.

    \b
    vaega run configs/quickstart.yaml
    vaega run configs/madelon.yaml --jobs 2 --set seeds=3
    vaega run configs/madelon.yaml --jobs -1 --max-hours 8
    vaega run configs/madelon.yaml --backend dask --scheduler tcp://head:8786
    """
    with spinning(f"reading {file.name}"):
        from vaega.core.files import path_inside
        from vaega.experiments.plan import Origin

        execution = execution_options(**options)
        file, config = read_config(file, overrides)
    with reading_bar(config.dataset.source) as progress:
        dataset = config.dataset.load(beside=file.parent, progress=progress)
    origin = Origin(file.parent, Path.cwd(), this_command())
    folder = path_inside(results, config.name)
    return _run_and_show(folder, config, dataset, execution, origin, as_json=as_json)


@vaega.command()
@FOLDER
@with_execution_options
@TRUST
@JSON
def resume(folder: Path, as_json: bool, **options: Any) -> int:
    r"""Go on with an experiment in a results folder, from what is in it.

    \b
    vaega resume results/madelon --jobs 2
    vaega resume results/madelon --max-evaluations 100000
    """
    with spinning(f"reading {folder}"):
        from vaega.experiments.plan import read_plan
        from vaega.experiments.runs import plan_runs

        execution = execution_options(**options)
        plan = read_plan(folder)
        dataset = plan.load_dataset()
    plan.check_runs([run.id for run in plan_runs(plan.config, dataset)])
    return _run_and_show(folder, plan.config, dataset, execution, plan.origin, as_json=as_json)


def _run_and_show(
    folder: Path, config: Any, dataset: Any, execution: Any, origin: Any, *, as_json: bool
) -> int:
    from vaega.report._page import write_report
    from vaega.report._results import read_results

    summary = _complete(folder, config, dataset, execution, origin)
    results = read_results(folder) if len(summary) or as_json else None
    page = write_report(folder, results) if len(summary) else None
    if as_json:
        print_record(results)
    elif page is not None:
        print_summary(results)
        say(f"results  {folder}\nreport   {page}")
    return _say_what_is_left(folder, to_stderr=as_json)


def _complete(folder: Path, config: Any, dataset: Any, execution: Any, origin: Any) -> Any:
    """Run what is not finished, under the eyes of an observer; return the summary."""
    from rich.console import Console

    with spinning(f"preparing {config.name}"):
        from vaega.experiments.monitor import make_observer, measure_run
        from vaega.experiments.plan import is_planned
        from vaega.experiments.run import complete_runs
        from vaega.experiments.runs import plan_runs

        final = measure_run(config, dataset, final=True) if config.protocol.has_final_runs else None
        length = measure_run(config, dataset)
    try:
        with make_observer(Console(stderr=True), length=length, final=final) as observer:
            _, summary = complete_runs(
                folder, config, dataset, options=execution, observer=observer, origin=origin
            )
    except KeyboardInterrupt as error:
        if is_planned(folder, [run.id for run in plan_runs(config, dataset)]):
            raise InterruptedCommand(_resume_command(folder)) from error
        raise
    return summary


def _say_what_is_left(folder: Path, *, to_stderr: bool) -> int:
    """Say which runs failed or were left by a budget; return the exit code."""
    from vaega.experiments.status import read_status

    # Runs on permuted labels, which stand in a table of their own, count as all others do.
    states = [run.state for run in read_status(folder).runs]
    n_failed, n_runs = states.count("failed"), len(states)
    n_recorded = n_failed + states.count("done")
    again = _resume_command(folder)
    if n_failed:
        said = f"{n_failed} of {n_recorded} runs failed; try them again with: {again}"
        say(said, to_stderr=to_stderr)
    if n_recorded < n_runs:
        recorded = f"{n_recorded} of {n_runs} runs are recorded"
        say(f"the budget is spent: {recorded}; go on with: {again}", to_stderr=to_stderr)
    return SOME_FAILED if n_failed or n_recorded < n_runs else DONE


def _resume_command(folder: Path) -> str:
    return shlex.join(["vaega", "resume", str(folder), *trust_options()])


@vaega.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object for all runs.")
def status(folder: Path, as_json: bool) -> None:
    r"""Say where an experiment stands, also while others work on it.

    \b
    vaega status results/madelon
    vaega status results/madelon --json
    """
    from vaega.experiments.status import STATES, read_status

    experiment = read_status(folder)
    if as_json:
        say(json.dumps(_status_record(experiment), indent=2))
        return
    counts = [[arm, *map(str, states.values())] for arm, states in experiment.counts.items()]
    print_table(TextTable(["arm", *STATES], counts, experiment.heading))
    say(experiment.sentence)
    for run in experiment.runs:
        if run.state == "failed":
            say(f"{run.arm}, seed {run.seed}: failed: {run.error}")
    if experiment.leftovers:
        leftovers = f"{_count_folders(experiment.leftovers)} of earlier settings or data"
        say(f"{leftovers}; remove with: vaega clean {folder}")


def _status_record(experiment: Any) -> dict[str, Any]:
    return {
        "folder": str(experiment.folder),
        "name": experiment.name,
        "counts": experiment.counts,
        "runs": [asdict(run) for run in experiment.runs],
        "leftovers": [folder.name for folder in experiment.leftovers],
    }


def _count_folders(folders: Sequence[Path]) -> str:
    return f"{len(folders)} {'folder' if len(folders) == 1 else 'folders'}"


@vaega.command()
@FOLDER
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
    unneeded, n_bytes = clean_results(experiment, failed=failed, dry=True)
    if dry_run or not unneeded:
        say(_removal("would be removed" if unneeded else "to remove", unneeded, n_bytes))
        return
    if not yes and not _confirmed(_removal("to remove", unneeded, n_bytes) + " Go on?"):
        say("Nothing was removed.")
        return
    say(_removal("removed", *clean_results(experiment, failed=failed)))


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question)
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise
        raise InputError("clean: nobody answers here; give --yes to be asked nothing.") from error


def _removal(what: str, folders: Sequence[Path], n_bytes: int) -> str:
    return f"{_count_folders(folders)} {what}, {n_bytes / 1e6:.1f} MB."


@vaega.command()
@click.option(
    "--dataset",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="A dataset; all that are here and scikit-learn's, if not given.",
)
@with_reading_options
@click.option(
    "--models", multiple=True, metavar="NAME,...", help="Some of the 18 models; all, if not given."
)
@choice_option(
    "--split",
    ["official", "pooled"],
    "The official test part where there is one, or all rows pooled and split anew.",
)
@click.option("--test-size", type=float, default=0.2, show_default=True, help="Of a holdout.")
@click.option("--seeds", type=int, default=1, show_default=True, help="How many splits.")
@click.option("--folds", type=int, default=5, show_default=True, help="Inner folds.")
@click.option(
    "--search-rows",
    type=int,
    default=1000,
    show_default=True,
    help="Training rows on which parameters are searched, at most.",
)
@folder_option("--out", "Folder of the runs and tables.", "results/baselines")
@JOBS
def baselines(sources: tuple[str, ...], out: Path, jobs: int, **options: Any) -> int:
    r"""Tune and test 18 classical models on all features: AUC, or macro-F1 for several classes.

    A model that is finished on a dataset is not computed again.

    \b
    vaega baselines --dataset sklearn:wine --models knn,svc
    vaega baselines --dataset leukemia --split pooled --seeds 5 --jobs 2
    vaega baselines --dataset cohort.csv --target response --ignore id --categorical one_hot
    """
    from vaega.experiments.baselines import complete_baselines, loadable_sources

    reading, options = split_reading(options)
    if reading and not sources:
        option = next(iter(reading))
        raise InputError(f"--{option}: says how a table is read; name it with --dataset.")
    plan = _baseline_plan(jobs=jobs, **options)
    sources = sources or tuple(loadable_sources())
    try:
        tasks, unloaded = complete_baselines(
            sources, folder=out, reading=reading, tell=print_progress, **plan
        )
    except KeyboardInterrupt as error:
        raise InterruptedCommand(this_command()) from error
    return _show_baselines(out, tasks, unloaded)


def _baseline_plan(
    *, models: tuple[str, ...], seeds: int, jobs: int,
    split: str, test_size: float, folds: int, search_rows: int,
) -> dict[str, Any]:  # fmt: skip
    from vaega.core.checks import check_count
    from vaega.experiments.baselines import MODELS, BaselineSettings, find_model

    settings = BaselineSettings(split, test_size, folds, search_rows)
    check_jobs(jobs)
    n_seeds = check_count(seeds, "--seeds", owner="vaega baselines")
    names = [name.strip() for group in models for name in group.split(",")]
    return {
        "models": [find_model(name).name for name in names] or list(MODELS),
        "seeds": range(n_seeds),
        "jobs": jobs,
        "settings": settings,
    }


def _show_baselines(out: Path, tasks: list[Any], unloaded: dict[str, str]) -> int:
    from vaega.experiments.baselines import STATEMENT, model_table, summarise_tasks, write_baselines

    table = write_baselines(out, tasks, unloaded, command=this_command())
    print_table(model_table(summarise_tasks(table)))
    say(f"{STATEMENT}\nresults  {out}")
    n_failed = int((table["status"] == "failed").sum())
    if n_failed:
        say(f"{n_failed} of {len(table)} failed; try them again with: {this_command()}")
    return SOME_FAILED if n_failed or unloaded else DONE
