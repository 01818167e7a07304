"""Synthetic data with known truth: Madelon's design, any size."""

from typing import Any

import numpy as np

from vaega.core.checks import check_count, check_positive, check_probability
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, draw_seed
from vaega.data._dataset import Dataset

_OWNER = "make_madelon"
# With 1.0 the noise of 480 probes drowns the neighbours; 0.65 comes near the published Madelon.
_PROBE_SPREAD = 0.65


def make_madelon(
    n_rows: int = 2000,
    n_features: int = 500,
    *,
    n_informative: int = 5,
    n_redundant: int = 10,
    n_repeated: int = 5,
    n_classes: int = 2,
    n_clusters_per_class: int | None = None,
    class_sep: float = 2.2,
    flip_fraction: float = 0.01,
    n_test: int = 0,
    random_state: Any = 0,
) -> Dataset:
    """Make data after Madelon: clusters on the vertices of a hypercube, hidden among probes.

    Each vertex of a hypercube in the informative columns carries one Gaussian cluster and one
    class, so that no column alone tells the classes apart. Redundant columns are random
    combinations of informative ones, repeated columns are copies of either, probes are Gaussian
    noise. Columns with signal have standard deviation near 1, probes 0.65; the order is shuffled.

    With the defaults, 1,000 test rows and seeds 0 to 4, ten nearest neighbours reach 0.93
    to 0.96 held-out accuracy on the relevant columns and 0.68 to 0.75 on all 500 (0.56 to 0.62 when
    every column is standardized first).

    Parameters
    ----------
    n_rows : int, default=2000
        Training rows, at least two a class; they don't depend on `n_test`.
    n_features : int, default=500
        Columns in all.
    n_informative, n_redundant, n_repeated : int, default=5, 10, 5
        How many columns of each kind; the rest are probes.
    n_classes : int, default=2
        Classes, with equally many rows but for the flipped ones.
    n_clusters_per_class : int, optional
        Default: as many as the hypercube has vertices for, at most 16.
    class_sep : float, default=2.2
        Half the edge of the hypercube, in standard deviations of a cluster.
    flip_fraction : float, default=0.01
        The fraction of rows, of training and of test, whose class is drawn anew.
    n_test : int, default=0
        Rows of the test part; none when 0.
    random_state : int, Generator, RandomState or None, default=0
        Seed; None takes fresh entropy.

    Returns
    -------
    Dataset
        `relevant` marks the informative, redundant and repeated columns, whose names tell their
        kind: ``informative_0``, ``redundant_3``, ``repeated_1``, ``probe_17``.

    Raises
    ------
    InputError
        When the counts don't fit together.

    References
    ----------
    Guyon (2003), Design of experiments for the NIPS 2003 variable selection benchmark.

    Examples
    --------
    >>> dataset = make_madelon(n_rows=100, n_features=30)
    >>> dataset.X.shape, int(dataset.relevant.sum())
    ((100, 30), 20)
    """
    counts = _check_counts(n_features, n_informative, n_redundant, n_repeated)
    n_classes = check_count(n_classes, "n_classes", owner=_OWNER, minimum=2)
    n_rows = check_count(n_rows, "n_rows", owner=_OWNER, minimum=2 * n_classes)
    n_test = check_count(n_test, "n_test", owner=_OWNER, minimum=0)
    class_sep = check_positive(class_sep, "class_sep", owner=_OWNER)
    flip_fraction = check_probability(flip_fraction, "flip_fraction", owner=_OWNER)
    n_clusters = _check_clusters(counts["informative"], n_classes, n_clusters_per_class)
    seed = draw_seed(random_state)
    design = _Design(counts, n_classes, n_clusters, class_sep, derive_rng(seed, _OWNER, "design"))
    X, y = design.draw(n_rows, flip_fraction, derive_rng(seed, _OWNER, "train"))
    test = design.draw(n_test, flip_fraction, derive_rng(seed, _OWNER, "test")) if n_test else None
    return Dataset.from_arrays(
        X,
        y,
        name=_OWNER,
        feature_names=design.names,
        X_test=test[0] if test else None,
        y_test=test[1] if test else None,
        relevant=design.relevant,
        origin=f"{_OWNER}, seed {seed}: after the design of Madelon",
        licence="generated; free to use",
    )


class _Design:
    """The fixed part: vertices, their classes, combinations, copies and the order of columns."""

    def __init__(
        self,
        counts: dict[str, int],
        n_classes: int,
        n_clusters: int,
        class_sep: float,
        rng: np.random.Generator,
    ) -> None:
        n_informative, n_redundant = counts["informative"], counts["redundant"]
        self._counts = counts
        self._vertices = class_sep * _vertices(n_classes * n_clusters, n_informative, rng)
        self._vertex_class = np.arange(n_classes * n_clusters) % n_classes
        # Every informative column has variance near class_sep^2 + 1; the weights keep that.
        weights = rng.uniform(-1.0, 1.0, size=(n_informative, n_redundant))
        self._weights = weights / np.linalg.norm(weights, axis=0)
        self._copied = rng.integers(n_informative + n_redundant, size=counts["repeated"])
        self._spread = np.sqrt(class_sep**2 + 1.0)
        names = [f"{kind}_{i}" for kind, count in counts.items() for i in range(count)]
        self._order = rng.permutation(len(names))
        self.names = [names[i] for i in self._order]
        self.relevant = np.array([not name.startswith("probe_") for name in self.names])

    def draw(
        self, n_rows: int, flip_fraction: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows, shape (n_rows, n_features), and their classes, shape (n_rows,)."""
        vertex = rng.permutation(np.arange(n_rows) % len(self._vertices))
        informative = self._vertices[vertex] + rng.standard_normal(
            (n_rows, self._vertices.shape[1])
        )
        informative /= self._spread
        signal = np.hstack([informative, informative @ self._weights])
        probes = _PROBE_SPREAD * rng.standard_normal((n_rows, self._counts["probe"]))
        X = np.hstack([signal, signal[:, self._copied], probes])[:, self._order]
        return X, _flip(self._vertex_class[vertex], flip_fraction, rng)


def _vertices(n_vertices: int, n_dimensions: int, rng: np.random.Generator) -> np.ndarray:
    if n_dimensions <= 20:
        chosen = rng.permutation(2**n_dimensions)[:n_vertices]
        bits = chosen[:, None] >> np.arange(n_dimensions) & 1
        return 2.0 * bits - 1.0
    corners = np.unique(rng.integers(2, size=(2 * n_vertices, n_dimensions)), axis=0)
    return 2.0 * rng.permutation(corners)[:n_vertices] - 1.0


def _flip(y: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    rows = rng.permutation(len(y))[: int(fraction * len(y))]
    flipped = y.copy()
    flipped[rows] = rng.integers(y.max() + 1, size=len(rows))
    return flipped


def _check_counts(
    n_features: int, n_informative: int, n_redundant: int, n_repeated: int
) -> dict[str, int]:
    n_features = check_count(n_features, "n_features", owner=_OWNER)
    counts = {
        "informative": check_count(n_informative, "n_informative", owner=_OWNER),
        "redundant": check_count(n_redundant, "n_redundant", owner=_OWNER, minimum=0),
        "repeated": check_count(n_repeated, "n_repeated", owner=_OWNER, minimum=0),
    }
    n_relevant = sum(counts.values())
    if n_relevant > n_features:
        raise InputError(
            f"{_OWNER}: n_informative, n_redundant and n_repeated must add up to at most "
            f"n_features, got {n_relevant} of {n_features}."
        )
    return counts | {"probe": n_features - n_relevant}


def _check_clusters(n_informative: int, n_classes: int, n_clusters: int | None) -> int:
    n_vertices = 2**n_informative
    if n_clusters is None:
        n_clusters = max(1, min(16, n_vertices // n_classes))
    n_clusters = check_count(n_clusters, "n_clusters_per_class", owner=_OWNER)
    if n_classes * n_clusters > n_vertices:
        raise InputError(
            f"{_OWNER}: n_classes times n_clusters_per_class must be at most the {n_vertices} "
            f"vertices of {n_informative} informative columns, got {n_classes * n_clusters}."
        )
    return n_clusters
