"""Objectives: what the search maximises, from the metric and the size of a mask."""

import hashlib
import json
import os
import sqlite3
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, Protocol, TypeVar

import numpy as np
from filelock import FileLock

from vaega.core.checks import check_probability
from vaega.core.errors import InputError
from vaega.core.files import fingerprint

# Their versions enter the digest of a fitness, so their code needs no text of its own.
_VERSIONED = ("builtins", "functools", "numpy", "scipy", "sklearn", "vaega")


def stable_text(value: Any) -> str | None:
    """Return a text that two objects share only if they compute the same."""
    try:
        return _text(value)
    except _NoTextError:
        return None


class _NoTextError(Exception):
    pass


def _text(value: Any) -> str:
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return f"{kind.__name__} {value!r}"
    if isinstance(value, np.generic | np.ndarray):
        return _array(np.asarray(value))
    if kind in (list, tuple, set, frozenset, dict):
        return f"{kind.__name__} {_container(value)}"
    if isinstance(value, type | FunctionType | BuiltinFunctionType | np.ufunc):
        return _code(value)
    return f"{_code(kind)} {_container(_content(value))}"


def _container(value: Any) -> str:
    if isinstance(value, dict):
        # In its order: that of a pipeline's weights, say, may matter.
        return f"{{{', '.join(f'{_text(key)}: {_text(item)}' for key, item in value.items())}}}"
    texts = [_text(item) for item in value]
    return f"[{', '.join(sorted(texts) if isinstance(value, set | frozenset) else texts)}]"


def _array(array: np.ndarray) -> str:
    if array.dtype.hasobject:
        raise _NoTextError
    return f"array {fingerprint(array)}"


def _content(value: Any) -> dict[str, Any]:
    if isinstance(value, partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if hasattr(value, "get_params"):
        return dict(sorted(value.get_params(deep=False).items()))
    if type(value).__module__.startswith("sklearn.metrics"):  # scorers: function, sign and keywords
        content = dict(sorted(vars(value).items()))
        content.pop("_metadata_request", None)
        return content
    raise _NoTextError


def _code(thing: Any) -> str:
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", ""))
    module = getattr(thing, "__module__", None) or ("numpy" if isinstance(thing, np.ufunc) else "")
    if not module or "<" in name or getattr(thing, "__self__", None) is not None:
        raise _NoTextError
    package = module.split(".")[0]
    if package not in _VERSIONED and _named(module, name) is not thing:
        raise _NoTextError  # something else goes by this name
    source = "" if package in _VERSIONED else f" {_version(package)} {_source(module)}"
    return f"{module}.{name}{source}"


def _named(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _version(package: str) -> str:
    return str(getattr(sys.modules.get(package), "__version__", ""))


def _source(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None:
        raise _NoTextError
    return _file_digest(path)


@lru_cache(maxsize=64)
def _file_digest(path: str) -> str:
    try:
        return fingerprint(np.frombuffer(Path(path).read_bytes(), dtype=np.uint8))
    except OSError as error:
        raise _NoTextError from error


VERSION = 1  # of the table; a file of another version is set aside
_TABLE = """CREATE TABLE IF NOT EXISTS scores (
    context TEXT, mask BLOB, scores BLOB, warned TEXT, checksum BLOB,
    PRIMARY KEY (context, mask)
) WITHOUT ROWID"""
_PATIENCE = 30.0  # seconds that one process waits for another to finish its transaction
_AT_ONCE = 500  # keys in one query; SQLite's own limit was 999 for a long time
_LONGEST_KEY = 32  # bytes; masks of more than 256 features are kept as their digest
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# Connections that a fork brought along. To close one would end the parent's transactions.
_inherited: list[sqlite3.Connection] = []

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class ScoreEntry:
    """What is known of one mask."""

    scores: np.ndarray  # Its score in each fold
    warned: Mapping[str, int]  # How often the classifier warned of what


class ScoreStore:
    """Scores of masks on disk, by what they depend on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_on = True
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "is_on": self.is_on}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __enter__(self) -> "ScoreStore":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        if self._connection is not None and self._pid == os.getpid():
            with self._lock:
                self._connection.close()
                self._connection = None

    def get(self, context: str, keys: Iterable[bytes]) -> dict[bytes, ScoreEntry]:
        """Return what is stored of some masks."""
        names = {_name(key): key for key in keys}
        rows = self._use(lambda connection: _select(connection, context, list(names))) or []
        found = {}
        for name, scores, warned, checksum in rows:
            key = names[name]
            if checksum == _checksum(context, key, scores, warned):
                counts = json.loads(warned) if warned else {}
                found[key] = ScoreEntry(np.frombuffer(scores, dtype="<f8").astype(float), counts)
        return found

    def put(self, context: str, entries: Mapping[bytes, ScoreEntry]) -> None:
        """Store some masks, all or none of them."""
        rows = [_row(context, key, entry) for key, entry in entries.items()]
        if rows:
            self._use(lambda connection: _insert(connection, rows))

    def _use(self, action: Callable[[sqlite3.Connection], Answer]) -> Answer | None:
        if self._pid != os.getpid():
            if self._connection is not None:
                _inherited.append(self._connection)
            self._begin()  # a fork copies the lock too, perhaps while a thread holds it
        with self._lock:
            for may_set_aside in (True, False):
                if not self.is_on:
                    break
                try:
                    return action(self._connected())
                except (sqlite3.Error, OSError) as error:
                    self._fail(error, may_set_aside)
        return None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _open(self.path)
        return self._connection

    def _fail(self, error: Exception, may_set_aside: bool) -> None:
        self.close()
        try:
            if may_set_aside and _is_useless(error):
                _set_aside(self.path)
                self._warn(f"{error}; it is set aside and a new one is begun")
                return
        except (sqlite3.Error, OSError) as second:
            error = second
        self.is_on = False
        self._warn(f"{error}; the search goes on without it")

    def _warn(self, reason: str) -> None:
        sentence = f"{self.path}: the stored scores cannot be used: {reason}."
        warnings.warn(sentence, stacklevel=6)


class _OtherVersionError(sqlite3.Error):
    pass


def _open(path: Path, guard: AbstractContextManager[Any] | None = None) -> sqlite3.Connection:
    # No implicit transactions; the lock of the store takes the place of the check of threads.
    connection = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        if not _is_current(connection):
            with guard or _guard(path):
                if not _is_current(connection):  # another process may have been quicker
                    _begin_file(connection)
        # A commit survives the death of a process; that of the system may take the last ones.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _guard(path: Path) -> FileLock:
    # SQLite does not wait for the locks that a change of the journal needs; this does.
    return FileLock(path.with_name(f"{path.name}.lock"), timeout=_PATIENCE)


def _begin_file(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):  # no shared memory here: the default journal stays
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_TABLE)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _is_current(connection: sqlite3.Connection) -> bool:
    # The tables first: both are written at once, perhaps between these two lines.
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION) or (version == 0 and n_tables):
        raise _OtherVersionError(f"it is not of version {VERSION}")
    return bool(n_tables)


def _is_useless(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, _OtherVersionError) or code in _DAMAGED


def _set_aside(path: Path) -> None:
    with _guard(path):
        try:
            _open(path, nullcontext()).close()
            if _is_whole(path):
                return  # another process was quicker
        except sqlite3.Error as error:
            if not _is_useless(error):
                raise
        # The log belongs to the old file and must not be read into the new one.
        for suffix in ("-wal", "-shm", "-journal", ""):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.replace(path.with_name(f"{path.name}.aside{suffix}"))


def _is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        return bool(connection.execute("PRAGMA quick_check").fetchone() == ("ok",))


def _select(connection: sqlite3.Connection, context: str, names: list[bytes]) -> list[Any]:
    rows: list[Any] = []
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        places = ", ".join("?" * len(some))
        rows += connection.execute(
            "SELECT mask, scores, warned, checksum FROM scores "
            f"WHERE context = ? AND mask IN ({places})",
            [context, *some],
        )
    return rows


def _insert(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _row(context: str, key: bytes, entry: ScoreEntry) -> tuple[Any, ...]:
    scores = np.asarray(entry.scores, dtype="<f8").tobytes()
    warned = json.dumps(dict(entry.warned)) if entry.warned else None
    return context, _name(key), scores, warned, _checksum(context, key, scores, warned)


def _name(key: bytes) -> bytes:
    return key if len(key) <= _LONGEST_KEY else hashlib.blake2b(key, digest_size=32).digest()


def _checksum(context: str, key: bytes, scores: Any, warned: Any) -> bytes:
    # Over the key too, so that a row can't be taken for another; of the whole mask, so that two
    # masks of one digest, if there ever were any, would be told apart.
    parts = (context.encode(), key, bytes(scores), str(warned).encode())
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


class FitnessMemory:
    """Remember the scores of another fitness, by mask.

    Parameters
    ----------
    fitness : callable
        From masks, bool of shape (n_masks, n_features), to scores, float of shape (n_masks,) or
        (n_masks, n_folds). One that has ``evaluate``, as `CrossValidatedFitness`, gives fold
        scores and the warnings of each mask.
    n_features : int
        Length of a mask.
    store : ScoreStore, optional
        Where scores are kept for other searches, other processes and a resume; used when the
        fitness has a ``digest`` that is not None.

    Attributes
    ----------
    n_asked : int
        Masks that callers wanted scored.
    n_distinct : int
        Different masks among them. Like `n_asked`, it says nothing of what was in the store.
    n_scored : int
        Masks that were computed by this object, neither restored nor found in the store.

    Examples
    --------
    >>> memory = FitnessMemory(lambda masks: masks.mean(axis=1), n_features=2)
    >>> memory(np.array([[True, False], [True, False], [True, True]]))
    array([0.5, 0.5, 1. ])
    >>> memory.n_asked, memory.n_distinct, memory.n_reused
    (3, 2, 1)
    """

    def __init__(
        self,
        fitness: Callable[[np.ndarray], np.ndarray],
        *,
        n_features: int,
        store: ScoreStore | None = None,
    ) -> None:
        self.fitness = fitness
        self.n_features = n_features
        self.store = store
        self.n_asked = 0
        self.n_scored = 0
        self._entries: dict[bytes, ScoreEntry] = {}
        self._means: dict[bytes, float] = {}
        self._context: str | None = None

    @property
    def n_distinct(self) -> int:
        """Different masks that were asked for."""
        return len(self._entries)

    @property
    def n_reused(self) -> int:
        """Masks that were asked for again."""
        return self.n_asked - self.n_distinct

    @property
    def warnings_(self) -> Counter[str]:
        """How often the classifier warned of what, over the different masks of this search."""
        total: Counter[str] = Counter()
        for entry in self._entries.values():
            total.update(entry.warned)
        return total

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the mean score of each mask, scoring only the new ones.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            May repeat itself.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks,)
        """
        masks = np.asarray(masks, dtype=bool)
        keys = _pack(masks)
        # The first place of each new mask, in the order asked, so that nothing depends on hashing.
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        places = sorted(place for key, place in first.items() if key not in self._entries)
        if places:
            self._learn([keys[place] for place in places], masks[places])
        self.n_asked += len(keys)
        return np.array([self._means[key] for key in keys])

    def fold_scores(self, masks: np.ndarray) -> np.ndarray:
        """Return the score in each fold of masks that were asked for before.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            Known masks; asking here counts nothing.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks, n_folds)

        Raises
        ------
        InputError
            When a mask is not known.
        """
        keys = _pack(np.asarray(masks, dtype=bool))
        for place, key in enumerate(keys):
            if key not in self._entries:
                raise InputError(
                    "FitnessMemory: fold_scores takes masks that were scored before, and number "
                    f"{place} was not."
                )
        return _stack([self._entries[key].scores for key in keys])

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return everything remembered, in the order in which it was asked for.

        Returns
        -------
        masks : numpy.ndarray of bool, shape (n_distinct, n_features)
        scores : numpy.ndarray of float, shape (n_distinct,)
            Means over the folds.
        """
        masks = np.unpackbits(self._packed(), axis=1, count=self.n_features).astype(bool)
        return masks, np.array(list(self._means.values()), dtype=float)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the memory as plain arrays, for a checkpoint.

        Returns
        -------
        dict of numpy.ndarray
            Packed masks, their fold scores, the number asked, the different warnings as JSON, and
            in rows of three which mask gave which warning how often.
        """
        texts = list(self.warnings_)
        number = {text: place for place, text in enumerate(texts)}
        warned = [
            (place, number[text], times)
            for place, entry in enumerate(self._entries.values())
            for text, times in entry.warned.items()
        ]
        return {
            "memory_keys": self._packed(),
            "memory_fold_scores": _stack([entry.scores for entry in self._entries.values()]),
            "memory_n_asked": np.array(self.n_asked),
            "memory_warnings": np.array(json.dumps(texts)),
            "memory_warned": np.array(warned, dtype=np.int64).reshape(-1, 3),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave.

        Parameters
        ----------
        arrays : dict of numpy.ndarray
            As given by `to_arrays`.
        """
        keys = [key.tobytes() for key in arrays["memory_keys"]]
        texts = json.loads(str(arrays["memory_warnings"]))
        warned: list[Counter[str]] = [Counter() for _ in keys]
        for place, text, times in arrays["memory_warned"].tolist():
            warned[place][texts[text]] = times
        self._entries, self._means = {}, {}
        self._remember(keys, arrays["memory_fold_scores"], warned)
        self.n_asked = int(arrays["memory_n_asked"])

    def _learn(self, keys: Sequence[bytes], masks: np.ndarray) -> None:
        stored = self._look_up(keys)
        new = [place for place, key in enumerate(keys) if key not in stored]
        if new:
            scores, warned = _evaluate(self.fitness, masks[new])
            self.n_scored += len(new)
            computed = {
                keys[place]: ScoreEntry(*entry)
                for place, entry in zip(new, zip(scores, warned, strict=True), strict=True)
            }
            if self.store is not None and self._context is not None:
                self.store.put(self._context, computed)
            stored |= computed
        entries = [stored[key] for key in keys]
        scores = _stack([entry.scores for entry in entries])
        self._remember(keys, scores, [entry.warned for entry in entries])

    def _look_up(self, keys: Sequence[bytes]) -> dict[bytes, ScoreEntry]:
        if self.store is None:
            return {}
        if self._context is None:
            digest = getattr(self.fitness, "digest", None)
            if digest is None:
                self.store = None
                return {}
            self._context = f"{digest}-{self.n_features}"
        return self.store.get(self._context, keys)

    def _remember(self, keys: Sequence[bytes], scores: np.ndarray, warned: Sequence[Any]) -> None:
        self._entries.update(zip(keys, map(ScoreEntry, scores, warned), strict=True))
        self._means.update(zip(keys, scores.mean(axis=1).tolist() if keys else [], strict=True))

    def _packed(self) -> np.ndarray:
        width = -(-self.n_features // 8)
        return np.frombuffer(b"".join(self._entries), dtype=np.uint8).reshape(-1, width)


def _pack(masks: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(masks, axis=1)]


def _stack(scores: Sequence[np.ndarray]) -> np.ndarray:
    return np.array(scores, dtype=float) if scores else np.empty((0, 0))


def _evaluate(fitness: Any, masks: np.ndarray) -> tuple[np.ndarray, Sequence[Counter[str]]]:
    if hasattr(fitness, "evaluate"):
        evaluation = fitness.evaluate(masks)
        return evaluation.scores, evaluation.warned
    scores = np.asarray(fitness(masks), dtype=float)
    return scores.reshape(len(masks), -1), [Counter() for _ in masks]


class Objective(Protocol):
    """From scores and masks to what is maximised."""

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return one value a mask, shape (n_masks,)."""


@dataclass(frozen=True)
class WeightedObjective:
    """Weigh the metric against the share of features left out.

    ``alpha * score + (1 - alpha) * (1 - selected / all)``

    Parameters
    ----------
    alpha : float, default=0.9
        Weight of the metric, in [0, 1]; the thesis uses 0.5.

    Examples
    --------
    >>> objective = WeightedObjective(alpha=0.5)
    >>> objective(np.array([0.8]), np.array([[True, False, False, False]]))
    array([0.775])
    """

    alpha: float = 0.9

    def __post_init__(self) -> None:
        check_probability(self.alpha, "alpha", owner="WeightedObjective")

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the weighted sum for each mask, shape (n_masks,)."""
        left_out = 1.0 - masks.mean(axis=1)
        return self.alpha * scores + (1.0 - self.alpha) * left_out


@dataclass(frozen=True)
class PenaltyObjective:
    """Subtract a fixed price for each selected feature.

    ``score - per_feature * selected``

    Parameters
    ----------
    per_feature : float, default=0.001
        What a feature must add to the metric to be worth selecting; 0 is the metric alone.

    Examples
    --------
    >>> PenaltyObjective(per_feature=0.01)(np.array([0.8]), np.array([[True, True, False]]))
    array([0.78])
    """

    per_feature: float = 0.001

    def __post_init__(self) -> None:
        if not self.per_feature >= 0.0:
            raise InputError(
                f"PenaltyObjective: per_feature must be at least 0, got {self.per_feature!r}."
            )

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the score less the price for each mask, shape (n_masks,)."""
        return scores - self.per_feature * masks.sum(axis=1)


@dataclass(frozen=True)
class ObjectiveFitness:
    """A fitness that gives the objective of another fitness's scores.

    Parameters
    ----------
    fitness : callable
        From masks (n_masks, n_features) to the metric (n_masks,).
    objective : Objective
        What to make of it.
    """

    fitness: Callable[[np.ndarray], np.ndarray]
    objective: Objective

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return one objective a mask, float of shape (n_masks,)."""
        return self.objective(self.fitness(masks), masks)
