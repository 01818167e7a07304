from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from vaega.core.errors import DataError, InputError
from vaega.data._dataset import Dataset
from vaega.experiments import baselines as evaluation
from vaega.experiments.baselines import BaselineSettings, evaluate, find_model, outer_split


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(evaluation, "N_RESAMPLES", 30)


@pytest.fixture
def clouds(two_clouds):
    return Dataset.from_arrays(*two_clouds, name="clouds")


@pytest.fixture
def official(two_clouds):
    X, y = two_clouds
    return Dataset.from_arrays(X[::2], y[::2], X_test=X[1::2], y_test=y[1::2], name="parted")


def test_two_classes_are_judged_by_the_area_under_the_curve(clouds):
    metrics = evaluate(find_model("gaussian_nb"), clouds, BaselineSettings(), 0)
    assert metrics["metric"] == "roc_auc"
    assert 0.5 < metrics["score_low"] <= metrics["score"] <= metrics["score_high"] <= 1.0
    assert (metrics["n_train"], metrics["n_test"], metrics["n_candidates"]) == (48, 12, 6)
    assert metrics["parameters"].keys() == {"var_smoothing"}


def test_several_classes_are_judged_by_macro_f1(clouds, rng):
    three = Dataset.from_arrays(clouds.X, np.repeat(["a", "b", "c"], 20), name="three")
    metrics = evaluate(find_model("knn"), three, BaselineSettings(), 0)
    assert metrics["metric"] == "f1_macro"
    assert metrics["score"] == metrics["macro_f1"]
    assert [line["label"] for line in metrics["by_class"]] == ["a", "b", "c"]
    assert metrics["macro_f1"] == pytest.approx(np.mean([c["f1"] for c in metrics["by_class"]]))
    assert sum(line["support"] for line in metrics["by_class"]) == metrics["n_test"]


def test_the_official_test_part_is_taken_unless_rows_are_pooled(official):
    assert outer_split(official, BaselineSettings(), 0).test.tolist() == list(range(30, 60))
    pooled = BaselineSettings("pooled", test_size=0.3)
    one, two = (outer_split(official, pooled, seed).test for seed in (0, 1))
    assert len(one) == len(two) == 18
    assert one.tolist() != two.tolist()


def test_the_test_rows_change_nothing_but_the_score(official):
    model, settings = find_model("svc"), BaselineSettings()
    changed = Dataset.from_arrays(
        official.X, official.y, X_test=official.X_test * -5.0, y_test=official.y_test
    )
    one, two = (evaluate(model, data, settings, 0) for data in (official, changed))
    for key in ("inner_score", "train_score", "parameters"):
        assert one[key] == two[key]
    assert one["score"] != two["score"]


def test_the_search_sees_the_rows_it_may(monkeypatch, clouds):
    seen = []
    plain = evaluation._search
    monkeypatch.setattr(
        evaluation, "_search", lambda *given: (seen.append(len(given[3])), plain(*given))[1]
    )
    metrics = evaluate(find_model("lda"), clouds, BaselineSettings(search_rows=20), 0)
    assert seen == [20]
    assert metrics["n_train"] == 48


def test_the_same_seed_gives_the_same_figures(clouds):
    one, two = (evaluate(find_model("sgd"), clouds, BaselineSettings(), 5) for _ in range(2))
    assert one == two


def test_candidates_that_fail_are_left_out_and_counted(clouds):
    metrics = evaluate(find_model("qda"), clouds, BaselineSettings(), 0)
    assert metrics["n_candidates"] == 18
    assert metrics["n_failed_candidates"] == 6  # 20 and 50 components of 12 columns
    assert metrics["parameters"]["reduce__n_components"] in (None, 2, 5, 10)


def test_missing_values_are_refused_in_one_sentence(clouds):
    X = clouds.X.copy()
    X[0, 0] = np.nan
    with pytest.raises(DataError, match=r"'data' has 1 missing value; .* take none\.$"):
        evaluate(find_model("lda"), Dataset.from_arrays(X, clouds.y), BaselineSettings(), 0)


def test_where_no_candidate_can_be_fitted_the_sentence_says_why(clouds):
    hopeless = replace(find_model("knn"), grid={"n_neighbors": (-1,)})
    with pytest.raises(InputError, match=r"no candidate could be fitted: .*n_neighbors") as caught:
        evaluate(hopeless, clouds, BaselineSettings(), 0)
    assert "\n" not in str(caught.value)


def test_a_class_with_too_few_rows_is_refused(clouds):
    few = Dataset.from_arrays(clouds.X[:32], ["a"] * 30 + ["b"] * 2)
    with pytest.raises(DataError, match="every class needs two training rows"):
        evaluate(find_model("lda"), few, BaselineSettings(), 0)


def test_groups_stay_on_one_side(clouds):
    groups = np.tile(np.arange(15), 4)
    grouped = Dataset.from_arrays(clouds.X, clouds.y, groups=groups)
    split = outer_split(grouped, BaselineSettings(), 0)
    assert not set(groups[split.train]) & set(groups[split.test])
    assert evaluate(find_model("lda"), grouped, BaselineSettings(), 0)["n_test"] == len(split.test)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"split": "other"}, "split must be one of official, pooled"),
        ({"test_size": 1.0}, "test_size must be a fraction"),
        ({"n_folds": 1}, "n_folds must be a whole number, at least 2"),
        ({"search_rows": 3}, "search_rows must be a whole number, at least 10"),
    ],
)
def test_settings_that_break_a_rule(settings, rule):
    with pytest.raises(InputError, match=rule):
        BaselineSettings(**settings)


def test_intervals_come_from_the_test_rows_of_each_class(rng):
    truth, answers = np.array([0] * 9 + [1]), np.arange(10.0)
    low, high = evaluation._interval(evaluation._measure("roc_auc"), truth, answers, rng)
    assert low == high == 1.0  # never a resample without the only row of its class
    assert evaluation._measure("f1_macro")([0, 1], [0, 0]) == f1_score(
        [0, 1], [0, 0], average="macro", zero_division=0
    )
