"""Over-sampling between neighbours, by imbalanced-learn where it is installed."""

import warnings
from typing import Any

import numpy as np

from vaega.core.checks import check_count
from vaega.core.errors import MissingExtraError
from vaega.generative.base_sampler import BaseSampler


class SMOTE(BaseSampler):
    """Add rows between rows of a class and their nearest neighbours in it.

    The rows are those of imbalanced-learn's SMOTE with the same seed. Classes that are too small
    for it are no error: one of n rows has n - 1 neighbours, a single row is repeated, and a warning
    says so.

    Parameters
    ----------
    k_neighbors : int, default=5
        Nearest neighbours of the same class, of which one is chosen for each new row.
    sampling_strategy : str, float, mapping or callable, default="auto"
        As in imbalanced-learn's over-samplers, see `GenerativeSampler`.
    n_per_class : int, mapping of label to int, or None, default=None
        Rows to add to each class, whatever `sampling_strategy` says.
    random_state : int, RandomState, Generator or None, default=None
        None draws other rows on every call.

    Attributes
    ----------
    sampling_strategy_ : dict of label to int
        Rows added.
    n_features_in_ : int
        Columns of X.

    References
    ----------
    Chawla, Bowyer, Hall and Kegelmeyer (2002), SMOTE: synthetic minority over-sampling technique,
    Journal of Artificial Intelligence Research 16.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> X_new, y_new = SMOTE(n_per_class=10, random_state=0).fit_resample(X, y)
    >>> X_new.shape, bool((X_new[:150] == X).all())
    ((180, 4), True)
    """

    def __init__(
        self,
        k_neighbors: int = 5,
        *,
        sampling_strategy: Any = "auto",
        n_per_class: Any = None,
        random_state: Any = None,
    ):
        self.k_neighbors = k_neighbors
        self.sampling_strategy = sampling_strategy
        self.n_per_class = n_per_class
        self.random_state = random_state

    def _check_settings(self) -> None:
        check_count(self.k_neighbors, "k_neighbors", owner="SMOTE")

    def _draw(
        self, X: np.ndarray, y: np.ndarray, wanted: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        most, smote = self.k_neighbors, find_smote()
        sizes = {label: int(np.count_nonzero(y == label)) for label in wanted}
        neighbours = {label: min(most, size - 1) for label, size in sizes.items()}
        _say_what_is_small(sizes, most)
        drawn: dict[Any, np.ndarray] = {}
        for k in sorted(set(neighbours.values())):
            mine = {label: n for label, n in wanted.items() if neighbours[label] == k}
            drawn |= _between(smote, X, y, mine, k, seed) if k else _repeated(X, y, mine)
        rows = np.concatenate([drawn[label] for label in wanted])
        return rows, np.repeat(np.array(list(wanted), dtype=y.dtype), list(wanted.values()))


def find_smote() -> Any:
    """Return imbalanced-learn's SMOTE."""
    try:
        from imblearn import over_sampling
    except ImportError as error:
        raise MissingExtraError(
            owner="SMOTE", package="imbalanced-learn", extra="compare"
        ) from error
    return over_sampling.SMOTE


def _between(
    smote: Any, X: np.ndarray, y: np.ndarray, wanted: dict[Any, int], k: int, seed: int
) -> dict[Any, np.ndarray]:
    totals = {label: int(np.count_nonzero(y == label)) + n for label, n in wanted.items()}
    sampler = smote(sampling_strategy=totals, k_neighbors=k, random_state=seed)
    rows, labels = sampler.fit_resample(X, y)
    rows, labels = rows[len(X) :], labels[len(X) :]
    return {label: rows[labels == label] for label in wanted}


def _repeated(X: np.ndarray, y: np.ndarray, wanted: dict[Any, int]) -> dict[Any, np.ndarray]:
    return {label: np.repeat(X[y == label], n, axis=0) for label, n in wanted.items()}


def _say_what_is_small(sizes: dict[Any, int], most: int) -> None:
    # Without the numbers of rows, so that Python shows it once and not anew for each fold.
    fewer = [repr(label) for label, size in sizes.items() if 1 < size <= most]
    single = [repr(label) for label, size in sizes.items() if size == 1]
    said = []
    if fewer:
        said.append(
            f"too few rows for k_neighbors={most} in {', '.join(fewer)}, all are neighbours"
        )
    if single:
        said.append(f"a single row in {', '.join(single)}, which is repeated")
    if said:
        warnings.warn(f"SMOTE: {'; '.join(said)}.", UserWarning, stacklevel=4)
