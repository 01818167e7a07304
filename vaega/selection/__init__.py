"""Selectors for scikit-learn: the genetic search put to work on data, and what is compared to it.

A ranker or a rule of choice by name stands in `RANKERS` or `RULES`.
"""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

if TYPE_CHECKING:
    from vaega.selection._choice import RULES
    from vaega.selection._rankers import RANKERS, rank_features
    from vaega.selection._select import Selection, select
    from vaega.selection._select_generate_select import SelectGenerateSelect
    from vaega.selection._selector import GeneticSelector
    from vaega.selection._settings import SearchSettings
    from vaega.selection._stability import (
        StabilityEstimate,
        StabilityTest,
        compare_nogueira,
        consensus_mask,
        frequency_table,
        jaccard,
        kuncheva,
        nogueira,
        nogueira_interval,
    )

__getattr__, __all__ = attach(
    __name__,
    {
        "_choice": ["RULES"],
        "_rankers": ["RANKERS", "rank_features"],
        "_select": ["Selection", "select"],
        "_select_generate_select": ["SelectGenerateSelect"],
        "_selector": ["GeneticSelector"],
        "_settings": ["SearchSettings"],
        "_stability": [
            "StabilityEstimate",
            "StabilityTest",
            "compare_nogueira",
            "consensus_mask",
            "frequency_table",
            "jaccard",
            "kuncheva",
            "nogueira",
            "nogueira_interval",
        ],
    },
)
