"""Datasets: real rows, their classes and where they come from; nothing here knows of models."""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.data._preprocess import Preprocessor
    from vaega.data._sources import DatasetEntry, available_datasets, load_dataset
    from vaega.data._splits import (
        Fold,
        Split,
        holdout_split,
        kfold_splits,
        leave_one_out_splits,
        official_split,
    )
    from vaega.data._synthetic import make_madelon

__getattr__, __all__ = attach(
    __name__,
    {
        "_dataset": ["Dataset"],
        "_preprocess": ["Preprocessor"],
        "_sources": ["DatasetEntry", "available_datasets", "load_dataset"],
        "_splits": [
            "Fold",
            "Split",
            "holdout_split",
            "kfold_splits",
            "leave_one_out_splits",
            "official_split",
        ],
        "_synthetic": ["make_madelon"],
    },
)
