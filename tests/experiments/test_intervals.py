"""Intervals of held-out scores: of overlapping splits, of one test part, of metrics with bounds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import get_scorer

from vaega.core.errors import InputError
from vaega.experiments import intervals
from vaega.experiments.answers import Answers
from vaega.experiments.intervals import (
    corrected_error,
    heldout_interval,
    interval_around,
    is_bounded,
    overlap_share,
    two_way_error,
)
from vaega.experiments.trial import AnsweredOnce, predictions_of


def of_runs(*scores):
    return [np.array([score]) for score in scores]


def test_the_share_of_test_rows_is_that_of_the_protocol():
    assert overlap_share({"outer": "official"}) is None
    assert overlap_share({"outer": "kfold", "n_splits": 5}) == 0.25
    assert overlap_share({"outer": "holdout", "test_size": 0.3}) == pytest.approx(3 / 7)


def test_splits_that_overlap_widen_the_interval_by_what_nadeau_and_bengio_say():
    values = np.array([-1.0, -1.2, -0.9, -1.1, -1.0])  # no bounds
    low, high = heldout_interval(of_runs(*values), [], metric="neg_log_loss", test_share=0.25)
    error = np.sqrt(values.var(ddof=1) * (1 / 5 + 0.25))
    half = stats.t.ppf(0.975, 4) * error
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half])


def test_an_interval_of_shares_stays_between_0_and_1():
    low, high = heldout_interval(
        of_runs(1.0, 0.9, 1.0, 1.0, 0.7), [], metric="accuracy", test_share=1.0
    )
    assert 0.0 < low < 0.92 < high < 1.0
    assert is_bounded("roc_auc_ovr")
    assert not is_bounded("neg_brier_score")


def test_four_runs_and_runs_all_alike_have_no_interval():
    for scores in ([0.9, 0.8, 0.85, 0.9], [0.9] * 6):
        assert np.isnan(
            heldout_interval(of_runs(*scores), [], metric="accuracy", test_share=0.25)
        ).all()


def test_trials_of_a_run_count_each():
    scores = [np.array([0.8, 0.9]) + 0.01 * k for k in range(5)]
    every = np.concatenate(scores)
    expected = interval_around(
        every.mean(), corrected_error(every, test_share=0.25), 10, bounded=True
    )
    assert heldout_interval(scores, [], metric="f1_macro", test_share=0.25) == expected


@pytest.mark.parametrize("values", [[0.9], [0.9, np.nan]])
def test_what_has_no_error(values):
    with pytest.raises(InputError, match="at least two finite numbers"):
        corrected_error(values, test_share=0.25)
    with pytest.raises(InputError, match="test_share must be above 0"):
        corrected_error([0.8, 0.9], test_share=0.0)


def drawn(rng, n_seeds=6, n_rows=40, share=0.8):
    """Return predictions of seeds that err on the same rows, and one seed on one row more."""
    labels, wrong = np.arange(n_rows) % 2, rng.random(n_rows) > share
    tables = []
    for seed in range(n_seeds):
        errs = wrong.copy()
        errs[seed] = ~errs[seed]
        predicted = np.where(errs, 1 - labels, labels)
        shares = np.where(predicted == 1, 0.8, 0.2) + 0.01 * rng.normal(size=n_rows)
        tables.append(
            pd.DataFrame(
                {
                    "label": labels,
                    "prediction": predicted,
                    "probability_0": 1 - shares,
                    "probability_1": shares,
                }
            )
        )
    return tables


def test_on_one_test_part_the_rows_are_what_limits_the_score(rng):
    tables = drawn(rng)
    scores = np.array([(one["prediction"] == one["label"]).mean() for one in tables])
    binomial = np.sqrt(scores.mean() * (1 - scores.mean()) / 40)
    assert 0.85 * binomial < two_way_error(tables, "accuracy") < 1.5 * binomial
    low, high = heldout_interval(
        [np.array([score]) for score in scores], tables, metric="accuracy", test_share=None
    )
    assert high - low > 3.0 * binomial > 3.0 * stats.sem(scores)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1_macro", "roc_auc", "neg_log_loss"])
def test_other_metrics_are_computed_of_the_stored_predictions(metric, rng):
    tables = drawn(rng)
    error = two_way_error(tables, metric)
    assert np.isfinite(error)
    assert error > 0.0
    if metric == "balanced_accuracy":  # two ways to one number
        slow = [
            get_scorer(metric)(Answers(one), np.arange(40)[:, None], one["label"]) for one in tables
        ]
        assert np.mean(slow) == pytest.approx(
            np.mean(
                [
                    np.mean([(part["prediction"] == c).mean() for c, part in one.groupby("label")])
                    for one in tables
                ]
            )
        )


def test_an_error_is_drawn_once_for_the_same_predictions(monkeypatch, rng):
    asked = []
    draw = intervals._draw_error
    monkeypatch.setattr(intervals, "_ERRORS", {})
    monkeypatch.setattr(intervals, "_draw_error", lambda *a: asked.append(a[1]) or draw(*a))
    tables, others = drawn(rng), drawn(rng)
    error = two_way_error(tables, "accuracy")
    assert two_way_error([one.copy() for one in tables], "accuracy") == error
    assert two_way_error(others, "accuracy") != error
    assert two_way_error(tables, "balanced_accuracy") > 0.0
    assert asked == ["accuracy", "accuracy", "balanced_accuracy"]


def test_without_predictions_a_test_part_has_no_interval():
    scores = of_runs(0.8, 0.9, 0.85, 0.9, 0.95)
    assert np.isnan(heldout_interval(scores, [], metric="accuracy", test_share=None)).all()
    empty = [pd.DataFrame()] * 5
    assert np.isnan(heldout_interval(scores, empty, metric="accuracy", test_share=None)).all()


@pytest.mark.parametrize(
    ("classifier", "metrics"),
    [
        (LogisticRegression(), ["accuracy", "roc_auc_ovr", "neg_log_loss"]),
        (RidgeClassifier(), ["balanced_accuracy", "f1_macro"]),
        (DummyClassifier(), ["accuracy"]),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_answers_score_as_the_classifier_that_gave_them(classifier, metrics, n_classes, rng):
    X, y = rng.normal(size=(60, 4)), np.arange(60) % n_classes
    X[:, 0] += y
    fitted = AnsweredOnce(classifier.fit(X[:30], y[:30]))
    table = predictions_of([fitted], X[30:], y[30:], np.arange(30, 60))
    assert table["row"].tolist() == list(range(30, 60))
    for metric in metrics:
        scorer = get_scorer(metric)
        own = scorer(Answers(table), np.arange(30)[:, None], y[30:])
        assert own == pytest.approx(scorer(classifier, X[30:], y[30:]))
