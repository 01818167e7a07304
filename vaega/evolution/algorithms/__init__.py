"""Algorithms behind ``ask`` and ``tell``, one a file.

Four have one population, `Generational`, `SteadyState`, `SelfAdaptive` and, for several
objectives, `NSGA2`; `Islands` are made of others.

`ALGORITHMS` names those that a search is set to by name. A class of your own serves as well: made
as ``Class(toolbox, rng=rng, ...)`` with the settings that its constructor names, or, where it has
that class method, by ``Class.from_settings(settings, make_toolbox, rng)``.
"""

from typing import TYPE_CHECKING, Any

from vaega.core.lazy import attach
from vaega.core.registry import Registry, can_be_called
from vaega.evolution.algorithms._genetic import SETTINGS

if TYPE_CHECKING:
    from vaega.evolution.algorithms._genetic import AskTell, Generational
    from vaega.evolution.algorithms._islands import Islands
    from vaega.evolution.algorithms._nsga2 import NSGA2
    from vaega.evolution.algorithms._self_adaptive import SelfAdaptive
    from vaega.evolution.algorithms._steady_state import SteadyState

__getattr__, __all__ = attach(
    __name__,
    {
        "_genetic": ["AskTell", "Generational"],
        "_islands": ["Islands"],
        "_nsga2": ["NSGA2"],
        "_self_adaptive": ["SelfAdaptive"],
        "_steady_state": ["SteadyState"],
    },
)


def _is_algorithm(made: Any) -> bool:
    has_own = hasattr(getattr(made, "func", made), "from_settings")
    return has_own or can_be_called(made, 1, SETTINGS)


ALGORITHMS = Registry(
    expected=f"a class or callable (toolbox, *, rng, {', '.join(SETTINGS)})",
    accepts=_is_algorithm,
    entries={
        "generational": f"{__name__}._genetic.Generational",
        "steady_state": f"{__name__}._steady_state.SteadyState",
        "nsga2": f"{__name__}._nsga2.NSGA2",
        "islands": f"{__name__}._islands.Islands",
        "self_adaptive": f"{__name__}._self_adaptive.SelfAdaptive",
    },
    of_classes=True,
)
