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
    """Return what to load for a dataset of the thesis.

    Parameters
    ----------
    name : str
        As the thesis names it, one of `SOURCES`.

    Returns
    -------
    str
        The first that has a file; the dataset itself where none has, to be fetched.

    Examples
    --------
    >>> find_source("madelon")
    'madelon'
    """
    sources = SOURCES[check_choice(name, "dataset", SOURCES, owner="reproduce thesis")]
    return next((source for source in sources if find_file(source) is not None), sources[0])


def load_thesis_dataset(name: str) -> Dataset:
    """Load a dataset of the thesis, or its stand-in.

    Parameters
    ----------
    name : str
        As the thesis names it.

    Returns
    -------
    Dataset
        Under the name of what was loaded.

    Raises
    ------
    DataError
        When neither is here, nor to be fetched.

    Examples
    --------
    >>> load_thesis_dataset("iris")
    Traceback (most recent call last):
    vaega.core.errors.InputError: reproduce thesis: dataset must be one of ...; got 'iris'.
    """
    return load_dataset(find_source(name))


def stand_in_note(thesis_name: str, dataset_name: str) -> str | None:
    """Return the line that says which data were taken in place of which.

    Parameters
    ----------
    thesis_name : str
        As the thesis names the dataset.
    dataset_name : str
        What was loaded.

    Returns
    -------
    str or None
        None where it is the dataset itself.

    Examples
    --------
    >>> stand_in_note("gcm", "gcm1363")
    "gcm1363 stands in for the thesis's gcm: other columns, so figures compare in kind only."
    """
    if dataset_name == SOURCES[thesis_name][0]:
        return None
    return (
        f"{dataset_name} stands in for the thesis's {thesis_name}: other columns, so figures "
        "compare in kind only."
    )
