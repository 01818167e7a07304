"""Checkpoints: an evolution state, and what its fitness remembers, in one file without pickles."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import ResultsError
from vaega.core.files import write_bytes
from vaega.evolution.callbacks import Callback
from vaega.evolution.state import EvolutionState

VERSION = 1
_ARRAYS = ("masks", "scores", "best_mask")


class SaveCheckpoint(Callback):
    """Write the state to a file after a generation, so that a killed run can go on.

    Parameters
    ----------
    path : pathlib.Path
        The file; always whole, replaced at once.
    extra : callable, optional
        Returns named arrays to save beside the state, e.g. the fitness memory's.
    seconds : float, default=2.0
        Shortest time between two writes; a resumed run repeats what came after the last.
    """

    def __init__(
        self,
        path: Path,
        *,
        extra: Callable[[], dict[str, np.ndarray]] = dict,
        seconds: float = 2.0,
    ) -> None:
        self.path = path
        self.extra = extra
        self.seconds = seconds
        self._written = -np.inf

    def on_start(self, algorithm: Any) -> None:
        """Let the first generation be written."""
        self._written = -np.inf

    def on_generation(self, algorithm: Any) -> None:
        """Write when the last write is old enough."""
        if time.monotonic() - self._written >= self.seconds:
            self.on_end(algorithm)
            self._written = time.monotonic()

    def on_end(self, algorithm: Any) -> None:
        """Write the last state, so that a finished search is never repeated."""
        save_checkpoint(self.path, algorithm.state, self.extra())


def save_checkpoint(
    path: Path, state: EvolutionState, extra: dict[str, np.ndarray] | None = None
) -> None:
    """Write a state, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file to write.
    state : EvolutionState
        What to save.
    extra : dict of numpy.ndarray, optional
        Arrays to save beside it.
    """
    plain = {
        "version": VERSION,
        "generation": state.generation,
        "best_score": state.best_score,
        "rng_state": state.rng_state,
        "history": state.history,
    }
    arrays = {f"state_{name}": getattr(state, name) for name in _ARRAYS}
    arrays |= {f"extra_{name}": array for name, array in (extra or {}).items()}
    content = io.BytesIO()
    np.savez_compressed(content, plain=np.array(json.dumps(plain)), **arrays)
    write_bytes(path, content.getvalue())


def load_checkpoint(path: Path) -> tuple[EvolutionState, dict[str, np.ndarray]]:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path : pathlib.Path
        The file to read.

    Returns
    -------
    state : EvolutionState
    extra : dict of numpy.ndarray

    Raises
    ------
    ResultsError
        When the file is damaged or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        plain = json.loads(str(content.pop("plain")))
        if plain.pop("version") != VERSION:
            raise ValueError(f"it is not of version {VERSION}")
        arrays = {name: content.pop(f"state_{name}") for name in _ARRAYS}
        state = EvolutionState(**arrays, **(plain | {"history": tuple(plain["history"])}))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ResultsError(f"{path}: cannot be read as a checkpoint: {error}.") from error
    return state, {name.removeprefix("extra_"): array for name, array in content.items()}
