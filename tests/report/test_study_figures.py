import pandas as pd
import pytest
from matplotlib.figure import Figure

from vaega.report._figures import (
    draw_history,
    draw_importances,
    draw_slice,
    draw_study,
    parameters_of,
    study_png,
    study_table,
)

TABLE = pd.DataFrame(
    {
        "trial": [1, 2, 3],
        "state": ["done", "failed", "done"],
        "value": [0.5, float("nan"), 0.7],
        "best": [0.5, 0.5, 0.7],
        "seconds": 1.0,
        "warnings": 0,
        "error": ["", "diverged", ""],
        "hidden": ["8-4", "8", "8"],
        "learning_rate": [1e-4, 1e-3, 1e-2],
    }
)
IMPORTANCES = pd.DataFrame({"parameter": ["hidden", "learning_rate"], "importance": [0.2, 0.8]})


def test_one_picture_for_history_importances_and_each_parameter():
    figure = draw_study(TABLE, IMPORTANCES, label="score")
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["trial", "importance (fANOVA)", "hidden", "learning_rate"]
    assert len(draw_study(TABLE, IMPORTANCES.iloc[:0], label="score").axes) == 3


def test_the_history_leaves_failures_out():
    ax = draw_history(Figure().subplots(), TABLE, label="score")
    assert ax.lines[0].get_xdata().tolist() == [1, 3]
    assert ax.lines[1].get_ydata().tolist() == [0.5, 0.5, 0.7]


def test_what_matters_most_is_on_top():
    ax = draw_importances(Figure().subplots(), IMPORTANCES)
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.8]


@pytest.mark.parametrize(("name", "scale"), [("learning_rate", "log"), ("hidden", "linear")])
def test_a_slice_has_the_scale_of_its_parameter(name, scale):
    ax = draw_slice(Figure().subplots(), TABLE, name, label="score")
    assert ax.get_xscale() == scale
    assert len(ax.collections[0].get_offsets()) == 2


def test_the_same_study_gives_the_same_bytes():
    one, two = (study_png(TABLE, IMPORTANCES, label="score") for _ in range(2))
    assert one == two


def test_the_table_has_the_best_first():
    table = study_table(TABLE, label="score", n_rows=2)
    assert list(table.columns[0].cells) == ["3", "1"]
    assert list(table.columns[1].cells) == ["0.7000", "0.5000"]
    assert parameters_of(TABLE) == ["hidden", "learning_rate"]
