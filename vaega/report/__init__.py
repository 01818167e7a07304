"""What finished runs show: statistics, tables, figures, the page of an experiment."""

from vaega.core.lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "Comparison": "vaega.report._comparison",
        "DatasetComparison": "vaega.report._comparison",
        "compare_experiments": "vaega.report._comparison",
        "ArmComparison": "vaega.report._statistics",
        "PairedTest": "vaega.report._statistics",
        "RankComparison": "vaega.report._statistics",
        "bootstrap_interval": "vaega.report._statistics",
        "cliffs_delta": "vaega.report._statistics",
        "compare_arms": "vaega.report._statistics",
        "comparison_table": "vaega.report._statistics",
        "corrected_error": "vaega.report._statistics",
        "corrected_t": "vaega.report._statistics",
        "holm": "vaega.report._statistics",
        "magnitude": "vaega.report._statistics",
        "rank_arms": "vaega.report._statistics",
        "superiority": "vaega.report._statistics",
        "wilcoxon": "vaega.report._statistics",
        "busiest_dimensions": "vaega.report._generator_figures",
        "class_samples": "vaega.report._generator_figures",
        "draw_classes": "vaega.report._generator_figures",
        "draw_columns": "vaega.report._generator_figures",
        "draw_components": "vaega.report._generator_figures",
        "draw_images": "vaega.report._generator_figures",
        "draw_latent_spaces": "vaega.report._generator_figures",
        "draw_losses": "vaega.report._generator_figures",
        "plane_lines": "vaega.report._generator_figures",
        "traversal_lines": "vaega.report._generator_figures",
        "render": "vaega.core.figures",
    },
)
