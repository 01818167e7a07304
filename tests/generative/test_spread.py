import pytest
import torch

from vaega.generative._networks import Bernoulli, Gaussian
from vaega.generative._training import SMALLEST, DecoderSigma

ERROR = torch.tensor([1.0, 7.0])


def test_heldout_follows_what_it_is_told():
    spread = DecoderSigma("heldout", Gaussian(), ERROR)
    assert (spread.value.item(), spread.parameters) == (2.0, [])
    spread.follow(torch.tensor(9.0))
    assert spread.value.item() == 3.0
    spread.follow(torch.tensor(0.0))
    assert spread.value.item() == pytest.approx(SMALLEST)


@pytest.mark.parametrize(("rule", "shape"), [("shared", ()), ("feature", (2,))])
def test_learned_ones_are_parameters(rule, shape):
    spread = DecoderSigma(rule, Gaussian(), ERROR)
    (parameter,) = spread.parameters
    assert parameter.shape == spread.value.shape == shape
    spread.value.sum().backward()
    assert parameter.grad.abs().sum() > 0
    before = spread.value.detach().clone()
    spread.follow(torch.tensor(100.0))
    assert torch.equal(spread.value.detach(), before)
    spread.set(before * 2)
    torch.testing.assert_close(spread.value.detach(), before * 2)


def test_a_number_stays():
    spread = DecoderSigma(0.5, Gaussian(), ERROR)
    spread.follow(torch.tensor(100.0))
    assert spread.value.item() == 0.5


def test_a_family_without_sigma_learns_none():
    assert DecoderSigma("shared", Bernoulli(), ERROR).parameters == []
