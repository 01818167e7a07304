import copy
import hashlib
import json
import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.generative.data import blobs
from vaega.core.errors import InputError, ResultsError
from vaega.generative import _storage as storage_module
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._state import FittedState
from vaega.generative._storage import (
    DESCRIPTION,
    WEIGHTS,
    LazyState,
    load_model,
    pack_labels,
    read_weights,
    save_model,
    unpack_labels,
    write_weights,
)


def fitted(kind=VAE, labels=None, **settings):
    X, y = blobs()
    X[:, 3] = 1.5
    y = y if labels is None else labels[y]
    model = kind(**{"hidden": (8, 4), "latent": 2, "max_epochs": 3, "random_state": 0} | settings)
    return model.fit(X, y), X


@cache
def small():
    return fitted()[0]


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
@pytest.mark.parametrize("norm", ["batch", "layer", None])
@pytest.mark.parametrize("wide", [False, True])
def test_a_loaded_model_has_the_same_bits(tmp_path, kind, norm, wide):
    if wide:  # trained in the span of the rows
        (X, y), settings = blobs(24, 40), {"hidden": (8,), "latent": 2, "max_epochs": 3}
        model = kind(**settings, norm=norm, random_state=0).fit(X, y)
    else:
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
    for requested in (5, {0: 2, 1: 3}):
        for a, b in zip(
            *(
                np.atleast_1d(m.sample(requested, random_state=4))
                if requested == 5
                else m.sample(requested, random_state=4)
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
    save_model(small(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DESCRIPTION, WEIGHTS]
    content = (tmp_path / WEIGHTS).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert {entry["dtype"] for entry in header.values()} <= {"F32", "F64", "I64", "BOOL"}


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION])
@pytest.mark.parametrize("damage", ["missing", "truncated", "other"])
def test_damage_is_one_sentence(tmp_path, name, damage):
    save_model(small(), tmp_path)
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
    save_model(small(), tmp_path)
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
    save_model(small(), tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | change))
    with pytest.raises(ResultsError, match=r"cannot be read|does not describe a model"):
        load_model(tmp_path)


X, Y = blobs(30)


def stored():
    model = VAE(hidden=(8,), latent=2, max_epochs=2, random_state=0).fit(X, Y)
    calls, state = [], model.state_
    expected = model.transform(X)
    model.state_ = LazyState(lambda: calls.append(1) or state)
    return model, calls, expected


def test_it_is_built_once_and_only_when_it_is_used():
    model, calls, expected = stored()
    repr(model)
    assert calls == []
    for _ in range(2):
        np.testing.assert_array_equal(model.transform(X), expected)
        model.sample({0: 3}, random_state=0)
    assert calls == [1]


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301 - what was pickled a moment ago


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
def test_a_copy_holds_the_state_itself(copied):
    model, _, expected = stored()
    other = copied(model)
    assert type(other.state_) is FittedState
    np.testing.assert_array_equal(other.transform(X), expected)


def test_a_name_that_no_state_has_is_an_attribute_error():
    model, calls, _ = stored()
    with pytest.raises(AttributeError, match="__len__"):
        _ = model.state_.__len__
    assert calls == []
    with pytest.raises(AttributeError, match="nothing"):
        _ = model.state_.nothing


TENSORS = {
    "network.weight": torch.randn(300, 70, generator=torch.Generator().manual_seed(0)),
    "shift": torch.arange(5, dtype=torch.float64),
    "varies": torch.tensor([True, False]),
    "count": torch.tensor(7),
}


def test_tensors_come_back_with_the_same_bits(tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = read_weights(path, write_weights(path, TENSORS))
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert load_file(path).keys() == TENSORS.keys()


def test_what_was_read_outlives_the_file(tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = read_weights(path, write_weights(path, TENSORS))
    path.unlink()
    assert torch.equal(tensors["network.weight"], TENSORS["network.weight"])


def test_each_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    content = path.read_bytes()
    for index in np.linspace(0, len(content) - 1, 200).astype(int).tolist():
        damaged = bytearray(content)
        damaged[index] ^= 1 << (index % 8)
        path.write_bytes(damaged)
        with pytest.raises(ResultsError, match=r"weights\.safetensors: "):
            read_weights(path, expected)
    path.write_bytes(content)
    read_weights(path, expected)


@pytest.mark.parametrize("kept", [0, 1, 8, 100, 4096, 12288, -1])
def test_each_truncation_is_noticed(tmp_path, kept):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ResultsError, match=r"weights\.safetensors: "):
        read_weights(path, expected)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ResultsError, match="cannot be read: No such file or directory"):
        read_weights(tmp_path / "none", "")


def test_words_that_cancel_in_sums_are_noticed(tmp_path):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    content = bytearray(path.read_bytes())
    words = np.frombuffer(content, dtype=np.uint64, count=len(content) // 8)[200:].copy()
    words[[0, 513]] += 1
    words[[1, 512]] -= 1
    content[1600 : 1600 + words.nbytes] = words.tobytes()
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="is not the file"):
        read_weights(path, expected)


def test_the_digest_is_sha256(tmp_path):
    path = tmp_path / "weights.safetensors"
    assert write_weights(path, TENSORS) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_that_go_while_they_are_read_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(storage_module, "digest_of", lambda path: "as it was")
    with pytest.raises(ResultsError, match=r"gone\.safetensors: cannot be read: "):
        storage_module.read_weights(tmp_path / "gone.safetensors", "as it was")
