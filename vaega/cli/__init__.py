"""The command line: parse, delegate, print; what is slow to import is imported in the bodies.

Each module registers the commands of one family when it is imported.
"""

from vaega.cli import configs, data, experiments, generators, predict, report, reproduce, watch
from vaega.cli.app import main, vaega

__all__ = [
    "configs",
    "data",
    "experiments",
    "generators",
    "main",
    "predict",
    "report",
    "reproduce",
    "vaega",
    "watch",
]
