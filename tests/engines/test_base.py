"""Error bounds and margins, probabilities, blocks of columns, and pipelines of scalers."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.utils.extmath import softmax

from vaega.core.errors import InputError
from vaega.engines._base import (
    classify,
    column_blocks,
    has_valid_params,
    scale_fold,
    softmax_of_scores,
    split_pipeline,
)
from vaega.engines._registry import EngineSpec, match
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds


def test_a_margin_has_to_exceed_the_error_bounds_of_both_scores():
    scores = np.array([[[0.0, 1.0, 2.0]], [[2.0, 1.0, 0.0]], [[np.nan, 1.0, 0.0]]])
    codes, certain = classify(scores, np.array([0.4, 0.6, 0.0]))
    assert codes[:2].tolist() == [[2], [0]]
    assert certain.tolist() == [True, False, False]


def test_parameters_are_validated_anew_when_they_have_changed():
    classifier = KNeighborsClassifier(3)
    assert has_valid_params(classifier)
    assert not has_valid_params(classifier.set_params(n_neighbors=-1))
    assert not has_valid_params(classifier)
    assert has_valid_params(classifier.set_params(n_neighbors=5))


def test_one_score_is_of_the_second_class_if_positive():
    codes, certain = classify(np.array([[[0.0]], [[1.0]], [[-1.0]]]), np.array([0.0, 0.5, np.inf]))
    assert codes.tolist() == [[0], [1], [0]]
    assert certain.tolist() == [False, True, False]


def test_probabilities_are_those_of_scikit_learn(rng):
    scores = rng.normal(size=(3, 4, 5)) * 100.0
    for own, other in zip(softmax_of_scores(scores), scores, strict=True):
        np.testing.assert_allclose(own, softmax(other), rtol=1e-12)


@pytest.mark.parametrize("n_columns", [1, 2, 63, 64, 65, 66, 128, 129, 1000])
def test_blocks_cover_all_columns_and_none_stands_alone(n_columns):
    blocks = column_blocks(n_columns)
    covered = [column for block in blocks for column in range(block.start, block.stop)]
    assert covered == list(range(n_columns))
    assert min(block.stop - block.start for block in blocks) >= min(2, n_columns)


ACCURACY = get_scorer("accuracy")


@pytest.fixture
def folds():
    X, y = load_wine(return_X_y=True)
    splits = StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)
    return prepare_folds(X, y, list(splits), seed=0)


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
        make_pipeline(MinMaxScaler((-1, 1)), RobustScaler(), GaussianNB()),
        make_pipeline("passthrough", MLPClassifier((5, 3), max_iter=20)),
        make_pipeline(StandardScaler(), MLPClassifier((5, 3), max_iter=20)),
    ],
    ids=str,
)
def test_scores_are_scikit_learns(pipeline, folds, rng):
    masks = rng.random((20, 13)) < 0.4
    scorer = check_scoring(pipeline)
    ours, theirs = (
        CrossValidatedFitness(pipeline, folds, scorer, engine=engine).evaluate(masks)
        for engine in ("population", "sklearn")
    )
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    assert ours.warned == theirs.warned


def test_weights_reach_the_classifier_alone(folds, rng):
    X, y = load_wine(return_X_y=True)
    splits = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    weights = rng.random(len(y)) + 0.5
    weighted = prepare_folds(X, y, splits, seed=0, sample_weight=weights)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((5, 3), max_iter=20))
    masks, scorer = rng.random((6, 13)) < 0.5, get_scorer("accuracy")
    ours, theirs = (
        CrossValidatedFitness(pipeline, weighted, scorer, engine=engine).score_folds(masks)
        for engine in ("population", "sklearn")
    )
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(Normalizer(), GaussianNB()),
        make_pipeline(PCA(2), GaussianNB()),
        Pipeline([("scale", StandardScaler()), ("knn", GaussianNB())], memory="/nowhere"),
        make_pipeline(type("Own", (StandardScaler,), {})(), GaussianNB()),
    ],
    ids=lambda pipeline: str(type(pipeline[0]).__name__),
)
def test_what_may_mix_columns_is_left_to_scikit_learn(pipeline):
    assert split_pipeline(pipeline) == ((), pipeline)
    assert match(pipeline, get_scorer("accuracy")) is None


def test_a_scaler_that_works_in_place_leaves_the_fold_alone(folds, rng):
    pipeline = make_pipeline(StandardScaler(copy=False), KNeighborsClassifier(3))
    before, masks = folds[0].X_fit.copy(), rng.random((32, 13)) < 0.5
    ours = CrossValidatedFitness(pipeline, folds, ACCURACY, n_jobs=2).score_folds(masks)
    np.testing.assert_array_equal(folds[0].X_fit, before)
    theirs = CrossValidatedFitness(pipeline, folds, ACCURACY, engine="sklearn").score_folds(masks)
    np.testing.assert_array_equal(ours, theirs)


def test_tables_out_of_a_scaler(folds, rng):
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline, masks = make_pipeline(scaler, KNeighborsClassifier(3)), rng.random((8, 13)) < 0.5
    ours = CrossValidatedFitness(pipeline, folds, ACCURACY).score_folds(masks)
    theirs = CrossValidatedFitness(pipeline, folds, ACCURACY, engine="sklearn").score_folds(masks)
    np.testing.assert_array_equal(ours, theirs)


def test_a_column_that_cannot_be_scaled_matters_to_masks_that_select_it(folds, rng):
    bad = replace(folds[0], X_fit=folds[0].X_fit.copy())
    bad.X_fit[3, 5] = np.inf
    pipeline = make_pipeline(StandardScaler(), GaussianNB())
    masks = rng.random((8, 13)) < 0.5
    masks[:, 5], masks[:, 0] = False, True
    ours = CrossValidatedFitness(pipeline, [bad], ACCURACY).score_folds(masks)
    theirs = CrossValidatedFitness(pipeline, [bad], ACCURACY, engine="sklearn").score_folds(masks)
    np.testing.assert_array_equal(ours, theirs)
    masks[0, 5] = True
    with pytest.raises(InputError, match="Pipeline: cannot be fitted and scored on"):
        CrossValidatedFitness(pipeline, [bad], ACCURACY)(masks)


def test_a_fold_is_scaled_once(folds):
    scalers = (StandardScaler(),)
    assert scale_fold(folds[0], scalers) is scale_fold(folds[0], (StandardScaler(),))
    assert scale_fold(folds[0], scalers) is not scale_fold(folds[0], (MinMaxScaler(),))
    assert scale_fold(folds[0], ()) is folds[0]


def test_the_spec_names_both():
    pipeline = make_pipeline(StandardScaler(), GaussianNB())
    spec = match(pipeline, get_scorer("accuracy"))
    assert isinstance(spec, EngineSpec)
    assert (spec.name, len(spec.scalers)) == ("naive_bayes", 1)
