import torch
from torch.distributions import Normal, kl_divergence

from vaega.generative._networks import HierarchicalNetwork, _combine, build_network
from vaega.generative._training import kl_by_dimension


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
