"""Only classifiers score masks; what they take of missing values is taken."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from vaega import ClassGaussian, GeneticSelector
from vaega.selection._estimators import allows_nan

SMALL = {"n_searches": 1, "population_size": 6, "n_generations": 1, "random_state": 0}
TREES = HistGradientBoostingClassifier(max_iter=2)


class HalfOfLeast(TransformerMixin, BaseEstimator):
    """Imputes as metabolomics does, and says nothing of it."""

    def fit(self, X, y=None):
        self.values_ = np.nanmin(X, axis=0) / 2
        return self

    def transform(self, X):
        return np.where(np.isnan(X), self.values_, X)


@pytest.mark.parametrize(
    "estimator", [PCA(), KMeans(), GaussianMixture(), KernelDensity(), ClassGaussian()]
)
def test_only_classifiers_are_taken(two_clouds, estimator):
    with pytest.raises(ValueError, match="GeneticSelector: estimator must be a classifier"):
        GeneticSelector(estimator, **SMALL).fit(*two_clouds)


@pytest.mark.parametrize(
    ("estimator", "allowed"),
    [
        (TREES, True),
        (make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), True),
        (make_pipeline(FunctionTransformer(np.nan_to_num), LogisticRegression()), True),
        (make_pipeline(FunctionTransformer(), LogisticRegression()), False),
        (make_pipeline(HalfOfLeast(), LogisticRegression()), True),
        (
            make_pipeline(make_union(SimpleImputer(), MissingIndicator()), LogisticRegression()),
            True,
        ),
        (make_pipeline(StandardScaler(), KNNImputer(), GaussianNB()), True),
        (make_pipeline(ColumnTransformer([("a", SimpleImputer(), [0])]), GaussianNB()), True),
        (make_pipeline(StandardScaler(), TREES), True),
        (make_pipeline("passthrough", TREES), True),
        (GridSearchCV(TREES, {"max_depth": [2]}), True),
        (CalibratedClassifierCV(TREES), True),
        (GridSearchCV(make_pipeline(SimpleImputer(), GaussianNB()), {}), True),
        (LogisticRegression(), False),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (make_pipeline(PCA(), SimpleImputer(), GaussianNB()), False),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}), False),
    ],
)
def test_who_takes_missing_values(estimator, allowed):
    assert allows_nan(estimator) is allowed


def test_an_imputer_imputes_inside_the_folds(two_clouds):
    X, y = two_clouds
    gaps = X.copy()
    gaps[::7, 3] = np.nan
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    assert GeneticSelector(pipeline, **SMALL).fit(gaps, y).support_.any()
    own = GeneticSelector(make_pipeline(HalfOfLeast(), GaussianNB()), **SMALL).fit(gaps, y)
    assert not own.warnings_
    with pytest.raises(ValueError, match="NaN"):
        GeneticSelector(LogisticRegression(), **SMALL).fit(gaps, y)
