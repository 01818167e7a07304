"""Seeds for scikit-learn estimators whose user set none."""

from typing import Any


def unset_seeds(estimator: Any) -> list[str]:
    """Return the names of all ``random_state`` parameters, nested ones too, that are None."""
    if not hasattr(estimator, "get_params"):
        return []
    parameters = estimator.get_params(deep=True)
    return sorted(
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def seed_unset(estimator: Any, seed: int) -> Any:
    """Set every ``random_state`` that the user left unset; what the user set stays."""
    names = unset_seeds(estimator)
    if names:
        estimator.set_params(**dict.fromkeys(names, seed))
    return estimator
