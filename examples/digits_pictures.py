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
from vaega.report._generator_figures import (
    busiest_dimensions,
    class_samples,
    plane_lines,
    traversal_lines,
)

SHAPE = (8, 8)
INK = (0, 16)


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
