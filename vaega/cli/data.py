"""What is there before an experiment: ``vaega datasets`` and ``vaega warmup``."""

import json
import time
from dataclasses import asdict
from typing import Any

import click

from vaega.cli.app import JSON, Group, say, split_reading, vaega, with_reading_options
from vaega.cli.reading import reading_bar


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
        say(json.dumps([asdict(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        say(f"{entry.source:24} {entry.where:28} {entry.title}")


@datasets.command()
@click.argument("source")
@with_reading_options
@JSON
def show(source: str, as_json: bool, **options: Any) -> None:
    r"""Print the card of a dataset.

    \b
    vaega datasets show sklearn:wine
    vaega datasets show patients.csv --target diagnosis --categorical one_hot --ignore id
    vaega datasets show genes.csv --labels clinical.csv --target response
    """
    from vaega.data._sources import load_dataset

    keys, _ = split_reading(options)
    with reading_bar(source) as progress:
        dataset = load_dataset(source, **keys, progress=progress)
    say(json.dumps(_as_record(dataset), indent=2) if as_json else dataset.card())


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
        say(f"{name:24} {time.perf_counter() - started:6.1f} s")


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
