"""Pictures of an autoencoder and of variational autoencoders, on scikit-learn's digits.

Run with a folder, ``python examples/digits_pictures.py pictures``, it writes PNG files there;
without one it draws them and says how large they are.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from vaega import VAE, Autoencoder, measure_quality
from vaega.report import (
    draw_classes,
    draw_columns,
    draw_components,
    draw_images,
    draw_latent_spaces,
    draw_losses,
    render,
)

SHAPE = (8, 8)
INK = (0, 16)


def class_samples(model, X, y, *, n_lines=3, seed=0):
    """Return real rows and synthetic ones, one of each class a line."""
    labels = np.unique(y).tolist()
    first = np.array([np.flatnonzero(y == label)[:n_lines] for label in labels])
    drawn, _ = model.sample(dict.fromkeys(labels, n_lines), random_state=seed)
    drawn = np.asarray(drawn).reshape(len(labels), n_lines, -1)
    real = {f"real {line + 1}": X[first[:, line]] for line in range(n_lines)}
    return real | {f"synthetic {line + 1}": drawn[:, line] for line in range(n_lines)}


def traversal_lines(model, row, *, dimensions, values):
    """Decode a row with one latent dimension changed at a time, a line each."""
    return {
        f"z{dimension}": np.asarray(model.traverse(dimension, list(values), around=row))
        for dimension in dimensions
    }


def busiest_dimensions(model, X, n):
    """Return the latent dimensions in which rows differ most, the first ones first."""
    variances = np.asarray(model.transform(X)).var(axis=0)
    return np.argsort(-variances, kind="stable")[:n].tolist()


def plane_lines(model, limits, *, n=12):
    """Decode a square of a two-dimensional latent space; the second dimension grows upwards."""
    steps = np.linspace(*limits, n)
    points = np.array([[across, up] for up in steps[::-1] for across in steps])
    decoded = np.asarray(model.inverse_transform(points)).reshape(n, n, -1)
    return {f"{up:.1f}": line for up, line in zip(steps[::-1], decoded, strict=True)}


def draw_all():
    X, y = load_digits(return_X_y=True)
    plain = {"hidden": (64, 32), "latent": 2, "max_epochs": 150, "random_state": 0}
    flat_ae = Autoencoder(**plain).fit(X, y)
    # Beside a sigma that follows the residuals, a larger one makes the KL count: the plane is full.
    flat_vae = VAE(sigma=1.0, **plain).fit(X, y)
    model = VAE(hidden=(128, 64), latent=16, max_epochs=200, random_state=0).fit(X, y)
    rows, labels = model.sample(dict.fromkeys(range(10), 60), random_state=0)
    yield "losses", draw_losses(model)
    yield "latent_spaces", draw_latent_spaces({"autoencoder": flat_ae, "VAE": flat_vae}, X, y)
    span = float(np.quantile(np.abs(flat_ae.transform(X)), 0.99))
    yield "plane_ae", draw_images(plane_lines(flat_ae, (-span, span)), SHAPE, limits=INK, scale=0.4)
    yield "plane_vae", draw_images(plane_lines(flat_vae, (-2.5, 2.5)), SHAPE, limits=INK, scale=0.4)
    yield "samples", draw_images(class_samples(model, X, y), SHAPE, limits=INK)
    dimensions = busiest_dimensions(model, X, 6)
    steps = np.linspace(-3, 3, 11)
    lines = traversal_lines(model, X[0], dimensions=dimensions, values=steps)
    yield "traversals", draw_images(lines, SHAPE, limits=INK)
    yield "components", draw_components(X, rows, y, labels)
    report = measure_quality(model, X, y, n_synthetic=1000, references=False)
    yield "classes", draw_classes(report, "knn")
    yield "columns", draw_columns(report)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for name, figure in draw_all():
        content = render(figure, "png")
        print(f"{name:14} {len(content) / 1024:6.1f} KiB")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(content)


if __name__ == "__main__":
    main()
