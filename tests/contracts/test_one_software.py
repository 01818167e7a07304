"""A run is of one software from its first generation to its last, on workers of a cluster too."""

import json
import warnings

import pytest
import yaml

from vaega.cli import main
from vaega.core.errors import InputError
from vaega.core.provenance import check_same_software, describe_software, differing_parts
from vaega.fitness._cross_validated import WithoutNestedParallelism
from vaega.selection import _search

CONFIG = {
    "name": "moved",
    "dataset": {"source": "sklearn:wine"},
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 4, "n_searches": 1},
    "seeds": 1,
}


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Return the folder of a run that was left after its first generation, and go to its place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moved.yaml").write_text(yaml.safe_dump(CONFIG))
    assert main(["run", "moved.yaml", "--max-evaluations", "1"]) == 1
    (folder,) = tmp_path.glob("results/moved/runs/*")
    assert list(folder.glob("checkpoint/**/*.npz"))
    return folder


@pytest.fixture
def continued(monkeypatch):
    """Return for each search whether it went on from a state."""
    went_on, load = [], _search.load_latest_checkpoint

    def loaded(*arguments, **keywords):
        found = load(*arguments, **keywords)
        went_on.append(found[0] is not None)
        return found

    monkeypatch.setattr(_search, "load_latest_checkpoint", loaded)
    return went_on


def change(folder, **fields):
    path = folder / "environment.json"
    environment = json.loads(path.read_text())
    for name, value in fields.items():
        environment[name] = environment[name] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(environment))


def go_on():
    """Return what is said of the run, in one string."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert main(["resume", "results/moved"]) == 0
    return "\n".join(str(one.message) for one in said)


def test_the_same_software_goes_on_without_a_word(begun, continued):
    assert "anew" not in go_on()
    assert continued == [True]
    assert not (begun / "checkpoint").exists()


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"code": "aa"}, "sources of vaega aa, here "),
        ({"packages": {"torch": "0.1"}}, "torch 0.1, here "),
        ({"packages": {"pandas": "0.1", "numpy": "0.2"}}, "numpy 0.2, here "),
    ],
)
def test_what_other_software_computed_is_not_continued(begun, continued, fields, part):
    change(begun, **fields)
    said = go_on()
    begins = "original, seed 0: other software computed what there is of it ("
    (line,) = [line for line in said.splitlines() if "begins anew" in line]
    assert line.startswith(begins)
    assert part in line
    assert continued == [False]
    after = json.loads((begun / "environment.json").read_text())
    assert after | describe_software() == after


def test_an_environment_that_is_damaged_says_nothing(begun, continued):
    (begun / "environment.json").write_text("{")
    assert "nothing says what software computed" in go_on()
    assert continued == [False]


def test_another_processor_goes_on_and_both_are_written_down(begun, continued):
    own = json.loads((begun / "environment.json").read_text())["processor"]
    change(begun, processor="Difference Engine")
    assert "anew" not in go_on()
    assert continued == [True]
    after = json.loads((begun / "environment.json").read_text())["processor"]
    assert after == f"Difference Engine, then {own}"


def test_parts_that_are_not_known_do_not_differ():
    here = describe_software()
    assert differing_parts({"vaega": "0.1.0"}, here) == []
    assert differing_parts(here, here) == []
    own = {"classes": {"mine.Scaler": "aa"}}
    assert differing_parts(own, here | {"classes": {"mine.Scaler": "bb"}}) == [
        "source of mine.Scaler aa, here bb"
    ]


def test_a_worker_with_other_sources_is_refused():
    here = describe_software()
    check_same_software(here, here)
    with pytest.raises(InputError, match=r"^the cluster: its workers must have the software that"):
        check_same_software(here | {"code": "aa"}, here)
    assert WithoutNestedParallelism(max)(1, 2) == 2
    with pytest.raises(InputError, match="numpy"):
        WithoutNestedParallelism(max, here | {"packages": {"numpy": "0.1"}})(1, 2)
