import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._imputer import VAEImputer
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE

QUICK = VAE((8,), 2, max_epochs=3)


@parametrize_with_checks(
    [VAEImputer(QUICK, n_importance_samples=4), VAEImputer(ProbabilisticPCA(), n_imputations=2)]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def with_gaps(share=0.2, n=120):
    X, y = blobs(n)
    gaps = np.random.default_rng(1).random(X.shape) < share
    return X, np.where(gaps, np.nan, X), gaps, y


@pytest.mark.parametrize("model", [QUICK, ProbabilisticPCA(2), ClassGaussian()])
def test_what_is_there_keeps_its_bits(model):
    _, holed, gaps, _ = with_gaps()
    filled = VAEImputer(model).fit_transform(holed)
    np.testing.assert_array_equal(filled[~gaps], holed[~gaps])
    assert np.isfinite(filled).all()


def test_beats_the_mean():
    X, holed, gaps, _ = with_gaps(n=300)
    error = np.square(VAEImputer(ProbabilisticPCA(3)).fit_transform(holed) - X)[gaps].mean()
    mean = np.square(np.nanmean(holed, axis=0) - X)[gaps].mean()
    assert error < 0.7 * mean


def test_draws_differ_where_entries_lack():
    _, holed, gaps, _ = with_gaps()
    imputer = VAEImputer(ProbabilisticPCA(2)).fit(holed)
    drawn = imputer.draw(holed, 4)
    assert drawn.shape == (4, *holed.shape)
    assert (drawn.std(axis=0)[gaps] > 0).all()
    assert (drawn[:, ~gaps] == holed[~gaps]).all()
    np.testing.assert_array_equal(drawn, imputer.draw(holed, 4))


def test_several_imputations_are_averaged():
    _, holed, _, _ = with_gaps()
    imputer = VAEImputer(ProbabilisticPCA(2), n_imputations=3).fit(holed)
    np.testing.assert_array_equal(imputer.transform(holed), imputer.draw(holed, 3).mean(axis=0))


@pytest.mark.parametrize("keep", [False, True])
def test_empty_columns(keep):
    _, holed, _, _ = with_gaps()
    holed[:, 2] = np.nan
    imputer = VAEImputer(ProbabilisticPCA(2), keep_empty_features=keep)
    frame = pd.DataFrame(holed, columns=[f"c{i}" for i in range(12)])
    filled = imputer.fit_transform(frame)
    assert filled.shape[1] == len(imputer.get_feature_names_out()) == (12 if keep else 11)
    assert ("c2" in imputer.get_feature_names_out()) == keep
    if keep:
        assert (filled[:, 2] == 0).all()


def test_constant_columns():
    _, holed, _, _ = with_gaps()
    holed[:, 5] = 7.0
    holed[3, 5] = np.nan
    assert VAEImputer(ProbabilisticPCA(2)).fit_transform(holed)[3, 5] == 7.0


def test_in_a_pipeline():
    _, holed, _, y = with_gaps()
    pipe = make_pipeline(VAEImputer(ProbabilisticPCA(2)), LogisticRegression())
    assert pipe.fit(holed, y).score(holed, y) > 0.7


def test_a_model_that_sees_labels_imputes_without():
    _, holed, _, y = with_gaps()
    filled = VAEImputer(ConditionalVAE((8,), 2, max_epochs=3)).fit(holed, y).transform(holed)
    assert np.isfinite(filled).all()


def test_same_seed_same_bits():
    _, holed, _, _ = with_gaps()
    first, second = (VAEImputer(QUICK).fit_transform(holed) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_bad_settings_are_one_sentence():
    _, holed, _, _ = with_gaps()
    for settings, sentence in [
        ({"n_imputations": 0}, "n_imputations must be a whole number, at least 1, got 0"),
        ({"keep_empty_features": "no"}, "keep_empty_features must be True or False, got 'no'"),
    ]:
        with pytest.raises(InputError, match=f"^VAEImputer: {sentence}"):
            VAEImputer(QUICK, **settings).fit(holed)


@pytest.mark.parametrize("model", [3, PCA(1), VAE, Autoencoder()])
def test_models_that_cannot_impute_are_one_sentence(model):
    with pytest.raises(InputError, match=r"^VAEImputer: model must be a generative model with imp"):
        VAEImputer(model).fit(with_gaps()[1])


def test_nothing_at_all_is_one_sentence():
    with pytest.raises(InputError, match=r"^VAEImputer: needs a column with entries, got 2 w"):
        VAEImputer(ProbabilisticPCA(1)).fit(np.full((5, 2), np.nan))
