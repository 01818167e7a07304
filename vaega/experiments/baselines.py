"""Baselines: classical models on all features, tuned by inner cross-validation, as tables.

Each model on each split of each dataset is a run in the folder of the results, so that what is
finished is not computed again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.decomposition import PCA
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import DataError, InputError
from vaega.core.files import canonical_json, plain, write_text
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.registry import import_object
from vaega.core.tables import TextTable, csv_text
from vaega.core.threads import captured_warnings, one_thread
from vaega.data._dataset import Dataset
from vaega.data._sources import available_datasets
from vaega.data._splits import Split, holdout_split, kfold_splits, official_split
from vaega.experiments.config import make_dataset_section
from vaega.experiments.monitor import LineObserver
from vaega.experiments.runner import ExecutionOptions, TaskWorker, complete
from vaega.experiments.runs import Run, make_run
from vaega.experiments.store import Store

# Above so many columns, what grows with their square or fits whole forests of full trees is
# searched in a smaller grid.
WIDE = 2000
OWNER = "vaega baselines"

Grid = Mapping[str, Sequence[Any]]

_REDUCED = "reduce__n_components"


@dataclass(frozen=True)
class BaselineModel:
    """One classical model."""

    name: str  # Short name
    title: str  # As tables show it
    path: str  # Dotted path of its class in scikit-learn
    grid: Grid
    fixed: Mapping[str, Any] = field(default_factory=dict)  # Parameters that are not searched
    wide_grid: Grid | None = None  # In place of `grid` above `WIDE` columns

    def grid_for(self, n_features: int) -> dict[str, list[Any]]:
        """Return the values to search for data of this width."""
        grid = self.wide_grid if n_features > WIDE and self.wide_grid else self.grid
        return {
            name if name == _REDUCED else f"model__{name}": list(values)
            for name, values in grid.items()
        }

    def make(self, seed: int) -> Pipeline:
        """Return the model behind a scaler, not fitted."""
        model = import_object(f"sklearn.{self.path}", owner=OWNER, key=self.name)(**self.fixed)
        if any(name.startswith("estimator__") for name in self.grid):
            model.set_params(estimator=DecisionTreeClassifier(max_depth=1))
        if "random_state" in model.get_params(deep=False):
            model.set_params(random_state=seed)
        steps = [("scale", StandardScaler()), ("model", model)]
        if _REDUCED in self.grid:
            steps.insert(1, ("reduce", PCA(random_state=seed)))
        return Pipeline(steps)


_TREE: Grid = {
    "criterion": ("gini", "entropy"),
    "max_depth": (3, 10, None),
    "min_samples_leaf": (1, 5),
}
_FOREST: Grid = {"max_features": ("sqrt", 0.2), "min_samples_leaf": (1, 5)}
_WIDE_FOREST: Grid = {"max_features": ("sqrt", 0.05), "min_samples_leaf": (1, 5)}
_SVM: Grid = {"kernel": ("linear", "rbf"), "gamma": ("scale",)}


MODELS: dict[str, BaselineModel] = {
    model.name: model
    for model in (
        BaselineModel("lda", "LDA", "discriminant_analysis.LinearDiscriminantAnalysis",
            {"solver": ("lsqr",), "shrinkage": (None, "auto", 0.1, 0.5, 0.9)},
            wide_grid={"tol": (1e-4, 1e-2, 1.0)}),
        # scikit-learn refuses classes with fewer rows than columns.
        BaselineModel("qda", "QDA", "discriminant_analysis.QuadraticDiscriminantAnalysis",
            {_REDUCED: (None, 2, 5, 10, 20, 50), "reg_param": (0.01, 0.1, 0.5)}),
        BaselineModel("ridge", "Ridge", "linear_model.RidgeClassifier",
            {"alpha": (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)}),
        BaselineModel("sgd", "SGD", "linear_model.SGDClassifier",
            {"loss": ("hinge", "log_loss"), "alpha": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)}),
        BaselineModel("adaboost", "AdaBoost", "ensemble.AdaBoostClassifier",
            {"estimator__max_depth": (1, 4), "learning_rate": (0.1, 1.0)},
            wide_grid={"learning_rate": (0.1, 1.0)}, fixed={"n_estimators": 50}),
        BaselineModel("bagging", "Bagging", "ensemble.BaggingClassifier",
            {"max_features": (0.3, 1.0)}, wide_grid={"max_features": (0.05, 0.2)},
            fixed={"n_estimators": 50}),
        BaselineModel("decision_tree", "decision tree", "tree.DecisionTreeClassifier", _TREE),
        BaselineModel("extra_tree", "extra tree (one)", "tree.ExtraTreeClassifier", _TREE),
        BaselineModel("extra_trees", "extra trees ensemble", "ensemble.ExtraTreesClassifier",
            _FOREST, wide_grid=_WIDE_FOREST, fixed={"n_estimators": 200}),
        BaselineModel("gradient_boosting", "gradient boosting",
            "ensemble.GradientBoostingClassifier",
            {"learning_rate": (0.05, 0.2), "max_features": ("sqrt", 0.3)},
            wide_grid={"learning_rate": (0.05, 0.2), "max_features": ("sqrt",)}),
        BaselineModel("random_forest", "random forest", "ensemble.RandomForestClassifier", _FOREST,
            wide_grid=_WIDE_FOREST, fixed={"n_estimators": 200}),
        BaselineModel("linear_svc", "LinearSVC", "svm.LinearSVC",
            {"C": (1e-4, 1e-3, 1e-2, 1e-1, 1.0)}),
        BaselineModel("nu_svc", "NuSVC", "svm.NuSVC", {"nu": (0.05, 0.1, 0.25, 0.5), **_SVM}),
        BaselineModel("svc", "SVC", "svm.SVC", {"C": (0.01, 0.1, 1.0, 10.0), **_SVM}),
        BaselineModel("bernoulli_nb", "Bernoulli NB", "naive_bayes.BernoulliNB",
            {"alpha": (0.01, 0.1, 1.0, 10.0), "binarize": (0.0, 0.5)}),
        BaselineModel("gaussian_nb", "Gaussian NB", "naive_bayes.GaussianNB",
            {"var_smoothing": (1e-9, 1e-6, 1e-3, 1e-2, 1e-1, 1.0)}),
        BaselineModel("knn", "kNN", "neighbors.KNeighborsClassifier",
            {"n_neighbors": (1, 3, 5, 10, 20), "weights": ("uniform", "distance")}),
        BaselineModel("mlp", "MLP", "neural_network.MLPClassifier",
            {"hidden_layer_sizes": ((5, 3), (50,)), "alpha": (1e-4, 1e-1)},
            wide_grid={"hidden_layer_sizes": ((5, 3), (50,)), "alpha": (1e-4,)},
            fixed={"max_iter": 500}),
    )
}  # fmt: skip


def find_model(name: str) -> BaselineModel:
    """Return a model by its short name."""
    return MODELS[check_choice(name, "--models", MODELS, owner=OWNER)]


STATEMENT = (
    "Models see all features; parameters are searched by inner cross-validation of the training "
    "rows; test rows are read once, after the search."
)
CLASS_FIGURES = ("precision", "recall", "f1")
# Resamples of the test rows, class by class, for the 95 % interval of a score.
N_RESAMPLES = 500


@dataclass(frozen=True)
class BaselineSettings:
    """How models are tuned and tested."""

    split: str = "official"
    test_size: float = 0.2  # Share of the rows that a holdout tests
    n_folds: int = 5  # Inner folds; fewer where a class has fewer rows
    search_rows: int = 1000

    def __post_init__(self) -> None:
        check_choice(self.split, "split", ("official", "pooled"), owner=OWNER)
        check_count(self.n_folds, "n_folds", owner=OWNER, minimum=2)
        check_count(self.search_rows, "search_rows", owner=OWNER, minimum=10)
        if not isinstance(self.test_size, float) or not 0.0 < self.test_size < 1.0:
            raise InputError(
                f"{OWNER}: test_size must be a fraction in (0, 1), got {self.test_size!r}."
            )


def outer_split(dataset: Dataset, settings: BaselineSettings, seed: int) -> Split:
    """Return training and test rows, as indices into the pooled dataset."""
    if settings.split == "official" and dataset.X_test is not None:
        return official_split(len(dataset.X), len(dataset.X_test))
    rows = dataset.pooled()
    return holdout_split(
        rows.y,
        test_size=settings.test_size,
        seed=derive_seed(seed, "baseline", "test rows"),
        groups=rows.groups,
        class_names=rows.class_names,
        owner=OWNER,
    )


def evaluate(
    model: BaselineModel, dataset: Dataset, settings: BaselineSettings, seed: int
) -> dict[str, Any]:
    """Tune a model on the training rows, fit it on them, and score it on the test rows."""
    _check_values(dataset)
    split, rows = outer_split(dataset, settings, seed), dataset.pooled()
    X, y = rows.X[split.train], rows.y[split.train]
    groups = None if rows.groups is None else rows.groups[split.train]
    metric = "roc_auc" if rows.n_classes == 2 else "f1_macro"  # as scikit-learn calls them
    with one_thread(), captured_warnings() as counted:
        pipeline = model.make(derive_seed(seed, "baseline", "model", model.name))
        searched = _search_rows(y, groups, rows.class_names, settings, seed)
        searched_groups = None if groups is None else groups[searched]
        folds = _folds(y[searched], searched_groups, rows.class_names, settings, seed)
        grid = model.grid_for(X.shape[1])
        best, inner = _search(pipeline, grid, metric, X[searched], y[searched], folds)
        fitted = pipeline.set_params(**best).fit(X, y)
        rng = derive_rng(seed, "baseline", "resampled test rows")
        heldout = _heldout_figures(
            fitted, rows.X[split.test], rows.y[split.test], rows, metric, rng
        )
        train_score = _metric(metric)(*_predictions(fitted, X, y, metric))
    return {
        "metric": metric,
        **heldout,
        **inner,
        "train_score": float(train_score),
        "n_train": len(y),
        "parameters": plain({key.removeprefix("model__"): v for key, v in best.items()}),
        "warnings": dict(counted),
    }


def _check_values(dataset: Dataset) -> None:
    if dataset.n_missing:
        values = "value" if dataset.n_missing == 1 else "values"
        raise DataError(
            f"{OWNER}: {dataset.name!r} has {dataset.n_missing} missing {values}; "
            "classical models take none."
        )


def _search_rows(
    y: np.ndarray, groups: Any, names: Any, settings: BaselineSettings, seed: int
) -> np.ndarray:
    if len(y) <= settings.search_rows:
        return np.arange(len(y))
    kept = holdout_split(
        y,
        test_size=settings.search_rows / len(y),
        seed=derive_seed(seed, "baseline", "rows to search on"),
        groups=groups,
        class_names=names,
        owner=OWNER,
    )
    return kept.test


def _folds(
    y: np.ndarray, groups: Any, names: Any, settings: BaselineSettings, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    members = np.arange(len(y)) if groups is None else groups
    fewest = min(len(np.unique(members[y == label])) for label in np.unique(y))
    if fewest < 2:
        raise DataError(
            f"{OWNER}: every class needs two training rows or groups to be tuned on, got {fewest}."
        )
    splits = kfold_splits(
        y,
        n_splits=min(settings.n_folds, fewest),
        seed=derive_seed(seed, "baseline", "inner folds"),
        groups=groups,
        class_names=names,
        owner=OWNER,
    )
    return [(split.train, split.test) for split in splits]


def _search(
    pipeline: Pipeline, grid: dict[str, list], metric: str, X: np.ndarray, y: np.ndarray, folds: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    search = GridSearchCV(pipeline, grid, scoring=metric, cv=folds, refit=False)
    try:
        results = search.fit(X, y).cv_results_
    except ValueError as error:
        raise InputError(f"{OWNER}: no candidate could be fitted: {_reason(error)}") from error
    means = results["mean_test_score"]
    if np.isnan(means).all():
        raise InputError(f"{OWNER}: no candidate could be scored in every inner fold.")
    best = int(np.nanargmax(means))
    figures = {
        "inner_score": float(means[best]),
        "n_candidates": len(means),
        "n_failed_candidates": int(np.isnan(means).sum()),
    }
    return results["params"][best], figures


def _reason(error: ValueError) -> str:
    """Return the line of scikit-learn's many that names the error of the last fit."""
    named = re.findall(r"^[\w.]*Error: .*", str(error), flags=re.MULTILINE)
    return str(named[-1]) if named else " ".join(str(error).split())


def _predictions(
    fitted: Pipeline, X: np.ndarray, y: np.ndarray, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and what the metric takes: a score of the second class, or predictions."""
    if metric == "f1_macro":
        return y, fitted.predict(X)
    if hasattr(fitted, "decision_function"):
        return y, fitted.decision_function(X)
    return y, fitted.predict_proba(X)[:, 1]


def _metric(metric: str) -> Callable[[np.ndarray, np.ndarray], float]:
    if metric == "roc_auc":
        return roc_auc_score
    return lambda truth, predicted: f1_score(truth, predicted, average="macro", zero_division=0)


def _heldout_figures(
    fitted: Pipeline,
    X: np.ndarray,
    y: np.ndarray,
    rows: Dataset,
    metric: str,
    rng: np.random.Generator,
) -> dict[str, Any]:
    measure, (truth, predictions) = _metric(metric), _predictions(fitted, X, y, metric)
    predicted = fitted.predict(X)
    low, high = _interval(metric, truth, predictions, rng)
    return {
        "score": float(measure(truth, predictions)),
        "score_low": low,
        "score_high": high,
        "accuracy": float(accuracy_score(y, predicted)),
        "balanced_accuracy": float(balanced_accuracy_score(y, predicted)),
        "macro_f1": float(f1_score(y, predicted, average="macro", zero_division=0)),
        "n_test": len(y),
        "by_class": _by_class(y, predicted, rows.class_names),
    }


def _interval(
    metric: str, truth: np.ndarray, predictions: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval over test rows that are drawn anew within each class."""
    members = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    drawn = [[rng.choice(rows, len(rows)) for rows in members] for _ in range(N_RESAMPLES)]
    resampled = _resampled_auc if metric == "roc_auc" else _resampled_macro_f1
    low, high = np.quantile(resampled(truth, predictions, drawn), [0.025, 0.975])
    return float(low), float(high)


def _resampled_auc(
    truth: np.ndarray, predictions: np.ndarray, drawn: list[list[np.ndarray]]
) -> list[float]:
    """Return the area under the ROC curve of each resample: the share of pairs in order.

    From ranks (Mann and Whitney 1947), since there may be millions of pairs.
    """
    areas = []
    for before, after in drawn:
        n, m = len(before), len(after)
        ranks = rankdata(predictions[np.concatenate([before, after])])
        areas.append(float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m)))
    return areas


def _resampled_macro_f1(
    truth: np.ndarray, predictions: np.ndarray, drawn: list[list[np.ndarray]]
) -> list[float]:
    """Return the macro-F1 of each resample, of its counts of label and prediction."""
    labels, codes = np.unique(np.concatenate([truth, predictions]), return_inverse=True)
    cells = codes[: len(truth)] * len(labels) + codes[len(truth) :]
    scores = []
    for parts in drawn:
        counts = np.bincount(cells[np.concatenate(parts)], minlength=len(labels) ** 2)
        table = counts.reshape(len(labels), len(labels))
        named = table.sum(axis=0) + table.sum(axis=1)
        scores.append(float(np.mean(2.0 * table.diagonal()[named > 0] / named[named > 0])))
    return scores


def _by_class(truth: np.ndarray, predicted: np.ndarray, names: Any) -> list[dict[str, Any]]:
    columns = precision_recall_fscore_support(
        truth, predicted, labels=np.arange(len(names)), zero_division=0
    )
    return [
        {
            "label": name,
            **dict(zip(CLASS_FIGURES, map(float, line), strict=True)),
            "support": int(n),
        }
        for name, *line, n in zip(names, *columns, strict=True)
    ]


def loadable_sources() -> list[str]:
    """Return the datasets that are here: files by name, then scikit-learn's, no network."""
    return [entry.source for entry in available_datasets() if "network" not in entry.where]


def plan_tasks(
    dataset: Dataset, models: Sequence[str], settings: BaselineSettings, seeds: Sequence[int]
) -> list[Run]:
    """Return a dataset's tasks, whose arm is the model: seeds in order, models in order."""
    return [
        make_run(
            dataset,
            model.name,
            seed,
            {
                "model": model.name,
                "grid": plain(model.grid_for(dataset.n_features)),
                "fixed": plain(model.fixed),
                "settings": asdict(settings),
            },
        )
        for seed in seeds
        for model in map(find_model, models)
    ]


def complete_baselines(
    sources: Sequence[str],
    models: Sequence[str],
    folder: Path,
    *,
    settings: BaselineSettings | None = None,
    seeds: Sequence[int] = (0,),
    jobs: int = 1,
    reading: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[Run], dict[str, str]]:
    """Compute what is not finished; return all tasks, and why sources could not be loaded.

    `reading` has the keys of a section ``dataset`` beside its source, for all sources alike.
    """
    settings, store = settings or BaselineSettings(), Store(folder)
    tasks: list[Run] = []
    unloaded: dict[str, str] = {}
    for source in dict.fromkeys(sources):
        try:
            section = make_dataset_section({"source": source, **(reading or {})}, origin=OWNER)
            dataset = section.load(beside=Path.cwd())
        except DataError as error:
            if len(set(sources)) == 1:
                raise
            unloaded[source] = str(error)
            tell(f"{source}: not loaded: {error}")
            continue
        runs = plan_tasks(dataset, models, settings, seeds)
        tasks += runs
        worker, options = BaselineWorker(dataset, store, settings=settings), ExecutionOptions(jobs)
        for _ in complete(worker, runs, options=options, observer=_ProgressLines(tell)):
            pass
    return tasks, unloaded


@dataclass(frozen=True, eq=False, kw_only=True)
class BaselineWorker(TaskWorker):
    """Tunes and tests models on one dataset; a run's arm is the model."""

    settings: BaselineSettings

    def measure(self, run: Run, inputs: Any, **_: Any) -> dict[str, Any]:
        """Return the figures of a model on a split."""
        return evaluate(find_model(run.arm), self.dataset, self.settings, run.seed)


class _ProgressLines(LineObserver):
    """A line on what is skipped, and one a task."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(write, self._line)

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        super().on_plan(runs, n_done)
        if n_done:
            self.write(
                f"{runs[0].dataset}: {n_done} of {len(runs)} were finished before and are skipped"
            )

    def _line(self, run: Run, metrics: Mapping[str, Any]) -> str:
        return f"[{self.n_done + self.n_ended}/{self.n_runs}] {describe_task(run, metrics)}"


def describe_task(run: Run, metrics: Mapping[str, Any]) -> str:
    """Return one line on a task that ended."""
    name = f"{run.dataset}, {find_model(run.arm).title}, seed {run.seed}"
    if metrics.get("status") != "done":
        return f"{name}: failed: {metrics.get('error', 'no result')}"
    return (
        f"{name}: {METRICS[metrics['metric']]} {metrics['score']:.3f}, "
        f"inner {metrics['inner_score']:.3f}, {metrics['seconds']:.1f} s"
    )


_SCORES = (
    "metric", "score", "score_low", "score_high", "inner_score", "train_score", "accuracy",
    "balanced_accuracy", "macro_f1", "n_train", "n_test", "n_candidates", "n_failed_candidates",
)  # fmt: skip
COLUMNS = (
    "dataset", "model", "seed", "split", "status", *_SCORES, "seconds", "parameters", "error",
)  # fmt: skip
METRICS = {"roc_auc": "AUC", "f1_macro": "macro-F1"}


def tabulate_tasks(store: Store, tasks: Sequence[Run]) -> pd.DataFrame:
    """Return one row a task, of what the tasks recorded."""
    rows = []
    for run in tasks:
        metrics = store.metrics(run.id)
        if metrics is None:
            continue
        split = run.resolved["settings"]["split"]
        parameters = canonical_json(metrics["parameters"]) if "parameters" in metrics else ""
        rows.append({**metrics, **_names(run), "split": split, "parameters": parameters})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def tabulate_classes(store: Store, tasks: Sequence[Run]) -> pd.DataFrame:
    """Return one row a task and class: precision, recall, F1, support."""
    rows = [
        {**_names(run), **line}
        for run in tasks
        for line in (store.metrics(run.id) or {}).get("by_class", ())
    ]
    columns = ["dataset", "model", "seed", "label", *CLASS_FIGURES, "support"]
    return pd.DataFrame(rows, columns=columns)


def _names(run: Run) -> dict[str, Any]:
    return {"dataset": run.dataset, "model": run.arm, "seed": run.seed}


def summarise_tasks(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a dataset and model: means over the seeds that are done."""
    rows = []
    done = table[table["status"] == "done"]
    for (dataset, model), group in done.groupby(["dataset", "model"], sort=False):
        score, ends = group["score"], group[["score_low", "score_high"]]
        rows.append(
            (
                *(dataset, model, group["metric"].iloc[0], len(group), score.mean(), score.std()),
                *(ends.iloc[0] if len(group) == 1 else (float("nan"), float("nan"))),
                *(group[name].mean() for name in _MEANS),
            )
        )
    columns = ["dataset", "model", "metric", "n", "score", "sd", "score_low", "score_high", *_MEANS]
    return pd.DataFrame(rows, columns=columns)


_MEANS = ("inner_score", "accuracy", "macro_f1", "seconds")


def model_table(summary: pd.DataFrame) -> TextTable:
    """Return models by datasets as text: mean, and its spread over seeds or test rows."""
    names = [name for name in MODELS if name in set(summary["model"])]
    columns, cells = ["model"], [[MODELS[name].title] for name in names]
    for dataset, group in summary.groupby("dataset", sort=False):
        columns.append(f"{dataset} ({METRICS[group['metric'].iloc[0]]})")
        scores = {str(row["model"]): _cell(row) for _, row in group.iterrows()}
        for name, line in zip(names, cells, strict=True):
            line.append(scores.get(name, ""))
    return TextTable(columns, cells)


def _cell(row: pd.Series) -> str:
    if row["n"] > 1:
        return f"{row['score']:.3f} ± {row['sd']:.3f}"
    return f"{row['score']:.3f} [{row['score_low']:.3f}, {row['score_high']:.3f}]"


def write_baselines(
    folder: Path, tasks: Sequence[Run], unloaded: Mapping[str, str], *, command: str
) -> pd.DataFrame:
    """Write the tables of what was computed."""
    store = Store(folder)
    table, classes = tabulate_tasks(store, tasks), tabulate_classes(store, tasks)
    write_text(folder / "baselines.csv", csv_text(table))
    write_text(folder / "by_class.csv", csv_text(classes))
    text = _markdown(store, table, classes, unloaded, command)
    write_text(folder / "baselines.md", text)
    return table


def _markdown(
    store: Store,
    table: pd.DataFrame,
    classes: pd.DataFrame,
    unloaded: Mapping[str, str],
    command: str,
) -> str:
    parts = ["# Classical models on all features\n", f"`{command}`\n", f"{STATEMENT}\n"]
    parts += [
        "One seed: score on the test rows and 95 % interval over resamples of them. Several: mean "
        "± standard deviation over splits.\n",
        model_table(summarise_tasks(table)).markdown(),
        f"{_versions(store)} Seeds: {_list(table['seed'])}. Computing took "
        f"{table['seconds'].sum():.0f} s in all.\n",
        *_class_reports(table, classes),
        _failures(table, unloaded),
    ]
    return "\n".join(part for part in parts if part)


def _versions(store: Store) -> str:
    for environment in store.environments():
        names = ("scikit-learn", "numpy")
        packages = ", ".join(f"{name} {environment['packages'][name]}" for name in names)
        return f"vaega {environment['vaega']}, {packages}."
    return ""


def _list(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(set(values.tolist())))


def _class_reports(table: pd.DataFrame, classes: pd.DataFrame) -> list[str]:
    """Return the report by class of the best model of each multi-class dataset, and of the MLP."""
    parts = []
    summary = summarise_tasks(table)
    for dataset, group in summary[summary["metric"] == "f1_macro"].groupby("dataset", sort=False):
        best = str(group["model"].iloc[int(np.argmax(group["inner_score"]))])
        for name in dict.fromkeys([best, "mlp"]):
            lines = classes[(classes["dataset"] == dataset) & (classes["model"] == name)]
            if len(lines):
                parts.append(f"## {dataset} by class: {MODELS[name].title}\n")
                parts.append(class_table(lines).markdown())
    return parts


def class_table(lines: pd.DataFrame) -> TextTable:
    """Return a report by class as text, means over seeds."""
    means = lines.groupby("label", sort=False)[[*CLASS_FIGURES, "support"]].mean()
    rows = [
        [str(label), *(f"{row[name]:.2f}" for name in CLASS_FIGURES), f"{row['support']:g}"]
        for label, row in means.iterrows()
    ]
    return TextTable(["label", *CLASS_FIGURES, "support"], rows)


def failures(table: pd.DataFrame) -> list[str]:
    """Return a line on each task that failed."""
    return [
        f"{row['dataset']}, {MODELS[str(row['model'])].title}, seed {row['seed']}: {row['error']}"
        for _, row in table[table["status"] == "failed"].iterrows()
    ]


def _failures(table: pd.DataFrame, unloaded: Mapping[str, str]) -> str:
    lines = [
        *failures(table),
        *(f"{source}: not loaded: {why}" for source, why in unloaded.items()),
    ]
    listed = "".join(f"- {line}\n" for line in lines)
    return f"## What failed\n\n{listed}" if lines else ""
