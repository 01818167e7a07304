"""The rows of a trial: which are tested on, and how the others are divided for the fitness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaega.core.errors import ConfigError
from vaega.core.randomness import derive_seed
from vaega.data.dataset import Dataset
from vaega.data.splits import Split, holdout_split, kfold_splits, official_split
from vaega.experiments.config import ProtocolConfig


@dataclass(frozen=True, eq=False)
class InnerSplits:
    """Inner folds of some of the training rows: stratified, groups kept together."""

    y: np.ndarray  # Class codes of all training rows
    groups: np.ndarray | None  # Rows that belong together
    class_names: Sequence[str]  # For messages
    n_folds: int  # Folds; fewer on a subsample where a class has fewer rows or groups

    def __call__(self, rows: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (fit, validate) pairs of positions within `rows`."""
        n_folds = self.n_folds
        if len(rows) < len(self.y):
            n_folds = max(2, min(n_folds, self._fewest(rows)))
        splits = kfold_splits(
            self.y[rows],
            n_splits=n_folds,
            seed=seed,
            groups=None if self.groups is None else self.groups[rows],
            class_names=self.class_names,
            owner="protocol.inner_folds",
        )
        return [(split.train, split.test) for split in splits]

    def _fewest(self, rows: np.ndarray) -> int:
        members = rows if self.groups is None else self.groups[rows]
        y = self.y[rows]
        return min(len(np.unique(members[y == label])) for label in np.unique(y))


def outer_splits(config: ProtocolConfig, dataset: Dataset, rows: Dataset, seed: int) -> list[Split]:
    """Return the outer splits of a run."""
    if config.outer == "official":
        if dataset.X_test is None:
            raise ConfigError(
                f"protocol.outer: dataset {dataset.name!r} has no official test part; "
                "use holdout or kfold."
            )
        return [official_split(len(dataset.X), len(dataset.X_test))]
    drawn: dict[str, Any] = {
        "seed": derive_seed(seed, "outer splits"),
        "groups": rows.groups,
        "class_names": rows.class_names,
    }
    if config.outer == "holdout":
        size = config.test_size
        return [holdout_split(rows.y, test_size=size, owner="protocol.test_size", **drawn)]
    return kfold_splits(
        rows.y,
        n_splits=config.n_splits,
        n_repeats=config.n_repeats,
        owner="protocol.n_splits",
        **drawn,
    )
