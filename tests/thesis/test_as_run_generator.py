"""The public code's generator: it depends on the test rows, in every way that code does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vaega.generative._models import VAE, ConditionalVAE
from vaega.thesis.as_run_generator import AsRunGenerator

GENERATOR = AsRunGenerator((16, 8), 3, learning_rate=1e-3, max_epochs=30, n_classes=2)


@pytest.fixture
def rows(rng):
    y = np.tile([0, 1], 30)
    X = rng.normal(size=(60, 7))
    X[:, :3] += 2.0 * y[:, None]
    X -= X.mean(axis=0)
    return X[:40], y[:40], X[40:], y[40:]


def test_same_seed_same_bits_and_no_global_seed(rows):
    torch.manual_seed(1)
    first = GENERATOR.draw(*rows, 20, seed=3)
    torch.manual_seed(2)
    second = GENERATOR.draw(*rows, 20, seed=3)
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)
    assert (first.X != GENERATOR.draw(*rows, 20, seed=4).X).any()


def test_the_test_rows_place_the_synthetic_ones(rows):
    X, y, X_test, y_test = rows
    moved = GENERATOR.draw(X, y, X_test + 3.0, y_test, 20, seed=3)
    assert (moved.X != GENERATOR.draw(*rows, 20, seed=3).X).any()


def test_the_test_rows_stop_the_training(rows, monkeypatch):
    epochs = []
    own = AsRunGenerator._train

    def counted(self, training, test, seed, chances):
        from vaega.generative._training import Trainer

        run = Trainer.run_epoch
        monkeypatch.setattr(
            Trainer,
            "run_epoch",
            lambda trainer, kl_share: epochs.append(1) or run(trainer, kl_share=kl_share),
        )
        return own(self, training, test, seed, chances)

    monkeypatch.setattr(AsRunGenerator, "_train", counted)
    X, y, X_test, y_test = rows
    replace(GENERATOR, max_epochs=500).draw(X, y, 50.0 * X_test, y_test, 5, seed=0)
    assert 11 <= len(epochs) < 500


def test_a_label_is_0_where_the_rounded_value_is_below_1(rows):
    made = replace(GENERATOR, max_epochs=300).draw(*rows, 400, seed=0)
    assert set(np.unique(made.y)) <= {0, 1}
    assert made.X.shape == (400, 7)


def test_many_classes_are_conditions_with_even_counts(rows):
    X, _, X_test, _ = rows
    generator = replace(GENERATOR, n_classes=3, balanced=True)
    made = generator.draw(X, np.arange(40) % 3, X_test, np.arange(20) % 3, 8, seed=0)
    assert made.y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert np.isfinite(made.X).all()


def test_sizes_come_from_the_presets():
    two = AsRunGenerator.of(VAE.from_preset("thesis_leukemia"), 2, device="cpu")
    assert (two.hidden, two.latent, two.max_epochs) == ((346, 178, 178), 108, 2889)
    many = AsRunGenerator.of(
        ConditionalVAE.from_preset("thesis_gcm", balanced_batches=True), 14, device="cpu"
    )
    assert many.balanced


def test_the_layers_are_those_of_the_public_code():
    """Each side has a layer as wide as the latent space between it and the last hidden one."""
    X, y = np.random.default_rng(0).normal(size=(30, 5)), np.tile([0, 1], 15)
    seen = {}
    own = AsRunGenerator._draw

    def kept(self, network, *arguments):
        seen["network"] = network
        return own(self, network, *arguments)

    AsRunGenerator._draw = kept
    try:
        replace(GENERATOR, max_epochs=1).draw(X, y, X, y, 2, seed=0)
    finally:
        AsRunGenerator._draw = own
    widths = [
        (layer.in_features, layer.out_features)
        for layer in seen["network"].modules()
        if isinstance(layer, torch.nn.Linear)
    ]
    assert widths == [(6, 16), (16, 8), (8, 3), (3, 6), (3, 3), (3, 8), (8, 16), (16, 6)]
