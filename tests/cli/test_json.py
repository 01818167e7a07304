"""``--json``: what scripts read is JSON and nothing else, on every command that has it."""

import json

import pytest
import yaml

from tests.cli.test_app import ALL
from vaega.cli import main

CONFIG = """
name: small
dataset: {source: "sklearn:wine"}
arms: {original: {}, all: {selector: {kind: all}}}
fitness: {classifier: gaussian_nb}
search: {population_size: 6, n_generations: 2, n_searches: 1}
seeds: 2
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(CONFIG)
    return "small.yaml"


def read(capsys, *arguments, code=0):
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_run_resume_and_report_say_the_same(config, capsys):
    found = read(capsys, "run", config)
    assert [arm["arm"] for arm in found["arms"]] == ["original", "all"]
    assert found["folder"] == "results/small"
    assert len(found["runs"]) == 4
    assert read(capsys, "resume", "results/small") == found
    assert read(capsys, "report", "results/small") == found
    assert len(read(capsys, "compare", "results/small")) == 1
    assert read(capsys, "status", "results/small")["name"] == "small"


def test_runs_that_failed_are_there_too(config, capsys):
    broken = {"generator": {"kind": "vae", "class_weight": {99: 2.0}}, "n_synthetic": 9}
    for arms, states in (
        ({"broken": broken, "all": {"selector": {"kind": "all"}}}, {"done", "failed"}),
        ({"broken": broken}, {"failed"}),
    ):
        name = ["--set", f"name=with-{len(arms)}", "--set", "seeds=1"]
        found = read(
            capsys,
            "run",
            config,
            *name,
            "--set",
            f"arms={yaml.safe_dump(arms, default_flow_style=True)}",
            code=1,
        )
        assert {run["status"] for run in found["runs"]} == states


def test_check(config, capsys):
    (found,) = read(capsys, "check", config)
    assert found["arms"] == ["original", "all"]
    assert found["seeds"] == [0, 1]
    assert found["dataset"] == "sklearn:wine"


def test_datasets(capsys):
    assert "sklearn:wine" in [entry["source"] for entry in read(capsys, "datasets")]
    card = read(capsys, "datasets", "show", "sklearn:wine")
    assert card["rows"] == 178
    assert card["classes"] == {"class_0": 59, "class_1": 71, "class_2": 48}
    assert len(card["features"]) == 13


def test_a_mistake_prints_nothing_that_could_be_taken_for_json(capsys):
    assert main(["check", "nowhere.yaml", "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_the_commands_that_have_it():
    having = {
        " ".join(words[1:])
        for words, command in ALL.items()
        if "--json" in [name for option in command.params for name in option.opts]
    }
    wanted = ["run", "resume", "status", "report", "compare", "check", "quality", "datasets"]
    assert having == {*wanted, "datasets show", "cache list"}
