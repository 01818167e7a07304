import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.distributions import Normal, kl_divergence

from vaega.core.errors import InputError
from vaega.generative._calibration import logit_offsets
from vaega.generative._models import VAE
from vaega.generative._networks import (
    Bernoulli,
    Decoder,
    Encoder,
    Gaussian,
    HierarchicalNetwork,
    Laplace,
    VariationalNetwork,
    _combine,
    build_network,
    initialise,
)
from vaega.generative._settings import find_likelihood
from vaega.generative._training import kl_by_dimension


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("norm", ["batch", "layer", None])
def test_decoder_mirrors_the_encoder(norm):
    network = VariationalNetwork(7, (5, 4), 3, norm=norm)
    encoder = [m for m in network.encoder.modules() if isinstance(m, nn.Linear)]
    decoder = [m for m in network.decoder.modules() if isinstance(m, nn.Linear)]
    assert [m.in_features for m in encoder] == [7, 5, 4]
    assert [m.out_features for m in decoder] == [4, 5, 7]


def test_output_norm_is_a_choice():
    plain = Decoder(2, (4,), 6, norm="batch", output_norm=False)
    thesis = Decoder(2, (4,), 6, norm="batch", output_norm=True)
    assert isinstance(plain.output_norm, nn.Identity)
    assert isinstance(thesis.output_norm, nn.BatchNorm1d)


def test_condition_changes_both_halves():
    network = build_network(generator(), 6, (5,), 2, norm=None, n_conditions=2)
    rows, points = torch.ones(1, 6), torch.ones(1, 2)
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert not torch.equal(network.encode(rows, first)[0], network.encode(rows, second)[0])
    assert not torch.equal(network.decode(points, first), network.decode(points, second))


def test_log_variance_stays_where_exp_is_finite():
    encoder = Encoder(1, (2,), 1, norm=None)
    with torch.no_grad():
        _, log_variance = encoder(torch.full((1, 1), 1e30))
    assert torch.isfinite(log_variance.exp()).all()


def test_equal_generators_give_equal_weights():
    a, b = (build_network(generator(3), 6, (5,), 2).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_building_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    build_network(generator(), 6, (5,), 2)
    assert torch.equal(before, torch.get_rng_state())


def test_every_tensor_is_initialised():
    network = build_network(generator(), 50, (40, 30), 4, norm="batch", output_norm=True)
    for name, value in network.state_dict().items():
        assert torch.isfinite(value.float()).all(), name
        assert value.float().abs().max() <= 1.0, name


def test_linear_layers_start_as_torch_starts_them():
    linear = nn.Linear(400, 300)
    initialise(linear, generator())
    assert linear.weight.std().item() == pytest.approx(1 / np.sqrt(3 * 400), rel=0.02)


def test_a_new_decoder_says_about_the_mean():
    network = build_network(generator(), 50, (40,), 4)
    network.eval()
    assert network.decode(torch.randn(100, 4, generator=generator())).square().mean() < 0.01


def network(sizes=(4, 3, 2), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return build_network(generator, 6, (8, 5), sizes, network=HierarchicalNetwork).double().eval()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def test_three_layers_have_their_shapes():
    net = network()
    points, mean, log_variance = net.infer(normal(7, 6), normal(7, 9))
    assert points.shape == mean.shape == log_variance.shape == (7, 9)
    assert net.decode(points).shape == (7, 6)


def test_points_are_mean_plus_noise_in_their_own_units():
    net, noise = network(), normal(7, 9)
    points, mean, log_variance = net.infer(normal(7, 6), noise)
    torch.testing.assert_close(points, mean + torch.exp(0.5 * log_variance) * noise)


def test_the_topmost_layer_does_not_see_the_noise_below_it():
    net, rows = network(), normal(7, 6)
    low = torch.cat([torch.zeros(7, 2), torch.ones(7, 7)], dim=1).double()
    one, other = net.infer(rows, torch.zeros(7, 9).double()), net.infer(rows, low)
    assert torch.equal(one[1][:, :5], other[1][:, :5])  # and the next one only that of the first
    top = torch.cat([torch.ones(7, 2), torch.zeros(7, 7)], dim=1).double()
    assert not torch.equal(one[1][:, 2:], net.infer(rows, top)[1][:, 2:])


def test_changing_coordinates_changes_no_kl():
    bottom_up, prior = (
        (normal(5, 3), normal(5, 3, seed=1)),
        (normal(5, 3, seed=2), normal(5, 3, seed=3)),
    )
    mean, log_variance = _combine(bottom_up, prior)
    precisions = [torch.exp(-part[1]) for part in (bottom_up, prior)]
    variance = 1 / (precisions[0] + precisions[1])
    centre = variance * (precisions[0] * bottom_up[0] + precisions[1] * prior[0])
    expected = kl_divergence(
        Normal(centre, variance.sqrt()), Normal(prior[0], torch.exp(0.5 * prior[1]))
    )
    torch.testing.assert_close(kl_by_dimension(mean, log_variance), expected)


def test_features_are_a_slice_of_all():
    net, points = network(), normal(7, 9)
    some = torch.tensor([4, 1])
    torch.testing.assert_close(net.decode(points, None, some), net.decode(points)[:, some])


def test_lower_priors_start_near_the_standard_one():
    net = network()
    prior = net._prior(0, normal(50, 3))
    assert prior[0].abs().max() < 0.3
    assert prior[1].abs().max() < 0.3


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
        result = find_likelihood(name, owner="VAE").log_density(x, raw, sigma)
        np.testing.assert_allclose(result, values)


def test_bernoulli_is_scipys_from_logits():
    x, raw = torch.tensor([0.0, 1.0, 1.0]).double(), torch.tensor([0.3, -40.0, 2.0]).double()
    result = Bernoulli().log_density(x, raw, torch.ones(3).double())
    expected = stats.bernoulli.logpmf(x.numpy(), raw.sigmoid().numpy())
    np.testing.assert_allclose(result, expected, rtol=1e-6)


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
    requested = np.full(3, mean)
    moved = Bernoulli().move(decoded, logit_offsets(decoded, requested))
    assert ((moved >= 0) & (moved <= 1)).all()
    np.testing.assert_allclose(moved[:, [0, 2]].mean(axis=0), requested[[0, 2]], atol=1e-5)
