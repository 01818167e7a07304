"""The report on the quality of a generator."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from vaega.generative.quality.copies import CopyCheck


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
        What all of it comes to, in sentences; see `say_verdict` for their thresholds.
    scores, by_class : pandas.DataFrame
        Classifiers trained on real or synthetic rows, tested on real or synthetic rows; see
        `Transfer`.
    fidelity : pandas.DataFrame
        Distributions and correlations; see `fidelity_table`.
    variances : pandas.DataFrame
        Within-class variances; see `variance_table`.
    two_sample : pandas.DataFrame
        Can classifiers tell rows apart; see `compare_samples`.
    copies : CopyCheck
        Are rows copies.
    densities : pandas.DataFrame
        Likelihoods, membership, references; empty where the generator has no likelihood. See
        `measure_densities`.
    columns : pandas.DataFrame
        One row a column; see `column_table`.
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
        tables = {name: _records(getattr(self, name)) for name in TABLES}
        if columns:
            tables["columns"] = _records(self.columns)
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
                parts += [f"### {title}", markdown_table(table)]
        copies = pd.DataFrame([asdict(self.copies)])
        parts += ["### Copies of fit rows", markdown_table(copies)]
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    def _sizes(self) -> str:
        return (
            f"{self.n_synthetic} synthetic rows of {self.n_features} columns; {self.n_fit} fit "
            f"rows, {self.n_heldout} held-out rows; classes: {', '.join(self.labels)}."
        )


SIZES = ("n_fit", "n_synthetic", "n_heldout", "n_features")
TABLES = {
    "scores": "Classifiers, by what they were trained and tested on",
    "by_class": "The same, class by class",
    "fidelity": "Distributions and correlations, against the fit rows",
    "variances": "Within-class variance over that of the fit rows",
    "two_sample": "Telling others from held-out rows",
    "densities": "Log likelihood, nats per column",
}


def markdown_table(table: pd.DataFrame) -> str:
    """Return a table as Markdown, fractions with three decimals."""
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    lines = [
        [name.replace("_", " ") for name in table.columns],
        ["---:" if number else "---" for number in numeric],
        *[[show_cell(cell) for cell in row] for row in table.itertuples(index=False)],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show_cell(value: Any) -> str:
    """Return a table's value as a person reads it."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "–"
    return f"{value:.0e}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: _plain(value) for name, value in zip(table.columns, row, strict=True)}
        for row in table.itertuples(index=False)
    ]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
