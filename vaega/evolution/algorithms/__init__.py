"""Algorithms behind ``ask`` and ``tell``, one a file.

Five have one population, `Generational`, `SteadyState`, `MuPlusLambda`, `SelfAdaptive` and, for
several objectives, `NSGA2`; three are made of others: `Islands`, `Memetic` and `MultiStage`.
"""

from vaega.evolution.algorithms.base import AskTell
from vaega.evolution.algorithms.generational import Generational
from vaega.evolution.algorithms.islands import Islands
from vaega.evolution.algorithms.memetic import Memetic
from vaega.evolution.algorithms.mu_plus_lambda import MuPlusLambda
from vaega.evolution.algorithms.multi_stage import MultiStage
from vaega.evolution.algorithms.nsga2 import NSGA2
from vaega.evolution.algorithms.self_adaptive import SelfAdaptive
from vaega.evolution.algorithms.steady_state import SteadyState

__all__ = [
    "NSGA2",
    "AskTell",
    "Generational",
    "Islands",
    "Memetic",
    "MuPlusLambda",
    "MultiStage",
    "SelfAdaptive",
    "SteadyState",
]
