"""The command line: parse, delegate, print; what is slow to import is imported in the bodies."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vaega import __version__
from vaega.core.errors import InputError

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class _Debug(click.Option):
    """``--debug``, accepted behind every command."""

    def __init__(self) -> None:
        super().__init__(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            help="Show the traceback of an error.",
            callback=lambda context, _, value: context.meta.update(
                {"vaega.debug": value or context.meta.get("vaega.debug", False)}
            ),
        )


class _Command(click.Command):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.params.append(_Debug())


class _Group(click.Group):
    command_class = _Command

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            if context.meta.get("vaega.debug"):
                raise
            if isinstance(error, InputError):
                raise click.ClickException(str(error)) from error
            kind = type(error).__name__
            raise _Unexpected(f"unexpected {kind}: {error} (--debug shows where)") from error


class _InterruptedError(click.Abort):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder


class _Unexpected(click.ClickException):
    exit_code = SOME_FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process when absent.

    Returns
    -------
    int
        0 done, 1 some runs failed, 2 bad input, 130 interrupted.
    """
    try:
        answer = vaega.main(args=arguments, prog_name="vaega", standalone_mode=False)
    except _Unexpected as error:
        click.echo(f"vaega: {error.format_message()}", err=True)
        return SOME_FAILED
    except click.ClickException as error:
        click.echo(f"vaega: {error.format_message()}", err=True)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt) as error:
        folder = getattr(error, "folder", None)
        how = "the same command starts again." if folder is None else _how_to_go_on(folder)
        click.echo(f"vaega: interrupted; {how}", err=True)
        return INTERRUPTED
    return answer if isinstance(answer, int) else DONE


def _how_to_go_on(folder: Path) -> str:
    return f"go on with: vaega resume {shlex.quote(str(folder))}"


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vaega")
def vaega() -> None:
    """Feature selection for few rows and many columns.

    A genetic algorithm evolves masks of features; each is scored by a classifier that may be
    trained on rows which a variational autoencoder generates.
    """


_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: search.elite=2."
)


_JOBS = click.option(
    "--jobs", type=int, default=1, show_default=True, help="Processes; -1 is all cores."
)
_DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where autoencoders are trained.",
)


@vaega.command()
@_FILE
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of all experiments; this one writes to a folder of its name.",
)
@_JOBS
@_DEVICE
@_SET
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
    origin = Origin(file.parent, Path.cwd(), _this_command())
    return _run_and_show(path_inside(results, config.name), config, dataset, options, origin)


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_JOBS
@_DEVICE
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


def _this_command() -> str:
    """Return the command line with what was given, and not what is default."""
    context = click.get_current_context()
    given = [
        value
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        for value in _as_given(parameter, context.params.get(parameter.name or ""))
    ]
    return shlex.join(["vaega", str(context.info_name), *given])


def _as_given(parameter: click.Parameter, value: Any) -> list[str]:
    if isinstance(parameter, click.Argument):
        return [str(value)]
    values = value if parameter.multiple else [] if value is None else [value]
    return [f"{parameter.opts[0]}={item}" for item in values]


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
            raise _InterruptedError(folder) from error
        raise
    if len(summary):
        _show_summary(dataset, summary)
        click.echo(f"results  {folder}\nreport   {write_report(folder)}")
    failed = runs[runs["status"] == "failed"]
    if len(failed):
        click.echo(f"{len(failed)} of {len(runs)} runs failed; {_how_to_try_again(folder)}")
    return SOME_FAILED if len(failed) else DONE


def _how_to_try_again(folder: Path) -> str:
    return f"try them again with: vaega resume {shlex.quote(str(folder))}"


def _show_summary(dataset: Any, summary: Any) -> None:
    from rich.console import Console

    from vaega.analysis.tables import terminal_table
    from vaega.experiments.protocols import HonestProtocol

    title = f"{dataset.name}: {dataset.n_rows} rows, {dataset.n_features} features"
    Console().print(terminal_table(summary, title=title))
    click.echo("Means over seeds, one run a seed; masks: different masks that a run scored.")
    click.echo(HonestProtocol.statement)


@vaega.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@_SET
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
    from vaega.analysis.html_report import read_results, write_report
    from vaega.analysis.tables import markdown_table

    click.echo(markdown_table(read_results(folder).summary))
    click.echo(f"report   {write_report(folder)}")


@vaega.group(cls=_Group, invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    r"""List the datasets that can be loaded from here.

    \b
    vaega datasets
    vaega datasets show madelon
    """
    if context.invoked_subcommand is None:
        from vaega.data.sources import available_datasets

        for entry in available_datasets():
            click.echo(f"{entry.source:24} {entry.where:28} {entry.title}")


@datasets.command()
@click.argument("source")
@click.option("--target", help="Column of the labels, for a table.")
@click.option("--groups", help="Column of rows that belong together, for a table.")
@click.option(
    "--categorical",
    type=click.Choice(["error", "one_hot", "drop"]),
    default="error",
    show_default=True,
    help="What to do with text columns of a table.",
)
def show(source: str, target: str | None, groups: str | None, categorical: str) -> None:
    r"""Print the card of a dataset.

    \b
    vaega datasets show sklearn:wine
    """
    from vaega.data.sources import load_dataset

    dataset = load_dataset(source, target=target, groups=groups, categorical=categorical)
    click.echo(dataset.card())


if __name__ == "__main__":
    sys.exit(main())
