"""Pictures whose rows are images: samples, traversals, the plane of two latent dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaega.core.errors import InputError

# Between images, and where there is none.
GAP = np.nan


def image_sheet(rows: Sequence[Any], shape: tuple[int, int]) -> np.ndarray:
    """Put images into one, a list of them a line."""
    lines = [np.asarray(line, dtype=float) for line in rows]
    for line in lines:
        if line.ndim != 2 or line.shape[1] != shape[0] * shape[1]:
            raise InputError(
                f"images of {shape[0]} x {shape[1]} need rows of {shape[0] * shape[1]} values, "
                f"got shape {line.shape}."
            )
    height, width = shape[0] + 1, shape[1] + 1
    columns = max(len(line) for line in lines)
    sheet = np.full((height * len(lines) - 1, width * columns - 1), GAP)
    for place, line in enumerate(lines):
        for column, image in enumerate(line):
            top, left = place * height, column * width
            sheet[top : top + shape[0], left : left + shape[1]] = image.reshape(shape)
    return sheet


def draw_images(
    lines: Mapping[str, Any],
    shape: tuple[int, int],
    *,
    limits: tuple[float, float] | None = None,
    scale: float = 0.6,
) -> Figure:
    """Draw lines of images, each under its name: real rows above synthetic ones, say."""
    sheet = image_sheet(list(lines.values()), shape)
    margin = 0.1 * max(len(name) for name in lines) + 0.2
    inches = scale / shape[0]
    size = (margin + inches * sheet.shape[1] + 0.1, inches * sheet.shape[0] + 0.2)
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    low, high = limits or np.quantile(sheet[np.isfinite(sheet)], [0.01, 0.995])
    ax.imshow(sheet, cmap="gray_r", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest")
    middles = (shape[0] + 1) * np.arange(len(lines)) + (shape[0] - 1) / 2
    ax.set_yticks(middles, list(lines))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure


def class_samples(
    model: Any, X: Any, y: Any, *, n_lines: int = 3, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return real rows and synthetic ones, one of each class a line."""
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    labels = np.unique(y).tolist()
    first = np.array([np.flatnonzero(y == label)[:n_lines] for label in labels])
    drawn, _ = model.sample(dict.fromkeys(labels, n_lines), random_state=seed)
    drawn = np.asarray(drawn).reshape(len(labels), n_lines, -1)
    real = {f"real {line + 1}": X[first[:, line]] for line in range(n_lines)}
    return real | {f"synthetic {line + 1}": drawn[:, line] for line in range(n_lines)}


def traversal_lines(
    model: Any, row: Any, *, dimensions: Sequence[int], values: Sequence[float]
) -> dict[str, np.ndarray]:
    """Decode a row with one latent dimension changed at a time."""
    return {
        f"z{dimension}": np.asarray(model.traverse(dimension, list(values), around=row))
        for dimension in dimensions
    }


def busiest_dimensions(model: Any, X: Any, n: int) -> list[int]:
    """Return the latent dimensions in which rows differ most, the first ones first."""
    variances = np.asarray(model.transform(X)).var(axis=0)
    return np.argsort(-variances, kind="stable")[:n].tolist()


def plane_lines(model: Any, limits: tuple[float, float], *, n: int = 12) -> dict[str, np.ndarray]:
    """Decode a square of a two-dimensional latent space."""
    steps = np.linspace(*limits, n)
    points = np.array([[across, up] for up in steps[::-1] for across in steps])
    decoded = np.asarray(model.inverse_transform(points)).reshape(n, n, -1)
    return {f"{up:.1f}": line for up, line in zip(steps[::-1], decoded, strict=True)}
