import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.report._generator_figures import (
    busiest_dimensions,
    class_samples,
    draw_images,
    image_sheet,
    plane_lines,
    traversal_lines,
)


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
    draw_images({"same": np.ones((2, 4))}, (2, 2)).draw_without_rendering()


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
