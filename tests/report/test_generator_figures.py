"""Figures of generators: the records behind them, and what is drawn."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import rcParams

from examples.digits_pictures import (
    busiest_dimensions,
    class_samples,
    plane_lines,
    traversal_lines,
)
from tests.generative.quality.stubs import two_classes
from vaega.core.errors import InputError
from vaega.core.figures import render
from vaega.generative.quality import measure_rows
from vaega.report._generator_figures import (
    class_figures,
    draw_classes,
    draw_columns,
    draw_components,
    draw_images,
    draw_latent_spaces,
    draw_losses,
    image_sheet,
    latent_cloud,
    loss_curves,
    plot_rows,
    principal_components,
    row_groups,
    row_points,
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
    assert variational.get_title(loc="left") == "VAE"


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


class Identity:
    """Rows are their own latent points."""

    def transform(self, X):
        return np.asarray(X)

    def inverse_transform(self, Z):
        return np.asarray(Z)

    def traverse(self, dimension, values, *, around):
        points = np.tile(around, (len(values), 1))
        points[:, dimension] = values
        return points

    def sample(self, n, *, random_state):
        rows = [np.full((count, 4), 10 * label) for label, count in n.items()]
        return np.concatenate(rows), np.repeat(list(n), list(n.values()))


def test_images_stand_in_lines_with_gaps():
    sheet = image_sheet([np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), np.array([[9, 9, 9, 9]])], (2, 2))
    nan = np.nan
    assert np.array_equal(
        sheet,
        [[1, 2, nan, 5, 6], [3, 4, nan, 7, 8], [nan] * 5, [9, 9, nan, nan, nan],
         [9, 9, nan, nan, nan]],
        equal_nan=True,
    )  # fmt: skip


def test_rows_that_are_no_images_are_refused():
    with pytest.raises(InputError, match="images of 2 x 2 need rows of 4 values"):
        image_sheet([np.zeros((3, 5))], (2, 2))


def test_lines_have_their_names():
    figure = draw_images({"real": np.eye(4), "synthetic": np.eye(4)}, (2, 2))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["real", "synthetic"]
    assert draw_images({"a": np.eye(4)}, (2, 2), limits=(0, 5)).axes[0].images[0].get_clim() == (
        0, 5,
    )  # fmt: skip


def test_images_all_alike_are_drawn():
    figure = draw_images({"same": np.ones((2, 4))}, (2, 2))
    figure.draw_without_rendering()
    (image,) = figure.axes[0].images
    low, high = image.get_clim()
    assert low == 1.0 < high
    drawn = np.asarray(image.get_array())
    assert drawn.shape == (2, 5)
    assert (drawn[:, [0, 1, 3, 4]] == 1.0).all()


def test_samples_stand_below_real_rows_class_by_class():
    X, y = np.arange(24.0).reshape(6, 4), np.array([0, 1, 0, 1, 0, 1])
    lines = class_samples(Identity(), X, y, n_lines=2)
    assert list(lines) == ["real 1", "real 2", "synthetic 1", "synthetic 2"]
    assert np.array_equal(lines["real 2"], X[[2, 3]])
    assert lines["synthetic 1"][:, 0].tolist() == [0, 10]


def test_a_traversal_changes_one_dimension():
    lines = traversal_lines(Identity(), np.zeros(4), dimensions=[2, 0], values=[-1.0, 1.0])
    assert list(lines) == ["z2", "z0"]
    assert lines["z2"].tolist() == [[0, 0, -1, 0], [0, 0, 1, 0]]


def test_the_busiest_dimensions_vary_most():
    X = np.array([[0.0, 1.0, 5.0], [1.0, 1.0, -5.0]])
    assert busiest_dimensions(Identity(), X, 2) == [2, 0]


def test_the_plane_grows_upwards_and_to_the_right():
    lines = plane_lines(Identity(), (-1.0, 1.0), n=3)
    assert list(lines) == ["1.0", "0.0", "-1.0"]
    assert lines["1.0"].tolist() == [[-1, 1], [0, 1], [1, 1]]


def test_a_real_model_is_traversed():
    from vaega.generative._models import VAE

    X = np.random.default_rng(0).normal(size=(30, 4))
    model = VAE(hidden=(4,), latent=2, max_epochs=2, random_state=0).fit(X)
    lines = traversal_lines(model, X[0], dimensions=[0, 1], values=np.linspace(-2, 2, 5))
    assert draw_images(lines, (2, 2)).axes[0].images


@pytest.fixture(scope="module")
def report():
    return measure_rows(*[part for seed in range(3) for part in two_classes(40, seed=seed)])


def test_figures_are_the_reports(report):
    found = class_figures(report, "knn")
    assert found.labels == ["0 (20)", "1 (20)"]
    table = report.by_class.set_index(["classifier", "trained_on", "tested_on", "label"])
    assert found.synthetic["f1"][1] == table.loc[("knn", "synthetic", "real", "1"), "f1"]
    assert found.real["recall"][0] == table.loc[("knn", "real", "real", "0"), "recall"]
    assert class_figures(report).classifier == "mlp"


def test_an_unknown_classifier_is_refused(report):
    with pytest.raises(InputError, match="one of mlp, logistic, knn, gaussian_nb, got 'svm'"):
        class_figures(report, "svm")


def test_each_class_has_a_line(report):
    axes = draw_classes(report).axes
    assert [ax.get_xlabel() for ax in axes] == ["precision", "recall", "F1"]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["0 (20)", "1 (20)"]


def test_shares_of_columns_sum_to_one(report):
    left, right = draw_columns(report).axes
    for ax in (left, right):
        lines = [patch for patch in ax.patches if not patch.get_fill()]
        assert [np.sum(line.get_data().values) for line in lines] == pytest.approx(
            [1.0] * len(lines)
        )


def test_missing_figures_are_left_out(report):
    report.columns.loc[0, "variance_ratio"] = np.nan
    (line, _) = draw_columns(report).axes[1].patches[:2]
    n_known = len(report.columns) - 1
    shares = line.get_data().values * n_known
    assert shares == pytest.approx(np.round(shares))
    assert shares.sum() == pytest.approx(n_known)


def test_the_same_report_gives_the_same_bytes(report):
    assert render(draw_classes(report), "svg") == render(draw_classes(report), "svg")


POINTS = {"real": [[0.0, 1.0, 1], [2.0, 3.0, 0]], "synthetic": [[4.0, 5.0, 1]]}


def test_rows_are_drawn_by_kind_and_class():
    rows = row_points(POINTS, ["no", "yes"])
    assert rows["kind"].tolist() == ["synthetic", "real", "real"]
    assert rows["label"].tolist() == ["yes", "no", "yes"]
    ax = plot_rows(rows, [0.25])
    assert len(ax.collections) == len(row_groups(rows)) == 3
    hollow, *filled = ax.collections
    assert not len(hollow.get_facecolors())
    assert [points.get_offsets().tolist() for points in filled] == [[[2.0, 3.0]], [[0.0, 1.0]]]
    assert ax.get_xlabel() == "first axis, 25 % of the variance"
    assert ax.get_ylabel() == "second axis"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["no", "yes"]
    assert plot_rows(rows, [0.25], ax) is ax
