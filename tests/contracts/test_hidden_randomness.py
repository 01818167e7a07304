"""Same seed, same bits: also where an estimator or sampler draws from what it was not given."""

import random

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import StackingClassifier
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from vaega import GeneticSelector
from vaega.core.randomness import may_draw_globally
from vaega.data import Fold
from vaega.fitness import CrossValidatedFitness

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

X, y = make_classification(60, 8, flip_y=0.3, random_state=1)
SHUFFLED = StratifiedKFold(3, shuffle=True)


class Drawing(GaussianNB):
    """A classifier that draws from the global generators, as code of one's own may."""

    def fit(self, X, y, sample_weight=None):
        rows = np.random.permutation(len(X))[: len(X) // 3]  # noqa: NPY002 - what is tested
        rows = np.append(rows, random.sample(range(len(X)), 6))
        rows = np.append(rows, [np.argmax(y == label) for label in np.unique(y)])
        return super().fit(X[rows], y[rows])

    def predict(self, X):
        flipped = np.random.random(len(X)) < 0.1  # noqa: NPY002
        return np.where(flipped, self.classes_[0], super().predict(X))


class Scattering(BaseEstimator):
    """A sampler that draws from the global generator."""

    def fit_resample(self, X, y):
        return np.vstack([X, X + np.random.normal(size=X.shape)]), np.append(y, y)  # noqa: NPY002


def stacking():
    models = [("knn", KNeighborsClassifier()), ("nb", GaussianNB())]
    return StackingClassifier(models, LogisticRegression(), cv=SHUFFLED)


ESTIMATORS = {
    "grid search": GridSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [1, 3, 5, 9]}, cv=StratifiedKFold(2, shuffle=True)
    ),
    "calibrated": CalibratedClassifierCV(KNeighborsClassifier(2), cv=SHUFFLED),
    "stacking": stacking(),
    "logistic": LogisticRegressionCV(
        Cs=[1e-3, 1e-1, 1.0, 10.0],
        cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=1),
        scoring="accuracy",
        use_legacy_attributes=False,
        l1_ratios=(0.0,),
    ),
    "own": Drawing(),
    "in a pipeline": make_pipeline(SelectKBest(mutual_info_classif, k=1), GaussianNB()),
}
MASKS = np.array([[1, 1, 1, 1, 0, 0, 0, 1], [0, 1, 0, 1, 1, 1, 1, 0], [1, 0, 1, 0, 1, 0, 1, 1]]) > 0


@pytest.fixture(autouse=True)
def _state_is_left():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    yield
    drawn = random.random(), np.random.random()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    assert drawn == (random.random(), np.random.random())  # noqa: NPY002


def score(estimator, *, seed=5, n_jobs=1, **context):
    cuts = [np.arange(60) % 3 == k for k in range(3)]
    folds = [Fold(X[~cut], y[~cut], X[cut], y[cut], np.arange(8), n_real=40) for cut in cuts]
    fitness = CrossValidatedFitness(
        estimator, folds, get_scorer("neg_log_loss"), seed=seed, n_jobs=n_jobs
    )
    with fitness, parallel_config(**context):
        return fitness.score_folds(MASKS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_scores_depend_on_the_seed_alone(name):
    estimator, generator = ESTIMATORS[name], np.random.get_bit_generator()
    expected = score(estimator)
    np.random.set_bit_generator(np.random.MT19937(99))
    try:
        np.testing.assert_array_equal(score(estimator), expected)
        np.testing.assert_array_equal(score(estimator, n_jobs=2), expected)
        threads = score(estimator, n_jobs=2, backend="threading")
        np.testing.assert_array_equal(threads, expected)
    finally:
        np.random.set_bit_generator(generator)


@pytest.mark.parametrize("name", ["grid search", "own"])
def test_another_seed_draws_otherwise(name):
    assert (score(ESTIMATORS[name], seed=5) != score(ESTIMATORS[name], seed=6)).any()


SMALL = {"n_searches": 1, "population_size": 4, "n_generations": 2, "cv": 2, "scoring": "accuracy"}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_sampler_and_a_guide_of_one_s_own(n_jobs):
    settings = SMALL | {"sampler": Scattering(), "guide": mutual_info_classif, "n_draws": 2}
    fitted = [
        GeneticSelector(GaussianNB(), random_state=0, n_jobs=jobs, **settings).fit(X, y)
        for jobs in (1, n_jobs)
    ]
    assert fitted[0].history_.equals(fitted[1].history_)
    assert (fitted[0].support_ == fitted[1].support_).all()


def test_the_splitter_of_the_user_keeps_its_seed_unset():
    score(ESTIMATORS["calibrated"])
    assert SHUFFLED.random_state is None


def test_what_scikit_learn_seeds_costs_nothing():
    assert not any(may_draw_globally(ESTIMATORS[name]) for name in ("stacking", "logistic"))
    assert may_draw_globally(Drawing())
    assert may_draw_globally(ESTIMATORS["in a pipeline"])
    assert may_draw_globally(print)
