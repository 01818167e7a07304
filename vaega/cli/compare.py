"""The command that compares arms, of one experiment or of several."""

from pathlib import Path
from typing import Any

import click

from vaega.cli.app import JSON, this_command, vaega
from vaega.cli.report import FORMAT, OUT


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
    from vaega.analysis.comparison import compare_experiments
    from vaega.analysis.comparison_tables import comparison_text, write_comparison

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

    from vaega.analysis.comparison_tables import (
        ARM_HEADINGS,
        PAIR_HEADINGS,
        arm_cells,
        pair_cells,
        terminal_grid,
    )

    console = Console()
    for one in found.datasets:
        title = f"{one.dataset}: {found.measure}"
        console.print(terminal_grid(ARM_HEADINGS, arm_cells(one), title=title))
        console.print(terminal_grid(PAIR_HEADINGS, pair_cells(one.comparisons)))
        for note in one.notes:
            console.print(note, markup=False, highlight=False)
        console.print()
    for sentence in found.sentences:
        console.print(sentence, markup=False, highlight=False)
