"""``vaega datasets show``: the card of files as they come, and the bar while they are read."""

import json

import pytest

from vaega.cli import main
from vaega.cli import reading as reading_module
from vaega.cli.reading import ReadingBar, reading_bar

GENES = "gene\tS1\tS2\tS3\nTP53\t1\t<2\t3\nBRCA1\t4\t5\t6\n"
CLINIC = "patient,response\nS3,no\nS1,yes\nS2,no\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "genes.txt").write_text(GENES)
    (tmp_path / "clinic.csv").write_text(CLINIC)


def show(capsys, *options):
    code = main(["datasets", "show", "genes.txt", *options])
    return code, capsys.readouterr()


def test_two_files_are_one_card(capsys):
    options = ["--labels", "clinic.csv", "--id", "patient", "--target", "response", "--transpose"]
    code, said = show(capsys, *options, "--below-limit", "half")
    assert code == 0
    assert "3 rows x 2 features" in said.out
    assert "no 2, yes 1" in said.out
    assert "1 cell below a limit ('<2')" in " ".join(said.out.split())
    code, said = show(capsys, *options, "--below-limit", "missing", "--json")
    assert json.loads(said.out)["missing"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["set transpose to true", "labels"]),
        (["--id", "patient"], ["--id", "--labels"]),
        (["--labels", "absent.csv"], ["absent.csv: no such file"]),
        (["--labels", "clinic.csv"], ["'TP53' has cells below a limit ('<2')", "below_limit"]),
        (["--sheet", "A"], ["genes.txt", "workbook"]),
        (["--below-limit", "zero"], ["--below-limit", "zero"]),
    ],
)
def test_what_does_not_go_is_one_sentence(capsys, options, words):
    code, said = show(capsys, *options)
    assert code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self):
        self.written = ""

    def write(self, text):
        self.written += text

    def flush(self):
        """Nothing waits."""

    def isatty(self):
        return True


def test_a_bar_is_drawn_on_a_terminal_when_reading_takes_long(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(reading_module.sys, "stderr", terminal)
    monkeypatch.setattr(reading_module, "_PATIENCE", 0.0)
    with reading_bar("folder/genes.txt") as told:
        told("reading rows", 0.5)
        told("reading columns", 1.0)
    assert "genes.txt: reading rows" in terminal.written
    assert "genes.txt: reading columns" in terminal.written


def test_no_bar_is_drawn_elsewhere_or_for_a_moment(monkeypatch, capsys):
    with reading_bar("genes.txt") as told:
        told("reading rows", 0.5)
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(reading_module.sys, "stderr", terminal)
    ReadingBar("genes.txt")("reading rows", 0.5)
    assert terminal.written == ""
