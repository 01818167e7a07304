"""The thesis's datasets as they are here: themselves, or a stand-in under its own name."""

from vaega.core.checks import check_choice
from vaega.data.dataset import Dataset
from vaega.data.folders import find_file
from vaega.data.sources import load_dataset

# By the thesis's name: what `load_dataset` is asked for, then what stands in where no file has it.
SOURCES: dict[str, tuple[str, ...]] = {
    "leukemia": ("leukemia",),
    "madelon": ("madelon",),
    "gisette": ("gisette", "gisette_surrogate"),
    "gcm": ("gcm", "gcm1363"),
    "all-leukemia": ("all_leukemia", "all_leukemia_yeoh6"),
}


def find_source(name: str) -> str:
    """Return what to load for a dataset of the thesis."""
    sources = SOURCES[check_choice(name, "dataset", SOURCES, owner="reproduce thesis")]
    return next((source for source in sources if find_file(source) is not None), sources[0])


def load_thesis_dataset(name: str) -> Dataset:
    """Load a dataset of the thesis, or its stand-in."""
    return load_dataset(find_source(name))


def stand_in_note(thesis_name: str, dataset_name: str) -> str | None:
    """Return the line that says which data were taken in place of which."""
    if dataset_name == SOURCES[thesis_name][0]:
        return None
    return (
        f"{dataset_name} stands in for the thesis's {thesis_name}: other columns, so figures "
        "compare in kind only."
    )
