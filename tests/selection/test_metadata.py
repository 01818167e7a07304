"""Groups and weights go where scikit-learn's metadata routing says, and few groups are few rows."""

import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from vaega import GeneticSelector


def _share_right(y, predicted):
    return float((y == predicted).mean())


SMALL = {"n_searches": 1, "population_size": 8, "n_generations": 2, "random_state": 0}


@pytest.fixture
def weights():
    return np.r_[np.full(30, 3.0), np.ones(30)]


def test_few_groups_count_as_few_rows(rng):
    groups = np.repeat(np.arange(20), 16)
    y = np.repeat(rng.permutation([0, 1] * 10), 16)
    X = np.repeat(rng.normal(size=(20, 12)), 16, axis=0) + 0.3 * rng.normal(size=(320, 12))
    settings = {"population_size": 6, "n_generations": 1, "random_state": 0}
    assert GeneticSelector(GaussianNB(), **settings).fit(X, y).n_searches_ == 1
    assert GeneticSelector(GaussianNB(), **settings).fit(X, y, groups=groups).n_searches_ == 10


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_missing_group_is_an_error(two_clouds, missing):
    groups = ["p1", "p2", missing] + ["p3"] * 57
    with pytest.raises(ValueError, match=r"^GeneticSelector: groups must have a value for every"):
        GeneticSelector(GaussianNB(), **SMALL).fit(
            *two_clouds, groups=np.array(groups, dtype=object)
        )


@pytest.mark.parametrize("cv", [5, StratifiedGroupKFold(2)])
def test_groups_are_asked_for_without_a_request(two_clouds, cv):
    X, y = two_clouds
    groups = np.arange(60) // 4
    pipeline = make_pipeline(GeneticSelector(GaussianNB(), cv=cv, **SMALL), GaussianNB())
    with config_context(enable_metadata_routing=True):
        result = cross_validate(
            pipeline, X, y, params={"groups": groups}, cv=GroupKFold(3), error_score="raise"
        )
    assert len(result["test_score"]) == 3


def test_a_classifier_that_asks_for_no_weights_gets_none(two_clouds, weights):
    with config_context(enable_metadata_routing=True):
        classifier = GaussianNB().set_fit_request(sample_weight=False)
        classifier.set_score_request(sample_weight=False)
        selector = GeneticSelector(classifier, **SMALL)
        routed = selector.fit(*two_clouds, sample_weight=weights)
    plain = GeneticSelector(GaussianNB(), **SMALL).fit(*two_clouds)
    assert routed.best_score_ == plain.best_score_
    np.testing.assert_array_equal(routed.support_, plain.support_)


def test_a_request_that_is_not_set_is_an_error(two_clouds, weights):
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match=r"sample_weight.*not explicitly set.*GaussianNB"),
    ):
        GeneticSelector(GaussianNB(), **SMALL).fit(*two_clouds, sample_weight=weights)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_steps_of_a_pipeline_get_what_they_ask_for(two_clouds, weights, n_jobs):
    X, y = two_clouds
    splits = list(StratifiedKFold(3).split(X, y))
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        classifier = SVC(C=0.1).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(scaler, classifier.set_score_request(sample_weight=True))
        selector = GeneticSelector(pipeline, cv=splits, n_jobs=n_jobs, **SMALL)
        selector.fit(X, y, sample_weight=weights)
        expected = cross_validate(
            pipeline, selector.transform(X), y, cv=splits, params={"sample_weight": weights}
        )
    assert selector.best_score_ == pytest.approx(expected["test_score"].mean())


@pytest.mark.parametrize(
    ("classifier", "scoring"),
    [
        (GaussianNB(), lambda fitted, X, y: fitted.score(X, y)),
        (GaussianNB(), make_scorer(_share_right)),
        (GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2), None),
    ],
)
def test_a_metric_without_weights_is_said(two_clouds, weights, classifier, scoring):
    selector = GeneticSelector(classifier, scoring=scoring, **SMALL)
    with pytest.warns(UserWarning, match="the metric takes no sample_weight"):
        selector.fit(*two_clouds, sample_weight=weights)
    assert selector.support_.any()


def test_a_metric_with_weights_says_nothing(two_clouds, weights):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GeneticSelector(GaussianNB(), scoring="balanced_accuracy", **SMALL).fit(
            *two_clouds, sample_weight=weights
        )


def test_a_single_group_cannot_be_split(two_clouds):
    X, y = two_clouds
    with pytest.raises(ValueError, match=r"^GeneticSelector: groups must be at least two"):
        GeneticSelector(GaussianNB()).fit(X, y, groups=["P1"] * len(y))
