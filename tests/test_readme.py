"""The README keeps its word: its Python runs, its commands exist, its configurations are valid."""

import re
from pathlib import Path

import pytest

from vaega.cli import vaega

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_blocks_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 3
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert len(namespace["rows"]) == 200
    assert 0.8 < namespace["model"].report_.variance_ratio < 1.2


@pytest.mark.parametrize("command", sorted(set(re.findall(r"vaega (\w+)", README)) - {"says"}))
def test_commands_that_it_names_exist(command):
    if re.search(rf"^.*(\$|`|^)vaega {command}", README, flags=re.MULTILINE):
        assert command in vaega.commands


def test_every_command_has_help_and_an_example():
    for name, command in vaega.commands.items():
        assert command.help, name
        assert f"vaega {name}" in command.help


def test_it_names_both_commands_and_its_figure_is_here():
    assert "make run" in README
    assert "make test" in README
    for figure in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / figure).is_file()
    assert "@@" not in README
