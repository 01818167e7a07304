"""Links, pipes, holes, folders and names in a results folder: one sentence, or all results.

These are the first of what ``make chaos`` tries, see `tests.contracts.chaos`.
"""

import os

import pytest

from tests.contracts import hostile
from tests.contracts.damage import DamagedResults
from vaega.core.errors import ResultsError
from vaega.core.files import LARGEST, read_file, read_json
from vaega.core.records import file_digest, read_record

N_FOLDERS, SEED = 4, 0


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return DamagedResults(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("seed", range(SEED, SEED + N_FOLDERS))
def test_a_hostile_folder_does_no_harm(results, seed):
    hostile.try_one(results, seed)


@pytest.mark.parametrize("kind", ["pipe", "hole", "folder"])
def test_what_is_no_file_of_results_is_not_read(tmp_path, kind):
    path = tmp_path / "metrics.json"
    if kind == "pipe":
        os.mkfifo(path)  # a reader would wait for a writer
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(LARGEST + 1)
    with pytest.raises(OSError, match=r"regular|large|directory"):
        read_file(path)
    assert file_digest(path) == ""
    for read in (read_json, read_record):
        with pytest.raises(ResultsError, match="cannot be read as"):
            read(path)
