"""Which function makes which table or figure of the thesis."""

from collections.abc import Callable
from importlib import import_module

from vaega.core.checks import check_choice
from vaega.thesis.record import Picture, Table
from vaega.thesis.request import Request

# Name -> "module:function", imported when it is asked for:
# ``function(name: str, request: Request) -> Table``. What it computes it keeps below
# ``request.out``, so that the same call again costs nothing.
TABLES: dict[str, str] = {
    "2.1": "vaega.thesis.baseline_tables:classical_models",
    "2.2": "vaega.thesis.baseline_tables:mlp_by_class",
    "3": "vaega.thesis.synthetic_tables:real_and_synthetic",
    **{f"3.{number}": "vaega.thesis.synthetic_tables:by_class" for number in (1, 2, 3, 4)},
    "4": "vaega.thesis.chapter4_tables:final_populations",
    "4.1": "vaega.thesis.chapter4_tables:networks",
    "4.2": "vaega.thesis.chapter4_tables:gisette_sizes",
    "4.3": "vaega.thesis.chapter4_tables:gcm_rows",
    "4.4": "vaega.thesis.synthetic_tables:trained_and_tested_on_synthetic",
    "groups": "vaega.thesis.chapter4_tables:by_group",
    "stability": "vaega.thesis.chapter4_tables:stability",
    "frequencies": "vaega.thesis.chapter4_tables:frequencies",
    "generators": "vaega.thesis.generator_tables:generators",
    "paired": "vaega.thesis.paired_tables:paired_differences",
}
# The same for figures: ``function(name: str, request: Request) -> Picture``.
PICTURES: dict[str, str] = {
    "3.5": "vaega.thesis.synthetic_figures:accuracy_by_rows",
    "4.7": "vaega.thesis.chapter4_figures:box_plots",
    "4.8": "vaega.thesis.chapter4_figures:box_plots",
    "4.9": "vaega.thesis.chapter4_figures:box_plots",
    "4.10": "vaega.thesis.chapter4_figures:box_plots",
    "4.11": "vaega.thesis.chapter4_figures:box_plots",
    "4.12": "vaega.thesis.chapter4_figures:by_size",
    "4.13": "vaega.thesis.chapter4_figures:by_size",
    "4.14": "vaega.thesis.chapter4_figures:box_plots",
    "4.15": "vaega.thesis.chapter4_figures:box_plots",
    "4.16": "vaega.thesis.chapter4_figures:all_datasets",
    "4.17": "vaega.thesis.chapter4_figures:all_datasets",
    "convergence": "vaega.thesis.chapter4_figures:convergence",
}


def make_table(name: str, request: Request) -> Table:
    """Make a table of the thesis."""
    check_choice(name, "--table", sorted(TABLES), owner="reproduce thesis")
    return _find(TABLES[name])(name, request)


def make_picture(name: str, request: Request) -> Picture:
    """Make a figure of the thesis."""
    check_choice(name, "--figure", sorted(PICTURES), owner="reproduce thesis")
    return _find(PICTURES[name])(name, request)


def _find(place: str) -> Callable:
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)
