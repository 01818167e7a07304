"""Pictures of an autoencoder and of variational autoencoders, on scikit-learn's digits.

Run with a folder, ``python examples/digits_pictures.py docs/_static/digits``, it writes PNG files
there; without one it draws them and says how large they are. It prints the figures behind curves.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

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
BETAS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 20.0)
DRAWS = (1, 3, 10, 30, 100, 300, 1000)


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


def changed_classes(model, X, y, pairs, n=5):
    """Return rows of a class above what they decode to on the way to another one."""
    lines = {}
    for a, b in pairs:
        rows = X[y == a][:n]
        lines[f"{a}"] = rows
        lines[f"{a} to {b}"] = np.asarray(model.translate(rows, a, b))
    return lines


def measure_betas(fit_rows, rows):
    """Return KL and squared error of held-out rows, and the dimensions in use, for each beta."""
    record = []
    for beta in BETAS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says when the posterior collapses
            model = VAE(hidden=(64, 32), latent=8, beta=beta, random_state=0).fit(fit_rows)
        _, kl = model.elbo(rows)
        error = np.square(rows - model.reconstruct(rows)).mean()
        record.append((beta, kl.mean(), error, model.report_.active_units))
        print("beta {:<4g} KL {:5.2f} nats, squared error {:5.2f}, {} in use".format(*record[-1]))
    return np.array(record)


def draw_betas(record):
    """Draw KL and squared error over beta, and how many dimensions are in use."""
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    titles = ("KL, nats a row", "squared error a pixel", "latent dimensions in use")
    for ax, title, values in zip(figure.subplots(1, 3), titles, record.T[1:], strict=True):
        ax.plot(record[:, 0], values, marker="o", markersize=4)
        ax.set(title=title, xlabel="beta", xscale="log", ylim=(0, None))
        ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def measure_bounds(model, rows):
    """Return the ELBO of rows, and mean and spread over seeds of the bound by number of draws."""
    seeds = {n: max(3, 60 // n) for n in DRAWS}
    bounds = [
        [
            model.score_samples(rows, n_importance_samples=n, random_state=seed).mean()
            for seed in range(seeds[n])
        ]
        for n in DRAWS
    ]
    reconstruction, kl = model.elbo(rows, n_draws=1000)
    for n, values in zip(DRAWS, bounds, strict=True):
        print(f"draws {n:<4} bound {np.mean(values):8.2f} nats")
    print(f"ELBO {(reconstruction - kl).mean():.2f} nats")
    moments = np.array([[np.mean(values), np.std(values)] for values in bounds])
    return (reconstruction - kl).mean(), moments


def draw_bounds(elbo, moments):
    """Draw the importance-weighted bound over the number of draws, above the ELBO."""
    figure = Figure(figsize=(4.6, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.errorbar(DRAWS, moments[:, 0], moments[:, 1], marker="o", markersize=4, capsize=2)
    ax.axhline(elbo, color="0.35", linestyle="--", linewidth=1)
    ax.annotate("ELBO", (DRAWS[-1], elbo), xytext=(0, 3), textcoords="offset points", ha="right")
    ax.set(xscale="log", xlabel="latent points a row", ylabel="nats a row")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def prior_lines(models, X, n=12, n_measured=500):
    """Return what points of N(0, I) decode to; print how far that is from the nearest row."""
    lines = {}
    for name, model in models.items():
        points = np.random.default_rng(0).standard_normal((n_measured, model.latent))
        decoded = np.asarray(model.inverse_transform(points))
        away = NearestNeighbors(n_neighbors=1).fit(X).kneighbors(decoded)[0]
        print(f"N(0, I) decoded by {name}: {away.mean():.1f} from the nearest row")
        lines[name] = decoded[:n]
    apart = NearestNeighbors(n_neighbors=1).fit(X).kneighbors()[0]
    print(f"rows: {apart.mean():.1f} from the nearest other row")
    return lines


def likelihood_lines(X, y):
    """Return rows that a Gaussian and a Bernoulli decoder generate of grey values."""
    gaussian = VAE(random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that the values are grey
        bernoulli = VAE(likelihood="bernoulli", random_state=0).fit(X / 16, y)
    request = dict.fromkeys(range(10), 1)
    options = {"random_state": 0}
    return {
        "Gaussian": gaussian.sample(request, **options)[0],
        "Gaussian, mean": gaussian.sample(request, noise=False, **options)[0],
        "Bernoulli": 16 * bernoulli.sample(request, **options)[0],
        "Bernoulli, mean": 16 * bernoulli.sample(request, noise=False, **options)[0],
    }


def draw_all():
    X, y = load_digits(return_X_y=True)
    plain = {"hidden": (64, 32), "latent": 2, "max_epochs": 150, "random_state": 0}
    flat_ae = Autoencoder(**plain).fit(X, y)
    # Beside a sigma that follows the residuals, a larger one makes the KL count: the plane is full.
    flat_vae = VAE(sigma=1.0, **plain).fit(X, y)
    model = VAE(hidden=(128, 64), latent=16, max_epochs=200, random_state=0).fit(X, y)
    rows, drawn = model.sample(dict.fromkeys(range(10), 40), random_state=0)
    yield "losses", draw_losses(model)
    yield (
        "latent_spaces",
        draw_latent_spaces({"autoencoder": flat_ae, "VAE": flat_vae}, X[:800], y[:800]),
    )
    span = float(np.quantile(np.abs(flat_ae.transform(X)), 0.99))
    yield "plane_ae", draw_images(plane_lines(flat_ae, (-span, span)), SHAPE, limits=INK, scale=0.4)
    yield "plane_vae", draw_images(plane_lines(flat_vae, (-2.5, 2.5)), SHAPE, limits=INK, scale=0.4)
    deep = {"hidden": (64, 32), "latent": 8, "random_state": 0}
    priors = prior_lines({"autoencoder": Autoencoder(**deep).fit(X), "VAE": VAE(**deep).fit(X)}, X)
    yield "priors", draw_images(priors, SHAPE, limits=INK)
    yield "samples", draw_images(class_samples(model, X, y), SHAPE, limits=INK)
    dimensions = busiest_dimensions(model, X, 6)
    steps = np.linspace(-3, 3, 11)
    lines = traversal_lines(model, X[0], dimensions=dimensions, values=steps)
    yield "traversals", draw_images(lines, SHAPE, limits=INK)
    pairs = [(4, 9), (3, 8), (1, 7)]
    yield "attributes", draw_images(changed_classes(model, X, y, pairs, n=10), SHAPE, limits=INK)
    path = {
        f"{a} to {b}": np.asarray(model.interpolate(X[y == a][0], X[y == b][0], 10))
        for a, b in ((0, 6), (4, 9), (7, 2))
    }
    yield "interpolations", draw_images(path, SHAPE, limits=INK)
    yield "likelihoods", draw_images(likelihood_lines(X, y), SHAPE, limits=INK)
    fit_rows, heldout = train_test_split(X, test_size=0.3, random_state=0)
    yield "betas", draw_betas(measure_betas(fit_rows, heldout))
    fitted = VAE(hidden=(64, 32), latent=8, random_state=0).fit(fit_rows)
    yield "bounds", draw_bounds(*measure_bounds(fitted, heldout))
    yield "components", draw_components(X[:600], rows, y[:600], drawn)
    report = measure_quality(model, X, y, n_synthetic=1000, references=False)
    yield "classes", draw_classes(report, "knn")
    yield "columns", draw_columns(report)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for name, figure in draw_all():
        content = render(figure, "png", dpi=110)
        print(f"{name:14} {len(content) / 1024:6.1f} KiB")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(content)


if __name__ == "__main__":
    main()
