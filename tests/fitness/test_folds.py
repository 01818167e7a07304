"""Folds: prepared on their fit rows, mapped from files, sent to workers."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold

from vaega import VAE, GenerativeSampler
from vaega.core.errors import InputError
from vaega.data._preprocess import Preprocessor
from vaega.data._splits import Fold
from vaega.fitness._cross_validated import (
    ClusterFolds,
    FoldFiles,
    SentFolds,
    augment,
    hash_fold,
    open_folds,
    prepare_fold,
    prepare_folds,
)

FIT, VALIDATE = np.arange(0, 60, 2), np.arange(1, 60, 2)


class Doubling(BaseEstimator):
    """Adds each row again, moved by a seeded step."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit_resample(self, X, y):
        step = np.random.default_rng(self.random_state).normal()
        return np.vstack([X, X + step]), np.r_[y, y]


SAMPLER = GenerativeSampler(VAE((8,), 2, max_epochs=5), n_per_class=5)


def test_synthetic_rows_come_behind_the_real_ones(two_clouds):
    X, y = two_clouds
    fold = prepare_fold(X, y, FIT, VALIDATE, sampler=Doubling(), seed=3)
    assert fold.n_real == 30
    np.testing.assert_array_equal(fold.X_fit[:30], X[FIT])
    np.testing.assert_array_equal(fold.X_validate, X[VALIDATE])
    assert len(fold.X_fit) == len(fold.y_fit) == 60


def test_scaling_is_learned_from_the_fit_rows(two_clouds):
    X, y = two_clouds
    preparation = Preprocessor(["standardize"])
    fold = prepare_fold(X, y, FIT, VALIDATE, preparation=preparation, seed=0)
    np.testing.assert_allclose(fold.X_fit.mean(axis=0), 0, atol=1e-12)
    moved = X.copy()
    moved[VALIDATE] += 100.0
    other = prepare_fold(moved, y, FIT, VALIDATE, preparation=preparation, seed=0)
    np.testing.assert_array_equal(other.X_fit, fold.X_fit)


def test_columns_dropped_in_a_fold_keep_their_names(two_clouds):
    X, y = two_clouds
    X = X.copy()
    X[FIT, 3] = 1.0
    fold = prepare_fold(X, y, FIT, VALIDATE, preparation=Preprocessor(["drop_constant"]), seed=0)
    assert fold.columns.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]


def test_each_fold_has_a_seed_of_its_own_and_processes_do_not_matter(two_clouds):
    X, y = two_clouds
    splits = [(FIT, VALIDATE), (FIT, VALIDATE)]
    one = prepare_folds(X, y, splits, sampler=Doubling(), seed=1)
    two = prepare_folds(X, y, splits, sampler=Doubling(), seed=1, n_jobs=2)
    assert (one[0].X_fit != one[1].X_fit).any()
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.X_fit, b.X_fit)


def test_the_users_sampler_is_left_alone(two_clouds):
    sampler = Doubling()
    augment(*two_clouds, sampler, seed=1)
    assert sampler.random_state is None


def test_a_seed_that_the_user_set_stays(two_clouds):
    X, y = two_clouds
    one, _ = augment(X, y, Doubling(random_state=5), seed=1)
    two, _ = augment(X, y, Doubling(random_state=5), seed=2)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("sampler", [SAMPLER, Doubling()])
def test_folds_have_the_bits_of_one_after_the_other(two_clouds, sampler):
    X, y = two_clouds
    splits = list(StratifiedKFold(5).split(X, y))
    ways = [prepare_folds(X, y, splits, sampler=sampler, seed=0, n_jobs=n) for n in (1, 2)]
    for one, other in zip(*ways, strict=True):
        np.testing.assert_array_equal(one.X_fit, other.X_fit)
        assert len(one.X_fit) > one.n_real


def test_models_of_vaega_are_trained_in_threads():
    assert GenerativeSampler(VAE()).joblib_prefer == GenerativeSampler().joblib_prefer == "threads"
    assert GenerativeSampler(Doubling()).joblib_prefer is None  # who knows what it shares


def test_no_sampler(two_clouds):
    with pytest.raises(
        InputError, match=r"sampler: must be an instance with the method fit_resample"
    ):
        augment(*two_clouds, object(), seed=1)


@pytest.fixture
def folds(rng):
    y = np.array(["a", "b"] * 5)
    return [
        Fold(rng.random((10, 3)), y, rng.random((4, 3)), y[:4], columns=np.arange(3), n_real=8 + n)
        for n in range(2)
    ]


def test_folds_come_back_mapped(folds):
    files = FoldFiles(folds)
    for fold, back in zip(folds, open_folds(files.folder), strict=True):
        np.testing.assert_array_equal(back.X_fit, fold.X_fit)
        np.testing.assert_array_equal(back.y_validate, fold.y_validate)
        assert isinstance(back.X_fit, np.memmap)
        assert int(back.n_real) == fold.n_real
        assert hash_fold(back) is not None
    files.close()


def test_they_are_written_when_asked_for_and_removed_at_the_end(folds):
    files = FoldFiles(folds)
    files.close()
    folder = Path(files.folder)
    assert folder.is_dir()
    files.close()
    assert not folder.exists()


@pytest.mark.parametrize("part", ["X_fit", "y_fit", "X_validate", "y_validate", "columns"])
def test_the_digest_covers_every_part(folds, part):
    from dataclasses import replace

    changed = getattr(folds[0], part).copy()
    changed[0] = changed[1]
    assert hash_fold(replace(folds[0], **{part: changed})) != hash_fold(folds[0])
    assert hash_fold(replace(folds[0], n_real=5)) != hash_fold(folds[0])
    assert hash_fold(replace(folds[0])) == hash_fold(folds[0])


def test_labels_that_are_objects_have_no_digest(folds):
    from dataclasses import replace

    assert hash_fold(replace(folds[0], y_fit=folds[0].y_fit.astype(object))) is None


def test_labels_that_are_python_texts_are_texts_in_the_file():
    y = np.array(["no", "yes"], dtype=object)
    files = FoldFiles([Fold(np.zeros((2, 1)), y, np.zeros((2, 1)), y, np.arange(1), 2)])
    np.testing.assert_array_equal(open_folds(files.folder)[0].y_fit, y)
    files.close()


def test_labels_of_another_kind_have_no_file():
    y = np.array([("a", 1), None], dtype=object)
    files = FoldFiles([Fold(np.zeros((2, 1)), y, np.zeros((2, 1)), y, np.arange(1), 2)])
    with pytest.raises(InputError, match=r"labels must be numbers or texts .* got tuple"):
        files.folder  # noqa: B018
    files.close()


@pytest.fixture
def sent_folds(rng):
    y = np.repeat([0, 1], 4)
    weights = rng.random(8)
    whole = Fold(rng.normal(size=(8, 3)), y, rng.normal(size=(8, 3)), y, np.arange(3), 8)
    weighted = Fold(
        rng.normal(size=(8, 3)), y, rng.normal(size=(8, 3)), y, np.arange(3), 8, weights, weights
    )
    return [whole, weighted]


def test_every_part_arrives(sent_folds):
    there = pickle.loads(pickle.dumps(SentFolds(sent_folds), protocol=5)).folds  # noqa: S301
    for fold, same in zip(sent_folds, there, strict=True):
        for name in ("X_fit", "y_fit", "X_validate", "y_validate", "columns"):
            np.testing.assert_array_equal(getattr(fold, name), getattr(same, name))
            assert getattr(same, name).flags.owndata
        assert (fold.weight_fit is None) == (same.weight_fit is None)
        assert same.n_real == 8


class Client:
    def __init__(self):
        self.n_sent = 0

    def scatter(self, data, broadcast):
        assert broadcast
        self.n_sent += 1
        return [SimpleNamespace(status="finished", data=data[0])]


def test_they_are_sent_once_and_again_when_they_are_lost(sent_folds):
    sent, client = ClusterFolds(sent_folds), Client()
    future = sent.sent_to(client)
    assert sent.sent_to(client) is future
    future.status = "lost"
    assert sent.sent_to(client) is not future
    assert client.n_sent == 2
    sent.sent_to(Client())
    sent.close()
    sent.sent_to(client)
    assert client.n_sent == 3
