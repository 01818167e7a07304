"""Names that command a terminal, are markup, mathematics or formulas: no command passes them on."""

import csv
import io
import re
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import numpy as np
import pytest
import yaml

from vaega.cli import main

TITLE, CLEAR, BACKWARDS = "\x1b]0;PWNED\x07", "\x9b2J", "\u202e"
COLUMNS = [
    f"a{TITLE}", f"b{CLEAR}", f"c{BACKWARDS}", "d\x1b[41m", "[bold]e[/bold]", "[/f]", "g$_$", "$h$",
    "=1+1", "@SUM(A1)", "[link=http://x.org]i", "%s{0}",
]  # fmt: skip
CLASSES = [f"=cmd|' /C calc'!A0{TITLE}", f"[/bold][red]ill$_${CLEAR}"]
TARGET, FILE = "[/class]\x1b[41m", "data [bold]\x1b[41m.csv"
CONFIG = {
    "name": "hostile",
    "dataset": {"source": FILE, "target": TARGET},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": True},
    "arms": {"original": {}, "jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 8}},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
    "tune": {"trials": 1, "objective": "score"},
    "seeds": 2,
}
RESULTS = "results/hostile"


class Terminal(io.StringIO):
    """What is written to it is kept, and it says that it is a terminal."""

    def isatty(self):
        return True


def shown(*words):
    """Return what a command writes to a terminal, and its exit code."""
    terminal = Terminal()
    environment = {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "300"}
    with (
        mock.patch.dict("os.environ", environment),
        redirect_stdout(terminal),
        redirect_stderr(terminal),
        warnings.catch_warnings(),
    ):
        warnings.showwarning = show_warning
        code = main(list(words))
    return terminal.getvalue(), code


def show_warning(message, category, filename, lineno, file=None, line=None):
    text = warnings.formatwarning(message, category, filename, lineno, line)
    sys.stderr.write(text)


def check_harmless(text):
    """Only what rich itself writes commands the terminal: colours, cursor, links of ours none."""
    for sign in (TITLE, "\x1b]0", "\x1b]8", CLEAR, "\x9b", BACKWARDS, "\x07", "\x1b[41m"):
        assert sign not in text, repr(text[max(0, text.index(sign) - 80) :][:160])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, TARGET])
        for row in range(32):
            values = rng.normal(size=len(COLUMNS)) + 2.0 * (row % 2)
            writer.writerow([*values.round(4), CLASSES[row % 2]])
    (folder / "hostile.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        text, code = shown("run", "hostile.yaml")
    assert code == 0, text
    (folder / "run.txt").write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)


def test_run(place):
    text = (place / "run.txt").read_bytes().decode()
    check_harmless(text)
    assert "original" in text


@pytest.mark.parametrize(
    "words",
    [
        ("datasets", "show", FILE, "--target", TARGET),
        ("datasets", "show", FILE, "--target", TARGET, "--json"),
        ("datasets", "show", FILE, "--target", f"no{TITLE}"),
        ("datasets", "show", f"no{TITLE}.csv", "--target", TARGET),
        ("check", "hostile.yaml"),
        ("check", "hostile.yaml", "--json"),
        ("check", "hostile.yaml", f"--set=arms={{'{TITLE}': {{}}}}"),
        ("check", "hostile.yaml", f"--set=fitness.classifier=[/x]{TITLE}"),
        ("status", RESULTS),
        ("status", RESULTS, "--json"),
        ("watch", RESULTS),
        ("report", RESULTS),
        ("report", RESULTS, "--format", "csv"),
        ("report", RESULTS, "--format", "markdown"),
        ("report", RESULTS, "--format", "latex"),
        ("report", RESULTS, "--json"),
        ("report", RESULTS, "--methods"),
        ("compare", RESULTS),
        ("compare", RESULTS, "--format", "csv"),
        ("compare", RESULTS, "--format", "markdown"),
        ("compare", RESULTS, "--format", "latex"),
        ("compare", RESULTS, "--json"),
        ("compare", RESULTS, "--against", f"[/x]{TITLE}"),
        ("predict", RESULTS, FILE, "--arm", "original"),
        ("predict", RESULTS, FILE, "--arm", f"[/x]{TITLE}"),
        ("quality", "hostile.yaml"),
        ("tune", "hostile.yaml"),
        ("resume", RESULTS),
        ("clean", RESULTS, "--dry-run"),
    ],
    ids=lambda words: re.sub(r"[^a-z -]", "", " ".join(words)),
)
def test_no_command_passes_them_on(words):
    text, code = shown(*words)
    check_harmless(text)
    assert text.strip()
    assert "unexpected" not in text
    refused = any(f"no{TITLE}" in word or "[/x]" in word or "--set" in word for word in words)
    assert code == (2 if refused else 0), text


def test_names_are_shown_as_they_are_called():
    text, _ = shown("datasets", "show", FILE, "--target", TARGET)
    assert r"[/bold][red]ill$_$\x9b2J" in text
    text, _ = shown("predict", RESULTS, FILE, "--arm", "original")
    assert "[/bold][red]ill$_$" in re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_predictions_that_are_piped_hold_no_formula(capsys):
    assert main(["predict", RESULTS, FILE, "--arm", "original"]) == 0
    out = capsys.readouterr().out
    check_harmless(out)
    assert len(out.splitlines()) == 33
    assert not re.search(r"(^|,)\"?[=@]", out, flags=re.MULTILINE)


def test_figures_and_tables_are_written(place):
    text, code = shown("report", RESULTS, "--out", "paper")
    assert code == 0, text
    check_harmless(text)
    assert list(place.glob("paper/*.pdf"))
    for path in place.glob("paper/*.csv"):
        assert not re.search(r"(^|,)\"?[=@]", path.read_text(encoding="utf-8"), re.MULTILINE), path
