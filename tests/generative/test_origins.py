import numpy as np
import torch

from tests.generative.data import blobs
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._fitted import Around, draw_points


def drawn(engine, wanted, source, around=None, seed=0):
    rng = np.random.default_rng(seed)
    return draw_points(
        engine.codec, engine.gaussians, wanted, source=source, around=around, rng=rng
    )


def test_points_of_the_prior_are_standard_normal():
    X, y = blobs()
    found = drawn(ProbabilisticPCA(2).fit(X, y).engine_, 50_000, "prior")
    torch.testing.assert_close(torch.cov(found.values.T), torch.eye(2).double(), atol=0.03, rtol=0)
    assert not found.placed


def test_classes_come_in_proportion():
    X, _ = blobs()
    y = np.repeat([0, 1], [45, 15])
    for source in ("prior", "posterior"):
        codes = drawn(ClassGaussian().fit(X, y).engine_, 20_000, source).codes
        np.testing.assert_allclose(np.bincount(codes) / 20_000, [0.75, 0.25], atol=0.02)


def test_points_around_rows_are_of_their_posteriors():
    X, y = blobs()
    engine = ProbabilisticPCA(2).fit(X, y).engine_
    rows = engine.scaling.forward(X)
    found = drawn(engine, 60_000, "rows", Around(rows, y))
    mean, _ = engine.codec.posterior(rows, y)
    assert found.codes.tolist() == np.tile(y, 1000).tolist()
    torch.testing.assert_close(found.values.view(1000, 60, 2).mean(dim=0), mean, atol=0.1, rtol=0)
    assert found.placed


def test_points_around_rows_of_a_class():
    X, y = blobs()
    engine = ProbabilisticPCA(2).fit(X, y).engine_
    around = Around(engine.scaling.forward(X), y)
    wanted = np.array([1, 0, 1])
    assert drawn(engine, wanted, "rows", around).codes.tolist() == [1, 0, 1]
