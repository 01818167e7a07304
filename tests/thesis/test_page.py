"""The page on the thesis: its commands exist, and name tables and figures that do."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from vaega.cli import vaega
from vaega.thesis.published import GROUPS
from vaega.thesis.reproduction import DATASETS, PICTURES, PROTOCOLS, SCALES, TABLES

PAGE = (Path(__file__).parents[2] / "docs/thesis.md").read_text(encoding="utf-8")
KNOWN = {
    "--table": TABLES,
    "--figure": PICTURES,
    "--dataset": DATASETS,
    "--protocol": PROTOCOLS,
    "--scale": SCALES,
    "--group": tuple(group.name for group in GROUPS),
}
COMMANDS = sorted(set(re.findall(r"vaega reproduce thesis[^`\n#]*", PAGE)))


def test_there_are_commands():
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_what_it_is_given(command):
    options = {
        option
        for parameter in vaega.commands["reproduce"].commands["thesis"].params
        for option in parameter.opts
    }
    words = command.split()[3:]
    assert {word for word in words if word.startswith("--")} <= options
    for option, value in pairwise(words):
        if option in KNOWN:
            assert value in KNOWN[option], command


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_explains_every_protocol(protocol):
    assert f"| `{protocol}` |" in PAGE
