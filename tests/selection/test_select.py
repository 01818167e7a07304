"""`select`: the same features whatever the table came as, and no promise that nobody checked."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

import vaega
from vaega import Dataset, GeneticSelector, select
from vaega.core.errors import InputError

QUICK = {"n_searches": 2, "n_generations": 3, "population_size": 20}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 12))).add_prefix("gene_")
    return frame.assign(response=np.where(frame["gene_3"] + frame["gene_7"] > 0, "yes", "no"))


@pytest.fixture(scope="module")
def found(table):
    return select(table, "response", **QUICK)


def test_what_a_table_came_as_changes_nothing(table, found, tmp_path):
    X, y = table.drop(columns="response"), table["response"]
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    dataset = Dataset.from_arrays(X.to_numpy(), y, feature_names=list(X.columns))
    ways = [
        select(path, "response", **QUICK),
        select(str(path), target="response", **QUICK),
        select(X, y, **QUICK),
        select((X, y.tolist()), **QUICK),
        select(dataset, **QUICK),
    ]
    assert {way.features for way in ways} == {found.features}
    assert {"gene_3", "gene_7"} <= set(found.features)
    positions = select(X.to_numpy(), y.to_numpy(), **QUICK).selector.support_
    assert (positions == found.selector.support_).all()


def test_it_is_short_and_promises_nothing(found):
    text = repr(found)
    assert len(text.splitlines()) == 3
    assert "gene_3" in text
    assert "No score" in text
    assert not hasattr(found, "score")


def test_its_parts(table, found):
    assert isinstance(found.selector, GeneticSelector)
    summary = found.summary()
    assert sorted(summary["name"]) == sorted(found.features)
    assert summary["frequency"].is_monotonic_decreasing
    shuffled = table.sample(frac=1, random_state=0).iloc[:, ::-1]
    rows = found.transform(shuffled)
    assert rows.columns.tolist() == list(found.features)
    assert (rows.to_numpy() == shuffled[list(found.features)].to_numpy()).all()
    with pytest.raises(InputError, match="none called 'gene_3'"):
        found.transform(table.drop(columns="gene_3"))


def test_gaps_and_empty_columns_are_prepared(table):
    holed = table.assign(gene_1=np.nan, gene_2=table["gene_2"].where(np.arange(60) % 4 > 0))
    found = select(holed, "response", **QUICK)
    assert "gene_1" not in found.features
    assert not found.transform(holed).isna().any(axis=None)


def test_parameters_of_the_selector_and_of_the_reader(table):
    worded = table.assign(id=[f"S{i}" for i in range(60)], patient=np.arange(60) // 2)
    found = select(
        worded,
        "response",
        estimator=KNeighborsClassifier(3),
        max_features=3,
        ignore=["id"],
        groups="patient",
        **QUICK,
    )
    assert len(found.features) <= 3
    assert isinstance(found.selector.estimator, KNeighborsClassifier)
    assert found.dataset.groups is not None
    assert "patient" not in found.dataset.feature_names


def test_words_of_a_text_column_are_columns_of_new_rows_too(table):
    sex = np.where(np.arange(60) % 2, "f", "m")
    texts = table.assign(sex=sex)
    spread = select(texts, "response", categorical="one_hot", pinned=["sex=f"], **QUICK)
    assert "sex=f" in spread.features
    rows = spread.transform(texts)
    assert rows["sex=f"].tolist() == (sex == "f").tolist()
    with pytest.raises(InputError, match="got none called 'sex=f', 'sex=m'"):
        spread.transform(table)


def test_a_name_that_is_not_there_is_refused(table):
    with pytest.raises(InputError, match=r"forbidden must name features .* did you mean 'gene_1'"):
        select(table, "response", forbidden=["gene 1"], **QUICK)


def test_a_frame_of_polars_is_one_of_pandas(table, found):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(table.to_dict("list"))
    same = select(frame, "response", **QUICK)
    assert same.features == found.features
    assert select(frame.drop("response"), frame["response"], **QUICK).features == found.features
    np.testing.assert_array_equal(same.transform(frame), found.transform(table))


def test_several_classes_are_scored_by_balanced_accuracy():
    found = select(vaega.load_dataset("sklearn:wine"), **QUICK)
    assert found.selector.scoring == "balanced_accuracy"


@pytest.mark.parametrize(
    ("data", "target", "words"),
    [
        ("absent.csv", "y", "no such file"),
        (np.zeros((4, 2)), None, "target must hold the labels"),
        (np.zeros((4, 2)), "y", "target must hold the labels"),
        (vaega.load_dataset("sklearn:wine"), "y", "is known of a Dataset"),
    ],
)
def test_what_is_refused(data, target, words):
    with pytest.raises(InputError, match=words):
        select(data, target)


def test_a_parameter_that_does_nothing_is_refused(table):
    with pytest.raises(InputError, match="ignore is no parameter for a Dataset"):
        select(vaega.load_dataset("sklearn:wine"), ignore=["x"])
    with pytest.raises(TypeError, match="n_serches"):
        select(table, "response", n_serches=3)
