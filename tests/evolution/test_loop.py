import io

import numpy as np
import pytest
from rich.console import Console

from tests.evolution.algorithms.test_generational import make, planted
from vaega.core.errors import InputError
from vaega.evolution._logs import ProgressBar
from vaega.evolution._loop import Callback, StopWhenStagnant, evolve


class Recorder(Callback):
    def __init__(self, stop_at=None):
        self.stop_at, self.calls = stop_at, []

    def on_start(self, algorithm):
        self.calls.append("start")

    def on_generation(self, algorithm):
        self.calls.append(algorithm.state.generation)
        return algorithm.state.generation == self.stop_at

    def on_end(self, algorithm):
        self.calls.append("end")


def test_hooks_are_called_in_order():
    recorder = Recorder()
    evolve(make(), planted, n_generations=3, callbacks=[recorder])
    assert recorder.calls == ["start", 1, 2, 3, "end"]


def test_a_callback_stops_the_loop_and_the_others_still_hear_of_it():
    stopper, other = Recorder(stop_at=2), Recorder()
    evolve(make(), planted, n_generations=9, callbacks=[stopper, other])
    assert other.calls == ["start", 1, 2, "end"]


def test_stagnation_stops_where_nothing_improves():
    state = evolve(
        make(),
        lambda masks: np.zeros(len(masks)),
        n_generations=50,
        callbacks=[StopWhenStagnant(patience=4)],
    )
    assert state.generation == 5


def test_patience_is_a_count():
    with pytest.raises(InputError, match="patience"):
        StopWhenStagnant(patience=0)


def test_the_progress_bar_says_what_matters():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160)
    evolve(make(), planted, n_generations=4, callbacks=[ProgressBar(4, console=console)])
    for word in ("4/4", "best", "features", "diversity"):
        assert word in screen.getvalue()
