import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import DataError
from vaega.thesis import chapter3 as synthetic_tables
from vaega.thesis.chapter3 import synthetic_class_rows
from vaega.thesis.reproduction import TABLES, Request, make_table

# A recorded run: two seeds of two generators on two-class data, real rows the same beside both.
ACCURACY = {
    ("real", "real"): (0.80, 0.90),
    ("synthetic", "real"): (0.70, 0.80),
    ("synthetic", "synthetic"): (1.00, 0.98),
    ("real", "synthetic"): (0.60, 0.60),
}


def record(thesis_name, dataset, generators):
    protocols = {"thesis_code": "as-run", "thesis_text": "as-described", "smote": "honest"}
    lines = []
    for generator in generators:
        for (trained_on, tested_on), values in ACCURACY.items():
            for seed, value in enumerate(values):
                place = {
                    "thesis_name": thesis_name, "dataset": dataset, "generator": generator,
                    "protocol": protocols[generator], "n_drawn": 30, "seed": seed, "n_test": 22,
                    "trained_on": trained_on, "tested_on": tested_on, "support": 22,
                }  # fmt: skip
                lines.append({**place, "label": "accuracy", "f1": value})
                macro = {"precision": value, "recall": value, "f1": value - 0.05}
                lines.append({**place, "label": "macro average", **macro})
                for label in ("ALL", "AML"):
                    figures = {"precision": value, "recall": 1.0, "f1": value + 0.01}
                    lines.append({**place, "label": label, **figures, "support": 11})
    return pd.DataFrame(lines)


@pytest.fixture
def recorded(monkeypatch):
    asked = []

    def complete(thesis_name, generators, sizes, request):
        asked.append((thesis_name, tuple(generators), tuple(sizes)))
        dataset = {"gcm": "gcm1363", "gisette": "gisette_surrogate"}.get(thesis_name, thesis_name)
        kept = [name for name in generators if name in ("thesis_code", "thesis_text", "smote")]
        return record(thesis_name, dataset, kept)

    monkeypatch.setattr(synthetic_tables, "complete_tasks", complete)
    return asked


def test_table_3_cell_by_cell(recorded, tmp_path):
    request = Request(tmp_path, datasets=("leukemia",), protocols=("honest",))
    table = make_table("3", request)
    assert recorded == [("leukemia", ("calibrated", "class_gaussian", "smote"), (143,))]
    shown = table.rows[["trained_on", "generator", "measure", "published", "mean", "n"]]
    assert shown.round(6).values.tolist() == [
        ["real", "", "accuracy", 0.81, 0.85, 2],
        ["real", "", "macro-F1", 0.79, 0.80, 2],
        ["synthetic", "SMOTE", "accuracy", 0.95, 0.75, 2],
        ["synthetic", "SMOTE", "macro-F1", 0.95, 0.70, 2],
    ]
    sd = np.std([0.7, 0.8], ddof=1)
    line = table.rows.iloc[2]
    assert line["sd"] == pytest.approx(sd)
    assert line["standard_errors"] == pytest.approx((0.75 - 0.95) / (sd / np.sqrt(2)))


def test_every_protocol_asked_for_says_which_rows_it_saw(recorded, tmp_path):
    notes = " ".join(make_table("3", Request(tmp_path, datasets=("gcm", "gisette"))).notes)
    for protocol in ("as-run", "as-described", "honest"):
        assert f"Protocol {protocol}:" in notes
    assert "gcm1363 stands in for the thesis's gcm" in notes
    assert "an eighth of its widths" in notes
    honest = make_table("3", Request(tmp_path, datasets=("gcm",), protocols=("honest",)))
    assert not [note for note in honest.notes if "as-run" in note]


def test_table_3_1_has_the_classes_beside_the_published_ones(recorded, tmp_path):
    table = make_table("3.1", Request(tmp_path, protocols=("as-run",)))
    rows = table.rows[table.rows["trained_on"] == "synthetic"].set_index("label")
    assert rows.loc["ALL", "precision_published"] == 0.93
    assert rows.loc["AML", "recall_published"] == 0.89
    assert rows.loc["AML", "f1"] == pytest.approx(0.76)
    assert rows.loc["accuracy", "f1_published"] == 0.95
    assert rows.loc["macro average", "f1"] == pytest.approx(0.70)


def test_classes_of_a_stand_in_have_nothing_published_beside_them(recorded, tmp_path):
    rows = make_table("3.4", Request(tmp_path)).rows.set_index("label")
    assert rows.loc["ALL", "f1_published"].isna().all()
    assert rows.loc["accuracy", "f1_published"].notna().all()


def test_table_4_4(recorded, tmp_path):
    table = make_table("4.4", Request(tmp_path, protocols=("as-described",)))
    assert recorded[0] == ("gcm", ("thesis_text",), (1400,))
    shown = table.rows[["trained_on", "tested_on", "published", "mean"]].round(6)
    assert shown.iloc[:2].values.tolist() == [
        ["synthetic", "synthetic", 1.0, 0.99],
        ["synthetic", "real", 0.5, 0.75],
    ]
    assert shown.iloc[2, 3] == 0.85


def test_a_dataset_that_is_not_here_is_a_note_unless_it_is_the_only_one(tmp_path, monkeypatch):
    def complete(thesis_name, *rest):
        if thesis_name == "gisette":
            raise DataError("gisette: not here.")
        return record(thesis_name, thesis_name, ["smote"])

    monkeypatch.setattr(synthetic_tables, "complete_tasks", complete)
    table = make_table("3", Request(tmp_path, datasets=("leukemia", "gisette")))
    assert "gisette: not here." in table.notes
    with pytest.raises(DataError, match="not here"):
        make_table("3", Request(tmp_path, datasets=("gisette",)))
    with pytest.raises(DataError, match="--dataset must be one of leukemia, madelon"):
        make_table("3", Request(tmp_path, datasets=("all-leukemia",)))


def test_failed_runs_are_named_below(tmp_path, monkeypatch):
    lines = record("leukemia", "leukemia", ["smote"])
    failed = {**lines.iloc[0].to_dict(), "seed": 7, "label": "failed", "error": "one class only."}
    lines = pd.concat([lines, pd.DataFrame([failed])])
    monkeypatch.setattr(synthetic_tables, "complete_tasks", lambda *given: lines)
    table = make_table("3", Request(tmp_path, datasets=("leukemia",)))
    assert "leukemia, SMOTE, seed 7: one class only." in table.notes
    assert (table.rows["n"] == 2).all()


def test_class_rows_take_means_over_runs():
    lines = record("leukemia", "leukemia", ["smote"])
    lines = lines[lines["tested_on"] == "real"]
    found = synthetic_class_rows("3.1", lines, align=True)
    assert (found["n"] == 2).all()
    assert len(found) == 8


def test_smoke_asks_for_few_rows(recorded, tmp_path):
    table = make_table("3", Request(tmp_path, scale="smoke", datasets=("madelon",)))
    assert recorded[0][2] == (300,)
    assert any(note.startswith("Scale smoke") for note in table.notes)


def test_the_registry_names_them():
    assert {"3", "3.1", "3.2", "3.3", "3.4", "4.4"} <= set(TABLES)
