import pytest

from vaega.core.errors import InputError
from vaega.generative.autoencoders import VAE
from vaega.generative.settings import check_settings


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
        ("device", "gpu"),
    ],
)
def test_each_bad_parameter_is_one_sentence(name, value):
    with pytest.raises(InputError, match=rf"^VAE: .*{name}.*[^.]$|^VAE: .*{name}.*\.$") as caught:
        check_settings(VAE(**{name: value}), conditional=False)
    assert "\n" not in str(caught.value)


def test_settings_are_what_the_constructor_stored():
    settings = check_settings(VAE([9, 8], 3, norm=None, sigma=0.5), conditional=True)
    assert settings.hidden == (9, 8)
    assert settings.training.sigma == 0.5
    sizes = settings.network_sizes(20, 4)
    assert (sizes["n_features"], sizes["n_conditions"], sizes["norm"]) == (20, 4, None)


def test_heldout_sigma_is_no_number():
    assert check_settings(VAE(), conditional=False).training.sigma is None
