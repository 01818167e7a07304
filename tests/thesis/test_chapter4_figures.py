from dataclasses import replace

import pytest

from vaega.thesis.chapter4 import (
    BOXES,
    BY_SIZE,
    OF_ALL,
    all_datasets,
    box_plots,
    by_size,
    convergence,
)
from vaega.thesis.published import write_picture


@pytest.mark.parametrize("name", BOXES)
def test_box_plots(name, smoke, tmp_path):
    picture = box_plots(name, smoke)
    assert set(picture.rows["source"]) == {"published", "as-run", "as-described", "honest"}
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
    assert [ax.get_title() for ax in figure.axes] == [f"size {size}" for size in sizes]


@pytest.mark.parametrize("name", OF_ALL)
def test_all_datasets(name, smoke, tmp_path):
    picture = all_datasets(name, smoke)
    assert len(picture.draw(picture.rows).axes) == 5
    write_picture(picture, tmp_path, command="vaega")
    assert (tmp_path / f"figure_{name}.png").stat().st_size > 10_000


def test_boxes_show_every_run(smoke):
    picture = box_plots("4.9", smoke)
    figure = picture.draw(picture.rows)
    for ax, measure in zip(figure.axes, ("accuracy", "n_features"), strict=True):
        drawn = sum(len(points.get_offsets()) for points in ax.collections)
        assert drawn == picture.rows[measure].notna().sum()


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
def test_nothing_to_show_is_an_empty_figure(make, name, smoke, tmp_path):
    request = replace(smoke, datasets=("leukemia",), protocols=("honest",), groups=("madelon",))
    picture = make(name, request)
    assert picture.rows.empty or set(picture.rows["source"]) == {"published"}
    write_picture(picture, tmp_path, command="vaega")
