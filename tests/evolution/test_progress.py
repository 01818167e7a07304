"""How far a search is, in terminals, notebooks and files."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from sklearn.naive_bayes import GaussianNB

from tests.evolution.algorithms.problems import generational, planted
from vaega import GeneticSelector
from vaega.core.compilation import ANNOUNCEMENT
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve
from vaega.evolution._progress import Pace, ProgressBar, _Lines, describe_state


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


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def screens(console):
    return console.file.getvalue().replace("\r", "\n").split("\n")


def selector(**settings):
    return GeneticSelector(
        GaussianNB(), population_size=8, n_generations=3, n_searches=3, random_state=0, **settings
    )


def test_evolve_says_how_long_the_bar_is():
    bar = ProgressBar(console=terminal())
    evolve(generational(), planted, n_generations=4, callbacks=[bar])
    assert any("generation 4/4" in line and "search" in line for line in screens(bar.console))


def test_searches_that_vote_have_one_bar(two_clouds):
    bar = ProgressBar(console=terminal())
    selector(callbacks=[bar]).fit(*two_clouds)
    last = [line for line in screens(bar.console) if "━" in line]
    assert "search 3/3" in last[-1]
    assert "generation 3/3" in last[-1]
    # What remains when it is over is one bar, drawn over and over at one place.
    assert bar.console.file.getvalue().count("\x1b[?25h") == 1


def test_a_file_gets_a_line_a_search(two_clouds):
    screen = io.StringIO()
    selector(callbacks=[ProgressBar(console=Console(file=screen, width=80))]).fit(*two_clouds)
    lines = screen.getvalue().splitlines()
    assert [line.split(", best")[0] for line in lines] == [
        f"search {number}/3, generation 3/3" for number in (1, 2, 3)
    ]
    assert all(" features, mean " in line for line in lines)


def test_a_file_gets_a_line_a_minute(monkeypatch):
    monkeypatch.setattr(_Lines, "seconds", 0.0)
    screen = io.StringIO()
    bar = ProgressBar(console=Console(file=screen))
    evolve(generational(), planted, n_generations=3, callbacks=[bar])
    assert screen.getvalue().count("generation 2/3") == 1


def test_a_loop_of_ones_own_needs_no_number():
    bar, algorithm = ProgressBar(console=terminal()), generational()
    bar.on_start(algorithm)
    for _ in range(3):
        algorithm.tell(planted(algorithm.ask()))
        bar.on_generation(algorithm)
    bar.on_end(algorithm)
    assert any("generation 3" in line for line in screens(bar.console))


def test_a_notebook_gets_a_line_that_changes(monkeypatch, two_clouds):
    shown = []
    handle = SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))

    def display(content, raw, display_id):
        shown.append(content["text/plain"])
        return handle

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    console = Console(file=io.StringIO(), force_jupyter=True)
    selector(callbacks=[ProgressBar(console=console)]).fit(*two_clouds)
    assert shown[0] == "preparing"
    assert shown[-1].startswith("search 3/3, generation 3/3, best ")


def test_an_error_lets_go_of_the_terminal():
    bar = ProgressBar(console=terminal())

    def fail(masks):
        raise InputError("no")

    with pytest.raises(InputError):
        evolve(generational(), fail, n_generations=3, callbacks=[bar])
    assert bar._display is None
    assert "\x1b[?25h" in bar.console.file.getvalue()  # the cursor is there again


def test_it_says_when_kernels_are_compiled():
    bar = ProgressBar(console=terminal())

    def compile_something(masks):
        ANNOUNCEMENT.begin()
        bar._display._progress.refresh()
        ANNOUNCEMENT.end()
        return planted(masks)

    evolve(generational(), compile_something, n_generations=1, callbacks=[bar])
    bars = [line for line in screens(bar.console) if "generation" in line]
    with_note = ["compiling, once" in line for line in bars]
    assert any(with_note)
    assert not with_note[-1]


def test_verbose_changes_no_bits_and_nothing_that_is_resumed(two_clouds, tmp_path, capsys):
    settings = {"max_seconds": 3600.0, "checkpoint": tmp_path}
    silent = selector().fit(*two_clouds)
    assert capsys.readouterr().err == ""
    first = selector(**settings, verbose=1).fit(*two_clouds)
    assert capsys.readouterr().err.count("\n") == 3
    files = {path.name for path in tmp_path.iterdir()}
    again = selector(**settings).fit(*two_clouds)
    assert {path.name for path in tmp_path.iterdir()} == files
    for one in (first, again):
        np.testing.assert_array_equal(one.support_, silent.support_)
        assert one.history_.equals(silent.history_)
        assert one.best_score_ == silent.best_score_


@pytest.mark.parametrize("verbose", [-1, "yes", 0.5])
def test_verbose_is_a_number_of_a_level(verbose, two_clouds):
    with pytest.raises(InputError, match="GeneticSelector: verbose must be a whole number"):
        selector(verbose=verbose).fit(*two_clouds)
