"""Random damage to results and to the cache: which file, and what is done to it, by a seed.

Before the next run nothing is shown but what was computed; the next run ends with all of it.
"""

import json
import re
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tests.contracts.promises import (
    RefusedForGood,
    SilentDifference,
    answer,
    command,
    timeless,
    undrawn,
)
from vaega import load_dataset
from vaega.core.errors import ResultsError
from vaega.experiments.status import read_status
from vaega.report._results import read_results

CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"inner_folds": 2},
    "arms": {
        "original": {},
        "made": {
            "generator": {"kind": "vae", "hidden": [8], "latent": 2, "max_epochs": 3},
            "n_synthetic": 20,
        },
    },
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
    "seeds": 2,
    "permutations": {"number": 1, "seeds": 1},
}
_STOPPED_AFTER = 50  # masks: some runs are done, one has a checkpoint
_OF_PAGES = ("report.html", "features.csv", "figures")  # written by `vaega report`

HARMS = ("bit", "digit", "cut", "empty", "zeros", "more", "other", "gone")


def damage(folder: Path, seed: int) -> tuple[Path, str]:
    """Damage one file of a folder; return which, and how."""
    rng = np.random.default_rng(seed)
    files = [path for path in sorted(folder.rglob("*")) if _holds_something(path)]
    # Each kind of file as often as any other, however many runs there are.
    names = sorted({_kind(path) for path in files})
    name = names[rng.integers(len(names))]
    same = [path for path in files if _kind(path) == name]
    path, harm = same[rng.integers(len(same))], HARMS[rng.integers(len(HARMS))]
    content = _harmed(bytearray(path.read_bytes()), harm, rng, files)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return path, harm


def _kind(path: Path) -> str:
    return re.sub(r"[0-9a-f]{8,}", "", path.name)  # not one for each file that is named by a digest


def _holds_something(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.stat().st_size > 0


def _harmed(
    content: bytearray, harm: str, rng: np.random.Generator, files: list[Path]
) -> bytes | None:
    place = int(rng.integers(len(content)))
    if harm == "gone":
        return None
    if harm == "bit":
        content[place] ^= 1 << int(rng.integers(8))
    elif harm == "digit":  # what still reads as a number
        digits = [i for i, byte in enumerate(content) if chr(byte).isdigit() and byte < 128]
        if digits:
            place = digits[int(rng.integers(len(digits)))]
            content[place] = ord("0") + (content[place] - ord("0") + int(rng.integers(1, 10))) % 10
    elif harm == "cut":
        del content[place:]
    elif harm == "empty":
        content.clear()
    elif harm == "zeros":
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    elif harm == "more":
        content += rng.bytes(40)
    elif harm == "other":  # of another run, say
        content[:] = files[int(rng.integers(len(files)))].read_bytes()
    return bytes(content)


class DamagedResults:
    """Results that are finished, and some that were stopped, of which each trial damages a copy."""

    def __init__(self, place: Path) -> None:
        self.place = place
        # Results hold their command, so that each copy is at the same path.
        self.trial = place / "trial"
        self.folder = self.trial / "small"
        (place / "small.yaml").write_text(yaml.safe_dump(CONFIG))
        (place / "samples.csv").write_text(_samples())
        with undrawn(self.trial / "cache"):
            for state, options in (
                ("stopped", ["--max-evaluations", _STOPPED_AFTER]),
                ("finished", []),
            ):
                code, _, err = self.run(*options)
                assert code == bool(options), err
                shutil.copytree(self.trial, place / state)
            self.contents, self.predictions = contents_of(self.folder), self._predictions()
        assert None not in self.predictions
        self.shown_of = cache(self._shown_without)

    def run(self, *options):
        """Call the command that began the results."""
        return command("run", self.place / "small.yaml", "--results", self.trial, *options)

    def try_one(self, seed: int) -> None:
        """Damage one file; look at what is shown before the next run, and is there after it."""
        rng = np.random.default_rng([seed, 1])
        state = "stopped" if rng.random() < 0.2 else "finished"
        pages = rng.random() < 0.1
        doors = ["records", "page"] if pages else ["records"]
        # Of what is whole, before the copy is damaged: each is computed once.
        known = {door: [self.shown_of(state, door, None)] for door in doors}
        self.copy(state)
        path, harm = damage(self.trial, seed)
        what = f"{state}, {path.relative_to(self.trial)}: {harm}"
        run_id = _run_of(path)
        before = _content(path)
        if run_id is not None:
            damaged = self.place / "damaged"
            shutil.rmtree(damaged, ignore_errors=True)
            self.trial.rename(damaged)
            for door in doors:
                known[door].append(self.shown_of(state, door, run_id))
            shutil.rmtree(self.trial, ignore_errors=True)
            damaged.rename(self.trial)
        pages |= state == "stopped" or path.name in _OF_PAGES or path.parent.name in _OF_PAGES
        with undrawn(self.trial / "cache", pages=pages):
            for door in doors:
                self._check_shown(what, door, known[door])
            if before != _content(self.place / state / path.relative_to(self.trial)):
                self._check_status(what, run_id)
            if rng.random() < 0.3:
                answer("resume", self.folder)
            self._check_next_run(what)

    def copy(self, state: str) -> None:
        """Begin anew from results in a state, "finished" or "stopped"."""
        shutil.rmtree(self.trial, ignore_errors=True)
        shutil.copytree(self.place / state, self.trial)

    def _shown_without(self, state: str, door: str, run_id: str | None) -> object:
        """Return what is shown of whole results, or of them without one run."""
        self.copy(state)
        if run_id is not None:
            shutil.rmtree(self.folder / "runs" / run_id)
        with undrawn(self.trial / "cache"):
            return getattr(self, f"_{door}")()

    def _records(self):
        """Return what a report is made of; None where it is refused."""
        try:
            results = read_results(self.folder)
        except ResultsError:
            return None
        timed = [name for name in results.summary if "seconds" in name]
        scores = ["arm", "seed", "status", "heldout_score", "inner_score", "n_features"]
        return (
            results.summary.drop(columns=timed).to_csv(),
            results.runs[scores].to_csv(),
            {arm: table.to_csv() for arm, table in results.histories.items()},
            {arm: table.to_csv() for arm, table in results.features.items()},
            {arm: [one.to_csv() for one in tables] for arm, tables in results.predictions.items()},
            {arm: record.votes().to_csv() for arm, record in results.finals.items()},
            results.config,
            results.generators,
            results.command,
        )

    def _page(self):
        if answer("report", self.folder) is None:
            return None
        return (self.folder / "report.html").read_text()

    def _predictions(self):
        samples = self.place / "samples.csv"
        return [answer("predict", self.folder, samples, "--arm", arm) for arm in CONFIG["arms"]]

    def _check_shown(self, what: str, door: str, known: list) -> None:
        shown = getattr(self, f"_{door}")()
        if shown is not None and shown not in known:
            raise SilentDifference(f"{what}: {door} shows {differing(shown, known[0])}")

    def _check_status(self, what: str, run_id: str | None) -> None:
        for predicted, whole in zip(self._predictions(), self.predictions, strict=True):
            if predicted not in (None, whole):
                raise SilentDifference(f"{what}: the model predicts {predicted[:500]}")
        try:
            states = {run.id: run.state for run in read_status(self.folder).runs}
        except ResultsError:
            return
        if states.get(run_id) == "done":
            raise SilentDifference(f"{what}: it is damaged, and status calls it done")

    def _check_next_run(self, what: str) -> None:
        code, _, err = self.run()
        if code != 0:
            raise RefusedForGood(f"{what}: {err}")
        self.check_whole(what)

    def check_whole(self, what: str, *, pages: bool = True) -> None:
        """Compare the folder with the finished one, file by file, its pages where they are new."""
        contents = contents_of(self.folder)
        for name in sorted(self.contents.keys() | contents.keys()):
            if not pages and Path(name).name in _OF_PAGES:
                continue
            if contents.get(name) != self.contents.get(name):
                pair = differing(contents.get(name), self.contents.get(name))
                raise SilentDifference(f"{what}: after the next run {name} has {pair}")
        if self._predictions() != self.predictions:
            raise SilentDifference(f"{what}: after the next run the models predict otherwise")


def _samples() -> str:
    data = load_dataset("sklearn:wine")
    return pd.DataFrame(data.X[::9], columns=data.feature_names).to_csv(index=False)


def _run_of(path: Path) -> str | None:
    """Return the run of whose result a file is part."""
    parts = path.parts
    if "runs" not in parts or "checkpoint" in parts:
        return None
    return parts[parts.index("runs") + 1]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


# What depends on when, and how quickly, something was computed, and on what was known before.
_VOLATILE = ("seconds", "peak_memory_mb", "n_scored")


def contents_of(folder: Path) -> dict[str, object]:
    """Return what each file of results says, without what differs between two equal calls."""
    unlike = ("record.json", "overview.svg", "overview.png", "overview.pdf")
    return {
        path.relative_to(folder).as_posix(): _said_in(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in unlike
        and not path.name.startswith("memory.sqlite3")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _said_in(path: Path) -> object:
    if path.name == "report.html":
        return timeless(path.read_text())
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str)
        return table.drop(columns=[name for name in table if "seconds" in name]).to_csv()
    if path.name in ("metrics.json", "generator.json"):
        return _without_times(json.loads(path.read_text()))
    return path.read_bytes()


def _without_times(content: object) -> object:
    if isinstance(content, dict):
        kept = {name: item for name, item in content.items() if name not in _VOLATILE}
        return {name: _without_times(item) for name, item in kept.items()}
    if isinstance(content, list):
        return [_without_times(item) for item in content]
    return content


def differing(one: object, other: object) -> str:
    """Return where two contents begin to differ."""
    texts = str(one), str(other)
    pairs = enumerate(zip(*texts, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(map(len, texts)))
    return " instead of ".join(repr(text[max(0, at - 60) : at + 60]) for text in texts)
