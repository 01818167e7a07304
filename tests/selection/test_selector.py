import pickle
import random

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from vaega import GeneticSelector, make_madelon
from vaega.evolution._evolution import Callback

SMALL = {"n_searches": 1, "population_size": 12, "n_generations": 4, "random_state": 0}


@parametrize_with_checks(
    [
        GeneticSelector(GaussianNB(), population_size=6, n_generations=2),
        GeneticSelector(LogisticRegression(), population_size=6, n_generations=2),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_it_finds_the_two_features_that_matter(two_clouds):
    X, y = two_clouds
    selector = GeneticSelector(GaussianNB(), random_state=1).fit(X, y)
    assert selector.n_searches_ == 10
    assert selector.support_[:2].all()
    assert selector.support_.sum() <= 5
    assert selector.best_score_ > 0.85


def test_what_fit_leaves(two_clouds):
    selector = GeneticSelector(GaussianNB(), **SMALL).fit(*two_clouds)
    assert selector.support_.dtype == bool
    assert selector.frequencies_.shape == (12,)
    assert list(selector.history_["generation"]) == [1, 2, 3, 4]
    assert selector.n_evaluations_ <= 12 + 3 * 11
    front = selector.pareto_front_
    assert front["n_features"].is_monotonic_increasing
    assert front["score"].is_monotonic_increasing
    assert front["score"].iloc[-1] >= selector.best_score_


def test_the_inner_score_is_that_of_cross_validation(two_clouds):
    X, y = two_clouds
    splits = list(StratifiedKFold(4).split(X, y))
    selector = GeneticSelector(GaussianNB(), cv=splits, scoring="balanced_accuracy", **SMALL)
    selector.fit(X, y)
    expected = cross_val_score(
        GaussianNB(), selector.transform(X), y, cv=splits, scoring="balanced_accuracy"
    )
    assert selector.best_score_ == pytest.approx(expected.mean(), abs=1e-12)


@pytest.mark.parametrize("other", [{"n_jobs": 2}, {"n_jobs": 1}])
def test_same_seed_same_bits(two_clouds, other):
    classifier = MLPClassifier((3,), max_iter=10)
    one = GeneticSelector(classifier, **SMALL).fit(*two_clouds)
    two = GeneticSelector(classifier, **SMALL, **other).fit(*two_clouds)
    np.testing.assert_array_equal(one.support_, two.support_)
    np.testing.assert_array_equal(one.frequencies_, two.frequencies_)
    pd.testing.assert_frame_equal(one.history_, two.history_, check_exact=True)


def test_global_random_states_are_left_alone(two_clouds):
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - watched only
    GeneticSelector(MLPClassifier((3,), max_iter=3), **SMALL).fit(*two_clouds)
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002


def test_in_a_pipeline_under_cross_validate_and_grid_search():
    data = make_madelon(160, 20, n_informative=3, n_redundant=2, n_repeated=0, random_state=3)
    pipeline = make_pipeline(
        StandardScaler(), GeneticSelector(KNeighborsClassifier(), **SMALL), SVC()
    )
    scores = cross_validate(pipeline, data.X, data.y, cv=3, return_estimator=True)
    assert len(scores["estimator"]) == 3
    grid = GridSearchCV(
        GeneticSelector(GaussianNB(), **SMALL),
        {"alpha": [0.5, 1.0], "estimator__var_smoothing": [1e-9, 1e-3]},
        scoring=lambda fitted, X, y: fitted.best_score_,
        cv=2,
    ).fit(data.X, data.y)
    assert grid.best_estimator_.support_.any()


def test_pandas_in_pandas_out(two_clouds):
    X, y = two_clouds
    frame = pd.DataFrame(X, columns=[f"gene {i}" for i in range(12)])
    labels = pd.Series(np.where(y == 1, "AML", "ALL"))
    selector = GeneticSelector(GaussianNB(), **SMALL).set_output(transform="pandas")
    out = selector.fit_transform(frame, labels)
    assert list(out.columns) == list(frame.columns[selector.support_])
    assert list(selector.get_feature_names_out()) == list(out.columns)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_labels_of_any_kind(two_clouds, n_jobs):
    X, y = two_clouds
    supports = [
        GeneticSelector(GaussianNB(), n_jobs=n_jobs, **SMALL).fit(X, labels).support_
        for labels in (y, y.astype(bool), y.astype(str), np.array(["b", "a"], dtype=object)[y])
    ]
    for support in supports[1:3]:
        np.testing.assert_array_equal(support, supports[0])
    assert supports[3].any()


@pytest.mark.parametrize(("low", "high"), [(5, None), (1, 2), (4, 4)])
def test_bounds(two_clouds, low, high):
    selector = GeneticSelector(GaussianNB(), min_features=low, max_features=high, **SMALL)
    size = selector.fit(*two_clouds).support_.sum()
    assert low <= size <= (high or 12)


def test_groups_reach_the_inner_splits(two_clouds):
    X, y = two_clouds
    groups = np.arange(60) // 3
    selector = GeneticSelector(GaussianNB(), cv=GroupKFold(4), **SMALL).fit(X, y, groups=groups)
    assert selector.support_.any()


def test_missing_values_go_where_the_classifier_takes_them(two_clouds):
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, y = two_clouds
    X = X.copy()
    X[::7, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        GeneticSelector(GaussianNB(), **SMALL).fit(X, y)
    trees = HistGradientBoostingClassifier(max_iter=3)
    tiny = {"population_size": 4, "n_generations": 2, "random_state": 0}
    assert GeneticSelector(trees, cv=2, **tiny).fit(X, y).support_.any()


def test_warnings_of_the_classifier_become_one(two_clouds):
    with pytest.warns(
        UserWarning, match=r"MLPClassifier warned \d+ times: ConvergenceWarning"
    ) as caught:
        GeneticSelector(MLPClassifier((2,), max_iter=2), **SMALL).fit(*two_clouds)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        ("population_size", 1, "population_size must be a whole number, at least 2, got 1"),
        ("population_size", 10.0, "population_size"),
        ("n_generations", 0, "n_generations must be a whole number, at least 1, got 0"),
        ("alpha", 1.5, r"alpha must be a probability in \[0, 1\], got 1.5"),
        ("algorithm", "nsga9", "algorithm must be one of generational, .*; got 'nsga9'"),
        ("crossover", "three_point", "crossover must be one of .*; got 'three_point'"),
        ("mutation", None, "mutation must be one of"),
        ("guide", "chi2", "guide must be one of auto, boruta, "),
        ("selection", "best", "selection must be one of"),
        ("initial_fraction", 0, "initial_fraction must be a number above 0"),
        ("initial_fraction", "some", "initial_fraction must be a probability"),
        ("flip_probability", 2, "flip_probability must be a probability"),
        ("elite", 12, "elite must be a whole number, from 0 to 11, got 12"),
        ("min_features", 13, "min_features must be at most the number of features, 12, got 13"),
        ("max_features", 0, "max_features must be a whole number, at least 1, got 0"),
        ("patience", 0, "patience must be"),
        ("tournament_size", 0, "tournament_size must be"),
        ("crossover_probability", -1, "crossover_probability must be"),
        ("sampler", object(), "sampler: must be an instance with the method fit_resample"),
        ("n_searches", 0, "n_searches must be a whole number, at least 1, got 0"),
        ("n_searches", "some", "n_searches must be a whole number"),
        ("subsample", 0.0, "subsample must be a number above 0"),
        ("consensus_size", "most", "consensus_size must be a whole number"),
        ("false_selections", -1.0, "false_selections must be a number above 0"),
        ("guide", [1.0, 2.0], r"weights must hold one value a feature, shape \(12,\)"),
        ("pinned", (12,), "pinned must hold positions below 12, the number of features, got 12"),
        ("pinned", 3, "pinned must be a sequence, got 3"),
        ("forbidden", None, "forbidden must be a sequence, got None"),
        ("pinned", ("gene",), "each of pinned must be in X, which has no column names, got 'gene'"),
        ("forbidden", (-1,), "each of forbidden must be a whole number, at least 0, got -1"),
        ("confirm", -1, "confirm must be a whole number, at least 0, got -1"),
        ("choice", "luck", "choice must be one of .*; got 'luck'"),
        ("n_islands", 1, "n_islands must be a whole number, at least 2, got 1"),
        ("max_seconds", 0, "max_seconds must be a number above 0"),
        ("target", "high", "target must be a finite number"),
        ("estimator", None, "estimator must be a scikit-learn classifier, .* got None"),
        ("estimator", GaussianNB, "estimator must be a scikit-learn classifier"),
        ("estimator", LinearRegression(), "regression is out of scope"),
        ("random_state", "zero", "random_state must be"),
    ],
)
def test_bad_parameters_give_one_sentence(two_clouds, parameter, value, rule):
    selector = GeneticSelector(GaussianNB(), **SMALL).set_params(**{parameter: value})
    with pytest.raises(ValueError, match=rule) as caught:
        selector.fit(*two_clouds)
    assert "\n" not in str(caught.value)


def test_one_class_is_not_enough(two_clouds):
    with pytest.raises(ValueError, match="at least two classes, got one class"):
        GeneticSelector(GaussianNB(), **SMALL).fit(two_clouds[0], np.ones(60, dtype=int))


def test_no_splits(two_clouds):
    with pytest.raises(ValueError, match="cv must give at least one split"):
        GeneticSelector(GaussianNB(), cv=[], **SMALL).fit(*two_clouds)


def test_regression_is_out_of_scope(two_clouds):
    with pytest.raises(ValueError, match="continuous"):
        GeneticSelector(GaussianNB(), **SMALL).fit(two_clouds[0], np.linspace(0, 1, 60))


def test_clones_are_unfitted_and_equal():
    selector = GeneticSelector(GaussianNB(), **SMALL)
    assert clone(selector).get_params(deep=False).keys() == selector.get_params(deep=False).keys()


def test_a_feature_cannot_be_pinned_and_forbidden(two_clouds):
    selector = GeneticSelector(GaussianNB(), pinned=[1], forbidden=[1], **SMALL)
    with pytest.raises(ValueError, match="pinned or forbidden, got both for 1"):
        selector.fit(*two_clouds)


def test_features_are_pinned_and_forbidden_by_name(two_clouds):
    X, y = two_clouds
    frame = pd.DataFrame(X, columns=[f"gene {place}" for place in range(12)])
    selector = GeneticSelector(GaussianNB(), pinned=["gene 7"], forbidden=["gene 0"], **SMALL)
    support = selector.fit(frame, y).support_
    assert support[7]
    assert not support[0]
    with pytest.raises(ValueError, match="must be in the columns of X, got 'gene 99'"):
        clone(selector).set_params(pinned=["gene 99"]).fit(frame, y)


def test_sparse_rows_are_made_dense_and_that_is_said(two_clouds):
    X, y = two_clouds
    dense = GeneticSelector(GaussianNB(), **SMALL).fit(X, y)
    with pytest.warns(UserWarning, match="sparse rows are made dense"):
        fitted = GeneticSelector(GaussianNB(), **SMALL).fit(sparse.csr_array(X), y)
    np.testing.assert_array_equal(fitted.support_, dense.support_)
    assert sparse.issparse(fitted.transform(sparse.csr_array(X)))


@pytest.mark.parametrize("classifier", [GaussianNB(), make_pipeline(StandardScaler(), SVC())])
def test_rows_of_no_weight_do_not_count(two_clouds, classifier):
    X, y = two_clouds
    splits = list(StratifiedKFold(4).split(X, y))
    weights = np.ones(60)
    lying = y.copy()
    lying[::5] = 1 - lying[::5]
    weights[::5] = 0.0
    one, other = (
        GeneticSelector(classifier, cv=splits, guide="none", **SMALL).fit(
            X, labels, sample_weight=weights
        )
        for labels in (y, lying)
    )
    np.testing.assert_array_equal(one.support_, other.support_)
    assert one.best_score_ == pytest.approx(other.best_score_)


def test_weights_that_cannot_be_used_are_said(two_clouds):
    with pytest.raises(ValueError, match=r"KNeighborsClassifier: cannot be fitted.*sample_weight"):
        GeneticSelector(KNeighborsClassifier(), **SMALL).fit(*two_clouds, sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="each of fit's parameters must be one of groups, sample"):
        GeneticSelector(GaussianNB(), **SMALL).fit(*two_clouds, weights=np.ones(60))


def test_metadata_is_routed(two_clouds):
    X, y = two_clouds
    with config_context(enable_metadata_routing=True):
        inner = GaussianNB().set_fit_request(sample_weight=True)
        inner.set_score_request(sample_weight=True)
        selector = GeneticSelector(inner, **SMALL).set_fit_request(sample_weight=True)
        classifier = GaussianNB().set_fit_request(sample_weight=False)
        fitted = make_pipeline(selector, classifier).fit(X, y, sample_weight=np.ones(60))
    assert fitted[0].support_.any()


def test_an_interrupted_fit_goes_on_where_it_was(two_clouds, tmp_path):
    class Killed(Exception):
        pass

    class DieAt(Callback):
        def __init__(self, n_hooks):
            self.left = n_hooks

        def on_generation(self, algorithm):
            self.left -= 1
            if self.left == 0:
                raise Killed

    settings = {**SMALL, "n_searches": 3}
    whole = GeneticSelector(GaussianNB(), **settings).fit(*two_clouds)
    selector = GeneticSelector(GaussianNB(), checkpoint=tmp_path, **settings)
    with pytest.raises(Killed):
        clone(selector).set_params(callbacks=[DieAt(6)]).fit(*two_clouds)
    resumed = selector.fit(*two_clouds)
    np.testing.assert_array_equal(resumed.masks_, whole.masks_)
    pd.testing.assert_frame_equal(resumed.history_, whole.history_, check_exact=True)
    assert resumed.n_evaluations_ == whole.n_evaluations_


@pytest.mark.parametrize("n_searches", [1, 3])
def test_a_fitted_selector_is_pickled(two_clouds, n_searches):
    settings = {**SMALL, "n_searches": n_searches}
    selector = GeneticSelector(GaussianNB(), **settings).fit(*two_clouds)
    back = pickle.loads(pickle.dumps(selector))  # noqa: S301 - ours, a moment ago
    np.testing.assert_array_equal(back.transform(two_clouds[0]), selector.transform(two_clouds[0]))


def test_a_whole_number_is_no_other_column_name(two_clouds):
    X, y = two_clouds
    frame = pd.DataFrame(X, columns=[str(number) for number in range(1, 13)])
    named = GeneticSelector(GaussianNB(), pinned=["3"], **SMALL).fit(frame, y)
    assert named.support_[2]
    assert GeneticSelector(GaussianNB(), pinned=[0], **SMALL).fit(frame, y).support_[0]
    with pytest.raises(ValueError, match="got 3, which is the position of one and the name of"):
        GeneticSelector(GaussianNB(), pinned=[3], **SMALL).fit(frame, y)
    plain = frame.set_axis([f"x{number}" for number in range(12)], axis=1)
    assert GeneticSelector(GaussianNB(), pinned=[3], **SMALL).fit(plain, y).support_[3]
    with pytest.raises(ValueError, match="got 'x33'; did you mean 'x3'"):
        GeneticSelector(GaussianNB(), pinned=["x33"], **SMALL).fit(plain, y)


class Narrow(GaussianNB):
    """Cannot be fitted on more than four columns."""

    def fit(self, X, y):
        if X.shape[1] > 4:
            raise ValueError("too wide")
        return super().fit(X, y)


@pytest.mark.parametrize(
    ("algorithm", "n_searches"), [("generational", 1), ("generational", 3), ("nsga2", 1)]
)
def test_a_mask_that_cannot_be_fitted_ends_no_search(two_clouds, algorithm, n_searches):
    settings = SMALL | {"n_searches": n_searches, "algorithm": algorithm}
    with pytest.warns(UserWarning, match=r"Narrow failed on \d+ masks, which count as the worst"):
        one = GeneticSelector(Narrow(), **settings).fit(*two_clouds)
    with pytest.warns(UserWarning, match="Narrow failed on"):
        two = GeneticSelector(Narrow(), **settings, n_jobs=2).fit(*two_clouds)
    assert 1 <= one.support_.sum() <= 4
    assert one.pareto_front_["n_features"].max() <= 4
    (failed,) = [text for text in one.warnings_ if text.startswith("masks on which")]
    assert "too wide" in failed
    assert one.warnings_[failed] > 0
    np.testing.assert_array_equal(one.support_, two.support_)
    assert one.best_score_ == two.best_score_
    assert one.warnings_ == two.warnings_


def test_an_error_score_of_ones_own(two_clouds):
    with pytest.raises(ValueError, match=r"Narrow: cannot be fitted and scored on .*too wide"):
        GeneticSelector(Narrow(), error_score="raise", **SMALL).fit(*two_clouds)
    with pytest.raises(ValueError, match="error_score must be a number or 'raise', got 'nan'"):
        GeneticSelector(Narrow(), error_score="nan", **SMALL).fit(*two_clouds)
    with pytest.warns(UserWarning, match="Narrow failed on"):
        fitted = GeneticSelector(Narrow(), error_score=1.0, **SMALL).fit(*two_clouds)
    assert fitted.best_score_ == 1.0


def test_an_error_only_where_every_mask_fails(two_clouds):
    with pytest.raises(ValueError, match=r"failed on all of \d+ masks.*'C' parameter"):
        GeneticSelector(LogisticRegression(C=-1.0), engine="sklearn", **SMALL).fit(*two_clouds)


def test_a_small_mask_that_failed_is_not_selected(two_clouds):
    class Wide(GaussianNB):
        def fit(self, X, y):
            if X.shape[1] < 3:
                raise ValueError("too narrow")
            return super().fit(X, y)

    with pytest.warns(UserWarning, match="too narrow"):
        fitted = GeneticSelector(Wide(), alpha=0.1, engine="sklearn", **SMALL).fit(*two_clouds)
    assert fitted.support_.sum() >= 3


@pytest.mark.parametrize("n_searches", [1, 2])
def test_a_summary_of_the_features(two_clouds, n_searches):
    X, y = two_clouds
    frame = pd.DataFrame(X).add_prefix("gene ")
    selector = GeneticSelector(GaussianNB(), **(SMALL | {"n_searches": n_searches}))
    table = selector.fit(frame, y).summary()
    assert list(table)[:4] == ["name", "selected", "ranking", "votes"]
    assert {"rank_f_classif", "rank_relieff"} <= set(table)
    n_selected = int(selector.support_.sum())
    assert table["selected"].tolist() == [True] * n_selected + [False] * (12 - n_selected)
    assert table["ranking"].tolist() == [1] * n_selected + list(range(2, 14 - n_selected))
    np.testing.assert_array_equal(selector.ranking_ == 1, selector.support_)
    row = selector.pareto_front_.iloc[-1]
    assert row["names"] == [f"gene {index}" for index in row["mask"]]


def test_a_classifier_may_choose_columns_by_name(two_clouds):
    X, y = two_clouds
    frame = pd.DataFrame(X).add_prefix("g")
    columns = make_column_transformer((StandardScaler(), make_column_selector("g")))
    settings = SMALL | {"guide": "none"}
    by_name = GeneticSelector(make_pipeline(columns, GaussianNB()), **settings).fit(frame, y)
    plain = GeneticSelector(make_pipeline(StandardScaler(), GaussianNB()), **settings).fit(X, y)
    np.testing.assert_array_equal(by_name.support_, plain.support_)


def test_polars_out_where_polars_came_in(two_clouds):
    polars = pytest.importorskip("polars")
    X, y = two_clouds
    frame = polars.DataFrame({f"g{index}": X[:, index] for index in range(12)})
    selector = GeneticSelector(GaussianNB(), **SMALL).fit(frame, y)
    kept = selector.transform(frame)
    assert isinstance(kept, polars.DataFrame)
    assert kept.columns == selector.get_feature_names_out().tolist()
