import os
import pickle
import random
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.generative.data import blobs
from vaega import FitWarning
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE

QUICK = {"hidden": (8,), "latent": 2, "max_epochs": 3}
ONE_SPLIT = QUICK | {"max_epochs": 2, "validation": "split"}  # one network instead of three
BOTH = pytest.mark.parametrize("kind", [VAE, ConditionalVAE])


@parametrize_with_checks(
    [VAE(**QUICK)] + [kind(**ONE_SPLIT) for kind in (ConditionalVAE, Autoencoder, HierarchicalVAE)]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def quick(kind=VAE, **settings):
    return kind(**QUICK | {"random_state": 0} | settings)


def everything(model, X):
    Z = model.transform(X)
    rows, labels = model.sample({0: 3, 1: 2}, random_state=1)
    return [
        Z,
        model.inverse_transform(Z),
        model.reconstruct(X),
        rows,
        labels,
        model.sample(4, random_state=2),
    ]


@BOTH
def test_same_seed_same_bits(kind):
    X, y = blobs()
    first, second = (everything(quick(kind).fit(X, y), X) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    other = quick(kind, random_state=1).fit(X, y).transform(X)
    assert not np.array_equal(first[0], other)


@BOTH
def test_global_random_states_are_untouched(kind):
    X, y = blobs()
    states = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002
    everything(kind(**QUICK).fit(X, y), X)
    assert states == [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    ]


def test_global_seeds_do_not_decide():
    X, y = blobs()
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        results.append(quick().fit(X, y).sample(3, random_state=0))
    np.testing.assert_array_equal(*results)


def test_no_seed_means_fresh_randomness():
    X, y = blobs()
    model = quick(random_state=None).fit(X, y)
    assert not np.array_equal(model.sample(2), model.sample(2))
    assert model.seed_ != quick(random_state=None).fit(X, y).seed_


BITS = """
import hashlib, random
import numpy as np
from vaega import VAE, ClassGaussian, ProbabilisticPCA
# Columns that go together, without a BLAS product: its sums change with its number of threads.
rng = np.random.default_rng(0)
X = np.cumsum(rng.normal(size=(300, 400)), axis=1); y = np.arange(300) % 2
model = VAE((128, 64), 8, max_epochs=4, random_state=0).fit(X, y)
parts = [model.transform(X), model.sample({0: 200, 1: 200}, random_state=0)[0]]
X = X[:90]; y = y[:90]; X[rng.random(X.shape) < 0.01] = np.nan
for model in (ProbabilisticPCA(20, random_state=0), ClassGaussian(random_state=0)):
    model.fit(X, y)
    parts += [model.transform(X), model.score_samples(X), model.impute(X)]
    parts += [model.sample({0: 200, 1: 200}, random_state=0)[0]]
before = random.getstate()
VAE((4,), 2, max_epochs=2, class_weight="balanced").fit(X, y)
assert random.getstate() == before, "nothing is drawn from Python's generator"
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    digests = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", BITS],
            env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(digests) == 1


@BOTH
@pytest.mark.parametrize(("n", "classes"), [(6, 2), (3, 1), (4, 2), (7, 7), (28, 14)])
def test_few_rows(kind, n, classes):
    X, y = blobs(n, classes=classes)
    X[:, 3] = 1.5
    model = quick(kind).fit(X, y)
    rows, labels = model.sample(dict.fromkeys(range(classes), 2))
    assert np.isfinite(rows).all()
    assert labels.tolist() == np.repeat(range(classes), 2).tolist()
    assert (rows[:, 3] == 1.5).all()


def test_classes_of_two_rows_among_larger_ones():
    X, y = blobs(40)
    y[:2] = 7
    assert np.isfinite(quick().fit(X, y).sample({7: 5})[0]).all()


def test_batches_smaller_and_larger_than_the_rows():
    X, y = blobs(33)
    for batch_size in (2, 8, 26, 1000):
        assert np.isfinite(quick(batch_size=batch_size).fit(X, y).transform(X)).all()


@BOTH
@pytest.mark.parametrize("norm", ["batch", "layer", None])
def test_every_norm_and_the_thesis_output(kind, norm):
    X, y = blobs()
    model = quick(kind, norm=norm, output_norm=True, sigma=2**-0.5, hidden=(8, 4, 4)).fit(X, y)
    assert model.reconstruct(X).shape == X.shape


def test_labels_keep_their_dtype():
    X, y = blobs()
    for labels in (y.astype(np.int16), y.astype(bool), np.array(["no", "yes"])[y], y * 2.0):
        result = quick().fit(X, labels).sample(dict.fromkeys(np.unique(labels).tolist(), 1))[1]
        assert result.dtype == labels.dtype
        assert result.tolist() == np.unique(labels).tolist()


def test_scale_of_the_input_comes_back():
    X, y = blobs(200)
    scale, shift = np.geomspace(1e-3, 1e6, X.shape[1]), np.linspace(-1e3, 1e3, X.shape[1])
    plain, scaled = quick(max_epochs=20).fit(X, y), quick(max_epochs=20).fit(X * scale + shift, y)
    back = (scaled.sample(50, random_state=0) - shift) / scale
    np.testing.assert_allclose(back, plain.sample(50, random_state=0), rtol=1e-3, atol=1e-3)


def test_without_noise_rows_are_decoder_means():
    X, y = blobs()
    model = quick().fit(X, y)
    means = model.sample({0: 5}, noise=False, random_state=0)[0]
    noisy = model.sample({0: 5}, noise=True, random_state=0)[0]
    assert not np.array_equal(means, noisy)
    drawn = (noisy - means) / model.state_.scaling.scale / model.state_.noise
    assert 0.5 < drawn.std() < 1.5


def test_scores_draw_no_noise():
    X, y = blobs()
    model = quick().fit(X, y)
    for method in (model.transform, model.reconstruct):
        np.testing.assert_array_equal(method(X), method(X))


def test_the_label_matters_to_the_conditional_model():
    X, y = blobs(200)
    model = quick(ConditionalVAE, max_epochs=300, learning_rate=1e-2).fit(X, y)
    Z = np.zeros((2, 2))
    first, second = model.inverse_transform(Z, [0, 1])
    assert second[0] > first[0]  # blobs shifts column 0 by class
    assert not np.array_equal(model.transform(X, y), model.transform(X, 1 - y))
    shared = model.transform(X)
    assert not np.array_equal(shared, model.transform(X, y))


def test_classes_are_where_their_rows_are():
    X, y = blobs(300)
    X[y == 1] += 3.0
    model = quick().fit(X, y)
    rows, labels = model.sample({1: 200, 0: 200}, random_state=0)
    assert labels[:200].tolist() == [1] * 200
    gap = rows[labels == 1].mean() - rows[labels == 0].mean()
    assert gap == pytest.approx(X[y == 1].mean() - X[y == 0].mean(), rel=0.1)


def test_y_is_optional_and_may_be_a_regression_target():
    X, _ = blobs()
    for y in (None, np.random.default_rng(0).normal(size=60)):
        model = quick().fit(X, y)
        assert model.classes_ is None
        assert model.sample(3).shape == (3, 12)
        with pytest.raises(InputError, match=r"^VAE: rows of a class need a model fitted with"):
            model.sample({0: 1})


def test_heldout_rows_are_fit_rows_that_did_not_train():
    X, y = blobs(50)
    report = quick(validation="split").fit(X, y).report_
    assert (report.n_training, report.n_heldout) == (40, 10)


def test_constructor_only_stores():
    model = VAE(hidden="nonsense", latent=-3, random_state="x")
    assert (model.hidden, model.latent, model.random_state) == ("nonsense", -3, "x")
    assert clone(model).get_params() == model.get_params()


def test_wrong_latent_width_is_one_sentence():
    X, y = blobs()
    with pytest.raises(InputError, match=r"^VAE: Z must have 2 columns, got 3"):
        quick().fit(X, y).inverse_transform(np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"^VAE: n must be a whole number, at least 0, got 1.5"):
        quick().fit(X, y).sample(1.5)


def test_early_stopping_stops_by_default():
    X, y = load_wine(return_X_y=True)
    model = VAE(random_state=0).fit(X, y)
    assert model.report_.n_epochs == model.report_.best_epoch + model.patience < model.max_epochs


def test_pickled_models_answer_alike():
    X, y = blobs()
    model = quick().fit(X, y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
@BOTH
@pytest.mark.parametrize("shape", [(200,), (30, 80)])
def test_cuda_is_the_same_path(kind, shape):
    X, y = blobs(*shape)
    first, second = (everything(quick(kind, device="cuda").fit(X, y), X) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def rows(n=24, columns=6, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["a", "b"], n // 2)
    return rng.normal(size=(n, columns)) + 2.0 * (y == "b")[:, None], y


def short(kind=VAE, **changes):
    return kind(**{"hidden": (8,), "max_epochs": 10, "random_state": 0} | changes)


@pytest.mark.parametrize("kind", [VAE, Autoencoder, HierarchicalVAE])
def test_a_preset_is_a_model_of_the_class_asked(kind):
    model = kind.from_preset("thesis", latent=4, max_epochs=7)
    assert type(model) is kind
    assert (model.latent, model.max_epochs, model.norm) == (4, 7, "batch")


def test_unknown_presets_are_named():
    with pytest.raises(InputError, match=r"^VAE: .*preset.*'thesis_iris'"):
        VAE.from_preset("thesis_iris")


@pytest.mark.parametrize("requested", ["balanced", {"a": 1.0, "b": 1.0}])
def test_equal_class_weights_change_no_bit(requested):
    X, y = rows()
    plain, weighted = (
        short().fit(X, y),
        short(class_weight=requested).fit(X, y),
    )
    np.testing.assert_array_equal(plain.transform(X), weighted.transform(X))


def test_a_weighted_class_is_fitted_more_closely():
    X, y = rows(n=80)
    plain = short(max_epochs=60, latent=1).fit(X, y)
    weighted = short(max_epochs=60, latent=1, class_weight={"a": 50.0}).fit(X, y)

    def error(model, label):
        return np.square(model.reconstruct(X) - X)[y == label].mean()

    assert error(weighted, "a") / error(weighted, "b") < error(plain, "a") / error(plain, "b")


def test_class_weights_must_name_labels():
    X, y = rows()
    with pytest.raises(InputError, match=r"^VAE: class_weight must name labels of y, got 'c'\.$"):
        short(class_weight={"c": 2.0}).fit(X, y)
    with pytest.raises(InputError, match=r"^VAE: class_weight needs class labels"):
        short(class_weight="balanced").fit(X)


def test_a_callback_sees_every_epoch_and_may_stop():
    X, y = rows()
    seen = []

    def stop(epoch, history):
        seen.append((epoch, len(history.elbo)))
        return epoch == 4

    model = short().fit(X, y, callback=stop)
    assert seen == [(epoch, epoch + 1) for epoch in range(5)]
    assert len(model.history_.elbo) == 5


def test_a_sound_fit_warns_of_nothing():
    X, y = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        short(max_epochs=100).fit(X, y)


def test_balanced_weights_are_scikit_learns():
    codes = np.repeat([0, 1, 2], [9, 4, 1])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=codes)
    result = VAE()._class_weights("balanced", np.arange(3), codes)
    np.testing.assert_array_equal(result, expected)


def test_a_callback_must_be_callable():
    with pytest.raises(InputError, match=r"^VAE: callback must be callable, got 3"):
        short().fit(rows()[0], callback=3)


def test_labels_matter_and_are_optional():
    X, y = blobs()
    model = ClassGaussian().fit(X, y)
    assert not np.array_equal(model.transform(X, y), model.transform(X, 1 - y))
    assert not np.array_equal(model.transform(X), model.transform(X, y))
    Z = model.transform(X, y)
    np.testing.assert_allclose(model.inverse_transform(Z, y), model.reconstruct(X, y))
    shares = model.inverse_transform(Z)
    both = [model.inverse_transform(Z, np.full(60, label)) for label in (0, 1)]
    np.testing.assert_allclose(shares, np.mean(both, axis=0))


def test_set_output_is_obeyed():
    X, y = blobs()
    model = ClassGaussian().set_output(transform="pandas")
    rows = model.fit_transform(pd.DataFrame(X), y)
    assert list(rows.columns) == list(model.get_feature_names_out())
    assert isinstance(model.transform(X, y), pd.DataFrame)
    assert model.traverse(0, 3, around=X[0]).shape == (3, 12)


def test_labels_are_taken_by_every_model_and_change_nothing_where_they_are_not_seen():
    X, y = blobs()
    model = quick().fit(X, y)
    np.testing.assert_array_equal(model.transform(X, y), model.transform(X))
    np.testing.assert_array_equal(model.reconstruct(X, y), model.reconstruct(X))
    with pytest.raises(InputError, match=r"^VAE: y must hold labels seen in fit, got 9"):
        model.transform(X, np.full(len(X), 9))
