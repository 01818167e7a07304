"""One trial of a run: search on training rows, final model, one look at the test rows, record."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer, precision_recall_fscore_support

from vaega.core.errors import InputError
from vaega.core.figures import principal_axes
from vaega.core.files import plain
from vaega.core.randomness import derive_rng, derive_seed, global_seed, seed_unset
from vaega.core.threads import captured_warnings, one_thread
from vaega.data._preprocess import Preprocessor
from vaega.experiments.augmentation import select_augmentation
from vaega.experiments.config import (
    ArmConfig,
    ExperimentConfig,
    FitnessConfig,
    PreselectConfig,
    SelectorConfig,
)
from vaega.experiments.controls import tune_regulariser
from vaega.experiments.protocols import Trial, TrialOptions
from vaega.experiments.registry import classifier_of, make_sampler
from vaega.fitness._cross_validated import Preparation, augment, fit_transformed
from vaega.fitness._memory import Objective, PenaltyObjective, WeightedObjective
from vaega.selection._classical import ClassicalSelection
from vaega.selection._search import InnerValidation, Search, SearchResult
from vaega.selection._stability import nogueira
from vaega.selection._voting import frequent_columns

# The figure of a trial whose final model was fitted on the real rows too, on the same features
HELDOUT_REAL = "heldout_real"


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A final model, which takes rows of all features."""

    preparation: Any  # Fitted; takes `columns` of the rows
    columns: np.ndarray  # Features that the preparation takes
    kept: np.ndarray  # Which of the columns that it gives the classifier takes
    # Fitted; where no feature is selected one that knows the classes' shares alone
    classifier: Any

    @property
    def features(self) -> np.ndarray:
        """Features that the classifier takes, among all."""
        features: np.ndarray = self.columns[self.preparation.columns_][self.kept]
        return features

    def prepared(self, X: np.ndarray) -> np.ndarray:
        """Return what the classifier takes of rows of all features."""
        return _columns(self.preparation.transform(X[:, self.columns]), self.kept)


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What one trial gave."""

    heldout_score: float  # Metric of the final model on the test rows; NaN in a final run
    # Metric of the same mask on inner folds of the training rows, see `SearchResult`
    inner_score: float
    # Features of the final model: the mask's, less those that its preparation dropped
    selected: np.ndarray
    frequencies: np.ndarray  # Share of the last population that selects each feature
    history: pd.DataFrame  # One row a generation
    n_asked: int  # Evaluations asked for
    n_distinct: int  # Different masks among them
    n_scored: int  # Masks that were computed now: a resumed run finds the others in its memory
    n_searches: int  # Searches that voted; 1 where a single one decided
    # Nogueira's stability over the masks of the searches, where there were several
    agreement: float | None
    warnings: dict[str, int]  # How often the classifier warned of what
    # Further figures, that only some protocols have
    extra: dict[str, float] = field(default_factory=dict)
    brier: float | None = None
    # Precision, recall and F1 of the final model on the test rows, class by class
    classes: list[dict[str, Any]] = field(default_factory=list)
    # What the final model predicted of the test rows, see `predictions_of`
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictions_real: pd.DataFrame | None = None  # Of the final model of the real rows, for pooling
    is_pooled: bool = False  # Whether scores are those of all trials' predictions together
    # After a vote: what the selection comes from, and the rankings that competed on unseen rows
    led_by: str = ""
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)
    # What was chosen where generator or amount is "auto", see `vaega.experiments.augmentation`
    gate: dict[str, Any] | None = None
    # How good the synthetic rows are, see `describe_generator`
    generator: dict[str, Any] | None = None
    # Of a final run: its model, and the rank of each feature by each ranking
    model: FittedModel | None = None
    ranks: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, eq=False)
class FinalModel:
    """What the final model, fitted on all training rows, came to."""

    score: float  # Metric on the test rows; NaN where there are none
    selected: np.ndarray  # Features it was fitted on: those of the mask that its preparation kept
    warnings: Counter[str]  # How often its classifier warned of what
    # See `class_figures`
    classes: list[dict[str, Any]] = field(default_factory=list)
    brier: float | None = None  # See `brier_score`
    # See `predictions_of`
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictions_real: pd.DataFrame | None = (
        None  # Of the second model, where predictions are pooled
    )
    # Metric of the same features' classifier, fitted on the real rows alone, where it was asked for
    score_on_real: float | None = None
    fitted: FittedModel | None = None  # Itself, in a final run


def run_trial(
    config: ExperimentConfig,
    trial: Trial,
    arm: ArmConfig,
    options: TrialOptions,
    *,
    n_classes: int,
    size: int | None = None,
    describe: bool = False,
) -> TrialResult:
    """Search, fit the final model on the mask, and read the test rows once, if there are any.

    `size` is that of another arm's selection; `describe` asks for figures of synthetic rows.
    """
    selected = select_augmentation(config, trial, arm, options, n_classes) if arm.gated else None
    augmented = arm if selected is None else selected.arm
    sampler = make_sampler(augmented, n_classes, device=options.device, cache=options.cache)
    preparation = Preprocessor(list(config.preprocess))
    inner = _inner_validation(config, trial, preparation, sampler, options.n_jobs)
    figures: dict[str, float] = {}
    if arm.regularised:
        classifier, figures["regulariser"] = tune_regulariser(inner)
        inner = replace(inner, estimator=classifier)
    search, columns = _search(config, inner, arm.selector, size, options)
    described = None
    if describe and sampler is not None:
        described = describe_generator(trial, sampler, preparation)
    mask, classifier, rows = search.mask, inner.estimator, config.protocol.final_rows
    if trial.is_final:
        final = fit_on_all_rows(trial, mask, classifier, preparation, sampler, columns, rows)
    else:
        final = score_heldout(
            trial, mask, classifier, inner.scorer, preparation, sampler, columns, rows
        )
    gate = None if selected is None else selected.record
    result = _result(search, final)
    return replace(result, generator=described, gate=gate, extra=result.extra | figures)


def _result(search: SearchResult, final: FinalModel) -> TrialResult:
    several = len(search.masks) > 1
    return TrialResult(
        heldout_score=final.score,
        inner_score=search.score,
        selected=final.selected,
        frequencies=search.frequencies,
        history=search.history,
        n_asked=search.evaluations.n_asked,
        n_distinct=search.evaluations.n_distinct,
        n_scored=search.evaluations.n_scored,
        n_searches=len(search.masks),
        agreement=nogueira(search.masks) if several else None,
        warnings=dict(search.evaluations.complaints + final.warnings),
        extra={} if final.score_on_real is None else {HELDOUT_REAL: final.score_on_real},
        brier=final.brier,
        classes=final.classes,
        predictions=final.predictions,
        predictions_real=final.predictions_real,
        led_by=search.led_by,
        candidates=search.candidates,
        model=final.fitted,
        ranks=search.ranks if final.fitted is not None else pd.DataFrame(),
    )


def _inner_validation(
    config: ExperimentConfig, trial: Trial, preparation: Preparation, sampler: Any, n_jobs: int
) -> InnerValidation:
    return InnerValidation(
        trial.X,
        trial.y,
        split=trial.split,
        estimator=classifier_of(config.fitness),
        scorer=get_scorer(config.fitness.metric),
        seed=trial.seed,
        preparation=preparation,
        sampler=sampler,
        groups=trial.groups,
        n_jobs=n_jobs,
        engine=config.fitness.engine,
        device=config.fitness.device,
        class_names=trial.split.class_names,
    )


def _search(
    config: ExperimentConfig,
    inner: InnerValidation,
    selector: SelectorConfig | None,
    size: int | None,
    options: TrialOptions,
) -> tuple[SearchResult, np.ndarray]:
    """Select features; return the columns too that the generator is fitted on."""
    columns, store = np.arange(inner.n_features), options.store
    search = Search(
        objective_of(config.fitness),
        config.search.settings(),
        tuple(options.callbacks),
        options.checkpoint,
        store,
    )
    if selector is not None:
        return classical_selection(selector, size).run(inner, search.objective, store), columns
    if config.search.preselect is None:
        return search.run(inner), columns
    first = _preselect(search, config.search.preselect, inner)
    keep = config.search.preselect.keep
    bounds = search.settings.bounds(len(first.mask))
    columns = frequent_columns(first.frequencies, first.weights, first.mask, keep, bounds)
    return _select_among(search, columns, inner, first), columns


def classical_selection(selector: SelectorConfig, size: int | None) -> ClassicalSelection:
    """Return the selection of an arm, of `size` features where another arm says how many."""
    size = selector.size if isinstance(selector.size, int) else size
    given = {} if selector.n_masks is None else {"n_masks": selector.n_masks}
    return ClassicalSelection(selector.kind, size, **given)


def objective_of(fitness: FitnessConfig) -> Objective:
    """Return the objective that the section ``fitness`` names."""
    if fitness.objective.kind == "weighted":
        return WeightedObjective(fitness.objective.alpha)
    return PenaltyObjective(fitness.objective.per_feature)


def _preselect(search: Search, preselect: PreselectConfig, inner: InnerValidation) -> SearchResult:
    first = replace(
        search,
        settings=preselect.settings(search.settings),
        folder=None if search.folder is None else search.folder / "first",
    )
    seed = derive_seed(inner.seed, "first")
    return first.run(replace(inner, sampler=None, seed=seed))


def _select_among(
    search: Search, columns: np.ndarray, inner: InnerValidation, first: SearchResult
) -> SearchResult:
    second_search = replace(search, settings=search.settings.on_columns(columns))
    second = second_search.run(inner.with_columns(columns, "second"))
    histories = [
        result.history.assign(selection=index) for index, result in enumerate((first, second))
    ]
    return replace(
        second.widened(columns, inner.n_features),
        history=pd.concat(histories, ignore_index=True),
        evaluations=first.evaluations + second.evaluations,
    )


def score_heldout(
    trial: Trial,
    mask: np.ndarray,
    classifier: Any,
    scorer: Any,
    preparation: Preparation,
    sampler: Any,
    columns: np.ndarray | None = None,
    rows: str = "both",
) -> FinalModel:
    """Fit the final model on all training rows and score it on the test rows, which it opens.

    With a sampler on real and generated rows, on real ones ("real"), or on either, so that what the
    rows do to the selection and to the final model can be told apart ("both").
    """
    fitted, counted = _fit_final(trial, mask, classifier, preparation, sampler, columns, rows)
    models = [AnsweredOnce(one.classifier) for one in fitted]
    seed = derive_seed(trial.seed, "final test")
    with one_thread(), captured_warnings() as counted_in_test, global_seed(seed, classifier):
        X_test, y_test = trial.test.open()
        X_test = fitted[0].prepared(X_test)
        if trial.is_pooled:  # a row or two have no score of their own
            scores = [float("nan") for _ in models]
        else:
            scores = [float(scorer(model, X_test, y_test)) for model in models]
    classes, brier = _figures(models[0], X_test, y_test, trial.y)
    predictions = predictions_of(models, X_test, y_test, trial.test.indices)
    of_real = None
    if trial.is_pooled and len(models) > 1:
        of_real = predictions_of(models[1:], X_test, y_test, trial.test.indices)
    on_real = scores[1] if len(scores) > 1 else None
    counted += counted_in_test
    return FinalModel(
        scores[0], fitted[0].features, counted, classes, brier, predictions, of_real, on_real
    )


def fit_on_all_rows(
    trial: Trial,
    mask: np.ndarray,
    classifier: Any,
    preparation: Preparation,
    sampler: Any,
    columns: np.ndarray,
    rows: str,
) -> FinalModel:
    """Fit the final model of a trial that has no test rows, as `score_heldout` fits its first."""
    rows = "real" if rows == "real" else "augmented"
    (fitted,), counted = _fit_final(trial, mask, classifier, preparation, sampler, columns, rows)
    return FinalModel(float("nan"), fitted.features, counted, fitted=fitted)


def _fit_final(
    trial: Trial,
    mask: np.ndarray,
    classifier: Any,
    preparation: Preparation,
    sampler: Any,
    columns: np.ndarray | None,
    rows: str,
) -> tuple[list[FittedModel], "Counter[str]"]:
    """Fit final models on all training rows; return too how often a classifier warned of what."""
    columns = np.arange(trial.X.shape[1]) if columns is None else columns
    prepared = seed_unset(clone(preparation), derive_seed(trial.seed, "final preparation"))
    X, y = fit_transformed(prepared, trial.X[:, columns], trial.y), trial.y
    fit_rows = [(X, y)]
    if sampler is not None and rows != "real":
        both = augment(
            X,
            y,
            sampler,
            seed=derive_seed(trial.seed, "final sampler"),
            groups=trial.groups,
            where=" of the final model",
            class_names=trial.split.class_names,
        )
        fit_rows = [both, (X, y)] if rows == "both" else [both]
    kept = np.flatnonzero(mask[columns[prepared.columns_]])
    classifiers = [_empty_classifier(classifier, kept, trial.seed) for _ in fit_rows]
    seed = derive_seed(trial.seed, "final classifier")
    with one_thread(), captured_warnings() as counted, global_seed(seed, classifier):
        for unfitted, (X_fit, y_fit) in zip(classifiers, fit_rows, strict=True):
            unfitted.fit(_columns(X_fit, kept), y_fit)
    return [FittedModel(prepared, columns, kept, fitted) for fitted in classifiers], counted


def _empty_classifier(classifier: Any, selected: np.ndarray, seed: int) -> Any:
    copied = clone(classifier) if selected.size else DummyClassifier(strategy="prior")
    return seed_unset(copied, derive_seed(seed, "final classifier"))


def predictions_of(
    models: "Sequence[AnsweredOnce]", X: np.ndarray, y: np.ndarray, rows: np.ndarray | None
) -> pd.DataFrame:
    """Return what final models predict of the test rows, one row each.

    ``row`` of the data set, ``label``, ``prediction``, that of a second model as
    ``prediction_real``, and of the first ``probability_CLASS``, or ``decision_NUMBER`` where it
    gives no probabilities.
    """
    first = models[0]
    with one_thread(), captured_warnings():  # said once, by the score
        table = {
            "row": np.arange(len(y)) if rows is None else rows,
            "label": y,
            "prediction": first.predict(X),
        }
        if len(models) > 1:
            table["prediction_real"] = models[1].predict(X)
        if hasattr(first, "predict_proba"):
            shares = first.predict_proba(X).T
            table |= {f"probability_{c}": v for c, v in zip(first.classes_, shares, strict=True)}
        elif hasattr(first, "decision_function"):
            decisions = np.reshape(first.decision_function(X), (len(y), -1)).T
            table |= {f"decision_{index}": values for index, values in enumerate(decisions)}
    return pd.DataFrame(table)


class AnsweredOnce:
    """A classifier that is asked about one set of rows, each question once.

    The score and the figures beside it are of the same answers, and test rows are predicted once.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self._answers: dict[str, np.ndarray] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.classifier, name)
        if name not in ("predict", "predict_proba", "decision_function"):
            return method

        @wraps(method)  # scikit-learn asks a method for its name
        def answer(X: np.ndarray) -> np.ndarray:
            if name not in self._answers:
                self._answers[name] = method(X)
            return self._answers[name]

        return answer


def _figures(
    final: AnsweredOnce, X_test: np.ndarray, y_test: np.ndarray, y_train: np.ndarray
) -> tuple[list[dict[str, Any]], float | None]:
    n_classes = int(max(y_train.max(), y_test.max())) + 1
    with one_thread(), captured_warnings():  # said once, by the score
        classes = class_figures(y_test, final.predict(X_test), n_classes)
        if not hasattr(final, "predict_proba"):
            return classes, None
        return classes, brier_score(y_test, final.predict_proba(X_test), final.classes_)


def _columns(X: np.ndarray, selected: np.ndarray) -> np.ndarray:
    return X.take(selected, axis=1) if selected.size else np.zeros((len(X), 1))


def class_figures(y: np.ndarray, predicted: np.ndarray, n_classes: int) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of every class."""
    parts = precision_recall_fscore_support(
        y, predicted, labels=np.arange(n_classes), zero_division=0.0
    )
    return [
        {
            "code": code,
            "n_rows": int(n_rows),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
        }
        for code, (precision, recall, f1, n_rows) in enumerate(zip(*parts, strict=True))
    ]


def brier_score(y: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean squared distance between probabilities and what came true.

    As scikit-learn defines it: for two classes the squared error of the probability of one of them,
    0 to 1; for more the squared errors summed over the classes, 0 to 2. Lower is better.
    """
    came_true = y[:, None] == np.asarray(classes)[None, :]
    distance = np.square(probabilities - came_true).sum(axis=1)
    distance += ~came_true.any(axis=1)  # a class that the model does not know has probability 0
    return float(distance.mean() / (2.0 if len(classes) == 2 else 1.0))


# Synthetic rows that are measured, and rows of each kind that are drawn.
_FEWEST, _MOST, _POINTS = 200, 1000, 150


def describe_generator(trial: "Trial", sampler: Any, preparation: Preparation) -> dict[str, Any]:
    """Measure what a sampler makes of the fit rows of the first inner split."""
    from vaega.generative.quality._rows import draw_rows

    split = trial.inner[0]
    fitted = seed_unset(clone(preparation), derive_seed(trial.seed, "described preparation"))
    y = trial.y[split.train]
    X = fit_transformed(fitted, trial.X[split.train], y)
    seed = derive_seed(trial.seed, "described generator")
    try:
        with one_thread():
            drawn = draw_rows(
                sampler,
                X,
                y,
                X_test=fitted.transform(trial.X[split.test]),
                y_test=trial.y[split.test],
                groups=None if trial.groups is None else trial.groups[split.train],
                n_synthetic=max(2 * len(np.unique(y)), min(max(_FEWEST, len(X)), _MOST)),
                seed=seed,
            )
            return {
                "name": drawn.generator,
                **_measured(drawn, seed),
                "points": _points(drawn.rows, drawn.model, seed),
            }
    except InputError as error:  # says nothing against the run
        return {"name": type(sampler).__name__, "error": str(error)}


def _measured(drawn: Any, seed: int) -> dict[str, Any]:
    from vaega.generative.quality import _classifiers, _measurement
    from vaega.generative.quality._similarity import variance_table

    plain_rows, has_density = drawn.rows.in_units(), hasattr(drawn.model, "score_samples")
    clipped = plain_rows.scaled(limit=_measurement.CLIPPED_AT)
    variances = variance_table(clipped)
    two_sample = _classifiers.compare_samples(clipped, rng=derive_rng(seed, "two samples"))
    copies = _classifiers.check_copies(clipped, rng=derive_rng(seed, "copies"))
    densities = _classifiers.measure_densities(drawn.model, drawn.rows, references=has_density)
    words = [
        _measurement.say_variance(variances),
        _measurement.say_two_sample(two_sample),
        _measurement.say_copies(copies),
        _measurement.say_densities(densities, drawn.generator),
    ]
    report = getattr(drawn.model, "report_", None)
    return plain(
        {
            "words": [sentence for sentence in words if sentence],
            "variances": variances[["rows", "label", "ratio"]].to_dict("records"),
            "two_sample": two_sample.to_dict("records"),
            "densities": densities.to_dict("records"),
            "copies": asdict(copies),
            "fit": None if report is None else asdict(report),
        }
    )


def _points(rows: Any, model: Any, seed: int) -> dict[str, Any]:
    """Return real and synthetic rows on the first two principal axes of the real ones.

    Of the posterior means where the model has a latent space, else of the standardised rows.
    """
    space, real, synthetic = "rows", rows.X_fit, rows.X_synthetic
    if hasattr(model, "transform"):
        space = "latent"
        real, synthetic = model.transform(real), model.transform(synthetic)
    else:
        scale = real.std(axis=0)
        scale = np.where(scale > 0.0, scale, 1.0)
        real, synthetic = real / scale, synthetic / scale
    centre = real.mean(axis=0)
    axes, share = principal_axes(real)
    kinds = {"real": (real, rows.y_fit), "synthetic": (synthetic, rows.y_synthetic)}
    return {
        "space": space,
        "dimensions": int(real.shape[1]),
        "share": [round(float(ratio), 4) for ratio in share],
        **{
            kind: _shown((points - centre) @ axes.T, codes, derive_rng(seed, kind))
            for kind, (points, codes) in kinds.items()
        },
    }


def _shown(points: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> list[list[float]]:
    drawn = np.sort(rng.permutation(len(points))[:_POINTS])
    points = np.column_stack([points, np.zeros(len(points))])[:, :2]  # one axis has no second
    return [
        [float(f"{x:.4g}"), float(f"{y:.4g}"), int(code)]
        for (x, y), code in zip(points[drawn], codes[drawn], strict=True)
    ]
