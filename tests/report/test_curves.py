"""Curves and tables of what final models predicted of the test rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    auc,
    average_precision_score,
    confusion_matrix,
    roc_auc_score,
)

from vaega.report._curves import (
    GRID,
    PRECISION_RECALL,
    ROC,
    calibration_table,
    confusion_shares,
    mean_curve,
    plot_calibration,
    plot_confusion,
    plot_curves,
    precision_of,
    roc_of,
    scored_classes,
    trials_of,
)

SHARE = 3 / 7


def predicted(rng, n=60, n_classes=2, trial=0, strength=2.0):
    """Return predictions of one trial, as a run records them."""
    labels = np.arange(n) % n_classes
    scores = rng.normal(size=(n, n_classes))
    scores[np.arange(n), labels] += strength
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    table = {"trial": trial, "row": np.arange(n), "label": labels}
    table |= {"prediction": shares.argmax(axis=1)}
    table |= {f"probability_{code}": shares[:, code] for code in range(n_classes)}
    return pd.DataFrame(table)


@pytest.fixture
def runs(rng):
    return [predicted(rng) for _ in range(6)]


def test_a_roc_curve_on_the_grid_has_scikit_learns_area(rng):
    truth, scores = rng.random(400) < 0.4, rng.normal(size=400)
    scores[truth] += 1.0
    assert auc(GRID, roc_of(truth, scores)) == pytest.approx(roc_auc_score(truth, scores), abs=0.01)
    rates = roc_of(truth, scores)
    assert (np.diff(rates) >= 0).all()
    assert rates[-1] == 1.0


def test_perfect_and_empty_scores_have_their_known_curves():
    truth = np.array([False, False, True, True])
    perfect, none = np.array([0.1, 0.2, 0.8, 0.9]), np.zeros(4)
    assert (roc_of(truth, perfect) == 1.0).all()
    np.testing.assert_allclose(roc_of(truth, none), GRID)
    assert (precision_of(truth, perfect) == 1.0).all()
    assert (precision_of(truth, none) == 0.5).all()


def test_precision_is_that_of_the_first_threshold_which_reaches_a_recall():
    truth, scores = np.array([1, 0, 1, 0, 1]), np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    values = precision_of(truth, scores)
    assert values[[0, 33, 34, 66, 67, 100]] == pytest.approx([1, 1, 2 / 3, 2 / 3, 3 / 5, 3 / 5])
    first_wrong = precision_of(np.array([0, 1, 1]), np.array([0.9, 0.8, 0.7]))
    assert first_wrong[[0, 50, 100]] == pytest.approx([1 / 2, 1 / 2, 2 / 3])


def test_the_mean_curve_and_area_are_means_over_trials(runs):
    curve = mean_curve(runs, ROC, test_share=SHARE)
    truths = [(one["label"] == 1, one["probability_1"]) for one in runs]
    np.testing.assert_allclose(curve.mean, np.mean([roc_of(*one) for one in truths], axis=0))
    assert curve.area == pytest.approx(np.mean([roc_auc_score(*one) for one in truths]))
    precise = mean_curve(runs, PRECISION_RECALL, test_share=SHARE)
    assert precise.area == pytest.approx(np.mean([average_precision_score(*one) for one in truths]))
    assert precise.share == 0.5


@pytest.mark.parametrize("test_share", [SHARE, None])
@pytest.mark.parametrize("kind", [ROC, PRECISION_RECALL], ids=lambda kind: kind.name)
def test_the_band_holds_the_curve_and_stays_in_its_bounds(runs, kind, test_share):
    curve = mean_curve(runs, kind, test_share=test_share)
    assert ((curve.low <= curve.mean + 0.02) & (curve.mean <= curve.high + 0.02)).all()
    assert curve.low.min() >= 0.0
    assert curve.high.max() <= 1.0
    assert (curve.high - curve.low).max() > 0.0


def test_fewer_than_five_trials_have_no_band(runs):
    curve = mean_curve(runs[:4], ROC, test_share=SHARE)
    assert np.isnan(curve.low).all()
    assert np.isfinite(curve.mean).all()


def test_several_classes_count_each_against_the_others(rng):
    runs = [predicted(rng, n_classes=3) for _ in range(2)]
    curve = mean_curve(runs, ROC, test_share=SHARE)
    areas = [
        roc_auc_score(one["label"] == code, one[f"probability_{code}"])
        for one in runs
        for code in range(3)
    ]
    assert curve.area == pytest.approx(np.mean(areas))


def test_decisions_stand_for_probabilities(runs):
    one = runs[0].assign(decision_0=runs[0]["probability_1"] - 0.5)
    one = one.drop(columns=["probability_0", "probability_1"])
    ((truth, scores),) = scored_classes(one)
    assert roc_auc_score(truth, scores) == roc_auc_score(one["label"], runs[0]["probability_1"])


def test_predictions_alone_have_no_curve(runs):
    bare = [one.drop(columns=["probability_0", "probability_1"]) for one in runs]
    assert mean_curve(bare, ROC, test_share=SHARE) is None
    assert mean_curve([], ROC, test_share=SHARE) is None


def test_rows_that_are_left_out_alone_are_pooled(rng):
    alone = predicted(rng).assign(trial=np.arange(60))
    assert [len(trial) for trial in trials_of([alone], pooled=False)] == [60]
    folds = predicted(rng).assign(trial=np.arange(60) // 30)
    assert [len(trial) for trial in trials_of([folds], pooled=False)] == [30, 30]
    # Groups that were left out alone may have both classes, and sizes of their own.
    groups = predicted(rng).assign(trial=np.repeat(np.arange(6), [5, 6, 9, 10, 14, 16]))
    assert [len(trial) for trial in trials_of([groups], pooled=True)] == [60]
    curve = mean_curve([groups] * 6, ROC, test_share=None, pooled=True)
    assert curve.area == pytest.approx(roc_auc_score(groups["label"], groups["probability_1"]))
    assert np.isnan(curve.low).all()


def test_calibration_compares_what_was_claimed_with_what_came(rng):
    claimed = rng.random(20000)
    came = rng.random(20000) < claimed
    table = pd.DataFrame({"trial": 0, "label": came.astype(int), "prediction": 1})
    table = table.assign(probability_0=1 - claimed, probability_1=claimed)
    bins = calibration_table([table])
    assert bins["n"].sum() == 20000
    np.testing.assert_allclose(bins["predicted"], bins["observed"], atol=0.04)
    assert calibration_table([table.drop(columns=["probability_0", "probability_1"])]).empty


def test_calibration_of_several_classes_is_of_the_predicted_one(rng):
    table = predicted(rng, n=300, n_classes=3)
    bins = calibration_table([table])
    right = (table["label"] == table["prediction"]).mean()
    assert np.average(bins["observed"], weights=bins["n"]) == pytest.approx(right)


def test_confusion_is_scikit_learns_over_all_runs(runs):
    both = pd.concat(runs)
    expected = confusion_matrix(both["label"], both["prediction"], normalize="true")
    np.testing.assert_allclose(confusion_shares(runs, 2), expected)
    assert np.isnan(confusion_shares(runs, 3)[2]).all()  # a class without test rows


def test_figures_show_what_was_computed(runs):
    curve = mean_curve(runs, ROC, test_share=SHARE)
    ax = plot_curves({"a": curve}, ROC)
    line, chance = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), curve.mean)
    np.testing.assert_array_equal(chance.get_ydata(), GRID)
    assert line.get_label() == f"a ({curve.area:.3f})"
    flat = plot_curves({"a": curve}, PRECISION_RECALL).lines[1].get_ydata()
    assert (flat == 0.5).all()
    calibration = calibration_table(runs)
    points = plot_calibration({"a": calibration}).collections[0].get_offsets()
    np.testing.assert_array_equal(points[:, 1], calibration["observed"])
    shown = plot_confusion(confusion_shares(runs, 2), ["one", "two"])
    assert [text.get_text() for text in shown.get_yticklabels()] == ["one", "two"]
    assert len(shown.texts) == 4
