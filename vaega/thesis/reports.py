"""The thesis's published reports of classifiers: tables 2.1, 2.2, 3.1 to 3.4 and 4.4 as facts.

From the thesis's public text (repository castillosebastian/thesis): ``reports/models.csv`` from
utnthesis/combined_model_performance.csv and chapter 2 (utnthesis/Chapters/Capitulo2_v2.qmd, commit
0742ee7f), ``reports/by_class.csv`` from chapters 2, 3 (Capitulo3_v2.qmd, commit 00fb121b) and 4
(Capitulo4_v2.qmd, commit 003e2160). Rounded as they are there.
"""

from functools import cache
from importlib.resources import files

import pandas as pd


@cache
def published_models() -> pd.DataFrame:
    """Return table 2.1: AUC for two classes, macro-F1 for GCM, of models tuned on all features."""
    return _read("models.csv")


@cache
def published_classes() -> pd.DataFrame:
    """Return the reports by class of the MLP: tables 2.2, 3.1 to 3.4 and 4.4."""
    return _read("by_class.csv", {"table": str, "label": str})


def published_value(table: str, trained_on: str, tested_on: str, label: str, column: str) -> float:
    """Return one cell of the reports by class."""
    lines = published_classes()
    found = lines[
        (lines["table"] == table)
        & (lines["trained_on"] == trained_on)
        & (lines["tested_on"] == tested_on)
        & (lines["label"] == label)
    ]
    return float(found[column].iloc[0]) if len(found) else float("nan")


def _read(name: str, types: dict[str, type] | None = None) -> pd.DataFrame:
    with (files("vaega.thesis") / "reports" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=types)
