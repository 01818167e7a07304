"""A trained network that is a linear Gaussian model, whose densities are known."""

import dataclasses

import numpy as np
import torch

from vaega.generative._closed_form import ProbabilisticPCA
from vaega.generative._networks import VariationalNetwork
from vaega.generative._state import NetworkCodec


def as_network(model: ProbabilisticPCA, *, spread: float = 1.0):
    """The state of a fitted `ProbabilisticPCA` with a network in place of its closed form.

    ``relu(a) - relu(-a) = a`` makes both halves linear. The encoder's standard deviations are
    `spread` times the right ones.
    """
    codec = model.state_.codec
    p, latent = codec.weights.shape
    network = VariationalNetwork(p, (2 * max(p, latent),), latent, norm=None).double().eval()
    precision = 1 + (codec.weights / codec.sigma[:, None]).square().sum(dim=0)
    gain = (codec.weights / codec.sigma.square()[:, None]).T / precision[:, None]
    log_variance = -precision.log() + 2 * np.log(spread)
    with torch.no_grad():
        for part in network.parameters():
            part.zero_()
        _both_signs(network.encoder.body[0], torch.eye(p).double(), -codec.means[0])
        network.encoder.heads.weight[:latent, :p] = gain
        network.encoder.heads.weight[:latent, p : 2 * p] = -gain
        network.encoder.heads.bias[latent:] = log_variance
        eye = torch.eye(latent).double()
        _both_signs(network.decoder.body[0], eye, torch.zeros(latent).double())
        network.decoder.output.weight[:, :latent] = codec.weights
        network.decoder.output.weight[:, latent : 2 * latent] = -codec.weights
        network.decoder.output.bias[:] = codec.means[0]
    return dataclasses.replace(model.state_, codec=NetworkCodec(network, codec.class_priors, False))


def _both_signs(layer, weight, bias):
    n = len(weight)
    layer.weight[:n], layer.weight[n : 2 * n] = weight, -weight
    layer.bias[:n], layer.bias[n : 2 * n] = bias, -bias
