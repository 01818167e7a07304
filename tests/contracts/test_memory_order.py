"""Second law: what a result depends on is numbers, not the container or the order they came in."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import RidgeClassifier

from vaega import GenerativeSampler, GeneticSelector, VAEImputer, VAEOutlierDetector
from vaega.data._preprocess import Preprocessor
from vaega.data._steps import _PLAIN, _VALUED
from vaega.generative import _registry as registry
from vaega.generative.quality import measure_quality

CONTAINERS = {
    "Fortran": np.asfortranarray,
    "every second column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "rows backwards": lambda X: X[::-1].copy()[::-1],
    "float32": lambda X: X.astype(np.float32),
    "float32 Fortran": lambda X: np.asfortranarray(X.astype(np.float32)),
    "DataFrame": pd.DataFrame,
    "DataFrame of columns": lambda X: pd.DataFrame(dict(enumerate(X.T))),
    "sparse columns": sparse.csc_array,
}
WAYS = pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
VALUES = {
    "clip": [0.5, 9.0],
    "clr": 0.25,
    "impute": "mean",
    "variance_filter": {"keep": 20},
}
CLASSES = ["StandardScaler", "RobustScaler", "PowerTransformer", "Normalizer"]
STEPS = [
    *_PLAIN,
    *({name: VALUES[name]} for name in _VALUED),
    *({"class": f"sklearn.preprocessing.{name}"} for name in CLASSES),
]
# Before and behind steps that leave columns out, or sum over rows or columns.
CHAINS = [[step] for step in STEPS] + [["drop_constant", step] for step in STEPS]
CHAINS += [["log1p", "quantile_normalize", "drop_constant", "clr", "robust"]]


@pytest.fixture(scope="module")
def X():
    """Positive values that float32 holds, in two classes, with a constant column."""
    rows = np.random.default_rng(0).gamma(2.0, 3.0, size=(37, 29)) + 0.01
    rows[::2, :5] += 4.0
    rows[:, 3] = 2.0
    return rows.astype(np.float32).astype(np.float64)


@pytest.fixture(scope="module")
def y():
    return np.arange(37) % 2


@WAYS
@pytest.mark.parametrize("steps", CHAINS, ids=str)
def test_preprocessing(steps, container, X, y):
    def prepared(rows):
        preprocessor = Preprocessor(steps)
        return preprocessor.fit_transform(rows, y), preprocessor.transform(rows)

    for result, expected in zip(prepared(container(X)), prepared(X), strict=True):
        np.testing.assert_array_equal(result, expected)
        assert result.flags.c_contiguous


def model_of(name):
    settings = {"max_epochs": 8} if "max_epochs" in registry.MODELS[name]().get_params() else {}
    return registry.MODELS[name](random_state=0, **settings)


def results_of(name, rows, y):
    """Return what a model gives: drawn rows, latent points, densities and what is far off."""
    model = model_of(name).fit(rows, y)
    labelled = [y] if model.sees_labels else []
    points = model.transform(rows, *labelled)
    results = [model.sample(30, random_state=0), points, model.inverse_transform(points, *labelled)]
    if model.has_density:
        results.append(model.score_samples(rows))
    return results, model.anomaly_scores(rows)


@pytest.fixture(scope="module")
def expected_of(X, y):
    kept = {}

    def expected(name):
        if name not in kept:
            kept[name] = results_of(name, X, y)
        return kept[name]

    return expected


@WAYS
@pytest.mark.parametrize("name", registry.MODELS)
def test_generative_models(name, container, X, y, expected_of):
    results, anomalies = results_of(name, container(X), y)
    expected, expected_anomalies = expected_of(name)
    for result, one in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, one)
    np.testing.assert_array_equal(anomalies, expected_anomalies)


@WAYS
@pytest.mark.parametrize("name", [*registry.SAMPLERS, *registry.MODELS])
def test_samplers(name, container, X, y):
    def rows(given):
        if name in registry.SAMPLERS:
            sampler = registry.SAMPLERS[name](n_per_class=5, random_state=0)
        else:
            sampler = GenerativeSampler(model_of(name), n_per_class=5, random_state=0)
        drawn = sampler.fit_resample(given, y)[0]
        return drawn.toarray() if sparse.issparse(drawn) else np.asarray(drawn)

    result = rows(container(X))
    expected = rows(X)
    np.testing.assert_array_equal(result, expected.astype(result.dtype))


@WAYS
def test_imputing_and_outliers(container, X, y):
    def results(rows, holed):
        imputer = VAEImputer(model_of("ppca"), random_state=0).fit(holed)
        detector = VAEOutlierDetector(model_of("ppca"), random_state=0).fit(rows)
        return imputer.transform(holed), detector.score_samples(rows)

    holed = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)
    for result, expected in zip(
        results(container(X), container(holed)), results(X, holed), strict=True
    ):
        np.testing.assert_array_equal(result, expected)


@pytest.fixture(scope="module")
def quality_of_array(X, y):
    return quality(X, y)


def quality(rows, y):
    return measure_quality(model_of("class_gaussian"), rows, y, random_state=0).to_dict(
        columns=True
    )


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "sparse columns"])
def test_quality(name, X, y, quality_of_array):
    assert quality(CONTAINERS[name](X), y) == quality_of_array


@pytest.fixture(scope="module")
def selected_of_array(X, y):
    return selected(X, y)


def selected(rows, y):
    settings = {"population_size": 8, "n_generations": 2, "n_searches": 2, "cv": 3}
    guide = ["f_classif", "ridge", "linear_svm", "relieff"]
    return GeneticSelector(RidgeClassifier(), guide=guide, random_state=0, **settings).fit(rows, y)


@WAYS
@pytest.mark.filterwarnings("ignore:.*sparse rows are made dense")
def test_selection(container, X, y, selected_of_array):
    result = selected(container(X), y)
    pd.testing.assert_frame_equal(result.history_, selected_of_array.history_, check_exact=True)
    np.testing.assert_array_equal(result.frequencies_, selected_of_array.frequencies_)
