import numpy as np
import pytest
from torch import nn

from vaega.core.checks import check_flag
from vaega.core.errors import InputError
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._networks import VariationalNetwork
from vaega.generative._settings import PRESETS, check_settings, find_preset


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", ()),
        ("hidden", "big"),
        ("hidden", (0,)),
        ("hidden", 5),
        ("latent", 0),
        ("norm", "group"),
        ("output_norm", "yes"),
        ("standardize", 1),
        ("learning_rate", 0.0),
        ("batch_size", 1),
        ("max_epochs", 0),
        ("patience", 0),
        ("validation_fraction", 1.0),
        ("validation_fraction", 0.0),
        ("beta", -1.0),
        ("sigma", "free"),
        ("sigma", 0.0),
        ("calibration", None),
        ("likelihood", "poisson"),
        ("validation", "none"),
        ("annealing", "sudden"),
        ("annealing_epochs", 0),
        ("n_cycles", 101),
        ("free_bits", -0.1),
        ("n_draws", 0),
        ("class_weight", "heavy"),
        ("class_weight", {0: 0.0}),
        ("balanced_batches", 1),
        ("precision", "float16"),
        ("device", "gpu"),
    ],
)
def test_each_bad_parameter_is_one_sentence(name, value):
    with pytest.raises(InputError, match=rf"^VAE: .*{name}.*[^.]$|^VAE: .*{name}.*\.$") as caught:
        check_settings(VAE(**{name: value}))
    assert "\n" not in str(caught.value)


def test_settings_are_what_the_constructor_stored():
    settings = check_settings(ConditionalVAE([9, 8], 3, norm=None, sigma=0.5))
    assert settings.hidden == (9, 8)
    assert settings.training.sigma == 0.5
    sizes = settings.network_sizes(20, 4)
    assert (sizes["n_features"], sizes["n_conditions"], sizes["norm"]) == (20, 4, None)


def test_one_row_is_a_batch_where_no_norm_needs_two():
    assert check_settings(VAE(norm=None, batch_size=1)).training.batch_size == 1
    assert check_settings(VAE(norm="layer", batch_size=1)).training.batch_size == 1


def test_an_autoencoder_weighs_no_kl():
    objective = check_settings(Autoencoder()).training.objective
    assert (objective.beta, objective.free_bits) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["beta", "annealing", "free_bits", "n_draws"])
def test_an_autoencoder_has_no_parameters_of_the_kl(name):
    assert name not in Autoencoder().get_params()
    with pytest.raises(TypeError, match=name):
        Autoencoder(**{name: 1})


def test_the_default_weighs_the_kl_in_full():
    training = check_settings(VAE()).training
    assert training.objective.beta == 1.0
    assert training.annealing.share(0) == 1.0
    assert training.objective.free_bits == 0.0


def test_latent_layers():
    assert check_settings(HierarchicalVAE(latent=9)).latent == (9, 4)
    assert check_settings(HierarchicalVAE(latent=[5, 4, 3])).latent == (5, 4, 3)
    for bad in (1, (5,), "ab", (5, 0)):
        with pytest.raises(InputError, match=r"HierarchicalVAE: .*latent"):
            check_settings(HierarchicalVAE(latent=bad))


def test_few_rows_are_crossed():
    settings = check_settings(VAE())
    assert settings.is_crossed(59)
    assert not settings.is_crossed(60)
    assert check_settings(VAE(validation="crossfit")).is_crossed(1000)
    assert not check_settings(VAE(validation="split")).is_crossed(6)


@pytest.mark.parametrize("value", [1, "True", None])
def test_a_flag_is_true_or_false(value):
    with pytest.raises(InputError, match=r"^VAE: noise must be True or False, got"):
        check_flag(value, "noise", owner="VAE")
    assert check_flag(np.True_, "noise", owner="VAE") is True


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
