import os
import random
import signal
import time
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from joblib import delayed, effective_n_jobs, parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from vaega.core.errors import InputError
from vaega.core.trust import VARIABLE, trusted_packages
from vaega.fitness._cross_validated import (
    _PROBE,
    CrossValidatedFitness,
    augment,
    count_by_class,
    for_workers,
    in_workers,
    make_parallel,
    prepare_folds,
)

ACCURACY = get_scorer("accuracy")


@pytest.fixture
def folds(two_clouds):
    return prepare_folds(*two_clouds, list(StratifiedKFold(3).split(*two_clouds)), seed=0)


@pytest.fixture
def masks(rng):
    masks = rng.random((24, 12)) < 0.4
    masks[:, 0] |= ~masks.any(axis=1)
    return masks


class Strange(ClassifierMixin, BaseEstimator):
    """Warns, fails or answers nonsense, as told."""

    def __init__(self, behaviour="warn"):
        self.behaviour = behaviour

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.width_ = X.shape[1]
        if self.behaviour == "fail":
            raise ValueError("a reason.\nand more lines")
        warnings.warn(f"told {self.behaviour}\nsecond line", stacklevel=1)
        return self

    def predict(self, X):
        assert X.shape[1] == self.width_ > 0
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize(
    "classifier",
    [GaussianNB(), KNeighborsClassifier(3), make_pipeline(StandardScaler(), GaussianNB())],
)
def test_scores_are_those_of_scikit_learn(classifier, two_clouds, folds, masks):
    X, y = two_clouds
    got = CrossValidatedFitness(classifier, folds, ACCURACY)(masks)
    expected = [
        cross_val_score(classifier, X[:, mask], y, cv=StratifiedKFold(3)).mean() for mask in masks
    ]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_processes_and_chunks_do_not_matter_even_to_a_random_classifier(folds, masks):
    classifier = MLPClassifier((4,), max_iter=5)
    serial = CrossValidatedFitness(classifier, folds, ACCURACY, seed=3)(masks)
    with CrossValidatedFitness(classifier, folds, ACCURACY, seed=3, n_jobs=2) as fitness:
        parallel = fitness(masks)
        one_by_one = np.array([fitness(mask[None])[0] for mask in masks])
    np.testing.assert_array_equal(parallel, serial)
    np.testing.assert_array_equal(one_by_one, serial)
    assert (CrossValidatedFitness(classifier, folds, ACCURACY, seed=4)(masks) != serial).any()


def test_a_seed_that_the_user_set_stays(folds, masks):
    classifier = MLPClassifier((4,), max_iter=5, random_state=0)
    one, two = (CrossValidatedFitness(classifier, folds, ACCURACY, seed=s)(masks) for s in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_global_random_states_are_left_alone(folds, masks):
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - watched only
    CrossValidatedFitness(MLPClassifier((4,), max_iter=2), folds, ACCURACY)(masks[:3])
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warnings_are_counted_not_shown(folds, masks, n_jobs, recwarn):
    with CrossValidatedFitness(Strange(), folds, ACCURACY, n_jobs=n_jobs) as fitness:
        warned = fitness.evaluate(masks).warned
    assert sum(warned, Counter()) == {"UserWarning: told warn": 24 * 3}
    assert not [warning for warning in recwarn if "told" in str(warning.message)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failing_classifier_gives_one_sentence(folds, masks, n_jobs):
    fitness = CrossValidatedFitness(Strange("fail"), folds, ACCURACY, n_jobs=n_jobs)
    with pytest.raises(
        InputError,
        match=r"^Strange: cannot be fitted and scored on \d+ features, 40 fit rows and "
        r"20 validate rows, fold 1 \(fit rows: 20 of class 0, 20 of class 1\): a reason\.$",
    ):
        fitness(masks)
    fitness.close()


class Narrow(Strange):
    """Cannot be fitted on more than three columns."""

    def fit(self, X, y):
        if X.shape[1] > 3:
            raise ValueError("too wide")
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("error_score", [float("nan"), 0.25])
def test_a_mask_that_cannot_be_fitted_has_the_error_score(folds, masks, n_jobs, error_score):
    fitness = CrossValidatedFitness(
        Narrow(), folds, ACCURACY, n_jobs=n_jobs, error_score=error_score
    )
    with fitness:
        evaluation = fitness.evaluate(masks)
    wide = masks.sum(axis=1) > 3
    assert 0 < wide.sum() < len(wide)
    assert sorted(evaluation.failures) == np.flatnonzero(wide).tolist()
    np.testing.assert_array_equal(evaluation.scores[wide], error_score)
    np.testing.assert_array_equal(evaluation.scores[~wide], 0.5)
    assert all("fold 1" in text and "too wide" in text for text in evaluation.failures.values())


def test_a_failure_after_an_engine_keeps_its_mask(folds, masks):
    bad = [replace(fold, X_fit=fold.X_fit.copy()) for fold in folds]
    for fold in bad:
        fold.X_fit[3, 5] = np.nan
    fitness = CrossValidatedFitness(GaussianNB(), bad, ACCURACY, error_score=float("nan"))
    evaluation = fitness.evaluate(masks)
    assert sorted(evaluation.failures) == np.flatnonzero(masks[:, 5]).tolist()
    np.testing.assert_array_equal(np.isnan(evaluation.scores).all(axis=1), masks[:, 5])


def test_no_memory_is_no_fault_of_a_mask(folds, masks):
    class Huge(Strange):
        def fit(self, X, y):
            raise MemoryError("no room")

    with pytest.raises(MemoryError):
        CrossValidatedFitness(Huge(), folds, ACCURACY, error_score=0.0)(masks)


def test_one_class_in_the_validate_rows_is_said(folds, masks):
    alone = folds[0].y_validate == folds[0].y_validate[0]
    fold = replace(
        folds[0],
        X_validate=folds[0].X_validate[alone],
        y_validate=folds[0].y_validate[alone],
    )
    with pytest.raises(InputError, match=r"fold 1 .*: the validate rows are of one class, 0, and"):
        CrossValidatedFitness(GaussianNB(), [fold], get_scorer("roc_auc"))(masks)


def test_a_sampler_that_fails_is_named_with_fold_and_classes(two_clouds):
    class Failing(BaseEstimator):
        def fit_resample(self, X, y):
            raise ValueError("Failing: too few neighbours.\nmore")

    splits = list(StratifiedKFold(3).split(*two_clouds))
    with pytest.raises(
        InputError,
        match=r"^Failing: cannot add rows to the 40 fit rows of fold 1 "
        r"\(20 of class 0, 20 of class 1\): too few neighbours\.$",
    ):
        prepare_folds(*two_clouds, splits, sampler=Failing(), seed=0)


@pytest.mark.parametrize(
    ("gives", "fault"),
    [
        (lambda X, y: {}["seed"], "'seed'"),
        (lambda X, y: 1 / 0, "division by zero"),
        (lambda X, y: (np.vstack([X, X * np.nan]), np.tile(y, 2)), "it gave NaN in column 0"),
        (lambda X, y: (X[y == 1], y[y == 1]), "it gave no row of class 0"),
        (lambda X, y: (X[:, 1:], y), r"it must give \d+ columns and a label for each row"),
        (lambda X, y: (X[1:], y), r"it must give \d+ columns and a label for each row"),
    ],
)
def test_whatever_a_sampler_does_wrong_is_its_fault(gives, fault, two_clouds):
    class Own(BaseEstimator):
        def fit_resample(self, X, y):
            return gives(X, y)

    splits = list(StratifiedKFold(3).split(*two_clouds))
    with pytest.raises(InputError, match=rf"^Own: cannot add rows .* of fold 1 \(.*\): {fault}"):
        prepare_folds(*two_clouds, splits, sampler=Own(), seed=0)


def test_a_sampler_that_cannot_be_cloned(two_clouds):
    class Plain:
        def fit_resample(self, X, y):
            return X, y

    with pytest.raises(InputError, match=r"^sampler: must be an estimator .* BaseEstimator"):
        augment(*two_clouds, Plain(), seed=0)


def test_classes_are_named_where_names_are_known(folds, masks):
    names = ("healthy", "ill")
    fitness = CrossValidatedFitness(Strange("fail"), folds, ACCURACY, class_names=names)
    with pytest.raises(InputError, match=r"\(fit rows: 20 of class healthy, 20 of class ill\)"):
        fitness(masks)
    many = count_by_class(np.repeat(np.arange(6), [5, 1, 4, 2, 3, 6]))
    assert many == ("1 of class 1, 2 of class 3, 3 of class 4, 4 of class 2 and 2 more classes")


def test_groups_go_to_samplers_that_take_them(two_clouds):
    seen = []

    class Grouped(BaseEstimator):
        def fit_resample(self, X, y, *, groups=None):
            seen.append(groups)
            return X, y

    groups, splits = np.arange(60) // 4, list(StratifiedKFold(3).split(*two_clouds))
    prepare_folds(*two_clouds, splits, sampler=Grouped(), seed=0, groups=groups, n_jobs=1)
    for (fit, _), given in zip(splits, seen, strict=True):
        np.testing.assert_array_equal(given, groups[fit])


def test_a_pipeline_gets_the_columns_by_name(folds, masks):
    names = np.array([f"gene {index}" for index in range(12)], dtype=object)
    chosen = make_column_transformer((StandardScaler(), make_column_selector("gene")))
    pipeline = make_pipeline(chosen, GaussianNB())
    fitness = CrossValidatedFitness(pipeline, folds, ACCURACY, feature_names=names)
    plain = CrossValidatedFitness(make_pipeline(StandardScaler(), GaussianNB()), folds, ACCURACY)
    np.testing.assert_allclose(fitness(masks), plain(masks))


def test_names_that_a_classifier_gets_are_in_the_digest(folds):
    names = np.array([f"gene {index}" for index in range(12)], dtype=object)
    pipeline = make_pipeline(StandardScaler(), SVC())
    one, other = (
        CrossValidatedFitness(pipeline, folds, ACCURACY, feature_names=order)
        for order in (names, names[::-1])
    )
    assert one.digest != other.digest
    known = CrossValidatedFitness(GaussianNB(), folds, ACCURACY, feature_names=names)
    assert known.digest == CrossValidatedFitness(GaussianNB(), folds, ACCURACY).digest


def test_an_interrupt_that_a_classifier_swallows_still_interrupts(folds, masks):
    # As scikit-learn's MLP does: its score after Ctrl-C is that of a half-trained network.
    with pytest.raises(KeyboardInterrupt):
        CrossValidatedFitness(Strange("Training interrupted by user."), folds, ACCURACY)(masks)


def test_a_score_that_is_no_number(folds, masks):
    score = lambda *_: float("nan")  # noqa: E731
    fitness = CrossValidatedFitness(GaussianNB(), folds, score, engine="sklearn")
    with pytest.raises(InputError, match="the score is nan"):
        fitness(masks)


def test_an_empty_mask_never_reaches_a_classifier(folds):
    fitness = CrossValidatedFitness(Strange("fail"), folds, ACCURACY)
    np.testing.assert_allclose(fitness(np.zeros((1, 12), dtype=bool)), 0.5)


def test_masks_of_another_width(folds):
    with pytest.raises(InputError, match=r"masks must have shape \(n_masks, 12\), got \(2, 5\)"):
        CrossValidatedFitness(GaussianNB(), folds, ACCURACY)(np.ones((2, 5), dtype=bool))


def test_no_masks_no_scores(folds):
    fitness = CrossValidatedFitness(GaussianNB(), folds, ACCURACY)
    assert fitness(np.ones((0, 12), dtype=bool)).shape == (0,)


def test_files_are_removed(folds, masks):
    with CrossValidatedFitness(GaussianNB(), folds, ACCURACY, n_jobs=2) as fitness:
        fitness(masks)
        folder = fitness._files.folder
    import os

    assert not os.path.exists(folder)  # noqa: PTH110 - a plain string is what it is


def test_each_mask_has_its_own_warnings(folds, masks):
    masks = np.concatenate([masks, np.zeros((1, 12), dtype=bool)])
    for n_jobs in (1, 2):
        with CrossValidatedFitness(Strange(), folds, ACCURACY, n_jobs=n_jobs) as fitness:
            evaluation = fitness.evaluate(masks)
        assert evaluation.warned[:24] == ({"UserWarning: told warn": 3},) * 24
        assert evaluation.warned[24] == {}
        assert evaluation.scores.shape == (25, 3)


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["here", "in threads"])
def test_a_large_population_has_the_scores_of_its_parts(folds, rng, seconds):
    masks = rng.random((3 * _PROBE, 12)) < 0.5  # some say how long the others take
    with CrossValidatedFitness(GaussianNB(), folds, ACCURACY, n_jobs=2) as fitness:
        fitness._seconds = seconds
        whole = fitness.score_folds(masks)
    with CrossValidatedFitness(GaussianNB(), folds, ACCURACY) as fitness:
        parts = [fitness.score_folds(part) for part in np.array_split(masks, 7)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_subset_gives_the_scores_of_its_folds(folds, masks, n_jobs):
    classifier = MLPClassifier((4,), max_iter=5)
    with CrossValidatedFitness(classifier, folds, ACCURACY, seed=3, n_jobs=n_jobs) as fitness:
        whole = fitness.score_folds(masks)
        for places in ([0], [2, 0], [1, 2]):
            with fitness.subset(places) as part:
                np.testing.assert_array_equal(part.score_folds(masks), whole[:, places])
        nested = fitness.subset([1, 2]).subset([1])
        np.testing.assert_array_equal(nested.score_folds(masks), whole[:, [2]])
        assert nested._files is fitness._files
        np.testing.assert_array_equal(fitness.score_folds(masks), whole)  # views closed nothing


@pytest.mark.parametrize("places", [[], [3], [-1]])
def test_a_subset_of_folds_that_are_not_there(folds, places):
    with pytest.raises(InputError, match="fold_indices must be some of 0 to 2, got"):
        CrossValidatedFitness(GaussianNB(), folds, ACCURACY).subset(places)


def test_the_digest_tells_apart_what_scores_depend_on(two_clouds, folds):
    X, y = two_clouds
    splits = list(StratifiedKFold(3).split(X, y))
    changed = X.copy()
    changed[7, 7] += 1e-12
    fitnesses = [
        CrossValidatedFitness(GaussianNB(), folds, ACCURACY),
        CrossValidatedFitness(GaussianNB(var_smoothing=1e-8), folds, ACCURACY),
        CrossValidatedFitness(GaussianNB(), folds, get_scorer("balanced_accuracy")),
        CrossValidatedFitness(GaussianNB(), folds, ACCURACY, seed=1),
        CrossValidatedFitness(GaussianNB(), folds[::-1], ACCURACY),
        CrossValidatedFitness(GaussianNB(), folds, ACCURACY).subset([0, 1]),
        CrossValidatedFitness(GaussianNB(), folds, ACCURACY).subset([1, 2]),
        CrossValidatedFitness(GaussianNB(), prepare_folds(changed, y, splits, seed=0), ACCURACY),
        CrossValidatedFitness(
            GaussianNB(),
            prepare_folds(X, y, splits, preparation=Kept(), seed=0),
            ACCURACY,
        ),
    ]
    assert len({fitness.digest for fitness in fitnesses}) == len(fitnesses)
    again = prepare_folds(X, y, splits, seed=0)
    parallel = CrossValidatedFitness(GaussianNB(), again, ACCURACY, n_jobs=2)
    assert parallel.digest == fitnesses[0].digest


class Kept(BaseEstimator):
    """A preparation that drops the last column."""

    def fit(self, X, y):
        self.columns_ = np.arange(X.shape[1] - 1)
        return self

    def transform(self, X):
        return X[:, self.columns_]


def test_without_a_cache_key_there_is_no_digest_and_one_warning(folds):
    fitness = CrossValidatedFitness(GaussianNB(), folds, lambda *_: 0.0, engine="sklearn")
    with pytest.warns(UserWarning, match="GaussianNB: scores are not kept on disk: the scorer"):
        assert fitness.digest is None


class HowManyJobs(ClassifierMixin, BaseEstimator):
    """Is right where a classifier within it would compute alone."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        alone = effective_n_jobs(None) == 1
        return np.full(len(X), self.classes_[1 if alone else 0])


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("n_masks", [1, 9])
def test_what_the_caller_chose_is_for_masks_not_for_what_is_within_them(backend, n_masks):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    folds = prepare_folds(X, y, [(np.arange(20), np.arange(21, 40, 2))], seed=0)
    masks = np.ones((n_masks, 3), dtype=bool)
    with parallel_config(backend=backend, n_jobs=2):
        fitness = CrossValidatedFitness(HowManyJobs(), folds, get_scorer("accuracy"))
        with fitness:
            assert fitness(masks).tolist() == [1.0] * n_masks


class Deadly(GaussianNB):
    """Kills the process that it is fitted in, unless that is the one that made it."""

    def __init__(self, parent=0, folder="", n_kills=1):
        super().__init__()
        self.parent, self.folder, self.n_kills = parent, folder, n_kills

    def fit(self, X, y):
        if os.getpid() != self.parent:
            for number in range(self.n_kills):
                try:
                    os.close(os.open(f"{self.folder}/{number}", os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)


def deadly_fitness(folds, folder, n_kills):
    deadly = Deadly(parent=os.getpid(), folder=str(folder), n_kills=n_kills)
    return CrossValidatedFitness(deadly, folds, ACCURACY, engine="sklearn", n_jobs=2)


def test_what_a_killed_worker_computed_is_computed_again(folds, masks, tmp_path):
    expected = CrossValidatedFitness(GaussianNB(), folds, ACCURACY, engine="sklearn")(masks)
    warned = pytest.warns(UserWarning, match="a process was killed while it computed a part")
    with deadly_fitness(folds, tmp_path, 1) as fitness, warned:
        scores = fitness(masks)
    assert list(tmp_path.iterdir()) == [tmp_path / "0"]
    np.testing.assert_array_equal(scores, expected)


def test_workers_trust_what_is_trusted_here(monkeypatch):
    monkeypatch.setenv(VARIABLE, "mine")
    function = for_workers(trusted_packages, make_parallel(1))
    monkeypatch.setenv(VARIABLE, "")  # as in a worker that was started before
    assert function() == ("mine",)


def deadly_once(number, flag):
    """Return the number, later; where there is a flag, kill the process the first time."""
    time.sleep(0.003)
    if flag is not None and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_of_an_attempt_that_broke_off_are_not_returned_beside_others(tmp_path):
    for deadly in (3, 5, 7, 9):  # in two of three such attempts joblib had results of both
        flags = {deadly: tmp_path / str(deadly)}
        tasks = [delayed(deadly_once)(number, flags.get(number)) for number in range(16)]
        with pytest.warns(UserWarning, match="a process was killed"):
            assert in_workers(make_parallel(2), tasks) == list(range(16))


def test_work_that_kills_its_workers_time_and_again_is_an_error(folds, masks, tmp_path):
    refused = pytest.raises(InputError, match="was killed, 3 times one after the other")
    warned = pytest.warns(UserWarning, match="a process was killed")
    with deadly_fitness(folds, tmp_path, 100) as fitness, warned, refused:
        fitness(masks)
