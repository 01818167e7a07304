import pytest
from torch import nn

from vaega.core.errors import InputError
from vaega.generative._models import VAE, ConditionalVAE
from vaega.generative._networks import VariationalNetwork
from vaega.generative._settings import PRESETS, check_settings, find_preset


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_valid(name):
    check_settings(VAE.from_preset(name))


def test_the_thesis_network_is_as_published():
    settings = check_settings(ConditionalVAE.from_preset("thesis"))
    network = VariationalNetwork(**settings.network_sizes(7129, 2))
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 3
    assert [type(layer) for layer in network.encoder.body] == kinds
    assert [type(layer) for layer in network.decoder.body] == kinds
    widths = [layer.out_features for layer in network.encoder.body if isinstance(layer, nn.Linear)]
    assert widths == [346, 178, 178]
    assert isinstance(network.decoder.output_norm, nn.BatchNorm1d)


def test_changes_win():
    assert VAE.from_preset("thesis_madelon", latent=7).latent == 7


def test_an_unknown_preset_is_one_sentence():
    with pytest.raises(InputError, match=r"^VAE: preset must be .* got 'best'"):
        find_preset("best", owner="VAE")
