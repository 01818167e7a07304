"""Figures of the final model against scikit-learn's own."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, classification_report, get_scorer
from sklearn.naive_bayes import GaussianNB

from vaega import load_dataset
from vaega.data._preprocess import Preprocessor
from vaega.experiments.config import ArmConfig, ProtocolConfig
from vaega.experiments.protocols import HonestProtocol, SealedRows
from vaega.experiments.registry import make_sampler
from vaega.experiments.trial import (
    AnsweredOnce,
    brier_score,
    class_figures,
    describe_generator,
    score_heldout,
)


def rows(n_classes, n=60):
    rng = np.random.default_rng(n_classes)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, 3)) + 0.7 * y[:, None], y


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_scikit_learns(n_classes):
    X, y = rows(n_classes)
    predicted = GaussianNB().fit(X, y).predict(X)
    expected = classification_report(y, predicted, output_dict=True)
    for figures in class_figures(y, predicted, n_classes):
        theirs = expected[str(figures["code"])]
        assert figures["n_rows"] == theirs["support"]
        assert [figures[key] for key in ("precision", "recall", "f1")] == pytest.approx(
            [theirs[key] for key in ("precision", "recall", "f1-score")]
        )


def test_brier_for_two_classes_is_scikit_learns():
    X, y = rows(2)
    chances = GaussianNB().fit(X, y).predict_proba(X)
    assert brier_score(y, chances, np.arange(2)) == pytest.approx(
        brier_score_loss(y, chances[:, 1])
    )


def test_brier_for_more_classes_goes_from_0_to_2():
    y = np.array([0, 1, 2])
    assert brier_score(y, np.eye(3), np.arange(3)) == 0.0
    assert brier_score(y, np.roll(np.eye(3), 1, axis=1), np.arange(3)) == 2.0
    assert brier_score(y, np.full((3, 3), 1 / 3), np.arange(3)) == pytest.approx(2 / 3)


def test_a_class_that_never_came_has_no_precision():
    figures = class_figures(np.array([0, 0]), np.array([0, 0]), 2)
    assert figures[1] == {"code": 1, "n_rows": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}


@pytest.mark.parametrize("metric", ["accuracy", "neg_log_loss", "roc_auc"])
def test_answers_are_the_classifiers_and_given_once(metric):
    X, y = rows(2)
    model = GaussianNB().fit(X, y)
    asked = AnsweredOnce(model)
    assert get_scorer(metric)(asked, X, y) == get_scorer(metric)(model, X, y)
    assert asked.predict_proba(X) is asked.predict_proba(X)
    assert not hasattr(asked, "decision_function")


def fitted(final):
    data = load_dataset("sklearn:wine")
    trial = next(iter(HonestProtocol(ProtocolConfig(inner_folds=3)).trials(data, 0)))
    arm = ArmConfig(generator={"kind": "class_gaussian"}, n_synthetic=30)
    return score_heldout(
        trial,
        np.arange(13) < 5,
        GaussianNB(),
        get_scorer("accuracy"),
        Preprocessor(["standardize"]),
        None if final is None else make_sampler(arm, 3, device="cpu", cache=None),
        rows=final or "both",
    )


def test_a_final_model_is_fitted_on_the_same_features_with_and_without_generated_rows():
    both, augmented, real, without = map(fitted, ("both", "augmented", "real", None))
    assert both.score == augmented.score
    assert both.score_on_real == real.score == without.score
    assert augmented.score_on_real is real.score_on_real is without.score_on_real is None
    np.testing.assert_array_equal(both.selected, real.selected)
    real_predictions = real.predictions["prediction"]
    np.testing.assert_array_equal(both.predictions["prediction_real"], real_predictions)
    hits = both.predictions["prediction"] == both.predictions["label"]
    assert hits.mean() == pytest.approx(both.score)
    data = load_dataset("sklearn:wine")
    np.testing.assert_array_equal(data.y[both.predictions["row"]], both.predictions["label"])


GENERATORS = {
    "vae": {"hidden": [8], "latent": 3, "max_epochs": 5},
    "conditional_vae": {"hidden": [8], "latent": 1, "max_epochs": 5},
    "ppca": {"latent": 2},
    "class_gaussian": {},
    "smote": {},
}


def describe(kind, *, exchanged=False):
    data = load_dataset("sklearn:wine")
    trial = next(iter(HonestProtocol(ProtocolConfig(inner_folds=3)).trials(data, 0)))
    if exchanged:
        trial = replace(trial, test=SealedRows(np.full((9, 13), 1e6), np.zeros(9, dtype=int)))
    arm = ArmConfig(generator={"kind": kind, **GENERATORS[kind]}, n_synthetic=30)
    sampler = make_sampler(arm, 3, device="cpu", cache=None)
    record = describe_generator(trial, sampler, Preprocessor(["standardize"]))
    trial.test.open()  # nobody has
    return record


@pytest.mark.parametrize("kind", GENERATORS)
def test_figures_words_and_points(kind):
    record = describe(kind)
    assert len(record["words"]) >= 3
    assert (record["fit"] is not None) == (kind != "smote")
    assert bool(record["densities"]) == (kind != "smote")
    points = record["points"]
    assert points["space"] == ("rows" if kind == "smote" else "latent")
    assert len(points["real"]) == 83
    assert len(points["synthetic"]) == 150
    assert {code for _, _, code in points["synthetic"]} == {0, 1, 2}
    assert len(json.dumps(record, allow_nan=False)) < 30_000


def test_test_rows_change_nothing_and_the_seed_everything():
    first = describe("ppca")
    assert describe("ppca") == first
    assert describe("ppca", exchanged=True) == first


def test_what_cannot_be_measured_is_said_and_harms_nothing():
    class Nothing:
        def fit_resample(self, X, y):
            return X, y

        def get_params(self, deep=True):
            return {}

    data = load_dataset("sklearn:wine")
    trial = next(iter(HonestProtocol(ProtocolConfig(inner_folds=3)).trials(data, 0)))
    record = describe_generator(trial, Nothing(), Preprocessor([]))
    assert record["name"] == "Nothing"
    assert "must keep the rows given and add others" in record["error"]
