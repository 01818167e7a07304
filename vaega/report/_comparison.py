"""Arms of experiments compared: in pairs on each dataset, in ranks over datasets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import InputError, ResultsError
from vaega.core.tables import TextTable, csv_text, latex_text
from vaega.core.wording import decimals
from vaega.experiments.config import statement_of
from vaega.experiments.facts import metric_words
from vaega.experiments.intervals import LEAST_RUNS, overlap_share
from vaega.experiments.old_names import protocol_in_digests
from vaega.experiments.store import Store
from vaega.experiments.trial import HELDOUT_REAL
from vaega.report._environments import difference_sentences
from vaega.report._statistics import (
    ArmComparison,
    RankComparison,
    compare_arms,
    comparison_table,
    format_p_value,
    infer_difference,
    rank_arms,
)

_OFFICIAL = (
    "The test rows are the same in every run: intervals and tests say what other seeds would give, "
    "not what other rows would."
)
_OVERLAP = (
    "Splits share rows: intervals and tests have the variance corrected for that (Nadeau and "
    "Bengio 2003)."
)


@dataclass(frozen=True, eq=False)
class DatasetComparison:
    """The arms on one dataset.

    Attributes
    ----------
    dataset : str
        Its name.
    scores : pandas.DataFrame
        A row each seed and trial, a column each arm.
    comparisons : list of ArmComparison
        Pairs of arms.
    notes : list of str
        How the figures are to be read, a sentence each.
    effects : TextTable
        What generated rows do to the selection and to the final model; without rows where no arm
        adds any.
    measure : str
        What was compared, in words.
    """

    dataset: str
    scores: pd.DataFrame
    comparisons: list[ArmComparison]
    notes: list[str]
    effects: TextTable = field(default_factory=lambda: TextTable((), ()))
    measure: str = "held-out score"

    @property
    def title(self) -> str:
        """Dataset and measure."""
        return f"{self.dataset}: {self.measure}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_experiments` found.

    Attributes
    ----------
    measure : str
        What was compared.
    datasets : list of DatasetComparison
    ranks : RankComparison or None
        Over datasets, where at least two have the same three arms.
    """

    measure: str
    datasets: list[DatasetComparison]
    ranks: RankComparison | None

    @property
    def title(self) -> str:
        """What was compared, in words; of several metrics each."""
        return ", ".join(dict.fromkeys(one.measure for one in self.datasets))

    @property
    def table(self) -> pd.DataFrame:
        """All comparisons, one row each, the dataset first."""
        tables = [
            comparison_table(one.comparisons).assign(dataset=one.dataset) for one in self.datasets
        ]
        table = pd.concat(tables, ignore_index=True)
        return table[["dataset", *table.columns.drop("dataset")]]

    @property
    def means(self) -> pd.DataFrame:
        """Mean of each arm (columns) on each dataset (rows)."""
        return pd.DataFrame({one.dataset: one.scores.mean() for one in self.datasets}).T

    @property
    def sentences(self) -> list[str]:
        """What was found, in words: a sentence each comparison, and one over the datasets."""
        several = len(self.datasets) > 1
        sentences = [
            f"{one.dataset}: {pair.sentence}" if several else pair.sentence
            for one in self.datasets
            for pair in one.comparisons
        ]
        return sentences if self.ranks is None else [*sentences, self.ranks.sentence]


def compare_experiments(
    folders: Sequence[Path],
    *,
    measure: str = "heldout_score",
    against: str | None = None,
    alpha: float = 0.05,
) -> Comparison:
    """Compare the arms of experiments in pairs of runs that share their splits.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        Results folders. Those of the same data and protocol are taken together; an arm that two of
        them have is named after its experiment.
    measure : str, default="heldout_score"
        A figure of the trials: "heldout_score", "inner_score", "optimism", "n_features", ...
    against : str, optional
        The arm with which the others are compared; all pairs when absent.
    alpha : float, default=0.05
        Chance of any false difference on a dataset.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        When a folder holds no results or comes twice, or there is nothing to compare.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from vaega import load_dataset
    >>> from vaega.experiments import make_config, run_experiment
    >>> config = make_config({
    ...     "name": "wine",
    ...     "dataset": {"source": "sklearn:wine"},
    ...     "arms": {"real": {}, "jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 40}},
    ...     "fitness": {"classifier": "decision_tree"},
    ...     "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
    ...     "seeds": 3,
    ... })
    >>> with TemporaryDirectory() as folder:
    ...     _ = run_experiment(config, load_dataset("sklearn:wine"), Path(folder))
    ...     comparison = compare_experiments([Path(folder) / "wine"])
    >>> comparison.means.columns.tolist(), len(comparison.sentences)
    (['real', 'jitter'], 1)
    """
    _check_folders(folders)
    scores = [read_trial_scores(folder) for folder in folders]
    datasets = [_compare(group, measure, against, alpha) for group in _same_splits(scores)]
    return Comparison(measure, datasets, _ranks(datasets, alpha))


def _check_folders(folders: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise InputError(f"compare: each folder must come once, got {folder} twice.")
        seen.add(folder.resolve())


@dataclass(frozen=True, eq=False)
class TrialScores:
    """The trials of one experiment, one row each."""

    name: str  # Of the experiment
    dataset: str  # Its name
    fingerprint: str  # Of the dataset
    protocol: dict[str, Any]  # As configured
    statement: str  # On which rows fitness was computed, where it was not on training rows alone
    rows: pd.DataFrame  # ``arm``, ``seed``, ``trial`` and the figures of each trial
    bases: tuple[str, ...]  # Arms that search and add no rows
    is_pooled: bool = False  # Whether scores are of the predictions of all trials together
    metric: str = ""  # Of the scores, by scikit-learn's name
    environments: Sequence[Mapping[str, Any]] = ()  # Of each run: versions and machine

    @property
    def arms(self) -> list[str]:
        """Arms with a finished run, in order."""
        return [str(arm) for arm in self.rows["arm"].unique()]

    @property
    def splits(self) -> str:
        """The same for experiments whose runs of one seed share their splits."""
        return repr((self.fingerprint, self.statement, sorted(self.protocol.items())))

    @property
    def test_share(self) -> float | None:
        """Test rows over training rows, where splits overlap; None where all seeds share one."""
        return None if self.is_pooled else overlap_share(self.protocol)

    def by_pair(self, measure: str) -> pd.DataFrame:
        """Return a figure with a row each seed and trial, and a column each arm."""
        known = [str(name) for name in self.rows if name not in ("arm", "seed", "trial")]
        if measure not in known:
            raise InputError(
                f"{self.name}: has no {measure!r}; its trials have {', '.join(known)}."
            )
        table = self.rows.pivot(index=["seed", "trial"], columns="arm", values=measure)
        return table[self.arms]


def read_trial_scores(folder: Path) -> TrialScores:
    """Read the finished runs of a results folder."""
    store = Store(folder)
    with store.reading():
        return scores_of(store)


def scores_of(store: Store) -> TrialScores:
    """Return the trials of the finished runs of an experiment."""
    config, records = store.config, store.done()
    done = [(record.config, record.metrics or {}) for record in records]
    if not done:
        raise ResultsError(f"{store.folder}: holds no finished run.")
    plain = [
        str(settings["arm"]["name"])
        for settings, _ in done
        if not any(settings["arm"].get(key) for key in ("generator", "selector", "regularised"))
    ]
    return TrialScores(
        name=str(config["name"]),
        dataset=str(store.runs_table()["dataset"].iloc[0]),
        fingerprint=str(done[0][0]["dataset"]["fingerprint"]),
        protocol=protocol_in_digests(done[0][0]["protocol"]),
        statement="" if config["protocol"]["kind"] == "honest" else statement_of(config),
        rows=pd.DataFrame([row for run in done for row in _trial_rows(*run)]),
        bases=tuple(dict.fromkeys(plain)),
        is_pooled=bool(done[0][1].get("pooled")),
        metric=str(config["fitness"]["metric"]),
        environments=[record.environment for record in records],
    )


def _trial_rows(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    run = {"arm": config["arm"]["name"], "seed": config["seed"]}
    if metrics.get("pooled"):  # trials have no score of their own
        return [{**run, "trial": 0, **{name: metrics[name] for name in metrics["trials"][0]}}]
    return [{**run, "trial": index, **trial} for index, trial in enumerate(metrics["trials"])]


def _same_splits(scores: Sequence[TrialScores]) -> Iterator[list[TrialScores]]:
    first = {one.splits: index for index, one in reversed(list(enumerate(scores)))}
    ordered = sorted(scores, key=lambda one: first[one.splits])
    groups = [list(group) for _, group in groupby(ordered, key=lambda one: one.splits)]
    alone = [group[0] for group in groups if sum(len(one.arms) for one in group) < 2]
    if alone:
        others = "no other folder has the same data and protocol"
        raise InputError(
            f"{alone[0].name}: has one arm with finished runs, {alone[0].arms[0]!r}, and {others}."
        )
    yield from groups


def _compare(
    group: Sequence[TrialScores], measure: str, against: str | None, alpha: float
) -> DatasetComparison:
    _check_metrics(group, measure)
    table = _joined(group, measure)
    share = group[0].test_share
    comparisons = compare_arms(table, against=against, test_share=share, alpha=alpha)
    notes = [_OFFICIAL if share is None else _OVERLAP]
    if len(comparisons) > 1:
        notes.append(f"p: among {len(comparisons)} comparisons (Holm).")
    if any(pair.is_tested for pair in comparisons):
        notes.append(
            "r: matched-pairs rank-biserial correlation, an effect size: 1 where the first arm is "
            "above in every pair, -1 where it is below, 0 where the ranks balance."
        )
    if group[0].statement:
        notes.append(group[0].statement)
    notes += difference_sentences(chain.from_iterable(one.environments for one in group))
    effects = effect_table(group if measure == "heldout_score" else [])
    words = measure_words(measure, group[0].metric, is_seen=bool(group[0].statement))
    return DatasetComparison(group[0].dataset, table, comparisons, notes, effects, words)


# Figures of a trial that are in its metric.
_IN_METRIC = {
    "heldout_score": "{heldout}",
    "heldout_real": "{heldout}, fitted on real rows alone",
    "inner_score": "inner {name}",
    "optimism": "inner less {heldout}",
}


def measure_words(measure: str, metric: str, *, is_seen: bool = False) -> str:
    """Return what a figure of the trials is called, with the metric where it is one of it.

    >>> measure_words("heldout_score", "roc_auc"), measure_words("n_features", "roc_auc")
    ('held-out ROC AUC', 'selected features')
    """
    if measure not in _IN_METRIC:
        return {"n_features": "selected features"}.get(measure, measure.replace("_", " "))
    name = metric_words(metric).name
    heldout = f"{name} of test rows that the search saw" if is_seen else f"held-out {name}"
    return _IN_METRIC[measure].format(heldout=heldout, name=name)


def _check_metrics(group: Sequence[TrialScores], measure: str) -> None:
    for one in group[1:] if measure in _IN_METRIC else ():
        if one.metric != group[0].metric:
            raise InputError(
                f"compare: scores of one dataset must be of one metric, got {group[0].metric} in "
                f"{group[0].name} and {one.metric} in {one.name}; compare n_features, or run one "
                "of them anew."
            )


def _joined(group: Sequence[TrialScores], measure: str) -> pd.DataFrame:
    arms = [arm for one in group for arm in one.arms]
    tables = []
    for one in group:
        names = {arm: f"{one.name}/{arm}" if arms.count(arm) > 1 else arm for arm in one.arms}
        tables.append(one.by_pair(measure).rename(columns=names))
    return pd.concat(tables, axis=1).astype(float)


def _ranks(datasets: Sequence[DatasetComparison], alpha: float) -> RankComparison | None:
    # Datasets, not runs, are what is drawn: the same data twice would count twice.
    names = [one.dataset for one in datasets]
    shared = [arm for arm in datasets[0].scores if all(arm in one.scores for one in datasets)]
    if len(names) < 2 or len(set(names)) < len(names) or len(shared) < 3:
        return None
    means = pd.DataFrame({one.dataset: one.scores[shared].mean() for one in datasets}).T
    return rank_arms(means, alpha=alpha)


@dataclass(frozen=True)
class RowEffect:
    """What generated rows do to one step, over trials that share their splits."""

    arm: str  # That adds rows
    base: str  # That adds none, and searches too
    effect: str  # One of `EFFECTS`
    n: int  # Trials
    difference: float  # Mean, in the metric
    low: float  # Ends of its 95 % interval; not-a-number below five trials
    high: float
    p_value: float  # Of no difference; not-a-number below five trials


# On the features (both final models of real rows), on the final model (the same features), and both
# added up, which is what an arm with a generator less one without shows by itself.
EFFECTS = ("selection", "final model", "together")


def row_effects(scores: TrialScores) -> list[RowEffect]:
    """Return the effects of generated rows, of each arm that adds some on each that adds none."""
    if HELDOUT_REAL not in scores.rows:
        return []
    real, heldout = scores.by_pair(HELDOUT_REAL), scores.by_pair("heldout_score")
    effects = []
    for arm in scores.arms:
        for base in scores.bases:
            if arm in scores.bases or real[arm].isna().all():
                continue
            selection, final = real[arm] - heldout[base], heldout[arm] - real[arm]
            steps = selection, final, heldout[arm] - heldout[base]
            effects += [
                _row_effect(arm, base, name, values.dropna().to_numpy(dtype=float), scores)
                for name, values in zip(EFFECTS, steps, strict=True)
            ]
    return effects


def _row_effect(
    arm: str, base: str, effect: str, values: np.ndarray, scores: TrialScores
) -> RowEffect:
    n, mean = len(values), float(values.mean())
    low = high = p_value = float("nan")
    if n >= LEAST_RUNS:
        test, (low, high) = infer_difference(values, test_share=scores.test_share)
        p_value = test.p_value
    return RowEffect(arm, base, effect, n, mean, low, high, p_value)


EFFECT_COLUMNS = ("arm", "against", "effect on the", "trials", "difference [95 %]", "p")
_EFFECT_NOTES = (
    "Selection: features found with generated rows against those found without, both final models "
    "fitted on real rows. Final model: the same features, fitted with generated rows and without.",
    "p: each by itself, not among all of this table.",
)


def effect_table(scores: Sequence[TrialScores]) -> TextTable:
    """Return what generated rows do to the selection, to the final model, and to both.

    Of experiments whose splits are the same, each by itself.
    """
    rows = []
    for one in (effect for each in scores for effect in row_effects(each)):
        ends = [decimals(end, signed=True) for end in (one.low, one.high)]
        interval = "" if np.isnan(one.low) else f" [{ends[0]}, {ends[1]}]"
        p_value = "" if np.isnan(one.p_value) else format_p_value(one.p_value)
        difference = f"{decimals(one.difference, signed=True)}{interval}"
        rows.append([one.arm, one.base, one.effect, str(one.n), difference, p_value])
    alike = not scores or scores[0].test_share is not None
    shared = _OVERLAP if alike else _OFFICIAL
    return TextTable(EFFECT_COLUMNS, rows, left=(0, 1, 2), notes=[*_EFFECT_NOTES, shared])


def arm_table(one: DatasetComparison, *, title: str = "") -> TextTable:
    """Return the arms of a dataset: means, medians and ends."""
    rows = []
    for arm in one.scores:
        values = one.scores[arm].dropna()
        figures = (values.mean(), values.median(), values.min(), values.max())
        rows.append([str(arm), str(len(values)), *map(_figure, figures)])
    return TextTable(["arm", "n", "mean", "median", "min", "max"], rows, title)


PAIR_COLUMNS = ("arms", "pairs", "difference", "95 %", "p", "r")


def pair_table(one: DatasetComparison) -> TextTable:
    """Return the pairs of arms of a dataset: differences, tests and effects."""
    return TextTable(PAIR_COLUMNS, [_pair_cells(pair) for pair in one.comparisons], notes=one.notes)


def _pair_cells(pair: ArmComparison) -> list[str]:
    interval = "" if np.isnan(pair.low) else f"[{_figure(pair.low)}, {_figure(pair.high)}]"
    return [
        f"{pair.first} - {pair.second}",
        str(pair.n_pairs),
        decimals(pair.difference, signed=True),
        interval,
        *(_test_cells(pair) if pair.is_tested else ("", "")),
    ]


def _test_cells(pair: ArmComparison) -> tuple[str, str]:
    return format_p_value(pair.adjusted_p_value), decimals(pair.rank_biserial, 2, signed=True)


def _figure(value: float) -> str:
    return decimals(value, 3 if abs(value) < 100 else 1)


def comparison_text(comparison: Comparison, kind: str, *, command: str) -> str:
    """Return a comparison as "csv", "markdown" or "latex"."""
    if kind == "csv":
        return csv_text(comparison.table)
    return (_markdown if kind == "markdown" else _latex)(comparison, command)


def _markdown(comparison: Comparison, command: str) -> str:
    parts = [f"# Comparison: {comparison.title}\n"]
    for one in comparison.datasets:
        parts += [f"## {one.title}\n", arm_table(one).markdown(), pair_table(one).markdown()]
        if one.effects.rows:
            parts += [one.effects.markdown(), "".join(f"- {note}\n" for note in one.effects.notes)]
        sentences = [pair.sentence for pair in one.comparisons]
        parts.append("".join(f"- {line}\n" for line in [*sentences, *one.notes]))
    if comparison.ranks is not None:
        ranks = [[str(arm), f"{rank:.2f}"] for arm, rank in comparison.ranks.ranks.items()]
        parts += ["## Over datasets\n", TextTable(["arm", "mean rank"], ranks).markdown()]
        parts.append(f"- {comparison.ranks.sentence}\n")
    return "\n".join([*parts, f"Command: `{command}`\n"])


def _latex(comparison: Comparison, command: str) -> str:
    rows = [[one.dataset, *cells] for one in comparison.datasets for cells in pair_table(one).rows]
    comments = [
        f"{latex_text(comparison.title)}; {command}",
        *map(latex_text, comparison.sentences),
    ]
    table = TextTable(["dataset", *PAIR_COLUMNS], rows, left=(0, 1))
    effects = "".join(one.effects.latex() for one in comparison.datasets if one.effects.rows)
    return "".join(f"% {line}\n" for line in comments) + table.latex() + effects
