"""What finished runs show: statistics, tables, figures, the page of an experiment."""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

if TYPE_CHECKING:
    from vaega.core.figures import render
    from vaega.report._comparison import Comparison, DatasetComparison, compare_experiments
    from vaega.report._generator_figures import (
        draw_classes,
        draw_columns,
        draw_components,
        draw_images,
        draw_latent_spaces,
        draw_losses,
    )
    from vaega.report._statistics import (
        ArmComparison,
        PairedTest,
        RankComparison,
        bootstrap_interval,
        compare_arms,
        comparison_table,
        corrected_error,
        corrected_t,
        holm,
        rank_arms,
        rank_biserial,
        wilcoxon,
    )

__getattr__, __all__ = attach(
    __name__,
    {
        "_comparison": ["Comparison", "DatasetComparison", "compare_experiments"],
        "_figures": ["render"],
        "_generator_figures": [
            "draw_classes",
            "draw_columns",
            "draw_components",
            "draw_images",
            "draw_latent_spaces",
            "draw_losses",
        ],
        "_statistics": [
            "ArmComparison",
            "PairedTest",
            "RankComparison",
            "bootstrap_interval",
            "compare_arms",
            "comparison_table",
            "corrected_error",
            "corrected_t",
            "holm",
            "rank_arms",
            "rank_biserial",
            "wilcoxon",
        ],
    },
)
