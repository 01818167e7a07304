"""The most memory that a run's process held at once."""

import re
import sys
from contextlib import suppress
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Watches the process from when it is made; processes that it starts are not counted.

    Linux sets its high-water mark back when asked. Elsewhere, and where that is forbidden, the mark
    is that of the process since it began, which may have computed other runs before.
    """

    def __init__(self) -> None:
        with suppress(OSError):  # no such file here, or not ours to write
            _CLEAR.write_text("5")

    def megabytes(self) -> float | None:
        """Return the peak resident memory so far, in 1e6 bytes; None where it is not known."""
        with suppress(OSError):
            found = re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text(encoding="ascii"))
            if found is not None:
                return int(found[1]) * 1024 / 1e6
        return _since_the_process_began()


def _since_the_process_began() -> float | None:
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
