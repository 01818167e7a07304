"""What models predicted of the test rows, as curves and tables over runs.

Curves are averaged over trials at fixed false positive rates, or recalls, with a pointwise 95 %
band that counts what trials share, as the interval of the score does. Of more than two classes they
are means over the classes, each against the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import stats
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from vaega.core.figures import (
    COLOURS,
    COLUMN_WIDTH,
    DARK,
    GREY,
    ArmStyle,
    clean,
    figure_style,
    fold,
    legend_above,
    new_axes,
    new_figure,
    shorten,
    size_below_legend,
    styles_of,
)
from vaega.core.randomness import derive_rng
from vaega.experiments.intervals import LEAST_RUNS, corrected_error

GRID = np.linspace(0.0, 1.0, 101)
_DRAWS = 200  # of test rows and seeds, for the band on an official test part
_BINS = 10  # of predicted probabilities, equally wide
_FEWEST_ROWS = 10  # of bins that a line joins

Scored = tuple[np.ndarray, np.ndarray]  # Whether rows are of a class, and their scores for it


@dataclass(frozen=True)
class CurveKind:
    """A kind of curve: how it is computed, and what it is called."""

    name: str
    of: Callable[[np.ndarray, np.ndarray], np.ndarray]  # Labels and scores to a curve on `GRID`
    area: Callable[[np.ndarray, np.ndarray], float]  # Labels and scores to what it sums up to
    x: str
    y: str


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve on `GRID`, in the mean over trials."""

    mean: np.ndarray  # (101,)
    low: np.ndarray  # Ends of its pointwise 95 % band; not-a-number below five trials
    high: np.ndarray
    area: float  # Mean over trials
    share: float  # Of the rows that are of the class: the precision of scores without meaning


def roc_of(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return true positive rates at the false positive rates of `GRID`."""
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    # Of several thresholds with one false positive rate the last, which finds the most.
    before = np.searchsorted(false, GRID, side="right") - 1
    after = np.minimum(before + 1, len(false) - 1)
    step = np.where(after > before, false[after] - false[before], 1.0)
    rates: np.ndarray = true[before] + (GRID - false[before]) / step * (true[after] - true[before])
    return rates


def precision_of(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the precision at the highest threshold that reaches each recall of `GRID`.

    At a recall of 0 that of the first threshold which finds anything.
    """
    precision, recall, _ = precision_recall_curve(truth, scores)
    first = np.searchsorted(recall[::-1], np.maximum(GRID - 1e-12, 1e-12))
    values: np.ndarray = precision[::-1][first]
    return values


ROC = CurveKind("ROC", roc_of, roc_auc_score, "false positive rate", "true positive rate")
PRECISION_RECALL = CurveKind(
    "precision-recall", precision_of, average_precision_score, "recall", "precision"
)


def trials_of(predictions: Sequence[pd.DataFrame], *, pooled: bool) -> list[pd.DataFrame]:
    """Return the predictions of each trial of some runs, or of each run where these are `pooled`.

    So they are as well where a trial lacks a class: a curve needs all.
    """
    if pooled:
        return list(predictions)
    trials = []
    for table in predictions:
        parts = [part for _, part in table.groupby("trial", sort=False)]
        n_classes = table["label"].nunique()
        whole = all(part["label"].nunique() == n_classes for part in parts)
        trials += parts if whole else [table]
    return trials


def scored_classes(trial: pd.DataFrame) -> list[Scored]:
    """Return labels and scores of each class against the others; of two classes, of the second."""
    labels = trial["label"].to_numpy()
    names = [str(name) for name in trial if str(name).startswith(("probability_", "decision_"))]
    if len(names) == 1:  # decisions for the second of two classes
        return [(labels == 1, trial[names[0]].to_numpy(dtype=float))]
    codes = [int(name.rpartition("_")[2]) for name in names]
    of_class = dict(zip(codes, names, strict=True))
    wanted = [1] if len(codes) == 2 and set(np.unique(labels)) <= {0, 1} else sorted(set(labels))
    return [
        (labels == code, trial[of_class[code]].to_numpy(dtype=float))
        for code in wanted
        if code in of_class and 0 < np.count_nonzero(labels == code) < len(labels)
    ]


def mean_curve(
    predictions: Sequence[pd.DataFrame],
    kind: CurveKind,
    *,
    test_share: float | None,
    pooled: bool = False,
) -> Curve | None:
    """Return the mean curve of an arm's final models; None without scores of the classes.

    Parameters
    ----------
    predictions : sequence of pandas.DataFrame
        Of each run, as in ``predictions.csv``.
    kind : CurveKind
        `ROC` or `PRECISION_RECALL`.
    test_share : float or None
        As `vaega.experiments.intervals.overlap_share` gives it.
    pooled : bool, default=False
        Whether the predictions of a run's trials belong together; there is no band then.
    """
    trials = [scored_classes(trial) for trial in trials_of(predictions, pooled=pooled)]
    if not trials or not all(trials):
        return None
    curves = np.array([_mean_over(classes, kind.of) for classes in trials])
    areas = [_mean_over(classes, kind.area) for classes in trials]
    shares = [np.mean([truth.mean() for truth, _ in classes]) for classes in trials]
    low = high = np.full(len(GRID), np.nan)
    if len(curves) >= LEAST_RUNS and not pooled:
        low, high = _band_of_rows(trials, kind) if test_share is None else _band(curves, test_share)
    mean = curves.mean(axis=0)
    return Curve(mean, low, high, float(np.mean(areas)), float(np.mean(shares)))


def _mean_over(classes: Sequence[Scored], measure: Callable[..., Any]) -> Any:
    return np.mean([measure(truth, scores) for truth, scores in classes], axis=0)


def _band(curves: np.ndarray, test_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Student's pointwise interval of a mean over splits that share rows, cut to 0 and 1.

    Not on the log odds, as that of a score: near 0 and 1 these would jump from point to point.
    """
    means, n = curves.mean(axis=0), len(curves)
    errors = np.array([corrected_error(values, test_share=test_share) for values in curves.T])
    half = stats.t.ppf(0.975, n - 1) * errors
    return np.clip(means - half, 0.0, 1.0), np.clip(means + half, 0.0, 1.0)


def _band_of_rows(
    trials: Sequence[Sequence[Scored]], kind: CurveKind
) -> tuple[np.ndarray, np.ndarray]:
    """Return pointwise 95 % quantiles over draws of the shared test rows and of seeds."""
    rng, drawn = derive_rng(0, "test rows and seeds"), []
    n_rows = len(trials[0][0][0])
    for _ in range(_DRAWS):
        rows = rng.integers(n_rows, size=n_rows)
        seeds = rng.integers(len(trials), size=len(trials))
        some = [[(truth[rows], scores[rows]) for truth, scores in trials[k]] for k in seeds]
        if all(0 < np.count_nonzero(truth) < n_rows for truth, _ in some[0]):
            drawn.append(np.mean([_mean_over(classes, kind.of) for classes in some], axis=0))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high


@figure_style()
def plot_curves(
    curves: Mapping[str, Curve],
    kind: CurveKind,
    ax: Axes | None = None,
    *,
    styles: Mapping[str, ArmStyle] | None = None,
) -> Axes:
    """Draw the mean curve of each arm with its band, and what scores without meaning give."""
    labels = {arm: f"{arm} ({curve.area:.3f})" for arm, curve in curves.items()}
    ax = ax or new_axes(size_below_legend([*labels.values(), "chance"], 2.5))
    styles = styles or styles_of(curves)
    for arm, curve in curves.items():
        look = styles[arm]
        ax.plot(GRID, curve.mean, color=look.colour, linestyle=look.dashes, label=labels[arm])
        if np.isfinite(curve.low).all():
            alpha = 0.3 / (1.0 + len(curves))  # many bands still let the curves through
            ax.fill_between(
                GRID, curve.low, curve.high, color=look.colour, alpha=alpha, linewidth=0
            )
    chance = GRID
    if kind is PRECISION_RECALL:
        chance = np.full(len(GRID), np.mean([curve.share for curve in curves.values()]))
    ax.plot(GRID, chance, color=GREY, linewidth=0.9, linestyle=":", label="chance")
    ax.set(xlabel=kind.x, ylabel=kind.y, xlim=(-0.01, 1.0), ylim=(0.0, 1.02))
    legend_above(ax)
    return clean(ax, "both")


def calibration_table(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return predicted against observed frequency, in bins of the predicted one, over all runs.

    Columns ``predicted``, ``observed`` and ``n``; empty where there are no probabilities. Of two
    classes the second is meant, of more the class that was predicted.
    """
    pairs = [_claims(table) for table in predictions if "probability_0" in table]
    if not pairs:
        return pd.DataFrame(columns=["predicted", "observed", "n"])
    claimed, came = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    bins = np.minimum((claimed * _BINS).astype(int), _BINS - 1)
    table = pd.DataFrame({"predicted": claimed, "observed": came, "n": 1}).groupby(bins)
    return table.agg({"predicted": "mean", "observed": "mean", "n": "sum"}).reset_index(drop=True)


def _claims(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that were claimed, and whether they came true."""
    names = [name for name in table if str(name).startswith("probability_")]
    labels = table["label"].to_numpy()
    if len(names) == 2:
        return table["probability_1"].to_numpy(dtype=float), labels == 1
    probabilities = table[names].to_numpy(dtype=float)
    codes = np.array([int(str(name).rpartition("_")[2]) for name in names])
    return probabilities.max(axis=1), codes[probabilities.argmax(axis=1)] == labels


@figure_style()
def plot_calibration(
    tables: Mapping[str, pd.DataFrame],
    ax: Axes | None = None,
    *,
    styles: Mapping[str, ArmStyle] | None = None,
) -> Axes:
    """Draw observed over predicted frequency of each arm, larger where there are more rows."""
    ax = ax or new_axes(size_below_legend([*tables, "calibrated"], 2.5))
    styles = styles or styles_of(tables)
    ax.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=0.9, linestyle=":", label="calibrated")
    for arm, table in tables.items():
        look, (x, y) = styles[arm], (table["predicted"], table["observed"])
        known = y.where(table["n"] >= _FEWEST_ROWS)  # the share of fewer rows is mostly chance
        ax.plot(x, known, color=look.colour, linestyle=look.dashes, linewidth=0.9, label=arm)
        sizes = 6.0 + 40.0 * table["n"] / table["n"].sum()
        ax.scatter(x, y, s=sizes, color=look.colour, marker=look.marker, alpha=0.7, linewidths=0)
    ax.set(xlabel="predicted probability", ylabel="observed share")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    legend_above(ax)
    return clean(ax, "both")


def confusion_shares(predictions: Sequence[pd.DataFrame], n_classes: int) -> np.ndarray:
    """Return for each class (row) the shares of its test rows by predicted class, over all runs."""
    counts = np.zeros((n_classes, n_classes))
    for table in predictions:
        np.add.at(counts, (table["label"].to_numpy(), table["prediction"].to_numpy()), 1)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def recalls_of(trial: pd.DataFrame) -> np.ndarray:
    """Return the share of right predictions among the rows of each class that has some."""
    right = trial["label"] == trial["prediction"]
    recalls: np.ndarray = right.groupby(trial["label"]).mean().to_numpy()
    return recalls


@figure_style()
def plot_confusion(shares: np.ndarray, names: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw the shares of `confusion_shares`, each with its number where there is room."""
    ax = ax or new_axes((COLUMN_WIDTH, COLUMN_WIDTH))
    # See-through where the share is small, so that the page may be light or dark.
    colours = np.zeros((*shares.shape, 4))
    colours[..., :3], colours[..., 3] = to_rgb(COLOURS[0]), np.nan_to_num(shares)
    ax.imshow(colours, interpolation="none")
    n = len(names)
    ax.set_xticks(range(n), [shorten(name, 14) for name in names], rotation=_turn(names))
    ax.set_yticks(range(n), [fold(name, 14) for name in names])
    ax.set(xlabel="predicted", ylabel="class")
    for (row, column), share in np.ndenumerate(shares):
        if n <= _MOST_NUMBERED and np.isfinite(share):
            ink = "white" if share > 0.6 else DARK
            ax.text(column, row, f"{share:.2f}", ha="center", va="center", color=ink)
    ax.spines[:].set_color(GREY)
    ax.tick_params(length=0)
    return ax


_MOST_NUMBERED = 5  # classes whose shares fit into their cells as numbers


def _turn(names: Sequence[str]) -> int:
    return 0 if sum(min(len(name), 14) for name in names) <= 18 else 90


@figure_style()
def draw_confusions(shares: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Draw the shares of each arm in a panel of its own, two beside each other."""
    n_columns = min(2, len(shares)) if len(names) <= 2 * _MOST_NUMBERED else 1
    n_rows = -(-len(shares) // n_columns)
    side = min(COLUMN_WIDTH / n_columns + 0.1, 3.0)
    figure = new_figure((COLUMN_WIDTH, n_rows * side + 0.3))
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for index, (ax, (arm, of_arm)) in enumerate(zip(axes, shares.items(), strict=False)):
        plot_confusion(of_arm, names, ax).set_title(shorten(arm, 24))
        if index % n_columns:
            ax.set(ylabel="", yticklabels=[])
        if index + n_columns < len(shares):
            ax.set(xlabel="", xticklabels=[])
    for ax in axes[len(shares) :]:
        ax.remove()
    return figure
