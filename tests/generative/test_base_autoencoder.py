"""What the autoencoders share: presets, class weights, warnings of a fit."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from vaega import FitWarning
from vaega.core.errors import InputError
from vaega.generative._models import VAE, Autoencoder, HierarchicalVAE


def rows(n=24, columns=6, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["a", "b"], n // 2)
    return rng.normal(size=(n, columns)) + 2.0 * (y == "b")[:, None], y


def quick(kind=VAE, **changes):
    return kind(**{"hidden": (8,), "max_epochs": 10, "random_state": 0} | changes)


@pytest.mark.parametrize("kind", [VAE, Autoencoder, HierarchicalVAE])
def test_a_preset_is_a_model_of_the_class_asked(kind):
    model = kind.from_preset("thesis", latent=4, max_epochs=7)
    assert type(model) is kind
    assert (model.latent, model.max_epochs, model.norm) == (4, 7, "batch")


def test_unknown_presets_are_named():
    with pytest.raises(InputError, match=r"^VAE: .*preset.*'thesis_iris'"):
        VAE.from_preset("thesis_iris")


@pytest.mark.parametrize("wanted", ["balanced", {"a": 1.0, "b": 1.0}])
def test_equal_class_weights_change_no_bit(wanted):
    X, y = rows()
    plain, weighted = quick().fit(X, y), quick(class_weight=wanted).fit(X, y)
    np.testing.assert_array_equal(plain.transform(X), weighted.transform(X))


def test_a_weighted_class_is_fitted_more_closely():
    X, y = rows(n=80)
    plain = quick(max_epochs=60, latent=1).fit(X, y)
    weighted = quick(max_epochs=60, latent=1, class_weight={"a": 50.0}).fit(X, y)

    def error(model, label):
        return np.square(model.reconstruct(X) - X)[y == label].mean()

    assert error(weighted, "a") / error(weighted, "b") < error(plain, "a") / error(plain, "b")


def test_class_weights_must_name_labels():
    X, y = rows()
    with pytest.raises(InputError, match=r"^VAE: class_weight must name labels of y, got 'c'\.$"):
        quick(class_weight={"c": 2.0}).fit(X, y)
    with pytest.raises(InputError, match=r"^VAE: class_weight needs class labels"):
        quick(class_weight="balanced").fit(X)


def test_a_callback_sees_every_epoch_and_may_stop():
    X, y = rows()
    seen = []

    def stop(epoch, history):
        seen.append((epoch, len(history.elbo)))
        return epoch == 4

    model = quick().fit(X, y, callback=stop)
    assert seen == [(epoch, epoch + 1) for epoch in range(5)]
    assert len(model.history_.elbo) == 5


def test_a_sound_fit_warns_of_nothing():
    X, y = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        quick(max_epochs=100).fit(X, y)


def test_balanced_weights_are_scikit_learns_and_draw_nothing_from_python():
    codes = np.repeat([0, 1, 2], [9, 4, 1])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=codes)
    found = VAE()._class_weights("balanced", np.arange(3), codes)
    np.testing.assert_array_equal(found, expected)
    program = """if True:
        import random
        import numpy as np
        from vaega.generative._models import VAE
        rows = np.random.default_rng(0).normal(size=(20, 3))
        before = random.getstate()
        VAE((4,), 2, max_epochs=2, class_weight="balanced").fit(rows, np.arange(20) % 2)
        assert random.getstate() == before
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def test_a_callback_must_be_callable():
    with pytest.raises(InputError, match=r"^VAE: callback must be callable, got 3"):
        quick().fit(rows()[0], callback=3)
