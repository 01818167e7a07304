"""What the classifiers of many masks answer, and what of it a metric needs."""

from dataclasses import dataclass, field

import numpy as np

LABELS, RANKING, PROBABILITIES = "labels", "ranking", "probabilities"
NEEDS = (LABELS, RANKING, PROBABILITIES)


@dataclass(frozen=True, eq=False)
class Responses:
    """The answers of the classifiers of many masks for the validate rows of one fold.

    Parameters
    ----------
    codes : numpy.ndarray of int, shape (n_masks, n_validate)
        Predicted classes, as positions in the sorted classes of the fit rows.
    decided : numpy.ndarray of bool, shape (n_masks,)
        False where rounding could turn an answer, so that scikit-learn has to decide.
    values : numpy.ndarray of float, optional
        For the need "ranking" of shape (n_masks, n_validate): what scikit-learn's scorers rank the
        rows of two classes by, the second class high. For "probabilities" of shape
        (n_masks, n_validate, n_classes). None for "labels".
    doubts : numpy.ndarray of float, shape (n_masks,) or that of the values, optional
        By how much rounding may have moved the values of a mask, or each of them; None where the
        engine is not one that promises scikit-learn's bits.
    warned : dict of str to numpy.ndarray of bool, shape (n_masks,)
        Which classifiers would have warned of what: the category and the first line, as in
        ``"ConvergenceWarning: ..."``.

    Examples
    --------
    >>> answers = Responses(np.array([[0, 1]]), np.array([True]))
    >>> answers.values is None
    True
    """

    codes: np.ndarray
    decided: np.ndarray
    values: np.ndarray | None = None
    doubts: np.ndarray | None = None
    warned: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def undecided(cls, n_masks: int, n_validate: int) -> "Responses":
        """Return answers that leave everything to scikit-learn.

        Parameters
        ----------
        n_masks, n_validate : int

        Returns
        -------
        Responses

        Examples
        --------
        >>> Responses.undecided(2, 5).decided
        array([False, False])
        """
        return cls(np.full((n_masks, n_validate), -1), np.zeros(n_masks, dtype=bool))
