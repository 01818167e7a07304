"""Who hears of the progress of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaega.evolution.callbacks import Callback
from vaega.experiments.store import Run


@dataclass
class Observer:
    """Hears of the progress of an experiment; every hook is empty."""

    # Handed to searches that run in this process
    callbacks: tuple[Callback, ...] = field(default=())

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Before the first run: all runs, and how many were done before."""

    def on_run_start(self, run: Run, folder: Path) -> None:
        """Before a run, in this process or another; `folder` is that of its checkpoints.

        Perhaps called by another thread than the other hooks, and again for a run whose process
        died. `vaega.experiments.activity` says how far it has come.
        """

    def on_run_left(self, run: Run) -> None:
        """When a run was begun and left: another process holds it, or the budget is spent."""

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """After a run: what it recorded."""
