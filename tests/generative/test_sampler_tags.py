from imblearn.base import is_sampler
from sklearn.utils import get_tags

from vaega.generative._models import VAE
from vaega.generative._samplers import GenerativeSampler


def test_imbalanced_learn_sees_a_sampler():
    tags = get_tags(GenerativeSampler())
    assert is_sampler(GenerativeSampler())
    assert tags.target_tags.required
    assert tags.input_tags.dataframe
    assert not tags.sampler_tags.sample_indices


def test_a_model_is_no_sampler():
    assert not is_sampler(VAE())
