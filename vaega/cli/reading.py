"""The bar that is shown while a file is read."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaega.core.errors import printable

_PATIENCE = 0.5  # seconds; what takes less needs no bar


class ReadingBar:
    """Is told how much of a file is read, and draws it on a terminal."""

    def __init__(self, source: Any) -> None:
        self.name = printable(Path(str(source)).name)
        self._started = time.monotonic()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: str, share: float) -> None:
        """Draw the share of a step that is done: rows, then columns."""
        if self._bar is None:  # which takes the place of stderr, in older rich as no terminal
            if not sys.stderr.isatty() or time.monotonic() - self._started < _PATIENCE:
                return
            self._bar = _begin()
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(f"{self.name}: {step}", total=1.0)
        self._bar.update(self._tasks[step], completed=share)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()


def _begin() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.start()
    return bar


@contextmanager
def reading_bar(source: Any) -> Iterator[ReadingBar]:
    """Show a bar on a terminal while a dataset is read, once that takes longer than a moment."""
    bar = ReadingBar(source)
    try:
        yield bar
    finally:
        bar.close()
