"""Every command has help with examples that can be copied, and stands in the docs."""

from pathlib import Path

import click
import pytest

from vaega.cli import main, vaega

PAGE = (Path(__file__).parents[2] / "docs" / "command_line.md").read_text()


def commands(group=vaega, words=("vaega",)):
    for name, command in group.commands.items():
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


ALL = dict(commands())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_has_examples_on_lines_of_their_own(words, capsys):
    assert main([*words[1:], "--help"]) == 0
    text = capsys.readouterr().out
    examples = [line for line in text.splitlines() if line.startswith(f"  {words[0]} {words[1]}")]
    assert examples
    assert all(line.count("vaega ") == 1 for line in examples)
    assert "\\b" not in text


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_options_say_what_they_do(words):
    for parameter in ALL[words].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


@pytest.mark.parametrize("words", [words for words in ALL if len(words) == 2], ids=" ".join)
def test_the_page_has_the_command(words):
    assert f"`{' '.join(words)}" in PAGE


def test_unknown_commands_and_options_are_one_sentence(capsys):
    for arguments in (["fly"], ["run", "--fast"], ["compare"]):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("vaega: ")
        assert error.count("\n") == 1


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("vaega, version ")


def test_a_shell_completes_commands(monkeypatch, capsys):
    monkeypatch.setenv("_VAEGA_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "vaega comp")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit) as stop:
        vaega.main(prog_name="vaega")
    assert stop.value.code == 0
    assert capsys.readouterr().out == "plain,compare\n"
