"""Arms of one or several experiments compared: dataset by dataset, and over datasets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from vaega.analysis.statistics.arms import ArmComparison, compare_arms, comparison_table
from vaega.analysis.statistics.ranks import RankComparison, rank_arms
from vaega.analysis.trial_scores import TrialScores, read_trial_scores
from vaega.core.errors import InputError

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
    """

    dataset: str
    scores: pd.DataFrame
    comparisons: list[ArmComparison]
    notes: list[str]


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
        found = [
            f"{one.dataset}: {pair.sentence}" if several else pair.sentence
            for one in self.datasets
            for pair in one.comparisons
        ]
        return found if self.ranks is None else [*found, self.ranks.sentence]


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
    """
    _check_folders(folders)
    scores = [read_trial_scores(folder) for folder in folders]
    datasets = [_compare(group, measure, against, alpha) for group in _same_splits(scores, measure)]
    return Comparison(measure, datasets, _ranks(datasets, alpha))


def _check_folders(folders: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise InputError(f"compare: each folder must come once, got {folder} twice.")
        seen.add(folder.resolve())


def _same_splits(scores: Sequence[TrialScores], measure: str) -> Iterator[list[TrialScores]]:
    def splits(one: TrialScores) -> str:
        return repr((one.fingerprint, one.statement, sorted(one.protocol.items())))

    order = {splits(one): place for place, one in reversed(list(enumerate(scores)))}
    ranked = sorted(scores, key=lambda one: order[splits(one)])
    groups = [list(group) for _, group in groupby(ranked, key=splits)]
    alone = [group[0] for group in groups if _n_arms(group) < 2]
    if alone:
        others = "no other folder has the same data and protocol"
        raise InputError(
            f"{alone[0].name}: has one arm with finished runs, {alone[0].arms[0]!r}, and {others}."
        )
    yield from groups


def _n_arms(group: Sequence[TrialScores]) -> int:
    return sum(len(one.arms) for one in group)


def _compare(
    group: Sequence[TrialScores], measure: str, against: str | None, alpha: float
) -> DatasetComparison:
    table = _joined(group, measure)
    share = group[0].test_share
    comparisons = compare_arms(table, against=against, test_share=share, alpha=alpha)
    notes = [_OFFICIAL if share is None else _OVERLAP]
    if len(comparisons) > 1:
        notes.append(f"p: among {len(comparisons)} comparisons (Holm).")
    if group[0].statement:
        notes.append(group[0].statement)
    return DatasetComparison(group[0].dataset, table, comparisons, notes)


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
