"""The line under a table that says from which runs it is."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vaega.core.errors import ResultsError
from vaega.core.files import read_json


def describe_runs(runs: pd.DataFrame, folders: Sequence[Path]) -> str:
    """Return number, seeds, duration and versions of runs."""
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
