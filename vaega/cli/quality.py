"""The command of generators: how good their rows are."""

import json
from pathlib import Path

import click

from vaega.cli.app import DEVICE, FILE, SET, vaega


@vaega.command()
@FILE
@click.option("--arm", "arms", multiple=True, help="An arm to measure; all with a generator.")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for tables and figures.  [default: results/NAME/quality]",
)
@DEVICE
@SET
def quality(
    file: Path,
    arms: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    device: str,
    overrides: tuple[str, ...],
) -> None:
    r"""Measure the rows that an experiment's generators make, on rows that these never saw.

    \b
    vaega quality configs/leukemia.yaml
    vaega quality configs/leukemia.yaml --arm augmented --json
    """
    from vaega.analysis.quality_report import measure_arms, write_quality
    from vaega.core.files import path_inside
    from vaega.experiments.loading import load_configured
    from vaega.experiments.reading import read_config

    config = read_config(file, overrides)
    dataset = load_configured(config.dataset, beside=file.parent)
    folder = path_inside(Path("results"), config.name) / "quality" if out is None else out
    measured = measure_arms(config, dataset, names=arms, device=device, observer=_say)
    write_quality(folder, measured, title=f"Quality of generators on {dataset.name}")
    if as_json:
        click.echo(json.dumps({arm.name: arm.report.to_dict() for arm in measured}, indent=2))
    else:
        _show(measured, dataset.name)
        click.echo(f"tables and figures  {folder}")


def _say(name: str) -> None:
    click.echo(f"measuring {name} ...", err=True)


def _show(measured: list, name: str) -> None:
    from rich.console import Console

    from vaega.analysis.quality_report import EXPLANATION, terminal_table

    report = measured[0].report
    title = (
        f"{name}: {report.n_fit} fit rows, {report.n_heldout} held out, {report.n_features} columns"
    )
    console = Console(soft_wrap=False)
    console.print(terminal_table(measured, title=title))
    console.print(EXPLANATION, style="dim")
    for arm in measured:
        console.print(f"\n[bold]{arm.name}[/bold]: {arm.report.verdict}", highlight=False)
