"""What a run is doing: a small file beside its checkpoints, for displays in other processes."""

import contextlib
import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vaega.evolution.callbacks import Callback
from vaega.evolution.progress import Pace, describe_state

FILE = "activity.json"
_SECONDS = 0.25  # between two writes


@dataclass(frozen=True)
class Activity:
    """How far a run has come."""

    n_searches: int  # Searches begun, in all trials so far
    generation: int  # Of the last one
    figures: str = ""  # Its last generation in words


class WriteActivity(Callback):
    """Write how far a run has come, at most four times a second."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.n_searches = 0
        self._pace = Pace()
        self._written = -float("inf")

    def on_start(self, algorithm: Any) -> None:
        """Count the search."""
        self.n_searches += 1
        self._pace.start(algorithm.state)
        self._write(Activity(self.n_searches, algorithm.state.generation))

    def on_generation(self, algorithm: Any) -> None:
        """Write when the last write is old enough."""
        if time.monotonic() - self._written >= _SECONDS:
            state = algorithm.state
            figures = describe_state(state, masks_per_second=self._pace.masks_per_second(state))
            self._write(Activity(self.n_searches, state.generation, figures))

    def _write(self, activity: Activity) -> None:
        self._written = time.monotonic()
        temporary = self.path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_text(json.dumps(asdict(activity)), encoding="utf-8")
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)


def read_activity(folder: Path) -> Activity | None:
    """Return how far a run has come."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Activity(
            int(content["n_searches"]), int(content["generation"]), str(content["figures"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
