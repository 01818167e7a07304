"""Measuring the quality of a generator, or of rows that anything made."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from vaega.core.randomness import derive_rng, derive_seed, draw_seed
from vaega.generative.quality.classifiers import check_classifiers
from vaega.generative.quality.copies import check_copies
from vaega.generative.quality.densities import measure_densities
from vaega.generative.quality.drawing import DrawnRows, draw_rows
from vaega.generative.quality.fidelity import column_table, fidelity_table
from vaega.generative.quality.report import QualityReport
from vaega.generative.quality.rows import check_rows
from vaega.generative.quality.transfer import measure_transfer
from vaega.generative.quality.twosample import compare_samples
from vaega.generative.quality.variances import variance_table
from vaega.generative.quality.verdict import say_verdict

# Standard deviations of the fit rows; see `ComparedRows.scaled`.
CLIPPED_AT = 10.0


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
        What judges the rows; default: `default_classifiers`.
    n_synthetic : int, optional
        Rows to draw, in the classes' shares, two a class at least. Default: as many as fit rows,
        and 200 at least.
    references : bool, default=True
        Whether `ProbabilisticPCA` and `ClassGaussian` stand beside a model's likelihood.
    cache : str or path, optional
        Folder of fitted models, or "auto" for the default one; see `ModelCache`.
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
    with threadpool_limits(limits=1):
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
    with threadpool_limits(limits=1):
        parts = _parts(drawn, classifiers, references, seed, clock)
    rows, transfer = drawn.rows, parts.pop("transfer")
    judged = {name: parts[name] for name in ("variances", "two_sample", "copies", "densities")}
    return QualityReport(
        generator=drawn.generator,
        labels=tuple(str(label) for label in rows.classes.tolist()),
        n_fit=len(rows.X_fit),
        n_synthetic=len(rows.X_synthetic),
        n_heldout=len(rows.X_test),
        n_features=rows.X_fit.shape[1],
        verdict=say_verdict(scores=transfer.scores, generator=drawn.generator, **judged),
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
        outcome = part()
        self.seconds[name] = time.perf_counter() - start
        return outcome
