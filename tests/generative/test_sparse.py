"""Sparse rows in models and samplers: the same numbers as dense ones, in the format that came."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vaega.generative._cache import ModelCache
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._imputer import VAEImputer
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE
from vaega.generative._outliers import VAEOutlierDetector
from vaega.generative._samplers import SMOTE, Bootstrap, GaussianJitter, GenerativeSampler

FORMATS = [
    sparse.csr_matrix,
    sparse.csc_matrix,
    sparse.csr_array,
    sparse.csc_array,
    sparse.coo_array,
    sparse.lil_matrix,
]
SAMPLERS = [SMOTE, GaussianJitter, Bootstrap, GenerativeSampler]


def counts(n=40, p=15):
    X = np.random.default_rng(0).poisson(0.6, size=(n, p)).astype(np.float32)
    return X, np.repeat(["T", "B"], [n - 15, 15])


def make_sampler(kind):
    if kind is GenerativeSampler:
        return GenerativeSampler(ClassGaussian(), random_state=0)
    return kind(random_state=0)


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("container", FORMATS)
def test_samplers_give_back_what_came(kind, container):
    X, y = counts()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new, labels = make_sampler(kind).fit_resample(container(X), y)
    dense, dense_labels = make_sampler(kind).fit_resample(X, y)
    assert type(new) is container
    assert new.dtype == X.dtype
    np.testing.assert_array_equal(new.toarray(), dense)
    np.testing.assert_array_equal(labels, dense_labels)


@pytest.mark.parametrize("kind", SAMPLERS)
def test_zeros_of_counts_stay_zeros(kind):
    X, y = counts(60, 40)
    new, _ = make_sampler(kind).fit_resample(sparse.csr_matrix(X), y)
    real, added = new[: len(X)], new[len(X) :]
    assert added.nnz / np.prod(added.shape) < 1.5 * real.nnz / np.prod(real.shape)


def test_nothing_added_is_a_copy():
    X, y = counts()
    given = sparse.csr_matrix(X)
    new, _ = Bootstrap(n_per_class=0).fit_resample(given, y)
    assert new is not given
    assert (new != given).nnz == 0


def test_counts_of_whole_numbers_keep_their_type():
    X, y = counts()
    new, _ = SMOTE(random_state=0).fit_resample(sparse.csc_matrix(X.astype(np.int32)), y)
    assert new.dtype == np.int32


@pytest.mark.parametrize(
    "kind", [VAE, ConditionalVAE, Autoencoder, ProbabilisticPCA, ClassGaussian]
)
def test_models_take_sparse_rows(kind):
    X, y = counts()
    settings = {} if kind in (ProbabilisticPCA, ClassGaussian) else {"max_epochs": 3}
    plain = kind(random_state=0, **settings).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = kind(random_state=0, **settings).fit(sparse.csr_matrix(X), y)
    given = sparse.csc_array(X)
    np.testing.assert_array_equal(model.transform(given), plain.transform(X))
    np.testing.assert_array_equal(model.reconstruct(given), plain.reconstruct(X))
    np.testing.assert_array_equal(model.anomaly_scores(given), plain.anomaly_scores(X))
    rows = model.sample(5, source="rows", rows=given, random_state=0)
    np.testing.assert_array_equal(rows, plain.sample(5, source="rows", rows=X, random_state=0))
    if model.has_density:
        np.testing.assert_array_equal(model.score_samples(given), plain.score_samples(X))


def test_frames_of_sparse_columns():
    X, y = counts()
    frame = pd.DataFrame(X).astype(pd.SparseDtype(np.float32, 0)).add_prefix("gene_")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = ClassGaussian().fit(frame, y)
    assert model.feature_names_in_[0] == "gene_0"
    np.testing.assert_array_equal(model.transform(frame), ClassGaussian().fit(X, y).transform(X))


def test_imputers_and_detectors_take_sparse_rows():
    X, _ = counts()
    given = sparse.csr_array(X)
    imputer = VAEImputer(ProbabilisticPCA(1)).fit(given)
    np.testing.assert_array_equal(imputer.transform(given), X)
    detector = VAEOutlierDetector(ProbabilisticPCA(1)).fit(given)
    np.testing.assert_array_equal(
        detector.predict(given), VAEOutlierDetector(ProbabilisticPCA(1)).fit_predict(X)
    )


def test_the_cache_knows_sparse_rows(tmp_path):
    X, y = counts()
    cache = ModelCache(tmp_path)
    for rows in (X.astype(float), sparse.csr_matrix(X.astype(float))):
        cache.fit(ProbabilisticPCA(2, random_state=0), rows, y)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_bad_sparse_rows_are_refused():
    X, y = counts()
    X[3, 2] = np.inf
    for estimator in (VAE(), make_sampler(SMOTE)):
        fit = getattr(estimator, "fit_resample", estimator.fit)
        with pytest.raises(ValueError, match="infinity"):
            fit(sparse.csr_matrix(X), y)
    with pytest.raises(ValueError, match="15 features"):
        ClassGaussian().fit(*counts()).transform(sparse.csr_matrix(np.ones((3, 4))))
