"""The command line: parse, delegate, print; what is slow to import is imported in the bodies.

Each module registers the commands of one family when it is imported.
"""

from vaega.cli import (
    baselines,
    cache,
    compare,
    datasets,
    experiments,
    quality,
    report,
    reproduce,
    standing,
    tune,
)
from vaega.cli.app import main, vaega

__all__ = [
    "baselines",
    "cache",
    "compare",
    "datasets",
    "experiments",
    "main",
    "quality",
    "report",
    "reproduce",
    "standing",
    "tune",
    "vaega",
]
