"""What a final model predicts of the samples in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from vaega.core.errors import DataError, one_line
from vaega.core.wording import counted
from vaega.data._cohort import Cohort, NeededColumns, cell_place, read_cohort
from vaega.data._preprocess import MissingValuesError


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of a file's samples, and what is to be known of them."""

    table: pd.DataFrame  # ``id``, ``prediction``, ``probability_CLASS`` or ``decision``
    notes: tuple[str, ...]


def predict_file(
    pipeline: Pipeline, card: Mapping[str, Any], path: Path, **reading: Any
) -> Predictions:
    """Return what a model, whose `card` is ``model.json``, predicts of a file.

    `reading` are options of `vaega.data._cohort.read_cohort`.
    """
    said = card["dataset"]
    needed = NeededColumns(
        names=card["columns"],
        categories=card["categories"],
        target=said.get("target"),
        class_names=card["class_names"],
        ids=[*filter(None, [(said.get("labels") or {}).get("id")]), *said.get("ignore", ())],
        below_limit=said.get("below_limit", "error"),
    )
    cohort = read_cohort(path, needed, **reading)
    table = predict_rows(pipeline, cohort, owner=str(path))
    far = _far_from(card.get("ranges"), cohort.X, card["columns"])
    notes = (*cohort.notes, *far, *_agreement(table, cohort, card["class_names"]))
    return Predictions(table, notes)


def predict_rows(pipeline: Pipeline, cohort: Cohort, *, owner: str) -> pd.DataFrame:
    """Return the table of predictions, a row for each sample."""
    try:
        rows = pipeline[:-1].transform(cohort.X)
    except MissingValuesError as error:
        gaps = np.argwhere(np.isnan(cohort.X))
        place = cell_place(cohort.ids, *gaps[0], names=pipeline.feature_names_in_.tolist())
        raise DataError(
            f"{owner}: the model fills no missing values, got {len(gaps)} in the columns that it "
            f"needs, the first in {place}; fill them, or leave such rows out."
        ) from error
    except DataError as error:
        raise DataError(f"{owner}: {one_line(error)}.") from error
    classifier = pipeline[-1]
    columns = {"id": cohort.ids, "prediction": classifier.predict(rows)}
    if hasattr(classifier, "predict_proba"):
        shares = classifier.predict_proba(rows).T
        columns |= {f"probability_{c}": p for c, p in zip(classifier.classes_, shares, strict=True)}
    elif hasattr(classifier, "decision_function"):
        decisions = classifier.decision_function(rows)
        if decisions.ndim == 1:
            columns[f"decision_{classifier.classes_[1]}"] = decisions
        else:
            named = zip(classifier.classes_, decisions.T, strict=True)
            columns |= {f"decision_{c}": values for c, values in named}
    return pd.DataFrame(columns)


_FAR = 0.1  # of the columns, from which on something is said


def _far_from(
    ranges: Sequence[Sequence[float] | None] | None, X: np.ndarray, names: Sequence[str]
) -> tuple[str, ...]:
    """Say that most values of some columns lie further off than the fitted ones lie apart."""
    far = []
    for index, (name, ends) in enumerate(zip(names, ranges or (), strict=False)):
        values = X[~np.isnan(X[:, index]), index]
        if ends is None or not len(values):
            continue
        low, high = ends
        margin = max(high - low, abs(high))
        if np.mean((values < low - margin) | (values > high + margin)) > 0.5:
            far.append((name, values.min(), values.max(), low, high))
    if len(far) <= _FAR * len(names):
        return ()
    name, low, high, *fitted = far[0]
    return (
        f"Most values of {counted(len(far), 'column')} of {len(names)} lie far from those that the "
        f"model was fitted on ({name}: {low:g} to {high:g}, fitted on {fitted[0]:g} to "
        f"{fitted[1]:g}): are they in the same units?",
    )


def _agreement(table: pd.DataFrame, cohort: Cohort, class_names: list[str]) -> tuple[str, ...]:
    if cohort.codes is None:
        return ()
    known = np.asarray(class_names, dtype=object)[cohort.codes]
    agree = int((table["prediction"].to_numpy(dtype=object) == known).sum())
    return (f"The file has the classes too: {agree} of {len(known)} predictions agree with them.",)
