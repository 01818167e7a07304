from pathlib import Path

import pytest

from vaega.data._sources import load_dataset
from vaega.thesis.chapter3 import PRESETS, Effort, plan_task, rows_to_draw
from vaega.thesis.reproduction import DATASETS, Request


@pytest.fixture
def wine():
    return load_dataset("sklearn:wine")


def test_scales():
    smoke, small, full = (
        Effort.of(Request(Path("o"), scale=s)) for s in ("smoke", "small", "full")
    )
    assert (smoke.n_runs, small.n_runs, full.n_runs) == (1, 3, 10)
    assert (small.divisor, full.divisor) == ({"gisette": 8}, {})
    assert smoke.max_rows is not None
    assert full.max_rows is full.max_epochs is None
    assert Effort.of(Request(Path("o"), scale="full", n_runs=2)).n_runs == 2


def test_every_dataset_has_the_thesis_network():
    assert tuple(PRESETS) == DATASETS


def test_420_of_1400_rows_test():
    assert rows_to_draw(980) == 1400


def test_an_id_depends_on_what_the_result_does(wine):
    full, small = (Request(Path("o"), scale=scale) for scale in ("full", "small"))
    ids = {
        plan_task("gisette", wine, generator, n, seed, request).run.id
        for generator in ("smote", "calibrated")
        for n in (30, 60)
        for seed in (0, 1)
        for request in (full, small)
    }
    assert len(ids) == 16


def test_an_id_does_not_depend_on_folder_or_processes(wine):
    one = plan_task("gcm", wine, "smote", 30, 0, Request(Path("a"), jobs=1))
    two = plan_task("gcm", wine, "smote", 30, 0, Request(Path("b"), jobs=2))
    assert one.run.id == two.run.id
    assert one.protocol == "honest"
