import pytest

from vaega.core.errors import DataError
from vaega.experiments import baselines as evaluation
from vaega.thesis import chapter3 as baseline_tables
from vaega.thesis import published as stand_ins
from vaega.thesis.reproduction import Request, make_table


@pytest.fixture(autouse=True)
def _small_data(monkeypatch):
    sources = {"leukemia": "sklearn:breast_cancer", "gcm": "sklearn:wine", "madelon": "no_such"}
    monkeypatch.setattr(baseline_tables, "find_source", sources.__getitem__)
    monkeypatch.setattr(baseline_tables, "_SMOKE_MODELS", ("lda", "gaussian_nb"))
    monkeypatch.setattr(evaluation, "N_RESAMPLES", 20)
    monkeypatch.setitem(stand_ins.SOURCES, "leukemia", ("breast_cancer",))


def test_table_2_1_side_by_side(tmp_path):
    request = Request(tmp_path, datasets=("leukemia", "gcm", "madelon"), scale="smoke", n_runs=2)
    table = make_table("2.1", request)
    ours = table.rows[table.rows["dataset"] != "madelon"]
    shown = ours[["dataset", "metric", "model", "published", "n"]].astype(object)
    assert shown.where(shown.notna(), -1).values.tolist() == [
        ["breast_cancer", "AUC", "LDA", 0.85, 2],
        ["breast_cancer", "AUC", "Gaussian NB", 0.91, 2],
        ["wine", "macro-F1", "LDA", -1, 2],
        ["wine", "macro-F1", "Gaussian NB", -1, 2],
    ]
    assert (ours["mean"] > 0.9).all()
    assert table.missing == ()
    notes = " ".join(table.notes)
    assert "test rows are read once" in notes
    assert "wine stands in for the thesis's gcm" in notes
    assert "no dataset is called 'no_such'" in notes
    assert "Scale smoke" in notes


def test_the_same_call_computes_nothing_again(tmp_path):
    said = []
    for _ in range(2):
        request = Request(tmp_path, datasets=("leukemia",), scale="smoke", tell=said.append)
        make_table("2.1", request)
    assert "2 of 2 were finished before" in said[-1]


def test_table_2_2_has_classes_and_sums(tmp_path):
    table = make_table("2.2", Request(tmp_path, scale="smoke"))
    labels = ["class_0", "class_1", "class_2", "accuracy", "macro average"]
    assert table.rows["label"].tolist() == labels
    sums = table.rows.set_index("label")
    assert sums.loc["accuracy", "f1_published"] == 0.70
    assert sums.loc["macro average", "recall_published"] == 0.65
    assert sums.loc["macro average", "f1"] == pytest.approx(sums["f1"].iloc[:3].mean())
    assert sums.loc["accuracy", "support"] == sums["support"].iloc[:3].sum() == 36


def test_without_data_what_was_published_stands_alone(tmp_path):
    table = make_table("2.1", Request(tmp_path, datasets=("madelon",), scale="smoke"))
    assert len(table.rows) == 18
    assert table.rows.set_index("model").loc["Bagging", "published"] == 0.91
    assert "no dataset is called 'no_such'" in table.missing[0]


def test_a_dataset_that_the_chapter_lacks_is_an_error(tmp_path):
    with pytest.raises(DataError, match="--dataset must be one of leukemia, madelon, gisette, gcm"):
        make_table("2.1", Request(tmp_path, datasets=("all-leukemia",), scale="smoke"))


@pytest.mark.parametrize(
    ("thesis_name", "scale", "n_models"),
    [
        ("gisette", "smoke", 2),
        ("gisette", "small", 12),
        ("gisette", "full", 18),
        ("madelon", "small", 18),
    ],
)
def test_slow_models_are_left_out_of_gisette_unless_all_is_asked_for(
    thesis_name, scale, n_models, tmp_path
):
    assert len(baseline_tables._models(thesis_name, Request(tmp_path, scale=scale))) == n_models
