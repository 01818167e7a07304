"""What the scores of an experiment are of, in words: data, metric, classifier, splits.

A run records the figures of its data (`data_record`), so that a report needs no data set; what an
earlier version did not record is left out of the sentences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.wording import counted, decimals, listed
from vaega.data._dataset import Dataset
from vaega.data._steps import step_name
from vaega.experiments.intervals import LEAVING_OUT, is_bounded

if TYPE_CHECKING:
    from vaega.experiments.config import ExperimentConfig

_MOST_CLASSES = 6  # that are counted one by one


def data_record(dataset: Dataset) -> dict[str, Any]:
    """Return what is to be known of data to read a score: official test rows count among all."""
    rows = dataset.pooled()
    return {
        "name": dataset.name,
        "n_rows": rows.n_rows,
        "n_features": rows.n_features,
        "n_test_rows": rows.n_rows - dataset.n_rows,
        "n_groups": 0 if rows.groups is None else len(np.unique(rows.groups)),
        "n_missing": dataset.n_missing,
        "class_counts": np.bincount(rows.y, minlength=rows.n_classes).tolist(),
    }


@dataclass(frozen=True)
class MetricWords:
    """A metric as people call it."""

    name: str
    meaning: str  # What it is, behind its name
    # Of two classes, whether one of them is the positive one
    has_positive: bool = False
    low: float = 0.0  # Ends of its values
    high: float = 1.0


# By scikit-learn's names.
METRICS = {
    "accuracy": MetricWords("accuracy", "the share of right predictions"),
    "balanced_accuracy": MetricWords(
        "balanced accuracy", "the mean recall of the classes, which count alike"
    ),
    "f1_macro": MetricWords("macro F1", "the mean F1 of the classes, which count alike"),
    "f1_weighted": MetricWords(
        "weighted F1", "the mean F1 of the classes, which count by their rows"
    ),
    "matthews_corrcoef": MetricWords(
        "Matthews correlation", "of predicted and true classes, from -1 to 1", low=-1.0
    ),
    "neg_log_loss": MetricWords(
        "negative log loss", "the mean log probability of the true class", low=-np.inf, high=0.0
    ),
    "roc_auc": MetricWords(
        "ROC AUC", "how often a row of one class scores above one of the other", has_positive=True
    ),
    "roc_auc_ovo": MetricWords(
        "ROC AUC, one against one", "the mean over pairs of classes, which count alike"
    ),
    "roc_auc_ovr": MetricWords(
        "ROC AUC, one against the rest", "the mean over the classes, which count alike"
    ),
}
_CLASSIFIERS = {
    "extra_trees": "extremely randomised trees",
    "gaussian_nb": "Gaussian naive Bayes",
    "knn": "k nearest neighbours",
    "lda": "linear discriminant analysis",
    "linear_svc": "linear support vector machine",
    "logistic": "logistic regression",
    "mlp": "multilayer perceptron",
    "qda": "quadratic discriminant analysis",
    "ridge": "ridge classifier",
    "svc": "support vector machine",
}


def metric_words(metric: str) -> MetricWords:
    """Return how a metric is called; others by scikit-learn's name, without a meaning."""
    high = 1.0 if is_bounded(metric) else np.inf
    low = 0.0 if is_bounded(metric) else -np.inf
    return METRICS.get(metric) or MetricWords(metric.replace("_", " "), "", low=low, high=high)


def classifier_words(fitness: Mapping[str, Any]) -> str:
    """Return the name of the classifier in a section ``fitness``, and what is set of it."""
    kind = fitness.get("classifier")
    name = fitness.get("class") or _CLASSIFIERS.get(str(kind), str(kind).replace("_", " "))
    known = {"classifier", "class", "metric", "engine", "device", "objective", "parameters"}
    own = {key: value for key, value in fitness.items() if key not in known}
    own |= fitness.get("parameters") or {}
    settings = ", ".join(f"{key} {value}" for key, value in own.items())
    return f"{name} ({settings})" if settings else str(name)


def imputation_words(steps: Sequence[Any]) -> str:
    """Return how the preprocessing of an experiment fills missing values; empty where it does not.

    >>> imputation_words(["log2p1", {"impute": "median"}])
    'imputed by the median'
    """
    for step in steps:
        if isinstance(step, Mapping) and "impute" in step:
            kind = {"most_frequent": "most frequent value"}.get(step["impute"], step["impute"])
            return f"imputed by the {kind}"
        if isinstance(step, Mapping) and "imput" in str(step.get("class", "")).lower():
            return f"imputed by {step_name(step)}"
    return ""


@dataclass(frozen=True)
class Facts:
    """What the scores of an experiment are of."""

    config: Mapping[str, Any]  # Its sections, as plain data
    data: Mapping[str, Any] = field(default_factory=dict)  # See `data_record`

    @classmethod
    def of(cls, config: "ExperimentConfig", dataset: Dataset) -> "Facts":
        """Return the facts before anything was run."""
        data = {**data_record(dataset), "class_names": list(dataset.class_names)}
        return cls(config.model_dump(by_alias=True), data)

    @property
    def metric(self) -> MetricWords:
        """The metric."""
        return metric_words(str(self.config["fitness"]["metric"]))

    @property
    def heading(self) -> str:
        """Name, metric, data: what stands above every output."""
        name, data = str(self.config["name"]), str(self.data.get("name", ""))
        of = f"{self.metric.name} on {data}" if data and data != name else self.metric.name
        return ", ".join([f"{name}: {of}", *([self.size] if self.size else [])])

    @property
    def size(self) -> str:
        """Rows by columns."""
        parts = [
            counted(self.data[key], noun)
            for key, noun in (("n_rows", "row"), ("n_features", "feature"))
            if key in self.data
        ]
        return " x ".join(parts)

    def sentences(self, chance: float = float("nan")) -> list[str]:
        """Return lines on data, score and runs; `chance` is the score of chance, where known."""
        score = self.score_sentence
        if np.isfinite(chance):
            score += f"; chance is {decimals(chance)}"
        lines = {"Data": self.data_sentence, "Score": score, "Runs": self.splits_sentence}
        return [f"{name}: {line}." for name, line in lines.items() if line]

    @property
    def data_sentence(self) -> str:
        """Rows, columns, classes, missing values and what becomes of them."""
        parts = [self.size, self._classes(), self._groups(), self._missing()]
        return "; ".join(part for part in parts if part)

    @property
    def score_sentence(self) -> str:
        """Metric, positive class, classifier."""
        metric, names = self.metric, self.data.get("class_names", ())
        meaning = f" ({metric.meaning})" if metric.meaning else ""
        if metric.has_positive and len(names) == 2:
            meaning = f" of {names[1]}, the positive class, against {names[0]}"
        return f"{metric.name}{meaning}; {classifier_words(self.config['fitness'])}"

    @property
    def splits_sentence(self) -> str:
        """What is held out, and how often; empty where the search sees the test rows."""
        seeds, protocol = self.config.get("seeds", ()), self.config["protocol"]
        if protocol["kind"] != "honest":
            return ""
        runs = counted(seeds if isinstance(seeds, int) else len(seeds), "run") + " of each arm"
        outer = protocol["outer"]
        if outer == "official":
            n_test = self.data.get("n_test_rows")
            rows = f" of {counted(n_test, 'row')}" if n_test else ""
            return f"{runs}, one seed each, all tested on the official part{rows}"
        if outer == "holdout":
            share = decimals(100.0 * protocol["test_size"], 0)
            how = "in whole groups, drawn anew" if self.data.get("n_groups") else "others each time"
            return f"{runs}, one seed each, that hold out {share} % of the rows, {how}"
        if outer == "kfold":
            n_trials = counted(protocol["n_splits"] * protocol.get("n_repeats", 1), "trial")
            return f"{runs}, one seed each, in {n_trials} of {protocol['n_splits']} folds"
        left_out = "row" if outer == LEAVING_OUT[0] else "group"
        return f"{runs}, one seed each, in which every {left_out} is held out once"

    def _classes(self) -> str:
        counts, names = self.data.get("class_counts", ()), self.data.get("class_names", ())
        if len(counts) > _MOST_CLASSES:
            return f"{len(counts)} classes of {min(counts):,} to {max(counts):,} rows"
        if counts:
            return ", ".join(f"{name} {n:,}" for name, n in zip(names, counts, strict=True))
        return f"classes {listed(names, _MOST_CLASSES)}" if names else ""

    def _groups(self) -> str:
        return f"{self.data['n_groups']:,} groups" if self.data.get("n_groups") else ""

    def _missing(self) -> str:
        if "n_missing" not in self.data:
            return ""
        n_missing = self.data["n_missing"]
        if not n_missing:
            return "no missing values"
        share = 100.0 * n_missing / (self.data["n_rows"] * self.data["n_features"])
        of_all = f"{decimals(share, 1)} %" if share >= 0.05 else "less than 0.1 %"
        filled = imputation_words(self.config.get("preprocess", ()))
        said = f"{counted(n_missing, 'missing value')} ({of_all})"
        return f"{said}, {filled}" if filled else said
