import numpy as np
import pytest

from tests.generative.data import blobs
from tests.generative.linear_network import as_network
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._density import impute_draws, impute_means
from vaega.generative._models import VAE, ConditionalVAE, HierarchicalVAE
from vaega.generative._state import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


def with_gaps(X, share=0.25, seed=1):
    gaps = np.random.default_rng(seed).random(X.shape) < share
    return np.where(gaps, np.nan, X), gaps


def gaussians(n=600, p=10, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + 0.5 * rng.normal(size=(n, p))


def conditional_means(X, holed):
    """What the best Gaussian of the whole rows says."""
    mean, covariance = X.mean(axis=0), np.cov(X.T)
    filled = holed.copy()
    for row in filled:
        gap = np.isnan(row)
        there = ~gap
        gain = covariance[np.ix_(gap, there)] @ np.linalg.inv(covariance[np.ix_(there, there)])
        row[gap] = mean[gap] + gain @ (row - mean)[there]
    return filled


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE, HierarchicalVAE])
def test_what_is_there_keeps_its_bits(kind):
    X, y = blobs()
    X[:, 3] = 1.5
    holed, gaps = with_gaps(X)
    latent = (2, 1) if kind is HierarchicalVAE else 2
    model = kind((8,), latent, max_epochs=3, random_state=0).fit(X, y)
    for filled in (model.impute(holed), *model.impute(holed, multiple=True, n_imputations=2)):
        np.testing.assert_array_equal(filled[~gaps], X[~gaps])
        assert np.isfinite(filled).all()
        assert (filled[:, 3] == 1.5).all()
    np.testing.assert_array_equal(model.impute(holed), model.impute(holed))
    np.testing.assert_array_equal(model.impute(X), X)


def test_weighting_reaches_the_exact_conditional_mean():
    X = gaussians(200)
    model = ProbabilisticPCA(3).fit(X)
    holed, gaps = with_gaps(X)
    exact = impute_means(model.state_, holed, None, n_importance_samples=None, rng=None)
    weighted = impute_means(
        as_network(model),
        holed,
        None,
        n_importance_samples=4000,
        rng=np.random.default_rng(0),
    )
    error = np.sqrt(np.square(weighted - exact)[gaps].mean())
    assert error < 0.1 * np.sqrt(np.square(exact - X)[gaps].mean())


def test_draws_have_the_exact_spread():
    X = gaussians(200)
    model = ProbabilisticPCA(3).fit(X)
    row = X[:1].copy()
    row[0, [1, 4]] = np.nan
    options = {"n_imputations": 4000, "n_importance_samples": 4000}
    exact, drawn = (
        impute_draws(one, row, None, rng=np.random.default_rng(0), **options)[:, 0, [1, 4]]
        for one in (model.state_, as_network(model))
    )
    np.testing.assert_allclose(drawn.mean(axis=0), exact.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(exact.T), atol=0.12)


def test_a_trained_network_is_close_to_the_conditional_mean_and_beats_the_mean():
    X = gaussians(2000)
    holed, gaps = with_gaps(X[:300])
    model = VAE((64,), 3, max_epochs=400, learning_rate=3e-3, random_state=0).fit(X)
    errors = {
        name: np.sqrt(np.square(filled - X[:300])[gaps].mean())
        for name, filled in {
            "network": model.impute(holed),
            "exact": conditional_means(X, holed),
            "mean": np.where(gaps, np.nanmean(holed, axis=0), holed),
        }.items()
    }
    assert errors["network"] < 1.15 * errors["exact"]
    assert errors["network"] < 0.6 * errors["mean"]


def test_classes_are_weighed_when_they_are_not_given():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 4)) + 6.0 * y[:, None]
    model = ClassGaussian().fit(X, y)
    row = np.array([[6.0, 6.0, np.nan, 6.0]])
    assert model.impute(row)[0, 2] == pytest.approx(6.0, abs=0.5)
    assert model.impute(row, [0])[0, 2] < 3
    weighted = model.impute(row, n_importance_samples=200)[0, 2]
    assert weighted == pytest.approx(model.impute(row)[0, 2], abs=0.2)


def test_rows_without_entries_get_the_mean():
    X = gaussians(300)
    model = ProbabilisticPCA(3).fit(X)
    np.testing.assert_allclose(model.impute(np.full((1, 10), np.nan))[0], X.mean(axis=0))


def test_a_row_does_not_depend_on_the_others():
    X = gaussians(60)
    holed, _ = with_gaps(X)
    model = VAE((8,), 2, max_epochs=3, random_state=0).fit(X)
    np.testing.assert_allclose(model.impute(holed)[7:9], model.impute(holed[7:9]))


def test_more_imputations_need_multiple():
    X = gaussians(60)
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: n_imputations must be 1 without mul"):
        ProbabilisticPCA(2).fit(X).impute(X, n_imputations=2)


def test_exact_draws_of_different_rows_are_independent():
    X = gaussians(200, p=3)
    model = ProbabilisticPCA(1).fit(X)
    rows = np.repeat(X[:1], 4000, axis=0)
    rows[:, 1] = np.nan
    mean = model.impute(rows[:1])[0, 1]
    drawn = model.impute(rows, multiple=True, n_imputations=5)[:, :, 1]
    error = drawn.std() / np.sqrt(drawn.size)
    assert abs(drawn.mean() - mean) < 4 * error
    # Rubin: imputations of a column mean differ as means of independent draws do.
    assert drawn.mean(axis=1).std(ddof=1) < 2.2 * drawn.std() / np.sqrt(4000)


def test_exact_draws_weigh_classes_that_are_not_given():
    X, y = blobs()
    model = ClassGaussian().fit(X, y)
    row = np.full((1, 12), np.nan)
    drawn = model.impute(row, multiple=True, n_imputations=4000)[:, 0]
    spread = model.sample(4000, random_state=0).std(axis=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.08 * spread.max())
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.08)
    given = model.impute(row, [1], multiple=True, n_imputations=4000)[:, 0]
    centre = X[y == 1].mean(axis=0)
    np.testing.assert_allclose(given.mean(axis=0), centre, atol=0.08 * spread.max())


@pytest.mark.parametrize(
    "model", [VAE((8,), 2, max_epochs=2, random_state=0), ProbabilisticPCA(1), ClassGaussian()]
)
def test_rows_that_nothing_explains_are_filled_in_all_the_same(model):
    X, y = blobs()
    model.fit(X, y)
    row = np.array([[1e200, np.nan, *X[0, 2:]]])
    assert np.isfinite(model.impute(row)).all()
    assert np.isfinite(model.impute(row, multiple=True)).all()


def test_multiple_is_true_or_false():
    with pytest.raises(InputError, match="multiple must be True or False, got 'yes'"):
        ProbabilisticPCA(1).fit(gaussians(9)).impute(gaussians(9), multiple="yes")
