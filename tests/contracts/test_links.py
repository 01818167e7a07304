"""Links in a results folder that lead out of it: nothing is written through one, or read."""

import shutil

import pytest
import yaml

from vaega.cli import main

CONFIG = {
    "name": "linked",
    "dataset": {"source": "sklearn:wine"},
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "arms": {"jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 4}},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 4, "n_generations": 2, "n_searches": 1},
    "tune": {"trials": 1, "objective": "score"},
    "seeds": 1,
}
OF_FOLDER = ("memory.sqlite3", "memory.sqlite3-wal", "runs.csv", "command.txt", "figures", "runs")
OF_RUN = ("", "checkpoint", ".claim", ".claim.holder", "history.csv", "metrics.json", "model")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "linked.yaml").write_text(yaml.safe_dump(CONFIG))
    assert run(folder) == 0
    return folder


@pytest.fixture
def place(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "place")
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "place"


def run(place, command="run"):
    words = [f"{place}/linked.yaml", "--results", f"{place}/results"]
    return main([command, *words] if command == "run" else [command, f"{place}/results/linked"])


def link(path, target):
    """Put a link in the place of a file or a folder, whose content moves to the target."""
    if path.exists():
        shutil.move(path, target)
    elif path.suffix or path.name.startswith("."):
        target.write_text("of somebody else")
    else:
        target.mkdir()
    path.symlink_to(target)


def state(folder):
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def check_refused(place, capsys, name):
    before = state(place.parent / "elsewhere")
    capsys.readouterr()
    for command in ("run", "resume"):
        assert run(place, command) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert f"{name}: is a link that leads out of" in line
    assert state(place.parent / "elsewhere") == before


@pytest.mark.parametrize("name", OF_FOLDER)
def test_a_link_in_the_folder(place, capsys, name):
    path = place / "results/linked" / name
    link(path, place.parent / "elsewhere" / "target")
    check_refused(place, capsys, name)
    for command in ("status", "report", "watch", "compare"):
        assert run(place, command) == 2
        assert "which is not followed" in capsys.readouterr().err
    assert sorted((place.parent / "elsewhere").iterdir()) == [place.parent / "elsewhere/target"]


@pytest.mark.parametrize("name", OF_RUN)
def test_a_link_in_the_folder_of_a_run(place, capsys, name):
    (folder,) = place.glob("results/linked/runs/*")
    (folder / "record.json").unlink()  # it is to be computed again
    link(folder / name, place.parent / "elsewhere" / "target")
    check_refused(place, capsys, name or folder.name)


@pytest.mark.parametrize("command", ["tune", "quality"])
def test_a_link_in_place_of_a_folder_of_its_own(place, capsys, monkeypatch, command):
    monkeypatch.chdir(place)
    (place / "results/linked" / command).symlink_to(place.parent / "elsewhere")
    assert main([command, "linked.yaml"]) == 2
    assert f"{command}: is a link that leads out of" in capsys.readouterr().err
    assert not state(place.parent / "elsewhere")


def test_results_that_are_a_link_themselves_are_the_user_s(place, capsys):
    folder = place / "results/linked"
    shutil.move(folder, place.parent / "elsewhere/linked")
    folder.symlink_to(place.parent / "elsewhere/linked")
    assert run(place) == 0
    assert run(place, "status") == 0
