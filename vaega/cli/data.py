"""What is there before an experiment: ``vaega datasets`` and ``vaega warmup``."""

import json
import time
from dataclasses import asdict
from typing import Any

import click

from vaega.cli.app import JSON, Group, choice_option, vaega
from vaega.cli.reading import reading_bar
from vaega.core.errors import InputError


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
    if context.invoked_subcommand is not None:
        return
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
@choice_option(
    "--categorical", ["error", "one_hot", "drop"], "What to do with text columns of a table."
)
@choice_option(
    "--below-limit",
    ["error", "missing", "half"],
    'What to do with cells such as "<0.01" and "n.d.".',
)
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Column to leave out, for a table.")
@click.option("--transpose", is_flag=True, default=None, help="The rows of the table are genes.")
@click.option("--labels", metavar="FILE", help="File with the classes, matched by sample names.")
@click.option("--id", metavar="COLUMN", help="Column of sample names in the file of --labels.")
@click.option("--sheet", help="Sheet of a workbook.")
@JSON
def show(source: str, as_json: bool, **columns: Any) -> None:
    r"""Print the card of a dataset.

    \b
    vaega datasets show sklearn:wine
    vaega datasets show patients.csv --target diagnosis --categorical one_hot --ignore id
    vaega datasets show genes.csv --labels clinical.csv --target response
    """
    from vaega.data._sources import load_dataset

    with reading_bar(source) as progress:
        dataset = load_dataset(source, **_as_labels(columns), progress=progress)
    click.echo(json.dumps(_as_record(dataset), indent=2) if as_json else dataset.card())


@vaega.command()
def warmup() -> None:
    r"""Compile all kernels once, so that no first run waits for it; for images and clusters.

    \b
    vaega warmup
    NUMBA_CACHE_DIR=/shared/kernels vaega warmup
    """
    from vaega.experiments.warmup import steps_of_warmup

    for name, step in steps_of_warmup():
        started = time.perf_counter()
        step()
        click.echo(f"{name:24} {time.perf_counter() - started:6.1f} s")


def _as_labels(columns: dict[str, Any]) -> dict[str, Any]:
    file, key = columns["labels"], columns.pop("id")
    if key is not None and file is None:
        raise InputError("--id: names a column of the file of --labels, which is not given.")
    return columns if file is None else {**columns, "labels": {"file": file, "id": key}}


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
