import numpy as np
import pytest
import torch
from scipy import stats

from vaega.core.errors import InputError
from vaega.generative.likelihoods import Bernoulli, Gaussian, Laplace, find_likelihood

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
    best = family.spread(family.error(x, zero).mean())
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
