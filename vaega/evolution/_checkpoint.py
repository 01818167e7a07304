"""Checkpoints: the state of an evolution and the memory of its fitness in one file, no pickles."""

import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import ResultsError
from vaega.core.files import write_bytes
from vaega.evolution._evolution import Callback, EvolutionState

VERSION = 2
STOPPED = "loop.stopped"  # among the extra arrays: a callback ended the loop for good
_ARRAYS = ("masks", "scores", "best_mask")
_STATE, _STATE_EXTRA, _EXTRA = "state.", "state_extra.", "extra."

Arrays = dict[str, np.ndarray]


class SaveCheckpoint(Callback):
    """Write the state to a file after a generation, so that a killed run can go on.

    Parameters
    ----------
    path : pathlib.Path
        The file; always whole, replaced at once. The one before it is kept beside it, with
        ``.previous`` behind its name.
    extra : callable, optional
        Returns named arrays to save beside the state, e.g. the fitness memory's.
    seconds : float, default=2.0
        Shortest time between two writes; a resumed run repeats what came after the last.
    callbacks : iterable of Callback, default=()
        Callbacks of the same loop whose own state is to be kept, see `restore_callbacks`.
    identity : str, default=""
        Digest of the search's settings: a checkpoint of another search is refused on reading.

    Examples
    --------
    A search that goes on from its file equals one that never stopped:

    >>> from tempfile import TemporaryDirectory
    >>> from deap import base
    >>> from vaega.evolution import evolve, load_checkpoint, operators
    >>> from vaega.evolution.algorithms import Generational
    >>> def make_algorithm():
    ...     rng, toolbox = np.random.default_rng(0), base.Toolbox()
    ...     toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    ...     toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    ...     toolbox.register("mate", operators.crossover_uniform, rng=rng)
    ...     toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    ...     return Generational(toolbox, rng=rng, population_size=10)
    >>> def count_ones(masks):
    ...     return masks.sum(axis=1)
    >>> whole = evolve(make_algorithm(), count_ones, n_generations=6)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "checkpoint.npz"
    ...     _ = evolve(
    ...         make_algorithm(), count_ones, n_generations=3, callbacks=[SaveCheckpoint(path)]
    ...     )
    ...     resumed = make_algorithm()
    ...     resumed.restore(load_checkpoint(path)[0])
    >>> bool((evolve(resumed, count_ones, n_generations=6).masks == whole.masks).all())
    True
    """

    def __init__(
        self,
        path: Path,
        *,
        extra: Callable[[], Arrays] = dict,
        seconds: float = 2.0,
        callbacks: Iterable[Callback] = (),
        identity: str = "",
    ) -> None:
        self.path = path
        self.extra = extra
        self.seconds = seconds
        self.callbacks = tuple(callbacks)
        self.identity = identity
        self._written = -np.inf
        self._stopped = False

    def on_start(self, algorithm: Any) -> None:
        """Let the first generation be written."""
        self._written = -np.inf
        self._stopped = False

    def on_decision(self, algorithm: Any, *, stopped: bool) -> None:
        """Write when the last write is old enough, or the loop was stopped.

        In one write with the state, so that a run which is killed here and resumed neither
        forgets that it was stopped nor decides it twice.
        """
        self._stopped = stopped
        if stopped or time.monotonic() - self._written >= self.seconds:
            self.on_end(algorithm)
            self._written = time.monotonic()

    def on_end(self, algorithm: Any) -> None:
        """Write the last state, so that a finished search is never repeated."""
        extra = self.extra() | callback_arrays(self.callbacks)
        extra[STOPPED] = np.array(self._stopped)
        save_checkpoint(self.path, algorithm.state, extra, identity=self.identity)


def callback_arrays(callbacks: Iterable[Callback]) -> Arrays:
    """Return the state of callbacks, named by their indices and classes."""
    return {
        f"{_owner(index, callback)}{name}": array
        for index, callback in enumerate(callbacks)
        for name, array in getattr(callback, "state_arrays", dict)().items()
    }


def restore_callbacks(callbacks: Iterable[Callback], extra: Mapping[str, np.ndarray]) -> None:
    """Give callbacks back what `SaveCheckpoint` kept of them.

    Parameters
    ----------
    callbacks : iterable of Callback
        The same classes in the same order as when it was saved.
    extra : mapping of str to numpy.ndarray
        As `load_checkpoint` returns it.

    Examples
    --------
    >>> from vaega.evolution import StopAfterSeconds
    >>> callbacks = [StopAfterSeconds(3600.0)]
    >>> restore_callbacks(callbacks, {"callback.0.StopAfterSeconds.seconds": np.array(600.0)})
    """
    for index, callback in enumerate(callbacks):
        arrays = _under(_owner(index, callback), extra)
        if arrays:
            callback.restore_arrays(arrays)


def _owner(index: int, callback: Callback) -> str:
    return f"callback.{index}.{type(callback).__name__}."


def save_checkpoint(
    path: Path,
    state: EvolutionState,
    extra: Arrays | None = None,
    *,
    identity: str = "",
) -> None:
    """Write a state so that a crash at any byte leaves a whole one, this or the one before."""
    upcoming = _beside(path, "next")
    write_bytes(upcoming, _encode(state, extra or {}, identity))
    try:
        with contextlib.suppress(FileNotFoundError):
            path.replace(_beside(path, "previous"))
        upcoming.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written: {error.strerror or error}.") from error


def load_checkpoint(path: Path, *, identity: str = "") -> tuple[EvolutionState, Arrays]:
    """Read a checkpoint that `SaveCheckpoint` wrote.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    identity : str, default=""
        Digest of the search's settings; nothing is compared when it is empty.

    Returns
    -------
    state : EvolutionState
        For ``algorithm.restore(state)``.
    extra : dict of str to numpy.ndarray
        What was saved beside it; see `restore_callbacks`.

    Raises
    ------
    ResultsError
        When the file is damaged, of another version, or of another search.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from types import SimpleNamespace
    >>> state = EvolutionState(
    ...     generation=1, masks=np.eye(2, dtype=bool), scores=np.array([0.5, 0.7]),
    ...     best_mask=np.array([False, True]), best_score=0.7, rng_state={},
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "checkpoint.npz"
    ...     SaveCheckpoint(path).on_end(SimpleNamespace(state=state))
    ...     loaded, extra = load_checkpoint(path)
    >>> loaded.best_score, loaded.scores
    (0.7, array([0.5, 0.7]))
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        plain = json.loads(str(content.pop("plain")))
        _check_version(plain.pop("version"))
        of_search = plain.pop("identity")
        state = _decode(plain, content)
    except Exception as error:  # changed bytes raise errors of zip, of its codecs, of numpy, JSON
        raise ResultsError(f"{path}: cannot be read as a checkpoint: {error}.") from error
    if identity and of_search != identity:
        raise ResultsError(f"{path}: is the checkpoint of a search with other settings or data.")
    return state, _under(_EXTRA, content)


def load_latest_checkpoint(
    path: Path, *, identity: str = ""
) -> tuple[tuple[EvolutionState, Arrays] | None, list[str]]:
    """Read the newest checkpoint that is whole; say of each newer one why it is not used."""
    sentences: list[str] = []
    for candidate in (_beside(path, "next"), path, _beside(path, "previous")):
        if candidate.exists():
            try:
                return load_checkpoint(candidate, identity=identity), sentences
            except ResultsError as error:
                sentences.append(str(error))
    return None, sentences


def _encode(state: EvolutionState, extra: Arrays, identity: str) -> bytes:
    plain = {
        "version": VERSION,
        "identity": identity,
        "generation": state.generation,
        "best_score": state.best_score,
        "rng_state": state.rng_state,
        "history": state.history,
    }
    arrays = {f"{_STATE}{name}": getattr(state, name) for name in _ARRAYS}
    arrays |= {f"{_STATE_EXTRA}{name}": array for name, array in state.extra.items()}
    arrays |= {f"{_EXTRA}{name}": array for name, array in extra.items()}
    content = io.BytesIO()
    np.savez_compressed(content, plain=np.array(json.dumps(plain)), **arrays)
    return content.getvalue()


def _decode(plain: dict[str, Any], content: Arrays) -> EvolutionState:
    fields: dict[str, Any] = {name: content[f"{_STATE}{name}"] for name in _ARRAYS}
    fields |= {"history": tuple(plain.pop("history")), "extra": _under(_STATE_EXTRA, content)}
    return EvolutionState(**fields, **plain)


def _under(prefix: str, content: Mapping[str, np.ndarray]) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in content.items()
        if name.startswith(prefix)
    }


def _check_version(version: int) -> None:
    if version != VERSION:
        raise ValueError(f"it is of version {version}, and this vaega reads version {VERSION}")


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _flush_folder(folder: Path) -> None:
    # The names themselves reach the disk; systems that cannot open a folder do without.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
