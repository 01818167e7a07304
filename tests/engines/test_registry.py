"""Engines give scikit-learn's scores to the bit, wherever they give any."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from vaega.core.errors import InputError
from vaega.data._splits import Fold
from vaega.engines._registry import match, score_fold
from vaega.fitness import _cross_validated as cross_validated
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

CLASSIFIERS = [
    KNeighborsClassifier(3),
    KNeighborsClassifier(10, metric="euclidean", algorithm="brute"),
    KNeighborsClassifier(1, algorithm="kd_tree"),
    GaussianNB(),
    GaussianNB(var_smoothing=1e-2),
]
SCORERS = ["accuracy", "balanced_accuracy"]


def rows_of(name, rng):
    load = {"breast_cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
    if name == "few":
        X = rng.normal(size=(38, 2000))
        return X, (X[:, 0] + X[:, 1] > 0).astype(int)
    if name == "ties":  # whole numbers: many fit rows are equally far
        return rng.integers(0, 3, size=(80, 30)).astype(float), rng.integers(0, 3, size=80)
    X, y = load[name](return_X_y=True)
    rows = rng.permutation(len(y))[:200]
    X = StandardScaler().fit_transform(X[rows])
    return X, y[rows]


def folds_of(X, y, n_splits=4):
    splits = StratifiedKFold(n_splits, shuffle=True, random_state=0).split(X, y)
    return prepare_folds(X, y, list(splits), seed=0)


@pytest.mark.parametrize("name", ["few", "ties", "breast_cancer", "wine", "digits"])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.filterwarnings("ignore")
def test_scores_are_those_of_scikit_learn_to_the_bit(name, classifier, scorer, rng):
    X, y = rows_of(name, rng)
    masks = rng.random((16, X.shape[1])) < min(0.3, 15 / X.shape[1])
    masks[0], masks[1, :] = True, False
    folds = folds_of(X, y)
    engine = CrossValidatedFitness(classifier, folds, get_scorer(scorer))
    general = CrossValidatedFitness(classifier, folds, get_scorer(scorer), engine="sklearn")
    ours, theirs = engine.evaluate(masks), general.evaluate(masks)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    assert ours.warned == theirs.warned


@pytest.mark.parametrize("classifier", [KNeighborsClassifier(3), GaussianNB()], ids=repr)
def test_most_masks_are_certain_without_scikit_learn(classifier, rng):
    X, y = rows_of("few", rng)
    masks = rng.random((200, 2000)) < 0.01
    masks[:, 0] = True
    spec = match(classifier, get_scorer("accuracy"))
    certain = [score_fold(spec, fold, masks).scores for fold in folds_of(X, y)]
    assert np.isfinite(certain).mean() > 0.99


def test_an_uncertain_neighbour_is_left_to_scikit_learn():
    X = np.array([[0.0], [2.0], [5.0], [9.0]])
    fold = Fold(
        X, np.array([0, 1, 0, 1]), np.array([[1.0], [4.9]]), np.array([0, 0]), np.arange(1), 4
    )
    knn = KNeighborsClassifier(1)
    spec = match(knn, get_scorer("accuracy"))
    scores = score_fold(spec, fold, np.array([[True]])).scores
    assert np.isnan(scores).all()  # 1.0 is as far from 0.0 as from 2.0


def test_a_constant_feature_is_left_to_scikit_learn(rng):
    X = np.column_stack([np.ones((20, 2)), rng.normal(size=(20, 2))])
    y = np.repeat([0, 1], 10)
    fold = Fold(X, y, X, y, np.arange(4), 20)
    spec = match(GaussianNB(), get_scorer("accuracy"))
    masks = np.array([[True, True, False, False], [False, False, True, True]])
    scores = score_fold(spec, fold, masks).scores
    assert np.isnan(scores[0])
    assert scores[1] == GaussianNB().fit(X[:, 2:], y).score(X[:, 2:], y)


def test_large_offsets_do_not_turn_predictions(rng):
    # Distances as differences of large squares lose their digits: uncertain, not wrong.
    X = rng.normal(size=(60, 20)) + 1e7
    y = (X[:, 0] > 1e7).astype(int)
    masks = rng.random((30, 20)) < 0.3
    for classifier in (KNeighborsClassifier(3), GaussianNB()):
        folds = folds_of(X, y)
        engine = CrossValidatedFitness(classifier, folds, get_scorer("accuracy"))
        general = CrossValidatedFitness(classifier, folds, get_scorer("accuracy"), engine="sklearn")
        np.testing.assert_array_equal(engine.score_folds(masks), general.score_folds(masks))


def test_labels_are_text_and_classes_may_be_missing_from_the_fit_rows(rng):
    X, y = rng.normal(size=(30, 4)), np.repeat(["a", "b", "c"], 10)
    fit = np.r_[0:8, 10:18]
    validate = np.setdiff1d(np.arange(30), fit)
    fold = Fold(X[fit], y[fit], X[validate], y[validate], np.arange(4), len(fit))
    masks = rng.random((20, 4)) < 0.6
    for classifier in (KNeighborsClassifier(3), GaussianNB()):
        engine = CrossValidatedFitness(classifier, [fold], check_scoring(classifier))
        general = CrossValidatedFitness(
            classifier, [fold], check_scoring(classifier), engine="sklearn"
        )
        np.testing.assert_array_equal(engine.score_folds(masks), general.score_folds(masks))


@pytest.mark.parametrize(
    ("classifier", "scorer", "metric"),
    [
        (KNeighborsClassifier(), "accuracy", "accuracy"),
        (KNeighborsClassifier(), None, "accuracy"),
        (GaussianNB(), "balanced_accuracy", "balanced_accuracy"),
    ],
    ids=str,
)
def test_what_an_engine_takes(classifier, scorer, metric):
    spec = match(classifier, check_scoring(classifier, scoring=scorer))
    assert spec.metric.name == metric


@pytest.mark.parametrize(
    ("classifier", "scorer", "reason"),
    [
        (KNeighborsClassifier(p=1), "accuracy", "p=1"),
        (KNeighborsClassifier(metric="cosine"), "accuracy", "metric='cosine'"),
        (GaussianNB(), "matthews_corrcoef", "the metric matthews_corrcoef"),
        (SVC(), "accuracy", None),
        (type("Own", (GaussianNB,), {})(), "accuracy", None),
    ],
    ids=str,
)
def test_what_no_engine_takes_is_named(classifier, scorer, reason):
    assert match(classifier, check_scoring(classifier, scoring=scorer)) == reason


@pytest.mark.parametrize("classifier", [KNeighborsClassifier(3), GaussianNB()], ids=repr)
@pytest.mark.parametrize("n_fit_classes", [1, 2])
@pytest.mark.filterwarnings("ignore")
def test_several_classes_that_no_fit_row_has(classifier, n_fit_classes, rng):
    X, y = rng.normal(size=(80, 6)), np.repeat([0, 1, 2, 3], 20)
    fit = np.flatnonzero((y < n_fit_classes) & (np.arange(80) % 2 == 0))
    validate = np.setdiff1d(np.arange(80), fit)
    fold = Fold(X[fit], y[fit], X[validate], y[validate], np.arange(6), len(fit))
    masks = rng.random((30, 6)) < 0.6
    scorer = get_scorer("balanced_accuracy")
    engine = CrossValidatedFitness(classifier, [fold], scorer)
    general = CrossValidatedFitness(classifier, [fold], scorer, engine="sklearn")
    np.testing.assert_array_equal(engine.score_folds(masks), general.score_folds(masks))


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e7, 1e8])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_offsets_orders_and_precisions_turn_nothing(offset, order, dtype, rng):
    half = rng.normal(size=(20, 8)).round(2)
    X = np.asarray(np.vstack([half, -half]) + offset, dtype=dtype, order=order)
    y = np.repeat([0, 1], 20)
    middle = np.asarray(np.vstack([np.zeros((4, 8)), half[:4]]) + offset, dtype=dtype)
    fold = Fold(X, y, middle, np.array([0, 1] * 4), np.arange(8), 40)
    masks = rng.random((20, 8)) < 0.4
    for classifier in (KNeighborsClassifier(3), GaussianNB()):
        engine = CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"))
        general = CrossValidatedFitness(
            classifier, [fold], get_scorer("accuracy"), engine="sklearn"
        )
        np.testing.assert_array_equal(engine.score_folds(masks), general.score_folds(masks))


def test_a_setting_that_is_not_computed_is_said_in_one_line(rng, monkeypatch):
    monkeypatch.setattr(cross_validated, "_WARNED", set())
    X, y = rng.normal(size=(20, 4)), np.repeat([0, 1], 10)
    fold = Fold(X, y, X, y, np.arange(4), 20)
    classifier, scorer = KNeighborsClassifier(metric="cosine"), get_scorer("accuracy")
    said = "KNeighborsClassifier: metric='cosine' is not computed for whole populations; "
    with pytest.warns(UserWarning, match=said) as warned:
        fitness, _ = [CrossValidatedFitness(classifier, [fold], scorer) for _ in range(2)]
    assert len(warned) == 1
    general = CrossValidatedFitness(classifier, [fold], scorer, engine="sklearn")
    masks = rng.random((5, 4)) < 0.5
    np.testing.assert_array_equal(fitness(masks), general(masks))


@pytest.mark.parametrize(
    ("classifier", "came"),
    [
        (KNeighborsClassifier(metric="cosine"), "got metric='cosine'"),
        (SVC(), "got one that it does not know"),
    ],
    ids=str,
)
def test_an_engine_that_is_asked_for_and_cannot(classifier, came, rng):
    X, y = rng.normal(size=(20, 4)), np.repeat([0, 1], 10)
    fold = Fold(X, y, X, y, np.arange(4), 20)
    with pytest.raises(InputError, match=came):
        CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"), engine="population")


def test_a_spec_for_a_device(monkeypatch):
    knn, mlp = (
        match(classifier, get_scorer("accuracy"))
        for classifier in (KNeighborsClassifier(3), MLPClassifier())
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for spec in (knn, mlp):
        assert spec.on_device("cpu").device is spec.on_device("auto").device is None
        with pytest.raises(InputError, match="device must be"):
            spec.on_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert knn.on_device("auto").device is None
    assert [mlp.on_device(name).device for name in ("auto", "cuda:1")] == ["cuda", "cuda:1"]
    with pytest.raises(InputError, match=r"fitness: device 'cuda:2' is not there"):
        mlp.on_device("cuda:2")


def test_torch_is_imported_only_where_a_device_is_asked_for():
    code = (
        "import sys; import vaega.fitness._cross_validated, vaega.engines._mlp; "
        "from vaega.engines._registry import match; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_spec_computes_where_it_says(rng):
    # torch on the processor stands in for a GPU: the same code.
    X, y = rng.normal(size=(40, 12)), np.repeat([0, 1], 20)
    fold = Fold(X[::2], y[::2], X[1::2], y[1::2], np.arange(12), 20)
    masks, seeds = rng.random((30, 12)) < 0.4, np.arange(30)
    spec = match(MLPClassifier((3,), max_iter=5), get_scorer("accuracy"))
    there = score_fold(replace(spec, device="cpu"), fold, masks, seeds).scores
    np.testing.assert_allclose(there, score_fold(spec, fold, masks, seeds).scores, atol=0.1)


@pytest.mark.parametrize("device", ["cuda", "cuda:7"])
def test_a_device_that_is_not_there(device, rng):
    if torch.cuda.device_count() > 7:
        pytest.skip("this machine has eight GPUs")
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    X, y = rng.normal(size=(20, 4)), np.repeat([0, 1], 10)
    fold = Fold(X, y, X, y, np.arange(4), 20)
    with pytest.raises(InputError, match="torch"):
        CrossValidatedFitness(KNeighborsClassifier(), [fold], get_scorer("accuracy"), device=device)
