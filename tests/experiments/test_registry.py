import numpy as np
import pytest
from sklearn.base import BaseEstimator

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.experiments.config import ArmConfig, GeneratorConfig, make_config
from vaega.experiments.registry import (
    MODELS,
    SAMPLERS,
    check_generator,
    known_keys,
    make_arm_model,
    make_model,
    make_sampler,
)
from vaega.generative._closed_form import ClassGaussian
from vaega.generative._samplers import Bootstrap

QUICK = {"hidden": [8], "latent": 2, "max_epochs": 3}
ALL_KEYS = {
    "norm": "layer", "output_norm": True, "likelihood": "laplace", "sigma": "feature",
    "calibration": "heldout", "n_draws": 2, "annealing": "cyclical", "annealing_epochs": 10,
    "n_cycles": 2, "free_bits": 0.1, "class_weight": "balanced", "balanced_batches": True,
    "validation": "crossfit", "precision": "float32", "noise": False, "source": "rows",
}  # fmt: skip


def settings(kind):
    return (QUICK | {"latent": 4}) if "hidden" in known_keys(kind) else {}


@pytest.mark.parametrize("kind", [*MODELS, *SAMPLERS])
@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_every_kind_makes_the_rows_of_its_arm(kind):
    X, y = blobs(60)
    arm = ArmConfig(generator={"kind": kind, **settings(kind)}, n_synthetic=9)
    sampler = make_sampler(arm, 2, device="cpu", cache=None)
    X_new, y_new = sampler.set_params(random_state=0).fit_resample(X, y)
    np.testing.assert_array_equal(X_new[:60], X)
    assert np.bincount(y_new[60:]).tolist() == [5, 4]
    assert np.isfinite(X_new).all()


@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_every_key_reaches_the_model():
    arm = ArmConfig(generator={"kind": "vae", **QUICK, **ALL_KEYS}, n_synthetic=4)
    sampler = make_sampler(arm, 2, device="cpu", cache=None)
    assert (sampler.noise, sampler.source) == (False, "rows")
    params = sampler.model.get_params()
    for key in ALL_KEYS.keys() - {"noise", "source"}:
        assert params[key] == ALL_KEYS[key]
    X, y = blobs(60)
    assert len(sampler.fit_resample(X, y)[0]) == 64


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("source", ["posterior", "rows"])
@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_sources_that_are_allowed_work(kind, source):
    X, y = blobs(40)
    arm = ArmConfig(generator={"kind": kind, **settings(kind), "source": source}, n_synthetic=4)
    sampler = make_sampler(arm, 2, device="cpu", cache=None)
    assert len(sampler.fit_resample(X, y)[0]) == 44


def test_a_preset_and_what_differs_from_it():
    model = make_model("conditional_vae", {"preset": "thesis", "latent": 3}, device="cpu")
    assert (model.latent, model.output_norm, model.hidden) == (3, True, (346, 178, 178))


def test_numbers_that_yaml_reads_as_text():
    assert make_model("vae", {"learning_rate": "1e-3"}).learning_rate == 1e-3


def test_the_runner_sets_device_and_seed():
    for kind in MODELS:
        assert not {"device", "random_state", "cache", "n_per_class"} & set(known_keys(kind))
    arm = ArmConfig(generator={"kind": "vae", **QUICK}, n_synthetic=4)
    assert make_arm_model(arm, device="cpu").device == "cpu"
    assert make_arm_model(ArmConfig(), device="cpu") is None
    assert (
        make_arm_model(ArmConfig(generator={"kind": "smote"}, n_synthetic=1), device="cpu") is None
    )


@pytest.mark.parametrize(
    ("kind", "given", "key", "rule"),
    [
        ("vae", {"hiden": [3]}, "hiden", "is no known key; did you mean hidden?"),
        ("smote", {"x": 1}, "x", "is no known key; known here: k_neighbors"),
        ("vae", {"latent": 0}, "latent", "must be a whole number, at least 1, got 0"),
        ("vae", {"hidden": [8, 0]}, "hidden", "each width in hidden must be"),
        ("vae", {"n_cycles": 500}, "n_cycles", "must be at most annealing_epochs"),
        ("vae", {"class_weight": {0: 0}}, "class_weight", r"class_weight\[0\] must be"),
        ("vae", {"batch_size": 1}, "batch_size", "at least 2, got 1"),
        ("ppca", {"source": "prior"}, "source", "must be one of posterior, rows"),
        ("jitter", {"share": "much"}, "share", "must be a finite number, got 'much'"),
    ],
)
def test_errors_name_their_key(kind, given, key, rule):
    with pytest.raises(InputError, match=rule) as caught:
        check_generator(kind, given)
    assert caught.value.key == key
    with pytest.raises(ValueError, match=rule):
        GeneratorConfig(kind=kind, **given)


def test_a_rule_of_several_keys_names_none():
    # a cycle more than there are epochs, where the file sets neither
    with pytest.raises(InputError) as caught:
        check_generator("vae", {"annealing_epochs": 1, "n_cycles": 2})
    assert caught.value.key == "n_cycles"


def test_what_a_file_sets_is_what_is_dumped():
    arm = ArmConfig(generator={"kind": "vae", "latent": 3, "hidden": [8]}, n_synthetic=4)
    assert arm.model_dump(exclude_unset=True) == {
        "generator": {"kind": "vae", "latent": 3, "hidden": [8]},
        "n_synthetic": 4,
    }


class Shifted(ClassGaussian):
    """A model of somebody's own."""


class Twice(Bootstrap):
    """A sampler of somebody's own, as vaega's."""


class TakesTotals(BaseEstimator):
    """A sampler of somebody's own, as imbalanced-learn's: it takes how many rows there will be."""

    def __init__(self, sampling_strategy="auto", value=0.0):
        self.sampling_strategy = sampling_strategy
        self.value = value

    def fit_resample(self, X, y):
        wanted = self.sampling_strategy(y)
        codes = np.repeat(list(wanted), [n - (y == code).sum() for code, n in wanted.items()])
        return np.vstack([X, np.full((len(codes), X.shape[1]), self.value)]), np.r_[y, codes]


@pytest.mark.parametrize("name", ["Shifted", "Twice", "TakesTotals"])
@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_a_class_makes_the_rows_of_an_arm(name):
    X, y = blobs(60)
    arm = ArmConfig(generator={"class": f"{__name__}.{name}"}, n_synthetic=9)
    sampler = make_sampler(arm, 2, device="cpu", cache=None)
    X_new, y_new = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new[:60], X)
    assert np.bincount(y_new[60:]).tolist() == [5, 4]


def test_parameters_reach_the_class_and_the_run():
    generator = {"class": f"{__name__}.TakesTotals", "params": {"value": 3.0}}
    arm = ArmConfig(generator=generator, n_synthetic=2)
    assert make_sampler(arm, 2, device="cpu", cache=None).value == 3.0
    assert arm.settings() == {"generator": generator, "n_synthetic": 2}
    as_text = {"class": "vaega.GaussianJitter", "params": {"share": "1e-3"}}  # YAML reads it so
    jitter = make_sampler(ArmConfig(generator=as_text, n_synthetic=2), 2, device="cpu", cache=None)
    assert jitter.share == 1e-3
    assert arm.generator.name == generator["class"]


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        ({}, "generator: needs the key kind, or class: package.Name"),
        ({"kind": "smote", "class": "a.B"}, "generator: needs the key kind, or class"),
        ({"kind": "gan"}, "generator.kind: must be one of vae, "),
        ({"class": "no.such.Thing"}, "generator.class: must be importable as package.Name"),
        ({"class": "sklearn.svm.SVC"}, "generator.class: must be a generative model (an estim"),
        ({"class": f"{__name__}.Twice", "value": 3}, "generator.value: is no known key beside"),
        ({"class": f"{__name__}.Twice", "params": {"value": 3}}, "generator.params: do not fit"),
        ({"kind": "smote", "params": {"k_neighbors": 3}}, "generator.params: is no known key"),
    ],
)
def test_what_makes_no_rows_is_refused_in_one_sentence(generator, words):
    content = {
        "name": "x",
        "dataset": {"source": "sklearn:wine"},
        "fitness": {"classifier": "knn"},
        "arms": {"a": {"generator": generator, "n_synthetic": 3}},
    }
    with pytest.raises(InputError) as caught:
        make_config(content)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
