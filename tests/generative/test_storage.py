import json

import numpy as np
import pandas as pd
import pytest

from tests.generative.data import blobs
from vaega.core.errors import InputError, ResultsError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._storage import (
    DESCRIPTION,
    WEIGHTS,
    load_model,
    pack_labels,
    save_model,
    unpack_labels,
)


def fitted(kind=VAE, labels=None, **settings):
    X, y = blobs()
    X[:, 3] = 1.5
    y = y if labels is None else labels[y]
    model = kind(**{"hidden": (8, 4), "latent": 2, "max_epochs": 3, "random_state": 0} | settings)
    return model.fit(X, y), X


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
@pytest.mark.parametrize("norm", ["batch", "layer", None])
def test_a_loaded_model_has_the_same_bits(tmp_path, kind, norm):
    model, X = fitted(kind, norm=norm, output_norm=True)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert type(loaded) is kind
    assert loaded.get_params() == model.get_params()
    assert (loaded.report_, loaded.history_, loaded.seed_) == (
        model.report_,
        model.history_,
        model.seed_,
    )
    Z = model.transform(X)
    np.testing.assert_array_equal(loaded.transform(X), Z)
    np.testing.assert_array_equal(loaded.inverse_transform(Z), model.inverse_transform(Z))
    for wanted in (5, {0: 2, 1: 3}):
        for a, b in zip(
            *(
                np.atleast_1d(m.sample(wanted, random_state=4))
                if wanted == 5
                else m.sample(wanted, random_state=4)
                for m in (model, loaded)
            ),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder((8,), 2, max_epochs=3),
        VAE((8,), 2, max_epochs=3, likelihood="laplace", class_weight={0: 1.0, 1: 2.0}),
        ConditionalVAE((8,), 2, max_epochs=3, sigma="feature"),
        HierarchicalVAE((8,), (3, 2), max_epochs=3),
        ProbabilisticPCA(),
        ProbabilisticPCA(3, standardize=False),
        ClassGaussian(),
    ],
)
def test_every_use_of_every_model_has_the_same_bits(tmp_path, model):
    X, y = blobs()
    X[:, 3] = 1.5
    model.set_params(random_state=0).fit(X, y)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()
    holed = X.copy()
    holed[::3, 1] = np.nan
    for use in (
        lambda m: m.transform(X),
        lambda m: m.sample(5, random_state=4),
        lambda m: m.sample({1: 3}, features=[2, 3], random_state=4)[0],
        lambda m: m.anomaly_scores(X, "latent", reference="posterior"),
        lambda m: m.class_direction(0, 1),
    ):
        np.testing.assert_array_equal(use(loaded), use(model))
    if not isinstance(model, Autoencoder):
        np.testing.assert_array_equal(loaded.score_samples(holed), model.score_samples(holed))
        np.testing.assert_array_equal(loaded.impute(holed), model.impute(holed))


def test_bernoulli_models_come_back(tmp_path):
    X = (np.random.default_rng(0).random((60, 5)) < 0.4).astype(float)
    model = VAE((8,), 2, max_epochs=3, likelihood="bernoulli").fit(X)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    np.testing.assert_array_equal(again.sample(9, random_state=0), model.sample(9, random_state=0))
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-1, 1], dtype=np.int16),
        np.array([-1.0, 2.0]),
        np.array([False, True]),
        np.array(["ALL", "AML"]),
        np.array(["ALL", "AML"], dtype=object),
    ],
)
def test_labels_come_back_exactly(tmp_path, labels):
    model, _ = fitted(labels=labels)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.classes_.dtype == labels.dtype
    assert loaded.classes_.tolist() == labels.tolist()
    json.loads((tmp_path / DESCRIPTION).read_text())


def test_labels_that_json_cannot_hold_are_one_sentence():
    with pytest.raises(InputError, match=r"^labels to be stored must be numbers, booleans or"):
        pack_labels(np.array(["2020-01-01"], dtype="datetime64[D]"))
    assert unpack_labels(pack_labels(None)) is None


def test_column_names_come_back(tmp_path):
    X, y = blobs(p=3)
    model = VAE((4,), 2, max_epochs=2).fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    save_model(model, tmp_path)
    assert load_model(tmp_path).feature_names_in_.tolist() == ["a", "b", "c"]
    assert load_model(tmp_path).get_feature_names_out().tolist() == ["vae0", "vae1"]


def test_nothing_is_pickled(tmp_path):
    save_model(fitted()[0], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DESCRIPTION, WEIGHTS]
    content = (tmp_path / WEIGHTS).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert {entry["dtype"] for entry in header.values()} <= {"F32", "F64", "I64", "BOOL"}


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION])
@pytest.mark.parametrize("damage", ["missing", "truncated", "other"])
def test_damage_is_one_sentence(tmp_path, name, damage):
    save_model(fitted()[0], tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[:-20])
    if damage == "other":
        path.write_bytes(b'{"format": 99}')
    with pytest.raises(ResultsError) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_described_model_that_does_not_fit_its_weights(tmp_path):
    save_model(fitted()[0], tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    description["params"]["latent"] = 3
    (tmp_path / DESCRIPTION).write_text(json.dumps(description))
    with pytest.raises(ResultsError, match="holds a model that cannot be read"):
        load_model(tmp_path)


def test_other_classes_are_refused(tmp_path):
    class Mine(VAE):
        pass

    with pytest.raises(InputError, match=r"^save_model: can store VAE, .*ClassGaussian, got Mine"):
        save_model(fitted(Mine)[0], tmp_path)


@pytest.mark.parametrize("change", [{"params": 3}, {"params": {"evil": 1}}, {"class": ["VAE"]}])
def test_a_description_of_another_shape_is_one_sentence(tmp_path, change):
    save_model(fitted()[0], tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | change))
    with pytest.raises(ResultsError, match=r"cannot be read|does not describe a model"):
        load_model(tmp_path)
