import numpy as np
import torch

from tests.generative.data import blobs
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._state import SourceRows, draw_latent


def drawn(state, wanted, source, around=None, seed=0):
    rng = np.random.default_rng(seed)
    return draw_latent(state.codec, state.gaussians, wanted, source=source, rows=around, rng=rng)


def test_points_of_the_prior_are_standard_normal():
    X, y = blobs()
    found = drawn(ProbabilisticPCA(2).fit(X, y).state_, 50_000, "prior")
    torch.testing.assert_close(torch.cov(found.points.T), torch.eye(2).double(), atol=0.03, rtol=0)
    assert not found.in_class


def test_classes_come_in_proportion():
    X, _ = blobs()
    y = np.repeat([0, 1], [45, 15])
    for source in ("prior", "posterior"):
        codes = drawn(ClassGaussian().fit(X, y).state_, 20_000, source).codes
        np.testing.assert_allclose(np.bincount(codes) / 20_000, [0.75, 0.25], atol=0.02)


def test_points_around_rows_are_of_their_posteriors():
    X, y = blobs()
    state = ProbabilisticPCA(2).fit(X, y).state_
    rows = state.scaling.forward(X)
    found = drawn(state, 60_000, "rows", SourceRows(rows, y))
    mean, _ = state.codec.posterior(rows, y)
    assert found.codes.tolist() == np.tile(y, 1000).tolist()
    torch.testing.assert_close(found.points.view(1000, 60, 2).mean(dim=0), mean, atol=0.1, rtol=0)
    assert found.in_class


def test_points_around_rows_of_a_class():
    X, y = blobs()
    state = ProbabilisticPCA(2).fit(X, y).state_
    around = SourceRows(state.scaling.forward(X), y)
    wanted = np.array([1, 0, 1])
    assert drawn(state, wanted, "rows", around).codes.tolist() == [1, 0, 1]
