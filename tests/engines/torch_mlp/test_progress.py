"""Progress begins as scikit-learn's training does, and is kept by mask."""

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from vaega.engines._mlp import _settings
from vaega.engines._torch_mlp import Progress


@pytest.mark.parametrize(("early_stopping", "best"), [(True, -np.inf), (False, np.inf)])
def test_before_the_first_epoch_any_result_is_better(early_stopping, best):
    settings = _settings(MLPClassifier(early_stopping=early_stopping), 5)
    progress = Progress.begin(torch.ones((2, 3)), 5, settings)
    assert progress.best.tolist() == [best, best]
    assert progress.order.tolist() == [list(range(5))] * 2
    assert not progress.done.any()
    assert progress.kept.data_ptr() != progress.weights.data_ptr()


def test_what_is_kept_are_the_rows_of_each_mask_and_the_powers_of_all():
    settings = _settings(MLPClassifier(), 4)
    weights = torch.arange(6.0).reshape(3, 2)
    kept = Progress.begin(weights, 4, settings).keep(torch.tensor([2, 0]))
    assert kept.weights.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert kept.powers.tolist() == [1.0, 1.0]
    assert len(kept.order) == len(kept.epochs) == 2
