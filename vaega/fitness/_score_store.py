"""Scores of masks on disk, a SQLite cache that searches and processes share, and its keys."""

import hashlib
import json
import os
import sqlite3
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock

from vaega.core.files import fingerprint

VERSION = 1  # of the table; a file of another version is quarantined
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

    scores: np.ndarray  # (n_folds,): its score in each fold
    warned: Mapping[str, int]  # How often the classifier warned of what


class ScoreStore:
    """Scores of masks on disk, by what they depend on.

    A SQLite database, since many processes read and write it at once and any of them may be killed
    at any byte. Its write-ahead log lets readers go on beside one writer, and makes a batch of
    scores whole or absent; where a file system has no shared memory, SQLite keeps its default
    journal, which is slower and as safe. A row whose checksum does not match is taken as absent.

    A store never stops a search. When the file fails, one warning says so, the store switches
    itself off (`is_on`), and the scores are computed. A file that is corrupt or of another version
    is renamed (``.aside`` behind its name), and a new one is begun. Objects of this class can be
    pickled and survive a fork: each process connects by itself.

    Parameters
    ----------
    path : pathlib.Path
        The file; it and its folder are made when something is first stored or asked for.

    Attributes
    ----------
    is_on : bool
        False once the file turned out to be of no use: read-only, disk full, locked for good.

    Examples
    --------
    A second search with the same folds and classifier computes nothing again:

    >>> from tempfile import TemporaryDirectory
    >>> from vaega.fitness import FitnessMemory
    >>> class CountFeatures:
    ...     digest = "count features"  # what the scores depend on
    ...     def __call__(self, masks):
    ...         return masks.sum(axis=1).astype(float)
    >>> masks = np.array([[True, False], [True, True]])
    >>> with TemporaryDirectory() as folder, ScoreStore(Path(folder) / "scores.sqlite3") as store:
    ...     for _ in range(2):
    ...         memory = FitnessMemory(CountFeatures(), n_features=2, store=store)
    ...         print(memory(masks), memory.n_scored)
    [1. 2.] 2
    [1. 2.] 0
    """

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
        entries = {}
        for name, scores, warned, checksum in rows:
            # A damaged index may return rows that nobody asked for, of any types.
            key = names.get(name) if isinstance(name, bytes) else None
            if key is None or not isinstance(scores, bytes):
                continue
            if checksum == _checksum(context, key, scores, warned):
                counts = json.loads(warned) if warned else {}
                entries[key] = ScoreEntry(np.frombuffer(scores, dtype="<f8").astype(float), counts)
        return entries

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
            for may_quarantine in (True, False):
                if not self.is_on:
                    break
                try:
                    return action(self._connected())
                except (sqlite3.Error, OSError) as error:
                    self._fail(error, may_quarantine)
        return None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _open(self.path)
        return self._connection

    def _fail(self, error: Exception, may_quarantine: bool) -> None:
        self.close()
        try:
            if may_quarantine and _is_corrupt(error):
                _quarantine(self.path)
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


def _is_corrupt(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, _OtherVersionError) or code in _DAMAGED


def _quarantine(path: Path) -> None:
    with _guard(path):
        try:
            _open(path, nullcontext()).close()
            if _is_whole(path):
                return  # another process was quicker
        except sqlite3.Error as error:
            if not _is_corrupt(error):
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
        marks = ", ".join("?" * len(some))
        rows += connection.execute(
            "SELECT mask, scores, warned, checksum FROM scores "
            f"WHERE context = ? AND mask IN ({marks})",
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


def _checksum(context: str, key: bytes, scores: bytes, warned: Any) -> bytes:
    # Over the key too, so that a row can't be taken for another; of the whole mask, so that two
    # masks of one digest, if there ever were any, would be told apart.
    parts = (context.encode(), key, scores, str(warned).encode())
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


# Their versions, or sources, enter the digest of a fitness: their code needs no text of its own.
_VERSIONED = ("builtins", "functools", "numpy", "scipy", "sklearn", "vaega")


def cache_key(value: Any) -> str | None:
    """Return a text that two objects share only if they compute the same.

    None where nothing can be promised: an object that could differ while it looks the same, a
    function without a name of its own, a class whose source is not to be found.
    """
    try:
        return _text(value)
    except _NoKeyError:
        return None


class _NoKeyError(Exception):
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
        raise _NoKeyError
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
    raise _NoKeyError


def _code(thing: Any) -> str:
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", ""))
    module = getattr(thing, "__module__", None) or ("numpy" if isinstance(thing, np.ufunc) else "")
    if not module or "<" in name or getattr(thing, "__self__", None) is not None:
        raise _NoKeyError
    package = module.split(".")[0]
    if package not in _VERSIONED and _named(module, name) is not thing:
        raise _NoKeyError  # something else goes by this name
    source = "" if package in _VERSIONED else f" {_version(package)} {_source(module)}"
    return f"{module}.{name}{source}"


def _named(module: str, name: str) -> Any:
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _version(package: str) -> str:
    return str(getattr(sys.modules.get(package), "__version__", ""))


def _source(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None:
        raise _NoKeyError
    return _file_digest(path)


@lru_cache(maxsize=64)
def _file_digest(path: str) -> str:
    try:
        return fingerprint(np.frombuffer(Path(path).read_bytes(), dtype=np.uint8))
    except OSError as error:
        raise _NoKeyError from error
