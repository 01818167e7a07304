"""The line under a table that says from which runs it is."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vaega.core.errors import ResultsError
from vaega.core.files import read_json


def describe_runs(runs: pd.DataFrame, folders: Sequence[Path]) -> str:
    """Return number, seeds, duration and versions of runs.

    Parameters
    ----------
    runs : pandas.DataFrame
        One row a run: ``seed`` and ``seconds``.
    folders : sequence of pathlib.Path
        Of runs; the first with an ``environment.json`` gives the versions.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_runs(pd.DataFrame({"seed": [0, 1], "seconds": [2.0, 3.1]}), [])
    '2 runs, seeds 0 to 1, 5 s in all.'
    """
    seeds = f"seeds {runs['seed'].min()} to {runs['seed'].max()}"
    text = f"{len(runs)} runs, {seeds}, {runs['seconds'].sum():.0f} s in all"
    for folder in folders:
        try:
            environment = read_json(folder / "environment.json")
        except ResultsError:
            continue
        packages = ", ".join(f"{name} {number}" for name, number in environment["packages"].items())
        return f"{text}; vaega {environment['vaega']}, Python {environment['python']}, {packages}."
    return f"{text}."
