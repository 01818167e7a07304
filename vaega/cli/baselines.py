"""The command of classical models on all features."""

from pathlib import Path
from typing import Any

import click

from vaega.cli.app import DONE, JOBS, SOME_FAILED, InterruptedCommand, this_command, vaega


@vaega.command()
@click.option(
    "--dataset",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="A dataset; all that are here and scikit-learn's, if not given.",
)
@click.option(
    "--models", multiple=True, metavar="NAME,...", help="Some of the 18 models; all, if not given."
)
@click.option(
    "--split",
    type=click.Choice(["official", "pooled"]),
    default="official",
    show_default=True,
    help="The official test part where there is one, or all rows pooled and split anew.",
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
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results/baselines"),
    show_default=True,
    help="Folder of the runs and tables.",
)
@JOBS
def baselines(sources: tuple[str, ...], out: Path, jobs: int, **given: Any) -> int:
    r"""Tune and test 18 classical models on all features: AUC, or macro-F1 for several classes.

    A model that is finished on a dataset is not computed again.

    \b
    vaega baselines --dataset sklearn:wine --models knn,svc
    vaega baselines --dataset leukemia --split pooled --seeds 5 --jobs 2
    """
    from vaega.experiments.baselines.runner import complete_baselines, loadable_sources

    settings, options = _settings(given), _options(given, jobs)
    try:
        tasks, unloaded = complete_baselines(
            list(sources) or loadable_sources(), folder=out, settings=settings, tell=_say, **options
        )
    except KeyboardInterrupt as error:
        raise InterruptedCommand(this_command()) from error
    return _write_and_show(out, tasks, unloaded)


def _settings(given: dict[str, Any]) -> Any:
    from vaega.experiments.baselines.evaluation import BaselineSettings

    return BaselineSettings(
        given["split"], given["test_size"], given["folds"], given["search_rows"]
    )


def _options(given: dict[str, Any], jobs: int) -> dict[str, Any]:
    from vaega.core.checks import check_count
    from vaega.core.errors import InputError
    from vaega.experiments.baselines.models import MODELS, find_model

    if jobs == 0:
        raise InputError("--jobs: must be a whole number other than 0, got 0.")
    seeds = range(check_count(given["seeds"], "--seeds", owner="vaega baselines"))
    names = [name.strip() for group in given["models"] for name in group.split(",")]
    models = [find_model(name).name for name in names] or list(MODELS)
    return {"models": models, "seeds": seeds, "jobs": jobs}


def _say(line: str) -> None:
    click.echo(line, err=True)


def _write_and_show(out: Path, tasks: list, unloaded: dict[str, str]) -> int:
    from rich.console import Console

    from vaega.experiments.baselines.evaluation import STATEMENT
    from vaega.experiments.baselines.tables import (
        comparison_cells,
        summarise_tasks,
        write_baselines,
    )

    table = write_baselines(out, tasks, unloaded, command=this_command())
    Console().print(_terminal_table(comparison_cells(summarise_tasks(table))))
    click.echo(f"{STATEMENT}\nresults  {out}")
    n_failed = int((table["status"] == "failed").sum())
    if n_failed:
        click.echo(f"{n_failed} of {len(table)} failed; try them again with: {this_command()}")
    return SOME_FAILED if n_failed or unloaded else DONE


def _terminal_table(cells: Any) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for place, heading in enumerate(cells.columns):
        table.add_column(heading, justify="left" if place == 0 else "right")
    for row in cells.itertuples(index=False):
        table.add_row(*row)
    return table
