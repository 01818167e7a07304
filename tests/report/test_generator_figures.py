from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import rcParams

from vaega.core.errors import InputError
from vaega.report._figures import render
from vaega.report._generator_figures import (
    draw_components,
    draw_latent_spaces,
    draw_losses,
    latent_cloud,
    loss_curves,
    principal_components,
)


class Projection:
    """A model that drops columns; with a likelihood where it is said to be variational."""

    def __init__(self, n=2, variational=False):
        self.n = n
        if variational:
            self.score_samples = lambda X: np.zeros(len(X))

    def transform(self, X):
        return X[:, : self.n]


def trained():
    lists = {"elbo": [-9.0, -5.0, -4.0], "heldout_elbo": [-9.5, -6.0, -6.5], "error": [8.0, 4, 3]}
    lists |= {"heldout_error": [8.5, 5.0, 5.5], "kl": [1.0, 1.5, 2.0], "heldout_kl": [1.0, 1.2, 1]}
    return SimpleNamespace(history_=SimpleNamespace(**lists, best_epoch=1))


def test_curves_are_the_history():
    curves = loss_curves(trained())
    assert curves.kept == 2
    assert [title.split(",")[0] for title in curves.panels] == [
        "ELBO", "reconstruction error a row", "KL divergence",
    ]  # fmt: skip
    assert curves.panels["ELBO, nats a row"] == ([-9.0, -5.0, -4.0], [-9.5, -6.0, -6.5])


def test_the_kept_epoch_is_marked():
    figure = draw_losses(trained())
    assert len(figure.axes) == 3
    for ax in figure.axes:
        (line,) = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert line.get_xdata()[0] == 2


def test_a_history_without_kl_has_no_panel_of_it():
    model = trained()
    model.history_.kl = model.history_.heldout_kl = []
    assert len(draw_losses(model).axes) == 2


@pytest.mark.parametrize("history", [None, SimpleNamespace(elbo=[])])
def test_a_model_without_epochs_is_refused(history):
    with pytest.raises(InputError, match="has no epochs to draw"):
        draw_losses(SimpleNamespace(history_=history))


def test_two_dimensions_are_kept_and_more_are_reduced(two_clouds):
    X, _ = two_clouds
    assert np.array_equal(latent_cloud("a", Projection(2), X).points, X[:, :2])
    points = latent_cloud("a", Projection(6), X).points
    assert points.shape == (60, 2)
    assert points[:, 0].var() == pytest.approx(np.linalg.eigvalsh(np.cov(X[:, :6].T, ddof=0))[-1])
    assert latent_cloud("a", Projection(1), X).points[:, 1].tolist() == [0.0] * 60


def test_the_prior_is_drawn_for_variational_models_only(two_clouds):
    X, y = two_clouds
    models = {"AE": Projection(), "VAE": Projection(variational=True)}
    figure = draw_latent_spaces(models, X, y, ["no", "yes"])
    plain, variational = figure.axes
    assert (len(plain.patches), len(variational.patches)) == (0, 2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no", "yes"]
    assert variational.get_title() == "VAE"


def test_components_are_those_of_the_real_rows(two_clouds):
    X, _ = two_clouds
    found = principal_components(X, X + 5 * X.std(axis=0))
    assert found.real.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    assert found.shares[0] == pytest.approx(np.linalg.eigvalsh(np.cov(standard.T, ddof=0))[-1] / 12)
    moved = found.synthetic - found.real
    assert moved == pytest.approx(np.tile(moved[0], (60, 1)))


def test_constant_columns_say_nothing(two_clouds):
    X, _ = two_clouds
    wide = np.column_stack([X, np.full(60, 7.0)])
    synthetic = np.column_stack([X, np.linspace(0, 99, 60)])
    assert principal_components(wide, synthetic).synthetic == pytest.approx(
        principal_components(X, X).real
    )


def test_many_classes_differ_by_marker(two_clouds):
    X, _ = two_clouds
    y = np.arange(60) % 20
    figure = draw_components(X, X, y, y)
    assert len(figure.axes[0].collections) == 20


def test_the_same_figure_gives_the_same_bytes(two_clouds):
    X, y = two_clouds
    before = dict(rcParams)
    one, two = (render(draw_components(X, X, y, y), "png") for _ in range(2))
    assert one == two
    assert dict(rcParams) == before


def test_real_models_are_drawn(two_clouds):
    from vaega.generative._models import VAE

    X, y = two_clouds
    model = VAE(hidden=(8,), latent=2, max_epochs=5, random_state=0).fit(X, y)
    assert len(draw_losses(model).axes) == 3
    assert len(draw_latent_spaces({"VAE": model}, X, y).axes[0].patches) == 2
