"""How far an engine on a device has to agree with the compiled engine."""

import numpy as np
import torch

from vaega.data._folds import Fold
from vaega.engines import _mlp

CPU = torch.device("cpu")


def split_rows(X, y):
    """Return a fold of two thirds of the rows, and one of them to validate."""
    held_out = np.arange(len(y)) % 3 == 0
    return Fold(X[~held_out], y[~held_out], X[held_out], y[held_out], np.arange(X.shape[1]), len(y))


def masks_of(fold, n_masks, rng):
    """Masks of one column to all of them; each has a column that varies."""
    n_columns = fold.X_fit.shape[1]
    shares = rng.uniform(0.1, 0.7, size=n_masks)
    masks = rng.random((n_masks, n_columns)) < shares[:, None]
    masks[np.arange(n_masks), rng.choice(np.flatnonzero(fold.X_fit.std(axis=0) > 0), n_masks)] = 1
    return masks


def assert_agreement(predict, classifier, fold, masks, *, seeds=None, equal=0.99, decided=0.95):
    """Predictions are those of the compiled engine for nearly all masks, and scores on average."""
    compiled = _mlp
    ours = predict(classifier, fold, masks, seeds=seeds, device=CPU)
    theirs = compiled.predict(classifier, fold, masks, seeds=seeds)
    both = ours.certain & theirs.certain
    assert theirs.certain.any()
    assert ours.certain[theirs.certain].mean() >= decided
    same = (ours.codes == theirs.codes)[both]
    assert same.all(axis=1).mean() >= equal
    classes = np.unique(fold.y_fit)
    scores = [
        (classes[each.codes[both]] == fold.y_validate).mean(axis=1) for each in (ours, theirs)
    ]
    assert np.abs(scores[0] - scores[1]).mean() < 1e-3


def assert_values(predict, classifier, fold, masks, method):
    """Values are those of the compiled engine, within what both doubt."""
    compiled = _mlp
    ours = predict(classifier, fold, masks, response_method=method, seeds=None, device=CPU)
    theirs = compiled.predict(classifier, fold, masks, response_method=method)
    both = ours.certain & theirs.certain
    assert theirs.certain.any()
    assert ours.certain[theirs.certain].mean() > 0.9
    assert ours.values.shape == theirs.values.shape
    for row in np.flatnonzero(both):
        least = 1e-12 if ours.error_bounds is not None else 1e-6
        doubts = (
            0.0 if ours.error_bounds is None else ours.error_bounds[row] + theirs.error_bounds[row]
        )
        assert (np.abs(ours.values[row] - theirs.values[row]) <= doubts + least).all()
        assert np.max(doubts) < 1e-2
