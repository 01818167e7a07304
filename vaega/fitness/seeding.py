"""Seeds for scikit-learn estimators whose user set none."""

from typing import Any


def unset_seeds(estimator: Any) -> list[str]:
    """Return the names of all ``random_state`` parameters, nested ones too, that are None.

    Parameters
    ----------
    estimator : scikit-learn estimator
        Or anything with ``get_params``.

    Returns
    -------
    list of str
        Sorted.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> unset_seeds(MLPClassifier())
    ['random_state']
    """
    if not hasattr(estimator, "get_params"):
        return []
    parameters = estimator.get_params(deep=True)
    return sorted(
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def seed_unset(estimator: Any, seed: int) -> Any:
    """Set every ``random_state`` that the user left unset; what the user set stays.

    Parameters
    ----------
    estimator : scikit-learn estimator
        Changed in place.
    seed : int
        The value.

    Returns
    -------
    estimator
        The same object.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> seed_unset(MLPClassifier(), 7).random_state
    7
    """
    names = unset_seeds(estimator)
    if names:
        estimator.set_params(**dict.fromkeys(names, seed))
    return estimator
