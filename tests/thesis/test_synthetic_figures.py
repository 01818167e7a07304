import pandas as pd
import pytest

from vaega.thesis import chapter3 as synthetic_figures
from vaega.thesis.chapter3 import SIZES, accuracy_rows, draw_accuracies, rows_to_draw
from vaega.thesis.reproduction import Request, make_picture

DRAWN = {rows_to_draw(size): size for size in SIZES}


def record(generators, sizes):
    place = {"thesis_name": "gcm", "dataset": "gcm1363", "protocol": "honest", "label": "accuracy"}
    return pd.DataFrame(
        {**place, "generator": name, "n_drawn": n, "seed": seed, "trained_on": trained_on,
         "tested_on": "real", "f1": value + 0.02 * seed}
        for name in generators
        for n in sizes
        for trained_on, value in (("real", 0.6), ("synthetic", 0.4 + n / 1e5))
        for seed in (0, 1)
    )  # fmt: skip


def test_figure_3_5_cell_by_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(
        synthetic_figures, "complete_tasks", lambda name, *rest: record(["smote"], rest[1])
    )
    picture = make_picture("3.5", Request(tmp_path, protocols=("honest",)))
    shown = picture.rows[["generator", "n_training", "mean"]].round(5)
    assert shown.iloc[:-1].values.tolist() == [
        ["SMOTE", size, round(0.41 + drawn / 1e5, 5)] for drawn, size in DRAWN.items()
    ]
    last = picture.rows.iloc[-1]
    assert (last["generator"], last["n"], last["published"]) == ("real rows", 2, 0.54)
    assert last["mean"] == pytest.approx(0.61)
    assert picture.notes[0].startswith("Published: accuracy rises")
    assert any(note.startswith("Protocol honest") for note in picture.notes)


def test_the_drawing_has_a_line_a_generator_and_one_for_real_rows():
    rows = accuracy_rows(record(["smote", "calibrated"], DRAWN), DRAWN)
    axes = draw_accuracies(rows).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert sorted(labels) == ["SMOTE", "calibrated VAE", "real rows"]
    assert axes.get_xscale() == "log"


def test_single_runs_are_drawn_without_intervals():
    lines = record(["smote"], DRAWN)
    rows = accuracy_rows(lines[lines["seed"] == 0], DRAWN)
    assert rows["low"].isna().all()
    assert draw_accuracies(rows).axes


def test_failed_runs_leave_no_point():
    lines = record(["smote"], DRAWN).assign(label="failed")
    assert accuracy_rows(lines, DRAWN).empty
    assert draw_accuracies(pd.DataFrame(columns=["generator", "mean"])).axes
