import numpy as np
import pytest
import torch
from scipy import stats

from vaega.core.errors import InputError
from vaega.generative._calibration import logit_offsets
from vaega.generative._models import VAE
from vaega.generative._networks import Bernoulli, Gaussian, Laplace
from vaega.generative._settings import find_likelihood

SCALED = pytest.mark.parametrize("family", [Gaussian(), Laplace()], ids=["gaussian", "laplace"])


def test_densities_are_those_of_scipy():
    x, raw, sigma = (
        torch.tensor(values).double() for values in ([1.0, -2.0], [0.3, 0.4], [0.5, 2.0])
    )
    expected = {
        "gaussian": stats.norm.logpdf(x, raw, sigma),
        "laplace": stats.laplace.logpdf(x, raw, sigma / np.sqrt(2)),
    }
    for name, values in expected.items():
        found = find_likelihood(name, owner="VAE").log_density(x, raw, sigma)
        np.testing.assert_allclose(found, values)


def test_bernoulli_is_scipys_from_logits():
    x, raw = torch.tensor([0.0, 1.0, 1.0]).double(), torch.tensor([0.3, -40.0, 2.0]).double()
    found = Bernoulli().log_density(x, raw, torch.ones(3).double())
    expected = stats.bernoulli.logpmf(x.numpy(), raw.sigmoid().numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@SCALED
def test_drawn_entries_have_the_sigma(family):
    drawn = family.draw(np.full(200_000, 3.0), np.array(0.7), np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(3.0, abs=0.01)
    assert drawn.std() == pytest.approx(0.7, abs=0.01)


@SCALED
def test_the_spread_is_the_most_likely_sigma(family):
    x, zero = torch.linspace(-1, 2, 40).double(), torch.zeros(40).double()
    best = family.fit_sigma(family.error(x, zero).mean())
    around = [family.log_density(x, zero, best * scale).sum() for scale in (0.99, 1.0, 1.01)]
    assert around[1] > max(around[0], around[2])


def test_bernoulli_draws_zeros_and_ones():
    drawn = Bernoulli().draw(np.full(20_000, 0.25), np.ones(1), np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.25, abs=0.01)


def test_the_thesis_losses_are_two_of_these():
    x, raw = torch.tensor([2.0]), torch.tensor([0.5])
    assert Gaussian().rate(torch.tensor(2**-0.5)).item() == pytest.approx(1.0)
    assert Laplace().rate(torch.tensor(2**0.5)).item() == pytest.approx(1.0)
    assert (Gaussian().error(x, raw).item(), Laplace().error(x, raw).item()) == (2.25, 1.5)


def test_an_unknown_likelihood_is_one_sentence():
    with pytest.raises(InputError, match=r"^VAE: likelihood must be .* got 'poisson'"):
        find_likelihood("poisson", owner="VAE")


@pytest.mark.parametrize("use", ["score_samples", "impute", "transform", "anomaly_scores"])
def test_entries_that_bernoulli_is_not_for_are_one_sentence(use):
    X = (np.random.default_rng(0).random((30, 4)) < 0.5).astype(float)
    X[:, 3] = 7.0  # constant: the network never sees it
    model = VAE((4,), 2, likelihood="bernoulli", max_epochs=2, random_state=0).fit(X)
    getattr(model, use)(X)
    X[2, 1] = 5.0
    with pytest.raises(
        InputError, match=r"^VAE: likelihood 'bernoulli' is for values from 0 to 1, "
    ):
        getattr(model, use)(X)


@pytest.mark.parametrize("mean", [1e-4, 0.03, 0.5, 0.9999])
def test_logits_are_moved_to_any_mean(mean):
    decoded = np.random.default_rng(0).random((50, 3))
    decoded[:4, 1] = 0.0, 1.0, 1e-20, 1.0 - 1e-16
    decoded[:, 2] = 0.999
    wanted = np.full(3, mean)
    moved = Bernoulli().move(decoded, logit_offsets(decoded, wanted))
    assert ((moved >= 0) & (moved <= 1)).all()
    np.testing.assert_allclose(moved[:, [0, 2]].mean(axis=0), wanted[[0, 2]], atol=1e-5)
