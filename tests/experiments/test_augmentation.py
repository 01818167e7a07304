"""Augmentation selection: nothing where rows harm, rows where they are the truth."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from vaega import Dataset
from vaega.core.errors import InputError
from vaega.experiments import augmentation
from vaega.experiments.augmentation import (
    EFFECTS,
    candidate_arms,
    row_losses,
    select_augmentation,
)
from vaega.experiments.config import ArmConfig, make_config
from vaega.experiments.protocols import HonestProtocol, TrialOptions
from vaega.generative._samplers import BaseSampler

N_FEATURES = 6
SHIFT = np.r_[1.5, 1.0, np.zeros(N_FEATURES - 2)]


def draw(n, rng):
    """Return rows of two classes, of which two columns tell."""
    y = np.arange(n) % 2
    return rng.normal(size=(n, N_FEATURES)) + y[:, None] * SHIFT, y


class Truth(BaseSampler):
    """Draws from where the rows come from, or with the classes exchanged."""

    def __init__(self, n_per_class=None, sampling_strategy="auto", lie=False, random_state=None):
        self.n_per_class = n_per_class
        self.sampling_strategy = sampling_strategy
        self.lie = lie
        self.random_state = random_state

    def _draw(self, X, y, wanted, seed):
        rng = np.random.default_rng(seed)
        codes = np.repeat(list(wanted), list(wanted.values()))
        shifted = 1 - codes if self.lie else codes
        return rng.normal(size=(len(codes), N_FEATURES)) + shifted[:, None] * SHIFT, codes


def config(arm, **changes):
    content = {
        "name": "planted",
        "dataset": {"source": "made here"},
        "protocol": {"outer": "official", "inner_folds": 3},
        "arms": {"gated": arm},
        "fitness": {"classifier": "qda", "parameters": {"reg_param": 0.01}},
        **changes,
    }
    return make_config(content)


def choose(settings, n, seed, *, test_seed=100):
    rng = np.random.default_rng(seed)
    test = np.random.default_rng(test_seed)
    X, y = draw(n, rng)
    X_test, y_test = draw(40, test)
    data = Dataset.from_arrays(X, y, X_test=X_test, y_test=y_test)
    trial = next(iter(HonestProtocol(settings.protocol).trials(data, seed)))
    return select_augmentation(settings, trial, settings.arms["gated"], TrialOptions(), 2)


@pytest.fixture
def planted(monkeypatch):
    """Let the kind jitter be the planted sampler."""

    def plant(lie):
        original = augmentation.make_sampler

        def made(arm, n_classes, **where):
            if arm.generator is None or arm.generator.kind != "jitter":
                return original(arm, n_classes, **where)
            return Truth(dict.fromkeys(range(n_classes), arm.n_synthetic // n_classes), lie=lie)

        monkeypatch.setattr(augmentation, "make_sampler", made)

    return plant


JITTER = {"generator": {"kind": "jitter"}, "n_synthetic": "auto", "candidates": []}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_added_where_the_generator_lies(planted, seed):
    planted(lie=True)
    record = choose(config(JITTER), 60, seed).record
    assert (record["generator"], record["amount"]) == ("none", 0)
    assert record["candidates"][0]["worse"] == 0.0
    assert [record["candidates"][0][effect] for effect in EFFECTS] == [0.0] * 3
    for one in record["candidates"][1:]:  # the loss that decides is that of the final model
        assert one["loss"] - record["candidates"][0]["loss"] == pytest.approx(one["final_model"])


@pytest.mark.parametrize("seed", range(3))
def test_few_rows_and_a_generator_that_is_the_truth(planted, seed):
    planted(lie=False)
    choice = choose(config(JITTER), 18, seed)
    assert choice.record["generator"] == "jitter"
    assert choice.arm.generator.kind == "jitter"
    assert choice.record["amount"] == choice.arm.n_synthetic >= 18


def test_the_choice_is_the_same_again_and_knows_no_test_row():
    settings = config({"generator": {"kind": "class_gaussian"}, "n_synthetic": "auto"})
    first = choose(settings, 30, 0).record
    assert choose(settings, 30, 0).record == first
    assert choose(settings, 30, 0, test_seed=7).record == first
    assert {one["generator"] for one in first["candidates"]} == {
        "none", "class_gaussian", "smote",
    }  # fmt: skip


def test_other_training_rows_are_another_table():
    arm = {"generator": {"kind": "class_gaussian"}, "n_synthetic": "auto", "candidates": []}
    tables = [choose(config(arm), 30, seed).record["candidates"] for seed in (0, 1)]
    assert tables[0] != tables[1]
    assert [one["amount"] for one in tables[0]] == [0, 30, 90, 300]


def test_the_simplest_within_one_standard_error(planted):
    planted(lie=False)
    record = choose(config(JITTER), 18, 0).record
    near = [one for one in record["candidates"] if one["worse"] <= one["standard_error"]]
    assert record["amount"] == min(one["amount"] for one in near)


def test_candidates_of_auto():
    free = ArmConfig(generator={"kind": "auto"}, n_synthetic="auto")
    kinds = [one.generator.kind for one in candidate_arms(free, 50) if one.generator]
    assert list(dict.fromkeys(kinds)) == ["ppca", "class_gaussian", "vae", "smote"]
    fixed = ArmConfig(generator={"kind": "auto"}, n_synthetic=30, candidates=({"kind": "jitter"},))
    assert {one.n_synthetic for one in candidate_arms(fixed, 50)[1:]} == {30}
    assert candidate_arms(fixed, 50)[-1].generator.kind == "jitter"
    twice = ArmConfig(generator={"kind": "smote"}, n_synthetic="auto")
    assert len(candidate_arms(twice, 50)) == 4


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ({"n_synthetic": "auto"}, "generator is missing"),
        ({"generator": {"kind": "auto"}}, "n_synthetic is missing"),
        (
            {"generator": {"kind": "auto", "latent": 3}, "n_synthetic": 5},
            "latent: has no effect with",
        ),
        ({"generator": {"kind": "ppca"}, "n_synthetic": "many"}, "\"auto\", got 'many'"),
        (
            {"generator": {"kind": "ppca"}, "n_synthetic": 5, "candidates": []},
            "has no effect without",
        ),
        (
            {
                "generator": {"kind": "ppca"},
                "n_synthetic": "auto",
                "candidates": [{"kind": "auto"}],
            },
            "other kinds than auto",
        ),
        (
            {
                "generator": {"kind": "ppca"},
                "n_synthetic": "auto",
                "candidates": [{"kind": "pcaa"}],
            },
            "candidates",
        ),
    ],
)
def test_what_is_refused(arm, words):
    with pytest.raises(InputError) as caught:
        config(arm)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_protocols_of_the_thesis_have_none():
    with pytest.raises(InputError, match=r"auto needs protocol\.kind honest"):
        config(JITTER, protocol={"kind": "as-described"})


@pytest.mark.parametrize("name", ["knn", "linear_svc", "ridge", "svc", "nearest_centroid"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_are_smaller_on_the_right_labels(name, n_classes):
    from vaega.experiments.registry import make_classifier

    rng = np.random.default_rng(0)
    y = np.arange(60) % n_classes
    X = rng.normal(size=(60, 4)) + 3 * y[:, None]
    fitted = make_classifier(name, None, {}).fit(X, y)
    right, wrong = (
        row_losses(fitted, X, codes, n_classes).mean() for codes in (y, (y + 1) % n_classes)
    )
    assert 0.0 <= right < wrong < np.inf


def test_the_whole_experiment(tmp_path):
    import json

    from tests.report.experiments import run_small
    from vaega.report._page import write_report

    arms = {
        "original": {},
        "gated": {"generator": {"kind": "ppca", "latent": 2}, "n_synthetic": "auto"},
    }
    folder = run_small(tmp_path, seeds=2, arms=arms)
    for path in folder.glob("runs/gated-*/metrics.json"):
        metrics = json.loads(path.read_text())
        assert metrics["status"] == "done"
        assert [one["trial"] for one in metrics["gate"]] == [0]
        assert metrics["gate"][0]["candidates"][1]["settings"] == {"latent": 2}
    assert not any(
        "gate" in json.loads(path.read_text())
        for path in folder.glob("runs/original-*/metrics.json")
    )
    page = write_report(folder).read_text()
    assert "Generator and amount chosen" in page
    assert "gated: of 2 trials, " in page


class Dropping(BaseEstimator):
    """Drops the first rows and adds some of its own, as samplers that clean do."""

    def fit_resample(self, X, y):
        return np.vstack([X[3:], np.full((5, X.shape[1]), 99.0)]), np.r_[y[3:], y[:5]]


def test_real_rows_are_those_before_a_sampler_dropped_some(monkeypatch, rng):
    X, y = draw(40, rng)
    settings = config({"generator": {"kind": "jitter"}, "n_synthetic": "auto"})
    data = Dataset.from_arrays(X, y, X_test=X[:4], y_test=y[:4])
    trial = next(iter(HonestProtocol(settings.protocol).trials(data, 0)))
    seen = []
    monkeypatch.setattr(
        augmentation._CandidateValidation,
        "_losses_on",
        lambda self, fold, ranked, fitted, seed: seen.append((ranked, fitted)) or np.zeros(10),
    )
    validation = augmentation._CandidateValidation(settings, trial, 2)
    validation._fold(Dropping(), np.arange(30), np.arange(30, 40), 0)
    (_, real), (also_real, _), _ = seen
    for rows in (real, also_real):
        np.testing.assert_array_equal(rows[0], X[:30])
