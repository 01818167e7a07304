"""Every command of README and docs is run on small data, or parsed where its page says why not."""

import re
import shlex
import shutil

import click
import numpy as np
import pandas as pd
import pytest

from tests.test_docs import FENCED, PAGES, ROOT, is_story, outputs
from vaega import make_madelon
from vaega.cli import vaega

README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
ALL = [README, CONTRIBUTING, *PAGES]
# What a shell or another program does; nothing of vaega is in their words.
ELSEWHERE = {"git", "cd", "source", "eval", "dask", "pip", "pre-commit"}


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def commands(page):
    for block in outputs.blocks_of(page.read_text(encoding="utf-8")):
        if block.language == "sh":
            for line in outputs.commands_of(block):
                yield block, line


def words_of(line):
    words = shlex.split(re.split(r"\s[|>]\s", line)[0], comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words


def parse(words):
    """Refuse a command or an option that is not there, and a choice that is none of them."""
    command, name = vaega, "vaega"
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        command = command.get_command(click.Context(command), name)
        assert command is not None, name
    context = click.Context(command, info_name=name)
    values, _, _ = command.make_parser(context).parse_args(list(words))
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice) and parameter.name in values:
            given = values[parameter.name]
            for value in given if isinstance(given, list | tuple) else [given]:
                parameter.type.convert(value, parameter, context)


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_every_command_is_one(page):
    for block, line in commands(page):
        program, *words = words_of(line)
        if program == "vaega":
            parse(words)
        elif program == "make":
            targets = re.findall(r"^([\w./]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert set(words) <= {*targets, ".venv/.installed"}, line
        elif program == "python":
            assert (ROOT / words[0]).is_file(), line
            assert block.why_not_run, line
        elif program == "pip":
            check_extras(line)
        else:
            assert program in ELSEWHERE, line


def check_extras(line):
    assert not re.search(r"install\s+'?vaega\b", line), f"vaega is on no index: {line}"
    known = set(re.findall(r"^(\w+) = \[\"", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    for extras in re.findall(r"\[([\w,]+)\]", line):
        assert set(extras.split(",")) <= known, line


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_no_command_hides_in_a_block_without_a_language(page):
    fenced = FENCED.findall(page.read_text(encoding="utf-8"))
    plain = [text for language, text in fenced if not language]
    assert not [text for text in plain if re.search(r"^(\$ )?(vaega|python|pip) ", text, re.M)]


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_python_that_is_not_run_can_be_read(page):
    for block in outputs.blocks_of(page.read_text(encoding="utf-8")):
        if block.language == "python" and block.why_not_run:
            compile(block.text, page.name, "exec")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with what pages of reference speak of: configurations, tables, npz files."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    rng = np.random.default_rng(0)
    genes = pd.DataFrame(rng.normal(8, 1, size=(40, 12)), columns=[f"G{i}" for i in range(12)])
    patients = [f"P{i}" for i in rng.permutation(40)]
    response = pd.Series(np.repeat(["no", "yes"], 20), name="response")
    genes.assign(response=response).to_csv(tmp_path / "cohort.csv", index=False)
    genes.set_axis(patients).T.to_csv(tmp_path / "expression.csv", index_label="gene")
    response.to_frame().set_axis(patients).to_csv(tmp_path / "clinical.csv", index_label="patient")
    data = make_madelon(60, 40, random_state=0)
    for folder in (tmp_path / "path/to/npz", tmp_path / "data"):
        folder.mkdir(parents=True)
        arrays = {"X_train": data.X[:40], "y_train": data.labels[:40]}
        np.savez(folder / "madelon.npz", **arrays, X_test=data.X[40:], y_test=data.labels[40:])
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "page", [README, *(page for page in PAGES if not is_story(page))], ids=name_of
)
def test_the_commands_of_a_page_of_reference_run(page, project, capsys):
    for block, line in commands(page):
        if words_of(line)[0] == "vaega" and not block.why_not_run:
            outputs.run_command(line, block.options, exit_code=block.exit_code)
