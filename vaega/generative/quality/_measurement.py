"""Measuring how good synthetic rows are: the report, its tables, and a summary in sentences.

`measure_quality` fits a generator on a part of the rows and measures what it draws; `measure_rows`
measures rows that anybody made. Synthetic rows are always compared with what held-out real rows
would do in their stead.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.randomness import derive_rng, derive_seed, draw_seed
from vaega.core.tables import TextTable, json_records
from vaega.core.threads import one_thread
from vaega.generative.quality._classifiers import (
    CopyCheck,
    check_classifiers,
    check_copies,
    compare_samples,
    measure_densities,
    measure_transfer,
)
from vaega.generative.quality._rows import DrawnRows, check_rows, draw_rows
from vaega.generative.quality._similarity import column_table, fidelity_table, variance_table

# Standard deviations of the fit rows; see `ComparedRows.scaled`.
CLIPPED_AT = 10.0
# Within-class variance of synthetic rows over that of real ones: from where to where it is right.
VARIANCE_RANGE = (0.9, 1.1)
# Balanced accuracy, mean over classifiers, that training on synthetic rows may cost or bring.
TRANSFER_TOLERANCE = 0.03
# Chance of so good a two-sample classifier if rows were alike, of the better of two, doubled.
TWO_SAMPLE_LEVEL = 0.01
# Share of rows that are near copies, and that are nearer to a fit row than real ones are, above the
# share of held-out rows.
NEAR_TOLERANCE = 0.05
CLOSER_TOLERANCE = 0.1
# Nats per column by which one model explains held-out rows better than another.
DENSITY_TOLERANCE = 0.005
# Area under the curve of the membership test from which a model is said to know its fit rows,
# above what the references have.
MEMBERSHIP_TOLERANCE = 0.1


SIZES = ("n_fit", "n_synthetic", "n_heldout", "n_features")
TABLES = {
    "scores": "Classifiers, by what they were trained and tested on",
    "by_class": "The same, class by class",
    "fidelity": "Distributions and correlations, against the fit rows",
    "variances": "Within-class variance over that of the fit rows",
    "two_sample": "Telling others from held-out rows",
    "densities": "Log likelihood, nats per column",
}


@dataclass(frozen=True, eq=False)
class QualityReport:
    """How good synthetic rows are, measured on rows that their generator never saw.

    Attributes
    ----------
    generator : str
        Who made the rows.
    labels : tuple of str
        The classes.
    n_fit, n_synthetic, n_heldout, n_features : int
        Sizes.
    verdict : str
        What all of it comes to, in sentences.
    scores, by_class : pandas.DataFrame
        Classifiers trained on real or synthetic rows, tested on real or synthetic rows.
    fidelity : pandas.DataFrame
        Distributions and correlations.
    variances : pandas.DataFrame
        Within-class variances.
    two_sample : pandas.DataFrame
        Can classifiers tell rows apart.
    copies : CopyCheck
        Are rows copies.
    densities : pandas.DataFrame
        Likelihoods, membership, references; empty where the generator has no likelihood.
    columns : pandas.DataFrame
        One row a column.
    seconds : dict of str to float
        What each part took; no part of what is written, since it is never the same twice.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.quality import measure_rows
    >>> X, y = load_iris(return_X_y=True)
    >>> report = measure_rows(X[::3], y[::3], X[1::3] + 0.01, y[1::3], X[2::3], y[2::3])
    >>> report.n_fit, report.n_heldout
    (50, 50)
    """

    generator: str
    labels: tuple[str, ...]
    n_fit: int
    n_synthetic: int
    n_heldout: int
    n_features: int
    verdict: str
    scores: pd.DataFrame
    by_class: pd.DataFrame
    fidelity: pd.DataFrame
    variances: pd.DataFrame
    two_sample: pd.DataFrame
    copies: CopyCheck
    densities: pd.DataFrame
    columns: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)

    def to_dict(self, *, columns: bool = False) -> dict[str, Any]:
        """Return the report as plain data, with the table of columns where it is asked for.

        Tables are lists of records; what is not a number is None. Equal seeds give equal contents.
        """
        tables = {name: json_records(getattr(self, name)) for name in TABLES}
        if columns:
            tables["columns"] = json_records(self.columns)
        sizes = {name: getattr(self, name) for name in SIZES}
        return {
            "generator": self.generator,
            "labels": list(self.labels),
            **sizes,
            "verdict": self.verdict,
            **tables,
            "copies": asdict(self.copies),
        }

    def to_json(self, *, columns: bool = False) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(columns=columns), indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown: verdict and tables, each under what it says."""
        parts = [f"## {self.generator}", self.verdict, self._sizes()]
        for name, title in TABLES.items():
            table = getattr(self, name)
            if len(table):
                parts += [f"### {title}", quality_table(table).markdown()]
        copies = pd.DataFrame([asdict(self.copies)])
        parts += ["### Copies of fit rows", quality_table(copies).markdown()]
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    def _sizes(self) -> str:
        return (
            f"{self.n_synthetic} synthetic rows of {self.n_features} columns; {self.n_fit} fit "
            f"rows, {self.n_heldout} held-out rows; classes: {', '.join(self.labels)}."
        )


def measure_quality(
    model_or_sampler: Any,
    X: Any,
    y: Any,
    *,
    X_test: Any = None,
    y_test: Any = None,
    test_size: float = 0.3,
    classifiers: Mapping[str, Any] | None = None,
    n_synthetic: int | None = None,
    references: bool = True,
    cache: str | Path | None = None,
    random_state: Any = 0,
) -> QualityReport:
    """Measure a generator on rows that it never saw.

    Parameters
    ----------
    model_or_sampler : generative model or sampler
        Something with `fit` and ``sample({label: n})``, such as `VAE`, or with `fit_resample`, such
        as `GenerativeSampler` or SMOTE. A clone is fitted on the fit rows. A model that is fitted
        already is taken as it is where `X_test` is given: `X` are then the rows of its fit.
    X : array-like of shape (n_samples, n_features)
        Rows without missing values.
    y : array-like of shape (n_samples,)
        Labels of two classes or more.
    X_test, y_test : array-like, optional
        Held-out rows. Without them a part of each class is held out from `X`.
    test_size : float, default=0.3
        That part.
    classifiers : mapping of str to classifier, optional
        Trained on the rows, their columns standardised by the fit rows; default: the network of
        the thesis, logistic regression, 3-NN and Gaussian naive Bayes.
    n_synthetic : int, optional
        Rows to draw, in the classes' shares, two a class at least. Default: as many as fit rows,
        and 200 at least.
    references : bool, default=True
        Whether `ProbabilisticPCA` and `ClassGaussian` stand beside a model's likelihood.
    cache : str or path, optional
        Folder of fitted models, or "auto" for the default one.
    random_state : int, RandomState, Generator or None, default=0
        The same int gives the same report.

    Returns
    -------
    QualityReport

    Raises
    ------
    InputError
        When something else is given, or rows cannot be split, fitted or drawn.

    Examples
    --------
    >>> from imblearn.over_sampling import SMOTE
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_iris(return_X_y=True)
    >>> report = measure_quality(SMOTE(), X, y, classifiers={"nb": GaussianNB()})
    >>> report.generator, report.n_fit, report.n_synthetic, report.n_heldout
    ('SMOTE', 105, 200, 45)
    """
    check_classifiers(classifiers, owner="measure_quality")
    seed, clock = draw_seed(random_state), _Clock()
    with one_thread():
        drawn = clock(
            "generator",
            lambda: draw_rows(
                model_or_sampler,
                X,
                y,
                X_test=X_test,
                y_test=y_test,
                test_size=test_size,
                n_synthetic=n_synthetic,
                cache=cache,
                seed=seed,
            ),
        )
    return measure_drawn(
        drawn, classifiers=classifiers, references=references, seed=seed, seconds=clock.seconds
    )


def measure_rows(
    X_fit: Any,
    y_fit: Any,
    X_synthetic: Any,
    y_synthetic: Any,
    X_test: Any,
    y_test: Any,
    *,
    generator: str = "rows",
    classifiers: Mapping[str, Any] | None = None,
    random_state: Any = 0,
) -> QualityReport:
    """Measure synthetic rows, whoever made them.

    Parameters
    ----------
    X_fit, y_fit : array-like of shape (n_fit, n_features) and (n_fit,)
        Rows that the synthetic ones were made from.
    X_synthetic, y_synthetic : array-like of shape (n_synthetic, n_features) and (n_synthetic,)
        Two rows at least of every class.
    X_test, y_test : array-like of shape (n_test, n_features) and (n_test,)
        Rows that the generator never saw.
    generator : str, default="rows"
        A name for the report.
    classifiers : mapping of str to classifier, optional
        See `measure_quality`.
    random_state : int, RandomState, Generator or None, default=0
        The same int gives the same report.

    Returns
    -------
    QualityReport
        Without densities.

    Raises
    ------
    InputError
        When the parts do not fit together.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> copied = measure_rows(X[::2], y[::2], X[::2], y[::2], X[1::2], y[1::2])
    >>> copied.copies.duplicates
    1.0
    """
    check_classifiers(classifiers, owner="measure_rows")
    rows = check_rows(X_fit, y_fit, X_synthetic, y_synthetic, X_test, y_test)
    drawn, seed = DrawnRows(rows, None, generator), draw_seed(random_state)
    return measure_drawn(drawn, classifiers=classifiers, references=False, seed=seed)


def measure_drawn(
    drawn: DrawnRows,
    *,
    classifiers: Mapping[str, Any] | None = None,
    references: bool = True,
    seed: int,
    seconds: Mapping[str, float] | None = None,
) -> QualityReport:
    """Measure rows that `draw_rows` drew."""
    clock = _Clock(dict(seconds or {}))
    with one_thread():
        parts = _parts(drawn, classifiers, references, seed, clock)
    rows, transfer = drawn.rows, parts.pop("transfer")
    measured = {name: parts[name] for name in ("variances", "two_sample", "copies", "densities")}
    return QualityReport(
        generator=drawn.generator,
        labels=tuple(str(label) for label in rows.classes.tolist()),
        n_fit=len(rows.X_fit),
        n_synthetic=len(rows.X_synthetic),
        n_heldout=len(rows.X_test),
        n_features=rows.X_fit.shape[1],
        verdict=say_verdict(scores=transfer.scores, generator=drawn.generator, **measured),
        scores=transfer.scores,
        by_class=transfer.by_class,
        seconds=clock.seconds,
        **parts,
    )


def _parts(
    drawn: DrawnRows,
    classifiers: Mapping[str, Any] | None,
    references: bool,
    seed: int,
    clock: "_Clock",
) -> dict[str, Any]:
    rows, model = drawn.rows, drawn.model
    plain = rows.in_units()
    scaled, clipped = plain.scaled(), plain.scaled(limit=CLIPPED_AT)
    references = references and hasattr(model, "score_samples")
    measures: dict[str, Callable[[], Any]] = {
        "transfer": lambda: measure_transfer(
            scaled, classifiers, seed=derive_seed(seed, "transfer")
        ),
        "fidelity": lambda: fidelity_table(plain, seed=seed),
        "columns": lambda: column_table(plain),
        "variances": lambda: variance_table(clipped),
        "two_sample": lambda: compare_samples(clipped, rng=derive_rng(seed, "two samples")),
        "copies": lambda: check_copies(clipped, rng=derive_rng(seed, "copies")),
        "densities": lambda: measure_densities(model, rows, references=references),
    }
    return {name: clock(name, measure) for name, measure in measures.items()}


class _Clock:
    """Runs parts and remembers how long each took."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds = {} if seconds is None else seconds

    def __call__(self, name: str, part: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = part()
        self.seconds[name] = time.perf_counter() - start
        return result


def quality_table(frame: pd.DataFrame) -> TextTable:
    """Return measures as a table of text, fractions with three decimals."""
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    return TextTable(
        [str(name).replace("_", " ") for name in frame.columns],
        [[show_cell(cell) for cell in row] for row in frame.itertuples(index=False)],
        left=[index for index, number in enumerate(numeric) if not number],
    )


def show_cell(value: Any) -> str:
    """Return a table's value as a person reads it."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "–"
    return f"{value:.0e}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"


def say_verdict(
    *,
    scores: pd.DataFrame,
    variances: pd.DataFrame,
    two_sample: pd.DataFrame,
    copies: CopyCheck,
    densities: pd.DataFrame,
    generator: str,
) -> str:
    """Say what the parts of a report mean, one plain sentence for each."""
    sentences = [
        say_variance(variances),
        say_transfer(scores),
        say_two_sample(two_sample),
        say_copies(copies),
        say_densities(densities, generator),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def say_variance(variances: pd.DataFrame) -> str:
    """Say whether rows vary within classes as real ones do."""
    ratio = float(variances["ratio"].iloc[0])
    low, high = VARIANCE_RANGE
    if low <= ratio <= high:
        return f"Rows vary within classes as real ones do (ratio {ratio:.2f})."
    how = "less" if ratio < low else "more"
    return f"Rows vary {how} within classes than real ones (ratio {ratio:.2f})."


def say_transfer(scores: pd.DataFrame) -> str:
    """Say what training on synthetic instead of real rows does to balanced accuracy."""
    real, synthetic = transfer_means(scores)
    change = synthetic - real
    n_test = int(scores.loc[scores["tested_on"] == "real", "n_test"].iloc[0])
    where = f"on {n_test} held-out rows ({synthetic:.3f} against {real:.3f})"
    if abs(change) <= TRANSFER_TOLERANCE:
        return f"A classifier trained on them is as good as one trained on real rows {where}."
    verb = "loses" if change < 0 else "gains"
    error = ((real * (1 - real) + synthetic * (1 - synthetic)) / n_test) ** 0.5
    doubt = "" if abs(change) > 2 * error else ", which so few rows cannot tell from none"
    return (
        f"A classifier trained on them {verb} {abs(change):.3f} balanced accuracy {where}{doubt}."
    )


def transfer_means(scores: pd.DataFrame, figure: str = "balanced_accuracy") -> tuple[float, float]:
    """Return a metric's means over classifiers on held-out rows: trained on real, on synthetic."""
    tested = scores[scores["tested_on"] == "real"]
    means = tested.groupby("trained_on")[figure].mean()
    return float(means["real"]), float(means["synthetic"])


def say_two_sample(two_sample: pd.DataFrame) -> str:
    """Say whether a classifier tells synthetic from held-out rows, and fit rows too."""
    best, p_value = _best(two_sample, "synthetic")
    accuracy = f"{100 * best['accuracy']:.0f} % right"
    if p_value >= TWO_SAMPLE_LEVEL:
        return f"No classifier tells them from held-out rows ({accuracy}, p = {p_value:.2f})."
    shown = f"p = {p_value:.0e}" if p_value >= 1e-12 else "p < 1e-12"
    kind = {"linear": "A linear classifier", "spread": "A classifier of spread"}
    sentence = f"{kind[best['classifier']]} tells them from held-out rows"
    if not (two_sample["others"] == "fit").any():
        return f"{sentence} ({accuracy}, {shown})."
    control, p_control = _best(two_sample, "fit")
    if p_control >= TWO_SAMPLE_LEVEL:
        return f"{sentence} ({accuracy}, {shown}), but not the fit rows."
    control_accuracy = f"{100 * control['accuracy']:.0f} %"
    return f"{sentence} ({accuracy}, {shown}), and the fit rows as well ({control_accuracy})."


def _best(two_sample: pd.DataFrame, others: str) -> tuple[pd.Series, float]:
    """Return the row with the smallest p-value, and that one corrected for the two classifiers."""
    rows = two_sample[two_sample["others"] == others]
    best = rows.iloc[int(np.argmin(rows["p_value"]))]
    return best, min(1.0, 2.0 * float(best["p_value"]))


def say_copies(copies: CopyCheck) -> str:
    """Say whether rows are copies or near copies of fit rows."""
    if copies.duplicates > 0:
        return f"{100 * copies.duplicates:.0f} % of the rows are copies of fit rows."
    if copies.near > copies.near_heldout + NEAR_TOLERANCE:
        return (
            f"{100 * copies.near:.0f} % of the rows lie within half the distance between fit rows "
            f"(of held-out rows {100 * copies.near_heldout:.0f} %): near copies."
        )
    if copies.closer > copies.closer_heldout + CLOSER_TOLERANCE:
        return (
            "No row is a copy of a fit row, but they lie nearer to fit rows than held-out rows do "
            f"({copies.ratio:.2f} against {copies.ratio_heldout:.2f} of the distance between fit "
            "rows)."
        )
    return (
        "No row is a copy of a fit row, and they lie no nearer to fit rows than held-out rows do."
    )


def say_densities(densities: pd.DataFrame, generator: str) -> str:
    """Say how the model's likelihood compares with the references', and what it remembers."""
    of_generator = densities[densities["model"] == generator]
    others = densities[densities["model"] != generator]
    if of_generator.empty:
        return ""
    row = of_generator.iloc[0]
    return f"{_say_rank(row, others, generator)}{_say_membership(row, others, generator)}"


def _say_rank(row: pd.Series, others: pd.DataFrame, generator: str) -> str:
    if others.empty:
        return ""
    best = others.iloc[int(np.argmax(others["heldout"]))]
    difference = best["heldout"] - row["heldout"]
    against = f"({best['heldout']:.3f} against {row['heldout']:.3f} nats per column)"
    if difference > DENSITY_TOLERANCE:
        return f"{best['model']} explains held-out rows better {against}. "
    if difference < -DENSITY_TOLERANCE:
        against = f"({row['heldout']:.3f} against {best['heldout']:.3f} nats per column)"
        return f"{generator} explains held-out rows better than {best['model']} {against}. "
    return f"{generator} explains held-out rows as well as {best['model']} {against}. "


def _say_membership(row: pd.Series, others: pd.DataFrame, generator: str) -> str:
    usual = 0.5 if others.empty else float(others["auc"].max())
    figures = f"(membership AUC {row['auc']:.2f}, gap {row['gap']:.3f} nats per column)"
    if row["auc"] > usual + MEMBERSHIP_TOLERANCE:
        return f"The likelihood of {generator} knows the fit rows {figures}."
    if row["auc"] > 0.5 + MEMBERSHIP_TOLERANCE:
        return f"It tells fit rows from held-out ones, no better than the references do {figures}."
    return f"It does not tell fit rows from held-out ones {figures}."
