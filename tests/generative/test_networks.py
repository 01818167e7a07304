import numpy as np
import pytest
import torch
from torch import nn

from vaega.generative._networks import (
    Decoder,
    Encoder,
    VariationalNetwork,
    build_network,
    initialise,
)


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
