"""Chapter 3: synthetic rows, the study of them, its tables and its figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import DataError, InputError
from vaega.core.files import read_json
from vaega.data._dataset import Dataset
from vaega.data._sources import load_dataset
from vaega.generative._models import VAE, ConditionalVAE
from vaega.thesis import chapter3
from vaega.thesis.chapter3 import (
    GENERATORS,
    PRESETS,
    PROTOCOL_OF,
    SIZES,
    STATEMENTS,
    TITLES,
    Effort,
    Network,
    RealRows,
    SyntheticTask,
    accuracy_rows,
    complete_tasks,
    draw_accuracies,
    draw_synthetic,
    measure_task,
    plan_task,
    rows_to_draw,
    synthetic_class_rows,
)
from vaega.thesis.reproduction import DATASETS, PROTOCOLS, TABLES, Request, make_picture, make_table

SMALL = Network("thesis_madelon", divisor=60, max_epochs=15)


@pytest.fixture
def two(two_clouds):
    X, y = two_clouds
    return RealRows(50.0 + 10.0 * X[::2], y[::2], 50.0 + 10.0 * X[1::2], y[1::2])


@pytest.fixture
def three(two_clouds):
    X, _ = two_clouds
    y = np.tile([0, 1, 2], 20)
    return RealRows(X[:30], y[:30], X[30:], y[30:])


def test_every_protocol_has_generators_and_a_statement():
    assert tuple(GENERATORS) == tuple(STATEMENTS) == PROTOCOLS[:3]
    assert set(TITLES) == set(PROTOCOL_OF)
    for protocol, statement in STATEMENTS.items():
        assert statement.startswith(f"Protocol {protocol}:")
    assert "has seen every row" in STATEMENTS["as-run"]


def test_the_network_has_the_sizes_of_the_thesis():
    model = Network("thesis_gcm").model(ConditionalVAE)
    assert (model.hidden, model.latent, model.max_epochs) == ((358, 189, 189), 35, 3613)
    assert Network("thesis_gcm", divisor=10, max_epochs=3).model(VAE).hidden == (35, 18, 18)


@pytest.mark.parametrize("name", TITLES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_are_as_many_as_asked_for_and_on_the_scale_of_the_data(name, n_classes, two, three):
    rows = two if n_classes == 2 else three
    X, y = draw_synthetic(name, rows, SMALL, 60, 0)
    assert X.shape == (60, 12)
    assert y.shape == (60,)
    assert set(np.unique(y)) <= set(range(n_classes))
    assert np.abs(X.mean(axis=0) - rows.X.mean(axis=0)).max() < 2.0 * rows.X.std()


@pytest.mark.parametrize("name", TITLES)
def test_the_same_seed_draws_the_same_rows(name, two):
    one, again, other = (draw_synthetic(name, two, SMALL, 20, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", TITLES)
def test_only_the_public_code_reads_the_rows_around(name, two):
    moved = RealRows(two.X, two.y, two.X_around + 30.0, two.y_around)
    same = np.array_equal(
        draw_synthetic(name, two, SMALL, 20, 0)[0], draw_synthetic(name, moved, SMALL, 20, 0)[0]
    )
    assert same == (name != "thesis_code")


def test_the_network_that_sees_classes_draws_as_many_of_each(three):
    for name in ("thesis_code", "thesis_text"):
        assert np.bincount(draw_synthetic(name, three, SMALL, 31, 0)[1]).tolist() == [11, 10, 10]


def test_an_unknown_generator_is_refused(two):
    with pytest.raises(InputError, match="generator must be one of"):
        draw_synthetic("gan", two, SMALL, 10, 0)


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


@pytest.fixture
def wine_study(monkeypatch):
    dataset = load_dataset("sklearn:wine")
    monkeypatch.setattr(chapter3, "load_thesis_dataset", lambda name: dataset)
    return dataset


@pytest.fixture
def request_(tmp_path):
    return Request(tmp_path, n_runs=2)


def test_the_mlp_learns_from_real_and_from_good_synthetic_rows(wine_study, request_):
    lines = complete_tasks("gcm", ["class_gaussian"], [200], request_)
    sums = lines[(lines["label"] == "accuracy") & (lines["tested_on"] == "real")]
    assert sums["trained_on"].tolist() == ["real", "synthetic"] * 2
    assert (sums["f1"] > 0.85).all()
    assert set(lines["label"]) == {
        *wine_study.class_names,
        "accuracy",
        "macro average",
    }
    assert (lines["n_test"] == 53).all()


def test_what_is_finished_is_not_computed_again(wine_study, request_, monkeypatch):
    first = complete_tasks("gcm", ["class_gaussian"], [60], request_)
    monkeypatch.setattr(chapter3, "measure_task", None)
    assert complete_tasks("gcm", ["class_gaussian"], [60], request_).equals(first)


def test_processes_change_nothing(wine_study, tmp_path):
    found = [
        complete_tasks("gcm", ["smote"], [60], Request(tmp_path / str(jobs), n_runs=2, jobs=jobs))
        for jobs in (1, 2)
    ]
    assert found[0].drop(columns="seconds").equals(found[1].drop(columns="seconds"))


def test_a_failure_is_a_line_with_its_sentence_and_is_tried_again(
    wine_study, request_, monkeypatch
):
    def fail(*given):
        raise ValueError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(chapter3, "draw_synthetic", fail)
        lines = complete_tasks("gcm", ["smote"], [60], request_)
    assert lines["label"].tolist() == ["failed", "failed"]
    assert lines["error"].unique().tolist() == ["ValueError: no luck"]
    assert "failed" not in set(complete_tasks("gcm", ["smote"], [60], request_)["label"])


def test_a_generator_that_forgets_a_class_is_said_so(wine_study, request_, monkeypatch):
    monkeypatch.setattr(
        chapter3, "draw_synthetic", lambda *given: (np.zeros((9, 13)), np.zeros(9, int))
    )
    lines = complete_tasks("gcm", ["smote"], [9], request_)
    assert "got 0 of 'class_1' among 9." in lines["error"].iloc[0]


def test_a_run_says_what_it_was(wine_study, request_):
    complete_tasks("gcm", ["smote"], [60], request_)
    folder = next((request_.out / "runs" / "synthetic" / "runs").iterdir())
    config = read_json(folder / "config.json")
    assert (config["protocol"], config["n_drawn"]) == ("honest", 60)
    assert "torch" in read_json(folder / "environment.json")["packages"]


@pytest.fixture
def parted(two_clouds):
    X, _ = two_clouds
    y = np.tile([0, 1], 30)
    return Dataset.from_arrays(X[:40], y[:40], X_test=X[40:], y_test=y[40:])


def shown_to(generator, dataset, monkeypatch, tmp_path):
    seen = []
    plain = chapter3.draw_synthetic

    def draw(name, rows, *rest):
        seen.append(rows)
        return plain("smote", rows, *rest)

    monkeypatch.setattr(chapter3, "draw_synthetic", draw)
    task = plan_task("madelon", dataset, generator, 40, 0, Request(tmp_path))
    return measure_task(task, dataset), seen[0]


def test_the_public_code_fits_on_the_official_parts(parted, monkeypatch, tmp_path):
    _, rows = shown_to("thesis_code", parted, monkeypatch, tmp_path)
    assert np.array_equal(rows.X, parted.X)
    assert np.array_equal(rows.X_around, parted.X_test)


@pytest.mark.parametrize("generator", ["thesis_text", "calibrated"])
def test_others_see_the_fit_rows_of_the_split(generator, parted, monkeypatch, tmp_path):
    metrics, rows = shown_to(generator, parted, monkeypatch, tmp_path)
    assert (len(rows.X), len(rows.X_around)) == (metrics["n_fit"], metrics["n_test"]) == (42, 18)
    fit, test = ({row.tobytes() for row in part} for part in (rows.X, rows.X_around))
    assert not fit & test


def test_an_effort_takes_some_rows_and_columns(parted, tmp_path):
    run = plan_task("madelon", parted, "smote", 20, 0, Request(tmp_path)).run
    effort = Effort(1, max_rows=30, max_columns=5)
    metrics = measure_task(SyntheticTask("madelon", run, 20, Network("thesis"), effort), parted)
    assert metrics["n_columns"] == 5
    assert metrics["n_fit"] + metrics["n_test"] == 30


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

    monkeypatch.setattr(chapter3, "complete_tasks", complete)
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


def test_a_dataset_that_is_not_here_has_what_was_published(tmp_path, monkeypatch):
    def complete(thesis_name, *rest):
        if thesis_name == "gisette":
            raise DataError("gisette: not here.")
        return record(thesis_name, thesis_name, ["smote"])

    monkeypatch.setattr(chapter3, "complete_tasks", complete)
    table = make_table("3", Request(tmp_path, datasets=("leukemia", "gisette")))
    assert "gisette: not here." in table.notes
    assert table.missing == ()
    alone = make_table("3", Request(tmp_path, datasets=("gisette",)))
    assert alone.rows["published"].tolist() == pytest.approx([0.97, 0.97, 0.95, 0.95], abs=0.02)
    assert alone.missing == ("gisette: not here.",)
    with pytest.raises(DataError, match="--dataset must be one of leukemia, madelon"):
        make_table("3", Request(tmp_path, datasets=("all-leukemia",)))


def test_failed_runs_are_named_below(tmp_path, monkeypatch):
    lines = record("leukemia", "leukemia", ["smote"])
    failed = {**lines.iloc[0].to_dict(), "seed": 7, "label": "failed", "error": "one class only."}
    lines = pd.concat([lines, pd.DataFrame([failed])])
    monkeypatch.setattr(chapter3, "complete_tasks", lambda *given: lines)
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


DRAWN = {rows_to_draw(size): size for size in SIZES}


def recorded_lines(generators, sizes):
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
        chapter3,
        "complete_tasks",
        lambda name, *rest: recorded_lines(["smote"], rest[1]),
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
    rows = accuracy_rows(recorded_lines(["smote", "calibrated"], DRAWN), DRAWN)
    axes = draw_accuracies(rows).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert sorted(labels) == ["SMOTE", "calibrated VAE", "real rows"]
    assert axes.get_xscale() == "log"


def test_single_runs_are_drawn_without_intervals():
    lines = recorded_lines(["smote"], DRAWN)
    rows = accuracy_rows(lines[lines["seed"] == 0], DRAWN)
    assert rows["low"].isna().all()
    assert draw_accuracies(rows).axes


def test_failed_runs_leave_no_point():
    lines = recorded_lines(["smote"], DRAWN).assign(label="failed")
    assert accuracy_rows(lines, DRAWN).empty
    assert draw_accuracies(pd.DataFrame(columns=["generator", "mean"])).axes
