"""Baselines: models, their evaluation, their runs and tables."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from vaega.core.errors import DataError, InputError
from vaega.core.files import read_json
from vaega.data._dataset import Dataset
from vaega.data._sources import load_dataset
from vaega.experiments import baselines
from vaega.experiments.baselines import (
    COLUMNS,
    MODELS,
    WIDE,
    BaselineSettings,
    complete_baselines,
    evaluate,
    find_model,
    loadable_sources,
    model_table,
    outer_split,
    plan_tasks,
    summarise_tasks,
    tabulate_classes,
    tabulate_tasks,
    write_baselines,
)
from vaega.experiments.store import Store

# Of table 2.1 of the thesis, in its order.
PUBLISHED = [
    "lda", "qda", "ridge", "sgd", "adaboost", "bagging", "decision_tree", "extra_tree",
    "extra_trees", "gradient_boosting", "random_forest", "linear_svc", "nu_svc", "svc",
    "bernoulli_nb", "gaussian_nb", "knn", "mlp",
]  # fmt: skip


def test_they_are_the_models_of_the_thesis():
    assert list(MODELS) == PUBLISHED
    assert len({model.title for model in MODELS.values()}) == 18


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_parameter_of_a_grid_is_one_of_the_pipeline(name):
    model = MODELS[name]
    known = model.make(0).get_params()
    for width in (10, WIDE + 1):
        grid = model.grid_for(width)
        assert grid
        assert set(grid) <= set(known)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", PUBLISHED)
def test_each_fits_in_its_first_settings_and_gives_what_a_score_needs(name, two_clouds):
    X, y = two_clouds
    model = MODELS[name]
    first = {key: values[0] for key, values in model.grid_for(X.shape[1]).items()}
    fitted = model.make(0).set_params(**first).fit(X, y)
    assert np.mean(fitted.predict(X) == y) > 0.6
    assert hasattr(fitted, "decision_function") or hasattr(fitted, "predict_proba")


@pytest.mark.parametrize("name", ["sgd", "random_forest", "mlp"])
def test_the_same_seed_gives_the_same_model(name, two_clouds):
    X, y = two_clouds
    one, two = (MODELS[name].make(3).fit(X, y).predict(X) for _ in range(2))
    assert (one == two).all()


def test_an_unknown_name_gets_one_sentence():
    with pytest.raises(InputError, match=r"--models must be one of .*; got 'xgboost'\.$"):
        find_model("xgboost")


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(baselines, "N_RESAMPLES", 30)


@pytest.fixture
def clouds(two_clouds):
    return Dataset.from_arrays(*two_clouds, name="clouds")


@pytest.fixture
def official(two_clouds):
    X, y = two_clouds
    return Dataset.from_arrays(X[::2], y[::2], X_test=X[1::2], y_test=y[1::2], name="parted")


def test_two_classes_are_scored_by_the_area_under_the_curve(clouds):
    metrics = evaluate(find_model("gaussian_nb"), clouds, BaselineSettings(), 0)
    assert metrics["metric"] == "roc_auc"
    assert 0.5 < metrics["score_low"] <= metrics["score"] <= metrics["score_high"] <= 1.0
    assert (metrics["n_train"], metrics["n_test"], metrics["n_candidates"]) == (48, 12, 6)
    assert metrics["parameters"].keys() == {"var_smoothing"}


def test_several_classes_are_scored_by_macro_f1(clouds, rng):
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
    plain = baselines._search
    monkeypatch.setattr(
        baselines, "_search", lambda *given: (seen.append(len(given[3])), plain(*given))[1]
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


def draws_of(truth, rng, n_draws=20):
    members = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    return [[rng.choice(rows, len(rows)) for rows in members] for _ in range(n_draws)]


def test_resampled_areas_are_those_of_scikit_learn_ties_included(rng):
    truth = np.repeat([0, 1], [25, 15])
    predictions = np.round(rng.normal(size=40) + truth, 1)
    drawn = draws_of(truth, rng)
    rows = [np.concatenate(parts) for parts in drawn]
    expected = [roc_auc_score(truth[index], predictions[index]) for index in rows]
    assert baselines._resampled_auc(truth, predictions, drawn) == pytest.approx(expected)


def test_resampled_macro_f1_is_that_of_scikit_learn_with_a_class_that_is_predicted_alone(rng):
    truth = rng.integers(0, 4, 40)
    predictions = np.where(rng.random(40) < 0.5, truth, rng.integers(0, 6, 40))
    drawn = draws_of(truth, rng)
    rows = [np.concatenate(parts) for parts in drawn]
    macro = {"average": "macro", "zero_division": 0}
    expected = [f1_score(truth[index], predictions[index], **macro) for index in rows]
    assert baselines._resampled_macro_f1(truth, predictions, drawn) == pytest.approx(expected)


def test_intervals_come_from_the_test_rows_of_each_class(rng):
    truth, scores = np.array([0] * 9 + [1]), np.arange(10.0)
    low, high = baselines._interval("roc_auc", truth, scores, rng)
    assert low == high == 1.0  # never a resample without the only row of its class
    assert baselines._metric("f1_macro")([0, 1], [0, 0]) == f1_score(
        [0, 1], [0, 0], average="macro", zero_division=0
    )


QUICK_MODELS = ["lda", "gaussian_nb"]


@pytest.fixture
def counted(monkeypatch):
    calls = []
    plain = baselines.evaluate
    monkeypatch.setattr(
        baselines,
        "evaluate",
        lambda model, *rest: (calls.append(model.name), plain(model, *rest))[1],
    )
    return calls


def test_what_is_finished_is_not_computed_again(tmp_path, counted):
    lines = []
    for _ in range(2):
        tasks, unloaded = complete_baselines(
            ["sklearn:iris"], QUICK_MODELS, tmp_path, tell=lines.append
        )
    assert counted == QUICK_MODELS
    assert not unloaded
    assert "2 of 2 were finished before" in lines[-1]
    assert all(Store(tmp_path).is_done(task.id) for task in tasks)


def test_a_failure_is_recorded_with_its_sentence_and_tried_again(tmp_path, monkeypatch):
    def fail(*given):
        raise ValueError("out of\n luck")

    with monkeypatch.context() as patched:
        patched.setattr(baselines, "evaluate", fail)
        tasks, _ = complete_baselines(["sklearn:iris"], QUICK_MODELS, tmp_path)
    metrics = Store(tmp_path).metrics(tasks[0].id)
    assert metrics["status"] == "failed"
    assert metrics["error"] == "ValueError: out of luck"
    complete_baselines(["sklearn:iris"], QUICK_MODELS, tmp_path)
    assert Store(tmp_path).is_done(tasks[0].id)


def test_a_dataset_that_does_not_load_keeps_no_other_from_running(tmp_path):
    tasks, unloaded = complete_baselines(["no_such", "sklearn:iris"], ["lda"], tmp_path)
    assert list(unloaded) == ["no_such"]
    assert unloaded["no_such"].startswith("load_dataset: no dataset is called 'no_such'")
    assert [task.dataset for task in tasks] == ["iris"]


def test_processes_change_nothing_but_the_time(tmp_path, monkeypatch):
    monkeypatch.undo()  # other processes know of no patch
    found = []
    for jobs in (1, 2):
        tasks, _ = complete_baselines(
            ["sklearn:iris"], QUICK_MODELS, tmp_path / str(jobs), jobs=jobs
        )
        metrics = [Store(tmp_path / str(jobs)).metrics(task.id) for task in tasks]
        for content in metrics:
            content.pop("seconds")
        found.append(metrics)
    assert found[0] == found[1]


def test_an_id_depends_on_all_that_the_result_does():
    iris = load_dataset("sklearn:iris")
    ids = {
        task.id
        for settings in (BaselineSettings(), BaselineSettings(n_folds=3))
        for task in plan_tasks(iris, QUICK_MODELS, settings, [0, 1])
    }
    assert len(ids) == 8


def test_a_run_says_with_what_it_was_computed(tmp_path):
    (task,), _ = complete_baselines(["sklearn:iris"], ["lda"], tmp_path)
    folder = Store(tmp_path).run_folder(task.id)
    assert read_json(folder / "config.json")["grid"]["model__solver"] == ["lsqr"]
    assert "scikit-learn" in read_json(folder / "environment.json")["packages"]
    json.loads((folder / "metrics.json").read_text())


def test_the_network_is_not_asked_for_unless_named(monkeypatch):
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    assert not [source for source in loadable_sources() if source.startswith("openml")]
    assert "gisette" not in loadable_sources()


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    sources = ["sklearn:iris", "no_such"]
    return folder, *complete_baselines(sources, ["lda", "gaussian_nb"], folder, seeds=[0, 1])


def test_one_row_a_task(computed):
    folder, tasks, _ = computed
    table = tabulate_tasks(Store(folder), tasks)
    assert tuple(table.columns) == COLUMNS
    assert table[["model", "seed"]].values.tolist() == [
        ["lda", 0], ["gaussian_nb", 0], ["lda", 1], ["gaussian_nb", 1],
    ]  # fmt: skip
    assert (table["status"] == "done").all()


def test_the_summary_has_means_over_seeds(computed):
    folder, tasks, _ = computed
    table = tabulate_tasks(Store(folder), tasks)
    summary = summarise_tasks(table).set_index("model")
    lda = table[table["model"] == "lda"]["score"]
    assert summary.loc["lda", "n"] == 2
    assert summary.loc["lda", "score"] == pytest.approx(lda.mean())
    assert summary.loc["lda", "sd"] == pytest.approx(lda.std())
    assert summary["score_low"].isna().all()
    one = summarise_tasks(table[table["seed"] == 0])
    assert one["sd"].isna().all()
    assert (one["score_low"] <= one["score"]).all()


def test_one_row_a_class(computed):
    folder, tasks, _ = computed
    classes = tabulate_classes(Store(folder), tasks)
    assert len(classes) == 4 * 3
    assert classes["label"].unique().tolist() == ["setosa", "versicolor", "virginica"]


def test_the_folder_has_tables_command_versions_and_failures(computed):
    folder, tasks, unloaded = computed
    write_baselines(folder, tasks, unloaded, command="vaega baselines --seeds=2")
    text = (folder / "baselines.md").read_text()
    assert "`vaega baselines --seeds=2`" in text
    assert "scikit-learn" in text
    assert "Seeds: 0, 1." in text
    assert "test rows are read once" in text
    assert "- no_such: not loaded: " in text
    assert "| setosa | 1.00 |" in text
    assert len(pd.read_csv(folder / "baselines.csv")) == 4
    assert len(pd.read_csv(folder / "by_class.csv")) == 12


def test_a_failed_task_has_no_score_and_stands_below(tmp_path, computed):
    tasks = computed[1]
    store = Store(tmp_path)
    store.record_failure(tasks[0], "too few rows.", "", 0.1)
    table = write_baselines(tmp_path, tasks, {}, command="vaega baselines")
    assert table["status"].tolist() == ["failed"]
    assert not model_table(summarise_tasks(table)).rows
    assert "- iris, LDA, seed 0: too few rows." in (tmp_path / "baselines.md").read_text()
