"""The command that shows what an experiment found: tables, figures, the page."""

import json
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import JSON, this_command, vaega

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
    from vaega.analysis.experiment_figures import write_experiment
    from vaega.analysis.html_report import write_report
    from vaega.analysis.results_folder import read_results

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
    from vaega.analysis.experiment_tables import summary_record
    from vaega.analysis.results_folder import read_results

    click.echo(json.dumps(summary_record(read_results(folder)), indent=2))


def _print_summary(results: Any, kind: str) -> None:
    from rich.console import Console

    from vaega.analysis.experiment_tables import summary_text
    from vaega.analysis.tables import terminal_table
    from vaega.experiments.protocols import statement_of

    if kind != "terminal":
        click.echo(summary_text(results, kind), nl=False)
        return
    Console().print(terminal_table(results.summary, title=str(results.config["name"])))
    click.echo(statement_of(results.config))
