"""Figures of chapter 4: their points, and that they are drawn."""

from dataclasses import replace

import pytest

from vaega.thesis.chapter4_figures import (
    BOXES,
    BY_SIZE,
    OF_ALL,
    all_datasets,
    box_plots,
    by_size,
    convergence,
    forest,
)
from vaega.thesis.published import GROUPS
from vaega.thesis.reproduction import HELD_OUT, PROTOCOLS, write_picture


@pytest.mark.parametrize("name", BOXES)
def test_box_plots(name, smoke, tmp_path):
    picture = box_plots(name, smoke)
    pooled = {"honest-pooled"} - (set() if name in ("4.7", "4.9") else {"honest-pooled"})
    assert set(picture.rows["source"]) == {"published", *PROTOCOLS[:3], *pooled}
    assert picture.rows["source"].iloc[0] == "published"
    assert picture.rows["accuracy"].notna().all()
    assert set(picture.rows["group"]) == set(BOXES[name])
    assert any(note.startswith("Protocol as-run") for note in picture.notes)


@pytest.mark.parametrize("name", BY_SIZE)
def test_by_size(name, smoke, tmp_path):
    _, sizes = BY_SIZE[name]
    picture = by_size(name, smoke)
    assert set(picture.rows["size"]) == set(sizes)
    figure = picture.draw(picture.rows)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"size {size}" for size in sizes]


@pytest.mark.parametrize("name", OF_ALL)
def test_all_datasets(name, smoke, tmp_path):
    picture = all_datasets(name, smoke)
    assert len(picture.draw(picture.rows).axes) == 5
    write_picture(picture, tmp_path, command="vaega")
    assert (tmp_path / f"figure_{name}.png").stat().st_size > 10_000


def test_boxes_show_every_run(smoke):
    picture = box_plots("4.9", smoke)
    figure = picture.draw(picture.rows)
    drawn = [len(points.get_offsets()) for ax in figure.axes for points in ax.collections]
    assert sum(drawn) == picture.rows[["accuracy", "n_features"]].notna().sum().sum()
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["madelon", "madelon_20"]


def test_convergence_by_generation(smoke):
    picture = convergence("convergence", replace(smoke, datasets=("madelon", "gcm")))
    assert set(picture.rows["protocol"]) == {"as-run", "as-described"}
    assert set(picture.rows["generation"]) == {1, 2}
    assert picture.rows["mean_accuracy"].between(0.0, 1.0).all()
    assert picture.draw(picture.rows).axes


@pytest.mark.parametrize(
    ("make", "name"),
    [(box_plots, "4.8"), (by_size, "4.12"), (all_datasets, "4.17"), (convergence, "convergence")],
)
def test_nothing_to_show_is_said_in_place_of_empty_axes(make, name, smoke, tmp_path):
    request = replace(smoke, datasets=("leukemia",), protocols=("honest",), groups=("madelon",))
    picture = make(name, request)
    assert picture.rows.empty or set(picture.rows["source"]) == {"published"}
    write_picture(picture, tmp_path, command="vaega")
    figure = picture.draw(picture.rows)
    assert bool(figure.axes) != picture.rows.empty
    said = " ".join(text.get_text() for text in figure.texts)
    assert ("none was run here" in said) == picture.rows.empty


def test_an_arm_has_one_colour(smoke):
    figure = box_plots("4.7", smoke).draw(box_plots("4.7", smoke).rows)
    colours = {tuple(points.get_facecolor()[0]) for points in figure.axes[0].collections}
    assert len(colours) == 4


def test_published_points_alone_say_so(smoke, tmp_path):
    picture = box_plots("4.8", replace(smoke, out=tmp_path, finished=True))
    assert picture.title.endswith("(published points alone)")
    assert picture.notes[-1].startswith("Published points alone")


def test_the_forest_has_a_line_for_each_group_source_and_arm(smoke):
    picture = forest("forest", smoke)
    assert set(picture.rows["group"]) == {group.name for group in GROUPS}
    assert set(picture.rows["source"]) == {"published", *PROTOCOLS}
    assert not picture.rows.duplicated(["group", "source", "arm"]).any()
    ours = picture.rows[picture.rows["source"] != "published"]
    assert ours[["low", "high"]].isna().all().all()  # two runs have no interval
    published = picture.rows.query("source == 'published' and n >= 5")
    assert (published["low"] < published["mean"]).all()
    held_out = picture.rows[picture.rows["source"].isin(HELD_OUT)]
    assert set(held_out["arm"]) == {"original", "augmented", "calibrated", "smote"}
    assert len([ax for ax in picture.draw(picture.rows).axes if ax.get_title(loc="left")]) == len(
        GROUPS
    )
