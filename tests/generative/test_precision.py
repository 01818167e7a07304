import pytest
import torch

from vaega.core.errors import InputError
from vaega.generative import _training as precision
from vaega.generative._training import FEWEST_WEIGHTS, autocast, resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("has", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bfloat16_where_the_processor_has_it(monkeypatch, has, expected):
    monkeypatch.setattr(precision, "supports_bfloat16", lambda device: has)
    assert resolve_precision("auto", CPU, FEWEST_WEIGHTS, owner="VAE") == expected
    assert resolve_precision("auto", CPU, FEWEST_WEIGHTS - 1, owner="VAE") == torch.float32


def test_what_is_asked_for_is_taken():
    assert resolve_precision("bfloat16", CPU, 1, owner="VAE") == torch.bfloat16
    assert resolve_precision("float32", CPU, 10**9, owner="VAE") == torch.float32
    with pytest.raises(InputError, match=r"^VAE: precision must be .* got 'half'"):
        resolve_precision("half", CPU, 1, owner="VAE")


def test_products_keep_single_precision_weights():
    layer = torch.nn.Linear(3, 2)
    with autocast(torch.bfloat16, CPU):
        out = layer(torch.ones(1, 3))
    out.float().sum().backward()
    assert (out.dtype, layer.weight.grad.dtype) == (torch.bfloat16, torch.float32)
    with autocast(torch.float32, CPU):
        assert layer(torch.ones(1, 3)).dtype == torch.float32
