"""A results folder shows one plan: what is there of another is not mixed with it."""

import json

import pytest
import yaml

from tests.contracts.test_disasters import CONFIG
from vaega import load_dataset
from vaega.cli import main
from vaega.core.errors import ResultsError
from vaega.experiments.config import make_config
from vaega.experiments.runs import plan_runs
from vaega.experiments.store import Store

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

OTHER = {**CONFIG, "fitness": {"classifier": "knn"}}


def run(folder, config, *more):
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    return main(["run", str(folder / "small.yaml"), "--results", str(folder), *more])


def runs_of(config):
    return plan_runs(make_config(config), load_dataset("sklearn:wine"))


def test_runs_of_an_earlier_plan_are_no_part_of_a_later_one(tmp_path, capsys):
    assert run(tmp_path, CONFIG) == 0
    folder = tmp_path / "small"
    assert run(tmp_path, OTHER, "--max-evaluations", "1") != 0  # stopped in its first run
    assert (folder / "runs.csv").read_text().count("\n") == 1  # the heading
    capsys.readouterr()
    assert main(["report", str(folder)]) == 2
    assert "no run is finished yet" in capsys.readouterr().err
    assert main(["compare", str(folder)]) == 2
    assert run(tmp_path, {**OTHER, "seeds": 1}) == 0
    assert len(Store(folder).runs_table()) == 1
    assert run(tmp_path, CONFIG) == 0  # nothing of the first plan was lost
    assert len(Store(folder).runs_table()) == 2


def test_a_second_plan_is_refused_while_a_process_works_on_the_first(tmp_path, capsys):
    assert run(tmp_path, CONFIG) == 0
    store = Store(tmp_path / "small")
    before = (tmp_path / "small" / "plan.json").read_bytes()
    with store.at_work(runs_of(CONFIG)):
        with store.at_work(runs_of(CONFIG)):  # the same plan is shared
            pass
        capsys.readouterr()
        assert run(tmp_path, OTHER) == 2
        (sentence,) = capsys.readouterr().err.strip().splitlines()[-1:]
        assert "is at work here on another configuration of this name" in sentence
        assert (tmp_path / "small" / "plan.json").read_bytes() == before
    assert run(tmp_path, OTHER) == 0


def test_the_mark_of_a_process_that_is_gone_keeps_nobody_out(tmp_path):
    store = Store(tmp_path)
    (tmp_path / ".at-work").mkdir()
    (tmp_path / ".at-work" / "0123456789-dead").touch()
    with store.at_work(runs_of(CONFIG)):
        assert len(list((tmp_path / ".at-work").glob("*-????????"))) == 1
    assert not list((tmp_path / ".at-work").iterdir())


def test_the_mark_of_a_killed_process_on_the_same_plan_goes(tmp_path):
    store, runs = Store(tmp_path), runs_of(CONFIG)
    with store.at_work(runs):
        (own,) = (tmp_path / ".at-work").glob("*-????????")
        killed = own.with_name(own.name[:-8] + "00000000")
        killed.touch()
        holder = json.loads(own.with_name(f"{own.name}.holder").read_text())
        dead = json.dumps({**holder, "pid": 2**22 + 1})  # no process has such a number
        killed.with_name(f"{killed.name}.holder").write_text(dead)
        with store.at_work(runs):  # beside one that lives
            assert not killed.exists()
            assert own.exists()
    assert not list((tmp_path / ".at-work").iterdir())


def test_a_process_on_the_same_plan_may_be_one_that_is_not_seen_from_here(tmp_path):
    store, runs = Store(tmp_path), runs_of(CONFIG)
    with store.at_work(runs):  # in another container, say, with this machine's name
        (own,) = (tmp_path / ".at-work").glob("*-????????")
        path = own.with_name(f"{own.name}.holder")
        path.write_text(json.dumps({**json.loads(path.read_text()), "pid": 2**22 + 1}))
        with store.at_work(runs):
            assert own.exists()


@pytest.mark.parametrize("name", ["config.json", "plan.json"])
def test_a_plan_that_was_changed_is_not_shown(tmp_path, name):
    assert run(tmp_path, CONFIG) == 0
    path = tmp_path / "small" / name
    path.write_text(path.read_text().replace("small", "other").replace("original", "originel"))
    with pytest.raises(ResultsError, match=r"damaged|no run is finished"):
        Store(tmp_path / "small").config  # noqa: B018
