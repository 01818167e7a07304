import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vaega.generative._networks import LIKELIHOODS, Gaussian, build_network
from vaega.generative._training import Batch, TrainingObjective, gaussian_kl, kl_by_dimension


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_kl_is_that_of_torch_distributions():
    mean, log_variance = normal(5, 3), normal(5, 3, seed=1)
    posterior = Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)
    prior = Independent(Normal(torch.zeros(5, 3), torch.ones(5, 3)), 1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), kl_divergence(posterior, prior))


def test_the_bound_is_log_density_minus_kl():
    rows, raw, mean, log_variance = normal(7, 4), normal(7, 4, seed=1), normal(7, 2), normal(7, 2)
    objective = TrainingObjective(Gaussian(), beta=2.0)
    parts = objective.terms(Batch(rows), raw, mean, log_variance, torch.tensor(0.6))
    density = Normal(raw, 0.6).log_prob(rows).sum()
    kl = gaussian_kl(mean, log_variance).sum()
    torch.testing.assert_close(parts.reconstruction, density)
    torch.testing.assert_close(objective.loss(parts, 7.0, 1.0), (2.0 * kl - density) / 7)
    torch.testing.assert_close(parts.kl.sum(), kl)


def test_a_sigma_a_feature():
    rows, raw, sigma = normal(7, 4), normal(7, 4, seed=1), torch.tensor([0.5, 1.0, 2.0, 3.0])
    zero = torch.zeros(7, 1)
    parts = TrainingObjective(Gaussian()).terms(Batch(rows), raw, zero, zero, sigma)
    torch.testing.assert_close(parts.reconstruction, Normal(raw, sigma).log_prob(rows).sum())
    assert parts.error.shape == (4,)


@pytest.mark.parametrize("sigma", [torch.tensor(0.6), torch.tensor([0.5, 1.0, 2.0, 3.0])])
@pytest.mark.parametrize("likelihood", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_missing_entries_and_weights_are_sums_over_the_rest(likelihood, sigma):
    rows, raw, zero = (normal(7, 4) > 0).float(), normal(7, 4, seed=1), torch.zeros(7, 1)
    seen, weight = (normal(7, 4, seed=2) > 0).float(), torch.arange(7.0)
    parts = TrainingObjective(likelihood).terms(
        Batch(rows, observed=seen, weight=weight), raw, zero, zero, sigma
    )
    entries = likelihood.log_density(rows, raw, sigma) * seen * weight[:, None]
    torch.testing.assert_close(parts.reconstruction, entries.sum())


def test_errors_are_summed_over_features_never_averaged():
    zero = torch.zeros(4, 1)
    for p in (3, 300):
        rows = Batch(torch.ones(4, p))
        parts = TrainingObjective(Gaussian()).terms(
            rows, torch.zeros(4, p), zero, zero, torch.tensor(1.0)
        )
        assert parts.error.item() == 4 * p


def test_free_bits_cost_nothing():
    objective = TrainingObjective(Gaussian(), free_bits=0.5)
    mean = torch.tensor([[0.1, 3.0], [0.1, 3.0]], requires_grad=True)
    parts = objective.terms(
        Batch(torch.zeros(2, 1)), torch.zeros(2, 1), mean, torch.zeros(2, 2), torch.tensor(1.0)
    )
    objective.loss(parts, 2.0, 1.0).backward()
    assert not mean.grad[:, 0].any()
    assert mean.grad[:, 1].all()


def test_gradient_of_the_reparameterisation_is_that_of_finite_differences():
    network = build_network(torch.Generator().manual_seed(0), 6, (8,), 2, norm=None).double()
    rows, noise = Batch(normal(5, 6).double()), normal(5, 2, seed=1).double()
    objective, sigma = TrainingObjective(Gaussian()), torch.tensor(0.7).double()
    weight = network.encoder.heads.weight

    def loss():
        outputs = network(rows.values, noise)
        return objective.loss(objective.terms(rows, *outputs, sigma), 5.0, 1.0)

    loss().backward()
    with torch.no_grad():
        for index in [(0, 0), (3, 5)]:  # of a mean and of a log-variance
            weight[index] += 1e-6
            above = loss()
            weight[index] -= 2e-6
            slope = (above - loss()) / 2e-6
            weight[index] += 1e-6
            assert slope.item() == pytest.approx(weight.grad[index].item(), rel=1e-4, abs=1e-6)


def test_kl_of_half_precision_is_computed_in_single():
    mean = torch.full((1, 1), 0.01, dtype=torch.bfloat16)
    assert kl_by_dimension(mean, torch.zeros_like(mean)).dtype == torch.float32
    assert kl_by_dimension(mean.double(), mean.double()).dtype == torch.float64
