"""The contract that all samplers share."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian
from vaega.generative._samplers import (
    SMOTE,
    BaseSampler,
    Bootstrap,
    GaussianJitter,
    GenerativeSampler,
)

KINDS = [Bootstrap, GaussianJitter, SMOTE]
CHECKS = [
    (kind, *pair) for kind in KINDS for pair in estimator_checks_generator(kind(random_state=0))
]


@pytest.mark.parametrize(
    ("kind", "estimator", "check"),
    CHECKS,
    ids=[f"{kind.__name__}-{getattr(c, 'func', c).__name__}" for kind, _, c in CHECKS],
)
@pytest.mark.filterwarnings("ignore:SMOTE. ")
def test_imbalanced_learns_checks(kind, estimator, check):
    check(estimator)


@parametrize_with_checks(
    [kind(random_state=0) for kind in KINDS] + [GenerativeSampler(ClassGaussian(), random_state=0)]
)
@pytest.mark.filterwarnings("ignore:SMOTE. ")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def imbalanced(minority=12):
    X, _ = blobs(60)
    return X[: 30 + minority], np.repeat(["many", "few"], [30, minority])


@pytest.mark.parametrize("kind", KINDS)
def test_originals_first_then_exact_counts(kind):
    X, y = imbalanced()
    X_new, y_new = kind(random_state=0).fit_resample(X, y)
    np.testing.assert_array_equal(X_new[:42], X)
    np.testing.assert_array_equal(y_new[:42], y)
    assert y_new[42:].tolist() == ["few"] * 18
    assert np.isfinite(X_new).all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_class_gets_its_number(kind):
    X, y = imbalanced()
    sampler = kind(n_per_class={"many": 3, "few": 5}, random_state=0)
    _, y_new = sampler.fit_resample(X, y)
    assert y_new[42:].tolist() == ["few"] * 5 + ["many"] * 3
    assert sampler.sampling_strategy_ == {"few": 5, "many": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_rows(kind):
    X, y = imbalanced()
    first, again, other = (kind(random_state=s).fit_resample(X, y)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_advances(kind):
    X, y = imbalanced()
    sampler = kind(random_state=np.random.default_rng(0))
    assert not np.array_equal(sampler.fit_resample(X, y)[0], sampler.fit_resample(X, y)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_frames_come_back_as_frames(kind):
    X, y = imbalanced()
    frame = pd.DataFrame(X.astype(np.float32), columns=[f"gene{i}" for i in range(12)])
    X_new, y_new = kind(random_state=0).fit_resample(frame, pd.Series(y, name="class"))
    assert X_new.columns.tolist() == frame.columns.tolist()
    assert set(X_new.dtypes) == {np.dtype(np.float32)}
    assert y_new.name == "class"


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_pipeline_nothing_synthetic_is_scored(kind, monkeypatch):
    X, y = imbalanced(24)
    seen = []
    plain = LogisticRegression.predict
    monkeypatch.setattr(
        LogisticRegression, "predict", lambda self, X: seen.append(len(X)) or plain(self, X)
    )
    pipeline = make_pipeline(kind(n_per_class=7, random_state=0), LogisticRegression())
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=3, scoring="accuracy")).all()
    assert seen == [18, 18, 18]


def test_parameters_are_searched_in_a_pipeline():
    X, y = imbalanced(24)
    pipeline = make_pipeline(GaussianJitter(random_state=0), LogisticRegression())
    search = GridSearchCV(pipeline, {"gaussianjitter__share": [0.1, 0.5]}, cv=3).fit(X, y)
    assert search.best_params_["gaussianjitter__share"] in (0.1, 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_add(kind):
    X, y = blobs(20)
    X_new, y_new = kind().fit_resample(X, y)
    np.testing.assert_array_equal(X_new, X)
    np.testing.assert_array_equal(y_new, y)


@pytest.mark.parametrize("kind", KINDS)
def test_no_step_is_both_sampler_and_transformer(kind):
    assert issubclass(kind, BaseSampler)
    assert not hasattr(kind, "transform")
    assert clone(kind(n_per_class=5)).n_per_class == 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "labels", "words"),
    [
        ({"sampling_strategy": "most"}, None, "sampling_strategy must be one of"),
        ({"n_per_class": -1}, None, "n_per_class must be a whole number"),
        ({"n_per_class": {"none": 1}}, None, "n_per_class must name labels of y"),
        ({}, "nothing", "requires y to be passed, but the target y is None"),
        ({}, "one", "sampling_strategy needs more than one class"),
    ],
)
def test_bad_input_names_the_sampler(kind, settings, labels, words):
    X, y = imbalanced()
    y = {"nothing": None, "one": np.full(42, "many")}.get(labels, y)
    with pytest.raises(InputError, match=f"^{kind.__name__}: {words}"):
        kind(**settings).fit_resample(X, y)
    with pytest.raises(InputError, match=f"^{kind.__name__}: {words}"):
        kind(**settings).fit(X, y)
