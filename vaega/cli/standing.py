"""Commands that look at a results folder and tidy it: status, clean."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import vaega

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
    from vaega.experiments.standing import read_standing

    standing = read_standing(folder)
    if as_json:
        click.echo(json.dumps(_as_record(standing), indent=2))
        return
    _print_counts(standing)
    for run in standing.runs:
        if run.state == "failed":
            click.echo(f"{run.arm}, seed {run.seed}: failed: {run.error}")
    if standing.leftovers:
        n = len(standing.leftovers)
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
    from vaega.experiments.standing import clean_results, read_standing

    standing = read_standing(folder)
    places, n_bytes = clean_results(standing, failed=failed, dry=True)
    if dry_run or not places:
        click.echo(_said("would be removed" if places else "to remove", len(places), n_bytes))
        return
    if not yes:
        click.confirm(_said("to remove", len(places), n_bytes) + " Go on?", abort=True)
    places, n_bytes = clean_results(standing, failed=failed)
    click.echo(_said("removed", len(places), n_bytes))


def _said(what: str, n: int, n_bytes: int) -> str:
    return f"{n} {'folder' if n == 1 else 'folders'} {what}, {n_bytes / 1e6:.1f} MB."


def _as_record(standing: Any) -> dict[str, Any]:
    return {
        "folder": str(standing.folder),
        "name": standing.name,
        "counts": standing.counts,
        "runs": [asdict(run) for run in standing.runs],
        "leftovers": [place.name for place in standing.leftovers],
    }


def _print_counts(standing: Any) -> None:
    from rich.console import Console

    from vaega.analysis.comparison_tables import terminal_grid
    from vaega.experiments.standing import STATES

    rows = [[arm, *map(str, counts.values())] for arm, counts in standing.counts.items()]
    Console().print(terminal_grid(["arm", *STATES], rows, title=f"{standing.name}"))
    click.echo(standing.sentence)
