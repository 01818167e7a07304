"""Random hostility in a results folder: links out of it, pipes, holes, folders for files, names.

Whatever stands there, each command ends, with results or with one sentence; nothing outside is
touched, no escape sequence reaches the terminal, and with it gone the next run has all results.
"""

import contextlib
import os
import shutil
import socket
from pathlib import Path

import numpy as np

from tests.contracts.damage import DamagedResults
from tests.contracts.promises import (
    RefusedForGood,
    SilentDifference,
    Unexpected,
    answer,
    bounded,
    undrawn,
)

SECONDS = 900  # for all commands of a trial, on any machine
HOLE = 2**40  # bytes of a file that holds nothing
NAMES = (
    "\x1b[31mred", "line\nbreak", "\u202e drawkcab", "a" * 250, "-rf", "~", "$(reboot)", "%s",
    "[b]", "CON", "\x07", b"\xff\xfe".decode(errors="surrogateescape"), "é", "..hidden", "x.csv",
    "=1+1",
)  # fmt: skip
KINDS = ("link", "pipe", "hole", "folder", "file", "name", "loop", "socket", "dangling")


def try_one(results: DamagedResults, seed: int) -> None:
    """Put something hostile into a copy of results, and go through all doors."""
    rng = np.random.default_rng([seed, 2])
    results.copy("stopped" if rng.random() < 0.3 else "finished")
    outside = results.place / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("of somebody else")
    kind = KINDS[rng.integers(len(KINDS))]
    path = _put(results.trial, kind, outside, rng)
    what = f"{kind} {path.relative_to(results.trial)!s}"
    pages = rng.random() < 0.2
    with bounded(what, SECONDS), undrawn(results.trial / "cache", pages=pages):
        _go_through_doors(results, what)
        if sorted(item.name for item in outside.rglob("*")) != ["file", "folder"] or (
            (outside / "file").read_text() != "of somebody else"
        ):
            raise SilentDifference(f"{what}: something outside was changed")
        _remove(path)
        code, _, err = results.run()
        if code != 0:
            raise RefusedForGood(f"{what} and gone: {err}")
        results.check_whole(what, pages=pages)


def _put(folder: Path, kind: str, outside: Path, rng: np.random.Generator) -> Path:
    wants_folder = kind == "file" or (kind == "link" and rng.random() < 0.4)
    places = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_dir() == wants_folder and not path.name.endswith(".lock")
    ]
    path = places[rng.integers(len(places))]
    if kind == "name":
        path = path.parent / NAMES[rng.integers(len(NAMES))]
    else:
        _remove(path)
    if kind == "link":
        path.symlink_to(outside / ("folder" if wants_folder else "file"))
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "hole":
        with path.open("wb") as file:
            file.truncate(HOLE)
    elif kind == "folder" or (kind == "name" and rng.random() < 0.5):
        (path / "inside").mkdir(parents=True)
    elif kind in ("file", "name"):
        path.write_text("no folder")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(outside / "nothing")
    elif kind == "socket":
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    return path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _go_through_doors(results: DamagedResults, what: str) -> None:
    folder = results.folder
    doors = (
        ("status", folder),
        ("clean", folder, "--dry-run"),
        ("report", folder),
        ("report", folder, "--json"),
        ("compare", folder),
        ("predict", folder, results.place / "samples.csv", "--arm", "made"),
        ("resume", folder),
        ("run", results.place / "small.yaml", "--results", results.trial),
    )
    for words in doors:
        shown = answer(*words)
        if shown is not None and ("\x1b[31m" in shown or "\x07" in shown):
            raise Unexpected(f"{what}: {words} writes an escape sequence")
