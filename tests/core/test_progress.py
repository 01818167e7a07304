"""Bars of a terminal."""

import io

import pytest
from rich.console import Console

from vaega.core.progress import WORDS, make_progress, say_clock, spinning


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.9, "0:00"), (7, "0:07"), (725.2, "12:05"), (3723, "1:02:03")]
)
def test_a_clock(seconds, shown):
    assert say_clock(seconds) == shown


def lines(width=80, **task):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, color_system=None)
    progress = make_progress(console)
    progress.add_task(**{"total": 40, **WORDS, **task})
    console.print(progress)
    return screen.getvalue().splitlines()


def test_a_long_name_fits_into_80_columns():
    name = "an arm whose name is as long as a sentence, labels permuted 12, seed 123"
    (line,) = lines(description=name, completed=10, count="10/40", note="compiling, once")
    assert len(line) <= 80
    assert "10/40" in line
    assert "0:00" in line


def test_names_are_no_markup():
    assert "[red]" in lines(description="[red]")[0]


def test_the_time_left_is_of_what_was_done_here():
    assert "left" in lines(description="", completed=10, begun=5)[0]
    for nothing in ({"begun": 10}, {"begun": None}):
        assert "left" not in lines(description="", completed=10, **nothing)[0]


def test_a_file_gets_no_spinner():
    screen = io.StringIO()
    with spinning(Console(file=screen), "reading"):
        pass
    assert screen.getvalue() == ""


def test_names_and_figures_do_not_command_the_terminal():
    shown = "\n".join(lines(description="\x1b]0;a", figures="\x1b]0;b", completed=1))
    assert "\x1b]0;" not in shown
    assert r"\x1b]0;a" in shown
    assert r"\x1b]0;b" in shown
