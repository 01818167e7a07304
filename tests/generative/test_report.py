import dataclasses
import json

import numpy as np
import pytest
from sklearn.datasets import load_iris

from tests.generative.data import blobs
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import within_class_variance
from vaega.generative._models import VAE, HierarchicalVAE
from vaega.generative._state import FitWarning


def test_report_is_plain_data():
    X, y = blobs(80)
    report = VAE((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert json.loads(json.dumps(dataclasses.asdict(report))) == dataclasses.asdict(report)
    assert report.n_training + report.n_heldout == len(X)
    assert min(report.sigma, report.noise, report.kl, report.variance_ratio) > 0


def test_rows_split_twice_all_train_in_the_end():
    X, y = blobs(40)
    report = VAE((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert (report.n_training, report.n_heldout) == (40, 16)


def test_a_collapsed_posterior_is_said_in_one_sentence():
    X = np.random.default_rng(0).normal(size=(80, 20))
    model = VAE((8,), 2, learning_rate=1e-2, beta=50.0, random_state=0)
    with pytest.warns(FitWarning, match=r"^VAE: the posterior collapsed: no latent .* lower beta"):
        model.fit(X)
    assert model.report_.active_units == 0
    assert len(model.report_.remarks) == 1


def test_a_training_that_runs_away_is_said_in_one_sentence():
    X, y = blobs(80)
    model = VAE((8,), 2, norm=None, learning_rate=3.0, patience=200, max_epochs=60, random_state=0)
    with pytest.warns(FitWarning, match=r"^VAE: the training ran away: .* lower learning_rate"):
        model.fit(X, y)


def test_a_good_fit_says_nothing(recwarn):
    X, y = blobs(80)
    assert VAE(random_state=0).fit(X, y).report_.remarks == []
    assert not recwarn.list


@pytest.mark.parametrize(
    "model",
    [
        VAE((16,), 3, max_epochs=60, random_state=0),
        HierarchicalVAE((16,), (3, 2), max_epochs=60, random_state=0),
        ClassGaussian(random_state=0),
        ProbabilisticPCA(2, random_state=0),
    ],
)
def test_the_variance_ratio_is_that_of_fresh_rows(model):
    X, y = load_iris(return_X_y=True)
    model.fit(X, y)
    rows, labels = model.sample(dict.fromkeys(range(3), 20_000), random_state=1)
    scale = model.state_.scaling.scale
    synthetic, real = (
        within_class_variance(table / scale, codes).sum()
        for table, codes in ((rows, labels), (X, y))
    )
    assert abs(model.report_.variance_ratio / (synthetic / real) - 1) < 0.03


def test_the_variance_ratio_hangs_little_on_the_rows_drawn_for_it():
    X, y = load_iris(return_X_y=True)
    ratios = [
        ClassGaussian(random_state=seed).fit(X, y).report_.variance_ratio for seed in range(12)
    ]
    assert np.std(ratios) < 0.02
