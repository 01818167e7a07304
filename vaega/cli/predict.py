"""New samples: ``vaega predict``."""

import sys
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import say, spinning, vaega
from vaega.cli.reading import reading_bar
from vaega.core.errors import InputError
from vaega.core.tables import TextTable, csv_text

_MOST_ROWS = 40  # that a terminal shows


@vaega.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file to write.")
@click.option("--arm", help="Whose model, where the experiment has several arms.")
@click.option("--id", "ids", metavar="COLUMN", help="Column with the names of the samples.")
@click.option(
    "--transpose/--no-transpose", default=None, help="Its rows are genes; default: by the names."
)
@click.option("--sheet", metavar="NAME", help="Sheet of a workbook.")
@click.option(
    "--trust",
    multiple=True,
    metavar="CLASS",
    help="package.Class of another package that the model may hold.",
)
def predict(
    folder: Path, file: Path, out: Path | None, arm: str | None, trust: tuple[str, ...], **how: Any
) -> None:
    r"""Predict the classes of new samples by the final model of an experiment.

    FOLDER is a results folder; FILE is any that vaega reads. Columns are taken by name, others are
    ignored; it needs no classes.

    \b
    vaega predict results/cohort new.csv --out predictions.csv
    vaega predict results/cohort new.csv --arm original > predictions.csv
    vaega predict results/cohort expression.tsv --transpose
    """
    if out is not None and out.exists() and file.exists() and out.samefile(file):
        raise InputError(f"--out: must be another file than the one with the samples, got {out}.")
    with spinning(f"reading {folder}"):
        from vaega.core.files import write_text
        from vaega.experiments.model import find_model, read_card, read_pipeline
        from vaega.experiments.prediction import predict_file

        model = find_model(folder, arm=arm)
        card = read_card(model)
        pipeline = read_pipeline(model, card, trust=trust)
    with reading_bar(file) as progress:
        predictions = predict_file(pipeline, card, file, progress=progress, **how)
    if out is not None:
        write_text(out, csv_text(predictions.table))
    elif sys.stdout.isatty():
        _print_predictions(predictions.table, title=f"{card['name']}, {card['arm']}")
    else:
        say(csv_text(predictions.table).removesuffix("\n"))
    _say_notes(predictions.notes)
    if out is not None:
        say(f"predictions  {out}, {len(predictions.table)} rows")


def _print_predictions(table: Any, *, title: str) -> None:
    from vaega.cli.app import print_table

    shown = table.head(_MOST_ROWS)
    rows = [
        [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in shown.itertuples(index=False, name=None)
    ]
    headings = [str(name).replace("probability_", "p ") for name in table.columns]
    print_table(TextTable(headings, rows, title, left=(0, 1)))
    if len(table) > len(shown):
        say(f"The first {len(shown)} of {len(table)} rows; --out writes all.")


def _say_notes(notes: Any) -> None:
    from vaega.data._dataset import write_note

    for note in notes:
        say(write_note(note), to_stderr=True)
