"""Pictures of a generator: how it learned, its latent space, its rows among real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from vaega.analysis.figures import COLOURS
from vaega.core.errors import InputError

# Beyond seven colours, classes differ by marker too.
MARKERS = ("o", "^", "s", "D")
DARK = "#333333"
# The first epochs are far from the others: so much of a curve's end sets the scale.
SHOWN = 0.9
# Share of the rows that a latent space's frame holds.
INSIDE = 0.99


@dataclass(frozen=True, eq=False)
class LossCurves:
    """What a training left behind, ready to draw."""

    # Training and held-out figures of every epoch, by title; a part may be empty
    panels: dict[str, tuple[list[float], list[float]]]
    kept: int | None  # Number of the kept epoch, from 1


def loss_curves(model: Any) -> LossCurves:
    """Read the curves of a fitted autoencoder."""
    history = getattr(model, "history_", None)
    if history is None or not history.elbo:
        raise InputError(f"loss curves: {type(model).__name__} has no epochs to draw.")
    panels = {
        "ELBO, nats a row": (history.elbo, history.heldout_elbo),
        "reconstruction error a row": (history.error, history.heldout_error),
        "KL divergence, nats a row": (history.kl, history.heldout_kl),
    }
    kept = history.best_epoch + 1 if history.heldout_elbo else None
    return LossCurves({title: lists for title, lists in panels.items() if any(lists)}, kept)


def draw_losses(model: Any) -> Figure:
    """Draw training and held-out figures of every epoch, and which epoch was kept."""
    curves = loss_curves(model)
    figure = Figure(figsize=(3.5 * len(curves.panels), 2.9), layout="constrained")
    axes = figure.subplots(1, len(curves.panels), squeeze=False)[0]
    for ax, (title, lists) in zip(axes, curves.panels.items(), strict=True):
        for values, colour, label in zip(lists, COLOURS, ("training", "held out"), strict=False):
            ax.plot(np.arange(1, len(values) + 1), values, color=colour, label=label, linewidth=1.4)
        if curves.kept is not None:
            label = f"kept: epoch {curves.kept}"
            ax.axvline(curves.kept, color=DARK, linewidth=1.0, linestyle="--", label=label)
        ax.set_ylim(*_settled_range(lists))
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        clean(ax)
    axes[-1].legend(frameon=False, fontsize=8.5)
    return figure


def _settled_range(lists: Sequence[Sequence[float]]) -> tuple[float, float]:
    ends = [np.asarray(values)[int((1 - SHOWN) * len(values)) :] for values in lists]
    settled = np.concatenate(ends)
    settled = settled[np.isfinite(settled)]
    if not settled.size:
        return 0.0, 1.0
    margin = 0.06 * (np.ptp(settled) or 1.0)
    return float(settled.min() - margin), float(settled.max() + margin)


@dataclass(frozen=True, eq=False)
class LatentCloud:
    """Rows in two latent dimensions."""

    name: str  # The model's
    # Posterior means; of more than two dimensions, the first two principal components
    points: np.ndarray
    variational: bool  # Whether rows are meant to fill N(0, I)


def latent_cloud(name: str, model: Any, X: Any) -> LatentCloud:
    """Encode rows, and reduce them to two dimensions where there are more."""
    points = np.asarray(model.transform(X), dtype=float)
    if points.shape[1] > 2:
        points = points @ _main_axes(points)[0].T
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    return LatentCloud(name, points, hasattr(model, "score_samples"))


def draw_latent_spaces(
    models: Mapping[str, Any], X: Any, y: Any, class_names: Sequence[str] | None = None
) -> Figure:
    """Draw rows in the latent spaces of models side by side, such as an autoencoder and a VAE.

    The autoencoder puts classes wherever it likes, with gaps that decode to nothing; the VAE fills
    the standard normal, whose circles at one and two standard deviations are drawn.
    """
    clouds = [latent_cloud(name, model, X) for name, model in models.items()]
    figure = Figure(figsize=(4.2 * len(clouds) + 0.9, 4.1), layout="constrained")
    axes = figure.subplots(1, len(clouds), squeeze=False)[0]
    for ax, cloud in zip(axes, clouds, strict=True):
        _draw_classes(ax, cloud.points, np.asarray(y), np.unique(y), class_names)
        if cloud.variational:
            for radius in (1.0, 2.0):
                ax.add_patch(Circle((0, 0), radius, fill=False, color=DARK, linewidth=1.1))
        ax.set_title(cloud.name, fontsize=10)
        _frame(ax, cloud)
        ax.grid(alpha=0.2)
        ax.spines[["top", "right"]].set_visible(False)
    _legend_outside(figure, axes[0])
    return figure


def _frame(ax: Axes, cloud: LatentCloud) -> None:
    """Show a square that holds 99 % of the points; few far ones must not shrink the others."""
    middle = np.median(cloud.points, axis=0)
    reach = float(np.quantile(np.abs(cloud.points - middle).max(axis=1), INSIDE)) or 1.0
    if cloud.variational:
        middle, reach = np.zeros(2), max(reach, 2.2)
    ax.set_xlim(middle[0] - 1.05 * reach, middle[0] + 1.05 * reach)
    ax.set_ylim(middle[1] - 1.05 * reach, middle[1] + 1.05 * reach)
    ax.set_aspect("equal")
    ax.set_xlabel("first dimension")


@dataclass(frozen=True, eq=False)
class Components:
    """Real and synthetic rows in the principal components of the real ones."""

    real: np.ndarray  # Coordinates
    synthetic: np.ndarray  # Coordinates
    shares: np.ndarray  # Share of the real rows' variance that each component has


def principal_components(real: Any, synthetic: Any) -> Components:
    """Project rows on the first two principal components of the real ones, standardised."""
    real, synthetic = np.asarray(real, dtype=float), np.asarray(synthetic, dtype=float)
    mean, deviation = real.mean(axis=0), real.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)  # constant columns say nothing
    real, synthetic = (real - mean) / scale, (synthetic - mean) / scale
    axes, shares = _main_axes(real)
    return Components(real @ axes.T, synthetic @ axes.T, shares)


def draw_components(
    real: Any,
    synthetic: Any,
    y_real: Any,
    y_synthetic: Any,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Draw real and synthetic rows, side by side, in the principal components of the real ones."""
    found, labels = principal_components(real, synthetic), np.unique(y_real)
    figure = Figure(figsize=(8.8, 3.9), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    parts = {"real": (found.real, y_real), "synthetic": (found.synthetic, y_synthetic)}
    for ax, (title, (points, y)) in zip(axes, parts.items(), strict=True):
        _draw_classes(ax, points, np.asarray(y), labels, class_names)
        ax.set_title(f"{title}, {len(points)} rows", fontsize=10)
        ax.set_xlabel(f"first component ({100 * found.shares[0]:.0f} % of the variance)")
        ax.grid(alpha=0.2)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(f"second component ({100 * found.shares[1]:.0f} %)")
    _legend_outside(figure, axes[0])
    return figure


def clean(ax: Axes) -> None:
    """Leave an axis with what is read: no frame on top and right, light lines behind."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.25)
    ax.set_axisbelow(True)


def _main_axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two principal axes (2, n_features), signs fixed, and their shares of the variance."""
    centred = rows - rows.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes, squares = axes[:2], np.square(lengths)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return axes * signs[:, None], squares[:2] / (squares.sum() or 1.0)


def _draw_classes(
    ax: Axes,
    points: np.ndarray,
    y: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str] | None,
) -> None:
    size = float(np.clip(9000 / max(1, len(points)), 11, 30))
    for place, label in enumerate(labels.tolist()):
        mine = points[y == label]
        ax.scatter(
            mine[:, 0],
            mine[:, 1],
            s=size,
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place // len(COLOURS) % len(MARKERS)],
            alpha=0.75,
            linewidths=0,
            label=str(label) if names is None else names[place],
        )


def _legend_outside(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right center", frameon=False, fontsize=9, markerscale=1.6
    )
