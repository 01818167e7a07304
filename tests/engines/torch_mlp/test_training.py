"""Trainings stop when they have to, and a stopped network stays as it is."""

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from vaega.engines._mlp import _settings, words_of
from vaega.engines._torch_mlp import Layers, Progress, Samples, Training, train


def training_of(n_masks, solver="adam", **settings):
    X, y = torch.linspace(-1.0, 1.0, 6).repeat(n_masks, 1, 1).double(), torch.arange(6) > 2
    rows = Samples(X, y.double()[None, None], torch.ones((1, 6)).double())
    own = _settings(MLPClassifier(solver=solver, **settings), 6)
    weights = torch.arange(2.0 * n_masks).reshape(n_masks, 2).double()
    progress = Progress.begin(weights, 6, own)
    return Training(Layers((1, 1), 0), own, rows, rows, torch.zeros(2).double(), progress)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_stopped_network_stays_as_it_is(solver):
    training = training_of(2, solver)
    training.progress.done[0] = True
    before = training.progress.weights.clone()
    training.run_epoch()
    moved = (training.progress.weights != before).any(dim=1)
    assert moved.tolist() == [False, True]
    assert training.progress.epochs.tolist() == [0, 1]


def test_training_ends_at_the_last_epoch_or_before_when_nothing_improves():
    words = np.stack([words_of(np.random.RandomState(seed)) for seed in range(3)])
    limited = train(training_of(3, max_iter=20), words)
    assert limited.n_epochs.tolist() == [20] * 3
    assert not limited.converged.any()
    slack = train(training_of(3, tol=10.0, n_iter_no_change=4), words)
    assert slack.n_epochs.tolist() == [6] * 3  # the first epoch is always better
    assert slack.converged.all()
