"""Figures of generators: training, latent space, rows, images, and the measures of quality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from vaega.core.errors import InputError
from vaega.core.figures import (
    COLOURS,
    DARK,
    GREY,
    PAGE_WIDTH,
    clean,
    figure_style,
    legend_above,
    new_axes,
    new_figure,
    principal_axes,
    style_of,
)

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


@figure_style()
def draw_losses(model: Any) -> Figure:
    """Draw training and held-out figures of every epoch, and which epoch was kept.

    Parameters
    ----------
    model : fitted autoencoder
        With `history_`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega import VAE
    >>> X, y = load_iris(return_X_y=True)
    >>> model = VAE(hidden=(8,), latent=2, max_epochs=5, random_state=0).fit(X, y)
    >>> [ax.get_title("left") for ax in draw_losses(model).axes][:2]
    ['ELBO, nats a row', 'reconstruction error a row']
    """
    curves = loss_curves(model)
    figure = new_figure((PAGE_WIDTH / 3 * len(curves.panels), 1.9))
    axes = figure.subplots(1, len(curves.panels), squeeze=False)[0]
    for ax, (title, lists) in zip(axes, curves.panels.items(), strict=True):
        for values, colour, label in zip(lists, COLOURS, ("training", "held out"), strict=False):
            ax.plot(np.arange(1, len(values) + 1), values, color=colour, label=label)
        if curves.kept is not None:
            label = f"kept: epoch {curves.kept}"
            ax.axvline(curves.kept, color=DARK, linewidth=1.0, linestyle="--", label=label)
        ax.set_ylim(*_settled_range(lists))
        ax.set_title(title)
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        clean(ax)
    axes[-1].legend()
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
        points = points @ principal_axes(points)[0].T
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    return LatentCloud(name, points, hasattr(model, "score_samples"))


@figure_style()
def draw_latent_spaces(
    models: Mapping[str, Any], X: Any, y: Any, class_names: Sequence[str] | None = None
) -> Figure:
    """Draw rows in the latent spaces of models side by side, such as an autoencoder and a VAE.

    The autoencoder puts classes wherever it likes, with gaps that decode to nothing; the VAE fills
    the standard normal, whose circles at one and two standard deviations are drawn.

    Parameters
    ----------
    models : mapping of str to fitted model
        By the name to show.
    X : array-like of shape (n_rows, n_features)
        Rows.
    y : array-like of shape (n_rows,)
        Labels.
    class_names : sequence of str, optional
        Names of the sorted labels; the labels themselves when absent.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega import ProbabilisticPCA
    >>> X, y = load_iris(return_X_y=True)
    >>> models = {"PPCA": ProbabilisticPCA(2).fit(X, y)}
    >>> [ax.get_title("left") for ax in draw_latent_spaces(models, X, y).axes]
    ['PPCA']
    """
    clouds = [latent_cloud(name, model, X) for name, model in models.items()]
    figure = new_figure((2.6 * len(clouds) + 0.9, 2.6))
    axes = figure.subplots(1, len(clouds), squeeze=False)[0]
    for ax, cloud in zip(axes, clouds, strict=True):
        _draw_classes(ax, cloud.points, np.asarray(y), np.unique(y), class_names)
        if cloud.variational:
            for radius in (1.0, 2.0):
                ax.add_patch(Circle((0, 0), radius, fill=False, color=DARK, linewidth=1.1))
        ax.set_title(cloud.name)
        _frame(ax, cloud)
        _light_grid(ax)
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

    # Coordinates
    real: np.ndarray
    synthetic: np.ndarray
    shares: np.ndarray  # Share of the real rows' variance that each component has


def principal_components(real: Any, synthetic: Any) -> Components:
    """Project rows on the first two principal components of the real ones, standardised."""
    real, synthetic = np.asarray(real, dtype=float), np.asarray(synthetic, dtype=float)
    mean, deviation = real.mean(axis=0), real.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)  # constant columns say nothing
    real, synthetic = (real - mean) / scale, (synthetic - mean) / scale
    axes, shares = principal_axes(real)
    return Components(real @ axes.T, synthetic @ axes.T, shares)


@figure_style()
def draw_components(
    real: Any,
    synthetic: Any,
    y_real: Any,
    y_synthetic: Any,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Draw real and synthetic rows, side by side, in the principal components of the real ones.

    Parameters
    ----------
    real, synthetic : array-like of shape (n_rows, n_features)
        Rows.
    y_real, y_synthetic : array-like of shape (n_rows,)
        Their labels.
    class_names : sequence of str, optional
        Names of the sorted labels; the labels themselves when absent.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega import ClassGaussian
    >>> X, y = load_iris(return_X_y=True)
    >>> rows, labels = ClassGaussian().fit(X, y).sample({0: 9, 1: 9, 2: 9}, random_state=0)
    >>> [ax.get_title("left") for ax in draw_components(X, rows, y, labels).axes]
    ['real, 150 rows', 'synthetic, 27 rows']
    """
    components, labels = principal_components(real, synthetic), np.unique(y_real)
    figure = new_figure((PAGE_WIDTH, 2.9))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    parts = {"real": (components.real, y_real), "synthetic": (components.synthetic, y_synthetic)}
    for ax, (title, (points, y)) in zip(axes, parts.items(), strict=True):
        _draw_classes(ax, points, np.asarray(y), labels, class_names)
        ax.set_title(f"{title}, {len(points)} rows")
        ax.set_xlabel(f"first component ({100 * components.shares[0]:.0f} % of the variance)")
        _light_grid(ax)
    axes[0].set_ylabel(f"second component ({100 * components.shares[1]:.0f} %)")
    _legend_outside(figure, axes[0])
    return figure


def _draw_classes(
    ax: Axes, points: np.ndarray, y: np.ndarray, labels: np.ndarray, names: Sequence[str] | None
) -> None:
    size = float(np.clip(4000 / max(1, len(points)), 5, 14))
    for index, label in enumerate(labels.tolist()):
        across, up = points[y == label].T
        ax.scatter(
            across,
            up,
            s=size,
            color=style_of(index).colour,
            marker=style_of(index).marker,
            alpha=0.75,
            linewidths=0,
            label=str(label) if names is None else names[index],
        )


def _light_grid(ax: Axes) -> None:
    ax.grid(alpha=0.2)
    ax.spines[["top", "right"]].set_visible(False)


def _legend_outside(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", markerscale=1.4)


MOST_NAMED_CLASSES = 7


def row_points(points: Mapping[str, Any], classes: Sequence[str]) -> pd.DataFrame:
    """Return recorded points of rows with their names: ``kind``, ``label``, ``x``, ``y``."""
    return pd.DataFrame(
        [
            (kind, classes[int(code)], int(code), x, y)
            for kind in ("synthetic", "real")
            for x, y, code in sorted(points[kind], key=lambda point: int(point[2]))
        ],
        columns=["kind", "label", "code", "x", "y"],
    )


def row_groups(rows: pd.DataFrame) -> list[tuple[tuple[str, int], pd.DataFrame]]:
    """Return the rows of `row_points` by kind and class."""
    groups: Any = rows.groupby(["kind", "code"], sort=False)
    return list(groups)


@figure_style()
def plot_rows(rows: pd.DataFrame, shares: Sequence[float], ax: Axes | None = None) -> Axes:
    """Draw real rows as filled points and synthetic ones as hollow points, coloured by class.

    `rows` is what `row_points` returns, `shares` are those of the variance that the axes have. A
    collection of points is drawn for each of `row_groups`.
    """
    ax = ax or new_axes()
    for (kind, code), group in row_groups(rows):
        look = style_of(code)
        ax.scatter(
            group["x"],
            group["y"],
            s=9,
            linewidths=0.6,
            facecolors=look.colour if kind == "real" else "none",
            edgecolors=look.colour,
            marker=look.marker,
            alpha=0.65,
            label=str(group["label"].iloc[0]) if kind == "real" else None,
        )
    variance = [f", {100 * share:.0f} % of the variance" for share in shares] + ["", ""]
    ax.set(xlabel=f"first axis{variance[0]}", ylabel=f"second axis{variance[1]}")
    if rows["code"].nunique() <= MOST_NAMED_CLASSES:
        legend_above(ax)
    _light_grid(ax)
    return ax


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
    for row, line in enumerate(lines):
        for column, image in enumerate(line):
            top, left = row * height, column * width
            sheet[top : top + shape[0], left : left + shape[1]] = image.reshape(shape)
    return sheet


@figure_style()
def draw_images(
    lines: Mapping[str, Any],
    shape: tuple[int, int],
    *,
    limits: tuple[float, float] | None = None,
    scale: float = 0.6,
) -> Figure:
    """Draw lines of images, each under its name: real rows above synthetic ones, say.

    Parameters
    ----------
    lines : mapping of str to array-like of shape (n_images, height * width)
        By the name that stands on the left.
    shape : (int, int)
        Height and width of an image.
    limits : (float, float), optional
        Values that are white and black; the range of nearly all values when absent.
    scale : float, default=0.6
        Inches that an image is high.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> figure = draw_images({"first": X[:5], "next": X[5:10]}, (8, 8))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['first', 'next']
    """
    sheet = image_sheet(list(lines.values()), shape)
    margin = 0.1 * max(len(name) for name in lines) + 0.2
    inches = scale / shape[0]
    size = (margin + inches * sheet.shape[1] + 0.1, inches * sheet.shape[0] + 0.2)
    figure = new_figure(size)
    ax = figure.subplots()
    low, high = limits or np.quantile(sheet[np.isfinite(sheet)], [0.01, 0.995])
    ax.imshow(sheet, cmap="gray_r", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest")
    middles = (shape[0] + 1) * np.arange(len(lines)) + (shape[0] - 1) / 2
    ax.set_yticks(middles, list(lines))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure


FIGURES = ("precision", "recall", "f1")
REAL, SYNTHETIC = COLOURS[0], COLOURS[1]


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Precision, recall and F1 of each class on held-out rows, for both kinds of training rows."""

    classifier: str  # Whose
    labels: list[str]  # The classes, with the number of their held-out rows
    # Trained on such rows
    real: pd.DataFrame
    synthetic: pd.DataFrame


def class_figures(report: Any, classifier: str | None = None) -> ClassFigures:
    """Pick a classifier's figures out of a report."""
    table = report.by_class
    known = table["classifier"].unique().tolist()
    name = known[0] if classifier is None else classifier
    if name not in known:
        raise InputError(f"classifier must be one of {', '.join(known)}, got {name!r}.")
    tested = table[(table["classifier"] == name) & (table["tested_on"] == "real")]
    real, synthetic = (tested[tested["trained_on"] == kind] for kind in ("real", "synthetic"))
    labels = [
        f"{label} ({n})" for label, n in zip(real["label"], real["support"].tolist(), strict=True)
    ]
    columns = list(FIGURES)
    return ClassFigures(
        name,
        labels,
        real[columns].reset_index(drop=True),
        synthetic[columns].reset_index(drop=True),
    )


@figure_style()
def draw_classes(report: Any, classifier: str | None = None) -> Figure:
    """Draw how well each class is recognised after training on real and on synthetic rows.

    Parameters
    ----------
    report : QualityReport
    classifier : str, optional
        One of the report's; its first when absent.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from vaega import ClassGaussian, measure_quality
    >>> X, y = load_iris(return_X_y=True)
    >>> naive_bayes = {"naive Bayes": GaussianNB()}
    >>> report = measure_quality(
    ...     ClassGaussian(), X, y, classifiers=naive_bayes, references=False
    ... )
    >>> [ax.get_xlabel() for ax in draw_classes(report).axes]
    ['precision', 'recall', 'F1']
    """
    figures = class_figures(report, classifier)
    figure = new_figure((PAGE_WIDTH, 1.2 + 0.24 * len(figures.labels)))
    axes = figure.subplots(1, 3, sharey=True)
    lines = np.arange(len(figures.labels))[::-1]
    for ax, name in zip(axes, FIGURES, strict=True):
        real, synthetic = figures.real[name], figures.synthetic[name]
        ax.hlines(lines, np.minimum(real, synthetic), np.maximum(real, synthetic), color=GREY)
        ax.scatter(real, lines, s=22, color=REAL, label="trained on real rows", zorder=3)
        # A ring: where both agree, both can be seen.
        ax.scatter(
            synthetic, lines, s=50, facecolors="none", edgecolors=SYNTHETIC, linewidths=1.3,
            label="trained on synthetic rows", zorder=4,
        )  # fmt: skip
        ax.set_xlim(-0.05, 1.05)
        ax.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.5", "0.75", "1"])
        ax.set_ylim(-0.6, len(lines) - 0.4)
        ax.set_xlabel({"f1": "F1"}.get(name, name))
        ax.grid(axis="x", alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(lines, figures.labels)
    handles, labels = axes[0].get_legend_handles_labels()
    title = f"{figures.classifier} on held-out rows (their number beside each class)"
    figure.legend(handles, labels, title=title, loc="outside upper center", ncols=2)
    return figure


@figure_style()
def draw_columns(report: Any) -> Figure:
    """Draw, over columns, how alike distributions and within-class variances are.

    Parameters
    ----------
    report : QualityReport

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from vaega import ClassGaussian, measure_quality
    >>> X, y = load_iris(return_X_y=True)
    >>> naive_bayes = {"naive Bayes": GaussianNB()}
    >>> report = measure_quality(
    ...     ClassGaussian(), X, y, classifiers=naive_bayes, references=False
    ... )
    >>> [ax.get_xlabel() for ax in draw_columns(report).axes]
    ['KS complement against the fit rows', 'within-class variance over that of the fit rows']
    """
    figure = new_figure((PAGE_WIDTH, 2.4))
    left, right = figure.subplots(1, 2)
    columns = report.columns
    bins = np.linspace(_lowest(columns), 1.0, 41)
    _draw_shares(left, columns["ks_complement"], bins, SYNTHETIC, "synthetic rows")
    _draw_shares(left, columns["ks_complement_heldout"], bins, REAL, "held-out rows")
    left.set_xlabel("KS complement against the fit rows")
    left.set_ylabel("share of columns")
    left.legend(loc="upper left")
    ratios = columns["variance_ratio"].dropna().clip(0.1, 10.0)
    _draw_shares(right, ratios, np.geomspace(0.1, 10.0, 61), SYNTHETIC, "synthetic rows")
    right.axvline(1.0, color=DARK, linestyle="--", linewidth=1.0)
    right.set_xscale("log")
    right.set_xticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    right.set_xlabel("within-class variance over that of the fit rows")
    for ax in (left, right):
        clean(ax)
    return figure


def _lowest(columns: pd.DataFrame) -> float:
    known = columns[["ks_complement", "ks_complement_heldout"]].to_numpy()
    return float(min(0.9, np.floor(20 * np.nanmin(known)) / 20))


def _draw_shares(ax: Axes, values: pd.Series, bins: np.ndarray, colour: str, label: str) -> None:
    known = values.dropna().to_numpy()
    shares = np.histogram(known, bins)[0] / max(1, len(known))
    ax.stairs(shares, bins, color=colour, linewidth=1.6, label=label)
    ax.stairs(shares, bins, color=colour, fill=True, alpha=0.12)
