"""A generator in closed form, and rows for the tests of this folder."""

import numpy as np
from sklearn.base import BaseEstimator

from vaega.generative.quality._rows import check_rows


class DiagonalGaussian(BaseEstimator):
    """A Gaussian of independent columns for each class: what a model must offer, no more."""

    def __init__(self, spread=1.0, shift=0.0, random_state=None):
        self.spread = spread
        self.shift = shift
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = {label: X[y == label].mean(axis=0) for label in self.classes_.tolist()}
        self.deviation_ = np.sqrt(
            np.mean(np.square(X - np.array([self.means_[label] for label in y])), axis=0)
        )
        self.n_fit_ = len(X)
        return self

    def sample(self, n, *, random_state=None):
        rng = np.random.default_rng(random_state)
        rows = [
            self.means_[label]
            + self.shift
            + self.spread * self.deviation_ * rng.standard_normal((count, len(self.deviation_)))
            for label, count in n.items()
        ]
        return np.concatenate(rows), np.repeat(list(n), list(n.values()))

    def score_samples(self, X):
        nearest = np.min(
            [np.square((X - mean) / self.deviation_).sum(axis=1) for mean in self.means_.values()],
            axis=0,
        )
        return -0.5 * nearest - np.log(self.deviation_).sum()


def two_classes(n, p=20, seed=0, distance=2.0):
    """Independent normal columns; the second class lies apart in the first three."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, p))
    X[:, :3] += distance * y[:, None]
    return X, y


def compared(n_fit=40, n_synthetic=200, n_test=40, p=20, **change):
    """Rows of one distribution, unless `change` puts other synthetic ones in their place."""
    X, y = two_classes(n_fit, p, seed=1)
    S, s = two_classes(n_synthetic, p, seed=2)
    T, t = two_classes(n_test, p, seed=3)
    return check_rows(X, y, change.get("X_synthetic", S), change.get("y_synthetic", s), T, t)
