"""Tables 3 and 4.4: the MLP trained on real rows beside the MLP trained on synthetic ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from vaega.core.errors import DataError
from vaega.thesis.record import Table
from vaega.thesis.reports import published_value
from vaega.thesis.request import Request
from vaega.thesis.sample_means import mean_beside
from vaega.thesis.stand_ins import stand_in_note
from vaega.thesis.synthetic_rows import FITNESS_ROWS, GENERATORS, STATEMENTS, TITLES
from vaega.thesis.synthetic_study import complete_tasks
from vaega.thesis.synthetic_task import rows_to_draw

# Table of the thesis and synthetic rows that train the MLP: those of the public scripts for 3.1 and
# 3.2, of figure 3.5 for GCM, of chapter 4 for Gisette.
_TABLES = {
    "3.1": ("leukemia", 100),
    "3.2": ("madelon", 2000),
    "3.3": ("gisette", 6000),
    "3.4": ("gcm", 3000),
}
_NO_DATASET = (
    "reproduce thesis: --dataset must be one of leukemia, madelon, gisette, gcm for table 3."
)
_SMOKE_ROWS = 210
# Of 1,400 drawn rows 420 test, as published.
_DRAWN_FOR_4_4 = 1400
_SUMS = {"accuracy": ("accuracy", "f1"), "macro-F1": ("macro average", "f1")}


def real_and_synthetic(name: str, request: Request) -> Table:
    """Make table 3: accuracy and macro-F1 of tables 3.1 to 3.4 in one."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for table, (thesis_name, n_training) in _TABLES.items():
        if not request.wants(thesis_name):
            continue
        try:
            lines = _lines(thesis_name, n_training, request)
        except DataError as error:
            notes.append(str(error))
            continue
        notes += notes_of(lines, request)
        rows += [
            {**place, "measure": measure, **mean_beside(published, values), **_seen(place)}
            for place, measure, published, values in _sums(table, lines)
        ]
    if not rows:
        raise DataError(" ".join(notes) or _NO_DATASET)
    return Table(
        name,
        "MLP trained on real rows, and on synthetic ones; tested on real rows",
        pd.DataFrame(rows),
        tuple(dict.fromkeys(notes)),
    )


def by_class(name: str, request: Request) -> Table:
    """Make table 3.1, 3.2, 3.3 or 3.4: precision, recall and F1 of each class."""
    thesis_name, n_training = _TABLES[name]
    lines = _lines(thesis_name, n_training, request)
    tested = lines[lines["tested_on"] == "real"]
    return Table(
        name,
        f"MLP on real and on synthetic rows by class: {thesis_name}",
        class_rows(name, tested, align=thesis_name in ("leukemia", "madelon")),
        tuple(notes_of(lines, request)),
    )


def trained_and_tested_on_synthetic(name: str, request: Request) -> Table:
    """Make table 4.4: the MLP trained on synthetic GCM rows, tested on synthetic and real ones."""
    n_training = _SMOKE_ROWS if request.scale == "smoke" else None
    n_drawn = _DRAWN_FOR_4_4 if n_training is None else rows_to_draw(n_training)
    lines = complete_tasks("gcm", _generators(request), [n_drawn], request)
    sums = lines[lines["label"] == "accuracy"]
    rows = []
    for (dataset, protocol, generator), found in _grouped(sums):
        for trained_on, tested_on in _PAIRS_OF_4_4:
            values = _pick(found, trained_on, tested_on)["f1"].tolist()
            published = published_value(name, trained_on, tested_on, "accuracy", "f1")
            place = {"dataset": dataset, "protocol": protocol, "generator": TITLES[generator]}
            where = {"trained_on": trained_on, "tested_on": tested_on}
            rows.append({**place, **where, **mean_beside(published, values), **_seen(place)})
    notes = tuple(notes_of(lines, request))
    title = "Accuracy of the MLP trained and tested on synthetic rows, and on real ones: gcm"
    return Table(name, title, pd.DataFrame(rows), notes)


_PAIRS_OF_4_4 = (("synthetic", "synthetic"), ("synthetic", "real"), ("real", "real"))


def class_rows(table: str, lines: pd.DataFrame, *, align: bool) -> pd.DataFrame:
    """Return means by class beside the published report."""
    keys = ["dataset", "protocol", "generator", "trained_on", "label"]
    sums = ("accuracy", "macro average")
    classes = [label for label in dict.fromkeys(lines["label"]) if label not in sums]
    rows = []
    places: Any = lines.groupby(keys, sort=False)
    for place, found in places:
        row: dict[str, Any] = dict(zip(keys, place, strict=True))
        printed = row["label"]
        if align and printed not in sums:
            printed = str(classes.index(printed))
        for column in ("precision", "recall", "f1"):
            published = published_value(table, row["trained_on"], "real", printed, column)
            row |= {f"{column}_published": published, column: float(found[column].mean())}
        row |= {"n": len(found), "support": float(found["support"].mean())}
        rows.append({**row, "generator": TITLES[row["generator"]], **_seen(row)})
    return pd.DataFrame(rows)


def notes_of(lines: pd.DataFrame, request: Request) -> list[str]:
    """Return what must be said under a table or figure of these runs."""
    notes = [STATEMENTS[protocol] for protocol in request.wanted_protocols()]
    for thesis_name, dataset in lines[["thesis_name", "dataset"]].drop_duplicates().to_numpy():
        notes.append(stand_in_note(thesis_name, dataset) or "")
    if request.scale == "smoke":
        notes.append("Scale smoke: few rows, columns and epochs; figures say nothing.")
    if request.scale == "small" and "gisette" in set(lines["thesis_name"]):
        notes.append("Scale small: the thesis's network for gisette has an eighth of its widths.")
    if "runs" in lines.attrs:
        notes.append(f"{lines['thesis_name'].iloc[0]}: {lines.attrs['runs']}")
    failed = lines[lines["label"] == "failed"]
    notes += [
        f"{row['dataset']}, {TITLES[row['generator']]}, seed {row['seed']}: {row['error']}"
        for _, row in failed.iterrows()
    ]
    return [note for note in dict.fromkeys(notes) if note]


def _lines(thesis_name: str, n_training: int, request: Request) -> pd.DataFrame:
    wanted = _SMOKE_ROWS if request.scale == "smoke" else n_training
    return complete_tasks(thesis_name, _generators(request), [rows_to_draw(wanted)], request)


def _generators(request: Request) -> list[str]:
    return [name for protocol in request.wanted_protocols() for name in GENERATORS[protocol]]


def _seen(place: Mapping[str, Any]) -> dict[str, str]:
    return {"fitness_rows": FITNESS_ROWS[place["protocol"]]}


def _grouped(lines: pd.DataFrame) -> Any:
    return lines.groupby(["dataset", "protocol", "generator"], sort=False)


def _pick(lines: pd.DataFrame, trained_on: str, tested_on: str) -> pd.DataFrame:
    return lines[(lines["trained_on"] == trained_on) & (lines["tested_on"] == tested_on)]


def _sums(
    table: str, lines: pd.DataFrame
) -> Iterator[tuple[dict[str, Any], str, float, Sequence[float]]]:
    real_shown: set[str] = set()
    for (dataset, protocol, generator), found in _grouped(lines[lines["label"] != "failed"]):
        for trained_on in ("real", "synthetic"):
            # The splits are those of the seeds: real rows score the same beside any generator.
            if trained_on == "real" and dataset in real_shown:
                continue
            real_shown.add(dataset)
            place = {
                "dataset": dataset,
                "trained_on": trained_on,
                "protocol": protocol if trained_on == "synthetic" else "",
                "generator": TITLES[generator] if trained_on == "synthetic" else "",
            }
            picked = _pick(found, trained_on, "real")
            for measure, (label, column) in _SUMS.items():
                published = published_value(table, trained_on, "real", label, column)
                yield place, measure, published, picked[picked["label"] == label][column].tolist()
