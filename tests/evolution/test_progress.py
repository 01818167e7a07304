"""How far a search is, in terminals, notebooks and files."""

import io
from types import SimpleNamespace

from rich.console import Console

from tests.evolution.algorithms.problems import generational, planted
from vaega.evolution._evolution import evolve
from vaega.evolution._progress import Pace, ProgressBar, describe_state


def drawn(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    bar = ProgressBar(3, console=console)
    state = evolve(generational(), planted, n_generations=3, callbacks=[bar])
    return state, console.file.getvalue()


def test_a_narrow_terminal_shows_bar_and_figures():
    state, text = drawn(80)
    lines = text.replace("\r", "\n").split("\n")
    last = [line for line in lines if "diversity" in line][-1]
    assert describe_state(state) in last
    assert len(last) < 100  # with the control characters
    assert any("3/3" in line and "━━━" in line for line in lines)


def test_figures_without_the_count_of_masks_have_no_pace():
    state, _ = drawn(80)
    assert "masks/s" not in describe_state(state)
    assert describe_state(state, masks_per_second=123.4).endswith(", 123 masks/s")
    assert describe_state(state, masks_per_second=1.25).endswith(", 1.2 masks/s")


def test_the_pace_of_a_resumed_evolution_is_that_of_its_second_part():
    seconds = iter([100.0, 104.0, 104.0])
    pace = Pace(clock=lambda: next(seconds))
    pace.start(SimpleNamespace(history=({"n_asked": 1000},)))
    assert pace.masks_per_second(SimpleNamespace(history=({"n_asked": 1200},))) == 50.0
    assert pace.masks_per_second(SimpleNamespace(history=({"best": 1.0},))) is None


def test_the_progress_bar_says_what_matters():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160)
    evolve(generational(), planted, n_generations=4, callbacks=[ProgressBar(4, console=console)])
    for word in ("4/4", "best", "features", "diversity"):
        assert word in screen.getvalue()
