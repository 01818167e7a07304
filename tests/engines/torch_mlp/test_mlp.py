"""Networks of a device are those of the compiled engine, and of scikit-learn."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from tests.engines.test_mlp import SETTINGS, rows_of
from tests.engines.torch_mlp.agreement import CPU, assert_agreement, masks_of, split_rows
from vaega.data._folds import Fold
from vaega.engines import _mlp as compiled
from vaega.engines import _torch_mlp as memory
from vaega.engines import _torch_mlp as training
from vaega.engines._torch_mlp import fit_networks, predict, table_of

FEW = ["thesis", "batches", "held out", "adaptive", "slower"]


def networks(classifier, fold, masks, seeds, dtype=torch.float64):
    return fit_networks(classifier, table_of(fold, CPU, dtype), masks, seeds)[1]


def fitted(classifier, fold, mask, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = MLPClassifier(**{**classifier.get_params(), "random_state": int(seed)})
        weight = {} if fold.weight_fit is None else {"sample_weight": fold.weight_fit}
        return own.fit(fold.X_fit[:, mask], fold.y_fit, **weight)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["breast_cancer", "digits"])
def test_losses_are_scikit_learns_in_float64(name, setting, rng):
    X, y = rows_of(name, 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of(fold, 3, rng), np.array([3, 4, 5])
    classifier = MLPClassifier(max_iter=40, **SETTINGS[setting])
    ours = networks(classifier, fold, masks, seeds)
    theirs = [fitted(classifier, fold, *each) for each in zip(masks, seeds, strict=True)]
    np.testing.assert_array_equal(ours.n_epochs, [each.n_iter_ for each in theirs])
    np.testing.assert_allclose(ours.losses, [each.loss_curve_[-1] for each in theirs], rtol=1e-9)


@pytest.mark.parametrize("setting", ["thesis", "descent", "held out"])
def test_weights_of_rows(setting, rng):
    X, y = rows_of("wine", 60)
    weights = rng.random(len(y)) + 0.1
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y), weights)
    masks, seeds = masks_of(fold, 3, rng), np.arange(3)
    classifier = MLPClassifier(max_iter=30, **SETTINGS[setting])
    ours = networks(classifier, fold, masks, seeds)
    theirs = [fitted(classifier, fold, *each) for each in zip(masks, seeds, strict=True)]
    np.testing.assert_allclose(ours.losses, [each.loss_curve_[-1] for each in theirs], rtol=1e-9)


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "digits"])
@pytest.mark.parametrize("setting", FEW)
def test_predictions_are_the_compiled_engines(name, setting, rng):
    X, y = rows_of(name, 150)
    fold, seeds = split_rows(X, y), np.arange(24)
    classifier = MLPClassifier(max_iter=60, n_iter_no_change=3, **SETTINGS[setting])
    assert_agreement(predict, classifier, fold, masks_of(fold, 24, rng), seeds=seeds)


def test_networks_that_stop_at_very_different_times(rng, monkeypatch):
    """Stopped networks stay as they are, and the others go on without them."""
    monkeypatch.setattr(training, "_PERIOD", 5)
    X, y = rows_of("wine", 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of(fold, 16, rng), np.arange(16)
    classifier = MLPClassifier((5,), max_iter=400, tol=3e-3, n_iter_no_change=2, batch_size=16)
    ours = networks(classifier, fold, masks, seeds)
    theirs = [fitted(classifier, fold, *each) for each in zip(masks, seeds, strict=True)]
    assert len(set(ours.n_epochs)) > 6
    assert ours.converged.all()
    np.testing.assert_array_equal(ours.n_epochs, [each.n_iter_ for each in theirs])
    np.testing.assert_allclose(ours.losses, [each.loss_ for each in theirs], rtol=1e-9)


@pytest.mark.parametrize("setting", ["thesis", "held out"])
def test_chunks_and_other_masks_change_next_to_nothing(setting, rng, monkeypatch):
    X, y = rows_of("breast_cancer", 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of(fold, 12, rng), np.arange(12)
    classifier = MLPClassifier(max_iter=30, **SETTINGS[setting])
    together = networks(classifier, fold, masks, seeds, torch.float32)
    for row in range(12):
        alone = networks(classifier, fold, masks[[row]], seeds[[row]], torch.float32)
        np.testing.assert_allclose(alone.losses, together.losses[[row]], rtol=1e-5)
    whole = answers(classifier, fold, masks, seeds)
    monkeypatch.setattr(memory, "_ON_CPU", 100_000)
    parts = answers(classifier, fold, masks, seeds)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-4)


def answers(classifier, fold, masks, seeds, response_method="predict_proba"):
    return predict(
        classifier, fold, masks, response_method=response_method, seeds=seeds, device=CPU
    )


def test_a_device_without_memory_for_all_masks_takes_fewer(rng, monkeypatch):
    X, y = rows_of("wine", 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of(fold, 9, rng), np.arange(9)
    classifier, sizes = MLPClassifier((3,), max_iter=9), []
    whole = answers(classifier, fold, masks, seeds)

    def train(own, words):
        sizes.append(len(words))
        if len(words) > 3:
            raise memory.OUT_OF_MEMORY("CUDA out of memory.")
        return training.train(own, words)

    monkeypatch.setattr("vaega.engines._torch_mlp.train", train)
    parts = answers(classifier, fold, masks, seeds)
    assert sizes == [9, 4, 2, 2, 2, 2, 1]
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-5)


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_what_is_asked_for(name, rng):
    X, y = rows_of(name, 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of(fold, 3, rng), np.arange(3)
    classifier = MLPClassifier((3,), max_iter=20)
    shares = answers(classifier, fold, masks, seeds).values
    assert shares.shape == (3, len(y), len(np.unique(y)))
    assert answers(classifier, fold, masks, seeds, "predict").values is None
    if name == "breast_cancer":
        ranking = answers(classifier, fold, masks, seeds, "decision_function").values
        np.testing.assert_array_equal(ranking, shares[:, :, 1])


def test_warnings_are_the_compiled_engines(rng):
    X, y = rows_of("wine", 40)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of(fold, 8, rng), np.arange(8)
    classifier = MLPClassifier((3,), batch_size=500, max_iter=30, tol=2e-2, n_iter_no_change=1)
    ours = answers(classifier, fold, masks, seeds).warnings
    theirs = compiled.predict(classifier, fold, masks, seeds=seeds).warnings
    assert ours.keys() == theirs.keys()
    for text, warned in ours.items():
        np.testing.assert_array_equal(warned, theirs[text])


def test_what_scikit_learn_has_to_say_itself(rng):
    X, y = rng.normal(size=(12, 4)), np.repeat([0, 1], 6)
    masks, seeds = np.ones((2, 4), dtype=bool), np.arange(2)
    fold = Fold(X, y, X, y, np.arange(4), 12)
    one_class = Fold(X, np.zeros(12), X, y, np.arange(4), 12)
    unknown = Fold(np.where(np.arange(4) == 2, np.nan, X), y, X, y, np.arange(4), 12)
    few = MLPClassifier(early_stopping=True, validation_fraction=0.05)
    short = MLPClassifier((2,), max_iter=3)
    masks[1, 2] = False
    assert not answers(few, fold, masks, seeds).certain.any()
    assert not answers(short, one_class, masks, seeds).certain.any()
    np.testing.assert_array_equal(answers(short, unknown, masks, seeds).certain, [False, True])


def test_a_seed_of_the_user_is_every_networks_seed(rng):
    X, y = rows_of("wine", 40)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks = np.ones((2, X.shape[1]), dtype=bool)
    values = answers(MLPClassifier((3,), max_iter=5, random_state=5), fold, masks, None).values
    np.testing.assert_allclose(values[0], values[1], atol=1e-6)
