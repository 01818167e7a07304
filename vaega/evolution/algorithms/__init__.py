"""Algorithms behind ``ask`` and ``tell``, one a file.

Five have one population, `Generational`, `SteadyState`, `MuPlusLambda`, `SelfAdaptive` and, for
several objectives, `NSGA2`; three are made of others: `Islands`, `Memetic` and `MultiStage`.
"""

from vaega.evolution.algorithms._base import AskTell
from vaega.evolution.algorithms._generational import Generational
from vaega.evolution.algorithms._islands import Islands
from vaega.evolution.algorithms._memetic import Memetic
from vaega.evolution.algorithms._mu_plus_lambda import MuPlusLambda
from vaega.evolution.algorithms._multi_stage import MultiStage
from vaega.evolution.algorithms._nsga2 import NSGA2
from vaega.evolution.algorithms._self_adaptive import SelfAdaptive
from vaega.evolution.algorithms._steady_state import SteadyState

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
