"""Estimators that write down which rows they meet.

Every value of a row carries the row's number before the decimal point and the signal behind it, so
that any subset of columns still says who the row is. Synthetic rows have numbers from `SYNTHETIC`
on: the number of the sampler's call.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.naive_bayes import GaussianNB

SYNTHETIC = 1_000_000
EVENTS = []


def tagged(X, first=0):
    """Return X with the signal squeezed into [0, 0.5) and the row's number before it."""
    low, high = X.min(), X.max()
    return (X - low) / (high - low) * 0.49 + np.arange(first, first + len(X))[:, None]


def numbers(X):
    """Return who the rows are."""
    return frozenset(np.floor(np.asarray(X)[:, 0]).astype(int).tolist())


def signal(X):
    """Return the rows without their numbers."""
    return np.asarray(X) - np.floor(X)


class RecordingScaler(TransformerMixin, BaseEstimator):
    """Changes nothing, writes down what it was fitted on."""

    def fit(self, X, y=None):
        EVENTS.append(("scaler", numbers(X), 0))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


class RecordingSampler(BaseEstimator):
    """Copies rows under the number of its call, writes down what it was given."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit_resample(self, X, y):
        call = SYNTHETIC + sum(kind == "sampler" for kind, _, _ in EVENTS)
        EVENTS.append(("sampler", numbers(X), call))
        return np.vstack([X, signal(X) + call]), np.concatenate([y, y])


class RecordingClassifier(ClassifierMixin, BaseEstimator):
    """Gaussian naive Bayes on the signal, writes down what it is fitted and asked on."""

    def fit(self, X, y):
        EVENTS.append(("fit", numbers(X), 0))
        self.model_ = GaussianNB(var_smoothing=1e-3).fit(signal(X), y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        EVENTS.append(("predict", numbers(X), 0))
        return self.model_.predict(signal(X))


def check_no_leak(events, test_rows):
    """Assert the first law on the events of one search and its final model.

    Parameters
    ----------
    events : list of (kind, frozenset of int, int)
        In the order in which they happened.
    test_rows : set of int
        Rows that must be met once, by the last `predict`, after they were opened; or by the last
        two, of a final model of real and generated rows and of one of the real rows alone.
    """
    met = [place for place, (_, rows, _) in enumerate(events) if rows & test_rows]
    assert met[-1] == len(events) - 1, "nothing happens after the test rows were read"
    final = [place for place in met if events[place][0] != "open"]
    assert len(final) in (1, 2), "test rows are met once by each final model"
    assert all(events[place][0] == "predict" for place in final), "test rows are predicted alone"
    assert final[0] == len(events) - len(final), "nothing happens between the final models"
    ancestors = {call: rows for kind, rows, call in events if kind == "sampler"}
    fitted, before = frozenset(), ""
    for kind, rows, _ in events:
        if kind == "fit":
            fitted = fitted if before == "fit" else frozenset()  # two final models, side by side
            fitted |= frozenset(row for row in rows if row < SYNTHETIC)
            fitted = fitted.union(*(ancestors[row] for row in rows if row >= SYNTHETIC))
        elif kind == "predict":
            assert not any(row >= SYNTHETIC for row in rows), "a synthetic row is scored on"
            assert not rows & fitted, "a row is scored by what it was fitted on"
        before = kind
    scalers = [rows for kind, rows, _ in events if kind == "scaler"]
    predictions = [rows for kind, rows, _ in events if kind == "predict"][: -len(final)]
    for rows in scalers[:-1]:  # the last one belongs to the final model
        assert any(not rows & predicted for predicted in predictions), "a scaler saw validate rows"
