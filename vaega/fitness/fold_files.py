"""Files of folds: written once, mapped into memory by every process that scores on them."""

import tempfile
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from vaega.core.errors import InputError
from vaega.core.files import fingerprint
from vaega.fitness.folds import Fold

_PARTS = tuple(field.name for field in fields(Fold))


class FoldFiles:
    """A temporary folder that holds folds, made when it is first asked for."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> str:
        """Where the files are; they are written now if they were not before."""
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="vaega-folds-")
            _write(Path(self._temporary.name), self.folds)
        return self._temporary.name

    def close(self) -> None:
        """Remove the files, if there are any."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _write(folder: Path, folds: Sequence[Fold]) -> None:
    for place, fold in enumerate(folds):
        for part in _PARTS:
            if (value := getattr(fold, part)) is not None:
                np.save(
                    folder / f"{place}_{part}.npy", _plain(np.asarray(value)), allow_pickle=False
                )


def _plain(values: np.ndarray) -> np.ndarray:
    """Return labels that are Python texts as an array of text; other objects have no file."""
    if not values.dtype.hasobject:
        return values
    if all(isinstance(value, str) for value in values):
        return values.astype(str)
    kind = next(type(value).__name__ for value in values if not isinstance(value, str))
    raise InputError(
        "CrossValidatedFitness: labels must be numbers or texts to go to another process, got "
        f"{kind}."
    )


@lru_cache(maxsize=2)
def open_folds(folder: str) -> list[Fold]:
    """Return the folds of a folder, mapped into memory."""
    n_folds = len(list(Path(folder).glob("*_columns.npy")))
    return [_open(Path(folder), place) for place in range(n_folds)]


def _open(folder: Path, place: int) -> Fold:
    paths = {part: folder / f"{place}_{part}.npy" for part in _PARTS}
    parts = {part: np.load(path, mmap_mode="r") for part, path in paths.items() if path.exists()}
    return Fold(**parts)


def hash_fold(fold: Fold) -> str | None:
    """Return the digest of everything in a fold."""
    values = [getattr(fold, part) for part in _PARTS]
    if any(isinstance(value, np.ndarray) and value.dtype.hasobject for value in values):
        return None
    return fingerprint(*values)
