"""No damage to results is shown, and none is for good: what it held is computed again.

These are the first of what ``make chaos`` tries, see `tests.contracts.chaos`.
"""

import pytest

from tests.contracts.damage import DamagedResults, damage
from tests.contracts.promises import command, undrawn
from vaega.experiments.status import read_status
from vaega.experiments.store import Store

N_DAMAGES, SEED = 8, 0


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return DamagedResults(tmp_path_factory.mktemp("damaged"))


@pytest.mark.parametrize("seed", range(SEED, SEED + N_DAMAGES))
def test_damage_is_not_shown_and_not_for_good(results, seed):
    results.try_one(seed)


def test_damage_is_the_same_for_a_seed(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.csv").write_text("a,b\n1,2\n")
        (tmp_path / name / "file.json").write_text("{}")
        damage(tmp_path / name, 3)
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "other")
    )
    assert one == other != {"file.csv": b"a,b\n1,2\n", "file.json": b"{}"}


@pytest.mark.parametrize("name", ["selected.csv", "environment.json", "history.csv"])
def test_a_run_with_any_damaged_file_is_not_done_and_in_no_table(results, name):
    results.copy("finished")
    path = next(results.folder.glob(f"runs/original-000-*/{name}"))
    path.write_bytes(path.read_bytes() + b"0")
    run_id, store = path.parent.name, Store(results.folder)
    states = {run.id: run.state for run in read_status(results.folder).runs}
    assert states.pop(run_id) == "stopped"
    assert set(states.values()) == {"done"}
    assert store.metrics(run_id) is None
    assert run_id not in [run.id for run, _ in store.recorded()]


def test_a_damaged_copy_of_the_command_is_not_shown(results):
    results.copy("finished")
    shown = Store(results.folder).command
    assert shown.startswith("vaega run ")
    (results.folder / "command.txt").write_bytes(b"vaega run another\xff")
    assert Store(results.folder).command == shown
    with undrawn(results.trial / "cache", pages=False):
        assert command("resume", results.folder)[0] == 0
    assert (results.folder / "command.txt").read_text().strip() == shown


def test_a_damaged_configuration_is_refused_with_the_command_that_begins_anew(results):
    results.copy("finished")
    (results.folder / "experiment.yaml").write_bytes(b"\xff: [")
    code, _, err = command("status", results.folder)
    assert code == 2
    assert "experiment.yaml: is not as it was written with the plan" in err
    assert "begin the experiment anew with: vaega run" in err
