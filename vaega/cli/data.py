"""The command of classical models on all features."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    DONE,
    JOBS,
    JSON,
    SOME_FAILED,
    Group,
    InterruptedCommand,
    this_command,
    vaega,
)


@vaega.group(cls=Group, invoke_without_command=True)
@JSON
@click.pass_context
def datasets(context: click.Context, as_json: bool) -> None:
    r"""List the datasets that can be loaded from here.

    \b
    vaega datasets
    vaega datasets --json
    vaega datasets show madelon
    """
    if context.invoked_subcommand is None:
        from vaega.data._sources import available_datasets

        entries = available_datasets()
        if as_json:
            click.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
            return
        for entry in entries:
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
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Column to leave out, for a table.")
@JSON
def show(source: str, as_json: bool, **columns: Any) -> None:
    r"""Print the card of a dataset.

    \b
    vaega datasets show sklearn:wine
    vaega datasets show patients.csv --target diagnosis --categorical one_hot --ignore id
    """
    from vaega.data._sources import load_dataset

    dataset = load_dataset(source, **columns)
    click.echo(json.dumps(_as_record(dataset), indent=2) if as_json else dataset.card())


def _as_record(dataset: Any) -> dict[str, Any]:
    import numpy as np

    rows = [len(dataset.y), 0 if dataset.y_test is None else len(dataset.y_test)]
    counts = np.bincount(dataset.y, minlength=dataset.n_classes).tolist()
    return {
        "name": dataset.name,
        "rows": rows[0],
        "test_rows": rows[1],
        "features": list(dataset.feature_names),
        "classes": dict(zip(dataset.class_names, counts, strict=True)),
        "missing": dataset.n_missing,
        "fingerprint": dataset.fingerprint,
        "notes": list(dataset.notes),
    }


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
    from vaega.experiments.baselines import complete_baselines, loadable_sources

    settings, options = _settings(given), _options(given, jobs)
    try:
        tasks, unloaded = complete_baselines(
            list(sources) or loadable_sources(), folder=out, settings=settings, tell=_say, **options
        )
    except KeyboardInterrupt as error:
        raise InterruptedCommand(this_command()) from error
    return _write_and_show(out, tasks, unloaded)


def _settings(given: dict[str, Any]) -> Any:
    from vaega.experiments.baselines import BaselineSettings

    return BaselineSettings(
        given["split"], given["test_size"], given["folds"], given["search_rows"]
    )


def _options(given: dict[str, Any], jobs: int) -> dict[str, Any]:
    from vaega.core.checks import check_count
    from vaega.core.errors import InputError
    from vaega.experiments.baselines import MODELS, find_model

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

    from vaega.experiments.baselines import (
        STATEMENT,
        model_table,
        summarise_tasks,
        write_baselines,
    )
    from vaega.report._tables import terminal

    table = write_baselines(out, tasks, unloaded, command=this_command())
    Console().print(terminal(model_table(summarise_tasks(table))))
    click.echo(f"{STATEMENT}\nresults  {out}")
    n_failed = int((table["status"] == "failed").sum())
    if n_failed:
        click.echo(f"{n_failed} of {len(table)} failed; try them again with: {this_command()}")
    return SOME_FAILED if n_failed or unloaded else DONE
